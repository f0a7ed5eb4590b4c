#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sampling_test.py BUILD [unittest arguments]: which traces are recorded, what is propagated, what still counts."""
import http.client
import http.server
import json
import math
import os
import pathlib
import re
import sys
import threading
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import control, host, requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
RANDOM_BITS = 56


def threshold(ratio):
    """OpenTelemetry's rejection threshold."""
    return round((1 - ratio) * 2 ** RANDOM_BITS)


def sampled(trace_id, ratio):
    return int(trace_id[-RANDOM_BITS // 4:], 16) >= threshold(ratio)


def service(name, port):
    return {"open_ports": str(port), "name": name}


class Metrics:
    """An agent's scrape endpoint."""

    def __init__(self):
        self.port = host.free_port()
        self.config = {"exporters": {"prometheus": {"listen": f"127.0.0.1:{self.port}"}}}

    def text(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def sum(self, name, **labels):
        total = 0
        for line in self.text().splitlines():
            found = re.fullmatch(rf"{name}\{{(.*)\}} (\S+)", line)
            if found and all(f'{key}="{value}"' in found[1] for key, value in labels.items()):
                total += float(found[2])
        return total


def plain_requests(port, path, count):
    """Without a context, each the beginning of a trace; the traceparent that went on from the front."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(count):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


class SamplingServer(http.server.ThreadingHTTPServer):
    """Answers as the test wants: (status, body)."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.reply, self.asked = (200, b""), []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.server.asked.append(self.path)
            status, body = self.server.reply
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def probability(self, rate):
        self.reply = (200, json.dumps({"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": rate}}).encode())


class Sampling(unittest.TestCase):
    def service_row(self, agent, name):
        rows = [row for row in agent.json("sampling", "show")["services"] if row["service"] == name]
        return rows[0] if rows else None

    def test_one_trace_id_is_decided_alike_everywhere(self):
        ratio = 0.3
        metrics = Metrics()
        with servers.Python("threaded.py") as one, servers.Python("threaded.py") as two:
            config = {**metrics.config, "sampling": {"sampler": "traceidratio", "arg": ratio},
                      "discovery": {"instrument": [service("one", one.port), service("two", two.port)]}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("both servers", lambda: {one.pid, two.pid} <= agent.traced())
                all_sent = []
                with requests.Connection(one.port) as first, requests.Connection(two.port) as second:
                    for _ in range(400):
                        sent = first.send("GET", "/small.txt")
                        all_sent.append(sent)
                        second.http.request("GET", "/small.txt", headers={"traceparent": sent.traceparent})
                        second.http.getresponse().read()
                wanted = {sent.trace_id for sent in all_sent if sampled(sent.trace_id, ratio)}
                wait_for("all requests to be counted", lambda: metrics.sum("http_server_request_duration_seconds_count") == 800)
                spans = agent.spans()
        for name in ("one", "two"):
            self.assertEqual({s["trace_id"] for s in spans if s["resource"]["service.name"] == name}, wanted)

    def test_new_traces_keep_the_ratio(self):
        count, ratio = 4000, 0.25
        with servers.Python("threaded.py") as server:
            config = {"sampling": {"arg": ratio}, "store": {"traces": 100000, "bytes": "64MiB"},
                      "discovery": {"instrument": [service("one", server.port)]}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("the server", lambda: server.pid in agent.traced())
                plain_requests(server.port, "/small.txt", count)
                top = wait_for("all requests in the table of routes", lambda: [
                    row for row in agent.json("top", "--once")["routes"] if row["total"] >= count])
                spans = agent.spans()
        self.assertEqual(top[0]["total"], count)
        deviation = math.sqrt(count * ratio * (1 - ratio))
        self.assertLess(abs(len(spans) - count * ratio), 5 * deviation)
        self.assertTrue(all(sampled(span["trace_id"], ratio) for span in spans))

    def test_unsampled_requests_go_on_and_count(self):
        metrics = Metrics()
        with servers.Python("threaded.py") as back, servers.Apache(back.port) as front:
            config = {**metrics.config, "sampling": {"arg": 0, "rules": [{"path": "/forward/small*", "ratio": 1}]},
                      "discovery": {"instrument": [service("front", front.port), service("back", back.port)]}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("both servers", lambda: back.pid in agent.traced() and front.pid in agent.traced())
                connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
                seen = []
                for path in ["/forward/context"] * 20 + ["/forward/fails"] * 5 + ["/forward/small.txt"] * 3:
                    connection.request("GET", path)
                    seen.append(connection.getresponse().read().decode(errors="replace"))
                connection.close()
                count = "http_server_request_duration_seconds_count"
                wait_for("all requests to be counted", lambda: metrics.sum(count) == 2 * 28)
                by_route = {(name, route): metrics.sum(count, service_name=name, http_route=route)
                            for name, prefix in (("front", "/forward"), ("back", ""))
                            for route in (prefix + "/context", prefix + "/fails", prefix + "/small.txt")}
                calls = metrics.sum("http_client_request_duration_seconds_count", service_name="front")
                errors = metrics.sum(count, service_name="back", http_response_status_code="503", error_type="503")
                decisions = {d: metrics.sum("weft_sampling_decisions_total", service="back", decision=d) for d in ("sampled", "unsampled")}
                spans = agent.wait_spans("the sampled traces", lambda spans: len(spans) >= 9)
        # The head decision travels: random flag only.
        self.assertTrue(all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-02", context) for context in seen[:20]), seen[:20])
        self.assertEqual(by_route, {("front", "/forward/context"): 20, ("front", "/forward/fails"): 5, ("front", "/forward/small.txt"): 3,
                                    ("back", "/context"): 20, ("back", "/fails"): 5, ("back", "/small.txt"): 3})
        self.assertEqual((calls, errors), (28, 5))
        self.assertEqual(decisions, {"sampled": 3, "unsampled": 25})
        self.assertEqual(len(spans), 9)
        self.assertEqual({len([s for s in spans if s["trace_id"] == span["trace_id"]]) for span in spans}, {3})

    def test_set_at_run_time(self):
        with servers.Python("threaded.py") as server:
            config = {"sampling": {"arg": 0}, "discovery": {"instrument": [service("one", server.port)]}}
            with Agent(PROGRAMS, config=config) as agent, requests.Connection(server.port) as connection:
                wait_for("the server", lambda: server.pid in agent.traced())

                def recorded(count=20):
                    """Of that many new traces."""
                    before = {span["trace_id"] for span in agent.spans()}
                    for _ in range(count):
                        connection.http.request("GET", "/small.txt")
                        connection.http.getresponse().read()
                    last = connection.send("GET", "/small.txt")   # sampled by its caller: when it is there, all are
                    agent.wait_spans("the last span", lambda spans: last.trace_id in {s["trace_id"] for s in spans})
                    return len({s["trace_id"] for s in agent.spans()} - before) - 1

                self.assertEqual(recorded(), 0)
                done = agent.run("sampling", "set", 1)
                self.assertEqual(done.returncode, 0, done)
                self.assertEqual(recorded(), 20)
                self.assertEqual(agent.run("sampling", "set", 0, "--service", "one").returncode, 0)
                self.assertEqual(recorded(), 0)
                row = self.service_row(agent, "one")
                self.assertEqual((row["ratio"], row["source"]), (0, "set by hand"))
                self.assertEqual(agent.run("sampling", "set", "default", "--service", "one").returncode, 0)
                self.assertEqual(recorded(), 20)
                for wrong, code in (("1.5", 2), ("many", 2)):
                    self.assertEqual(agent.run("sampling", "set", wrong).returncode, code)
                self.assertEqual(recorded(), 20)

    def test_reload(self):
        with servers.Python("threaded.py") as server:
            config = {"sampling": {"arg": 0}, "discovery": {"instrument": [service("one", server.port)]}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("the server", lambda: server.pid in agent.traced())
                file = agent.folder / "weft.yaml"
                content = json.loads(file.read_text())
                content["sampling"] = {"arg": 0.5, "rules": [{"service": "one", "ratio": 0.75}]}
                file.write_text(json.dumps(content))
                agent.process.send_signal(1)
                wait_for("the new ratio", lambda: self.service_row(agent, "one")["ratio"] == 0.75)
                content["sampling"]["rules"][0]["ratio"] = 7
                file.write_text(json.dumps(content))
                agent.process.send_signal(1)
                wait_for("a refusal", lambda: "7 is not between 0 and 1" in agent.output())
                self.assertEqual(self.service_row(agent, "one")["ratio"], 0.75)

    def test_the_configuration_file_is_followed(self):
        """Written in place, renamed over, its link swapped; what cannot be used is refused and the old one stays."""
        with servers.Python("threaded.py") as server:
            port = host.free_port()
            config = {"sampling": {"arg": 0}, "discovery": {"instrument": [service("one", server.port)]},
                      "exporters": {"prometheus": {"listen": f"127.0.0.1:{port}"}}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("the server", lambda: server.pid in agent.traced())
                file = agent.folder / "weft.yaml"
                content = json.loads(file.read_text())

                def text(ratio):
                    content["sampling"] = {"arg": 0, "rules": [{"service": "one", "ratio": ratio}]}
                    return json.dumps(content)

                def renamed_over(new):
                    other = file.with_name("next")
                    other.write_text(new)
                    os.replace(other, file)

                def mounted(new, number):
                    folder = file.with_name(f"..{number}")
                    folder.mkdir()
                    (folder / file.name).write_text(new)
                    link = file.with_name("..data_tmp")
                    link.symlink_to(folder.name)
                    os.replace(link, file.with_name("..data"))

                def stale():
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                        return "weft_config_stale 1\n" in answer.read().decode()

                def holds(ratio):
                    wait_for(f"ratio {ratio}", lambda: self.service_row(agent, "one")["ratio"] == ratio)
                    self.assertEqual(agent.status()["problems"], [])
                    self.assertFalse(stale())

                def refused(reason, ratio):
                    wait_for(f"the refusal: {reason}", lambda: [p for p in agent.status()["problems"]
                                                               if reason in p and str(file) in p])
                    self.assertIn(reason, agent.output())
                    self.assertEqual(self.service_row(agent, "one")["ratio"], ratio)
                    self.assertEqual(agent.run("status").returncode, 1)
                    self.assertTrue(stale())

                self.assertEqual(control.ask(agent.socket, "PUT", "/v1/policy", "version: pushed\n")[0], 200)
                file.write_text(text(0.25))
                holds(0.25)
                renamed_over(text(0.5))
                holds(0.5)
                for bad, reason in ((text(7), "7 is not between 0 and 1"), ("sampling: [\n", ":2:1: "), ("samplin: {}\n", ":1:1: ")):
                    renamed_over(bad)
                    refused(reason, 0.5)
                file.unlink()
                refused("No such file", 0.5)
                mounted(text(0.125), 1)
                file.symlink_to(f"..data/{file.name}")
                holds(0.125)
                for number in range(2, 5):
                    mounted(text(1 / 2 ** number), number)
                    holds(1 / 2 ** number)
                self.assertEqual(agent.status()["policy_version"], "pushed")

    def test_sampling_server(self):
        with servers.Python("threaded.py") as server, SamplingServer() as sampling:
            sampling.probability(0.5)
            config = {"discovery": {"instrument": [service("one & only", server.port)]},
                      "sampling": {"sampler": "parentbased_jaeger_remote", "arg": 0.125, "write_threshold": True,
                                   "jaeger_remote": {"endpoint": f"http://127.0.0.1:{sampling.server_port}", "interval": "1s"}}}
            with Agent(PROGRAMS, config=config) as agent:
                def row():
                    return self.service_row(agent, "one & only")
                wait_for("the server's ratio", lambda: row() and row()["ratio"] == 0.5)
                self.assertIn("/sampling?service=one%20%26%20only", sampling.asked)
                for reply in ((500, b"oops"), (200, b"\0garbage"), (200, b'{"probabilisticSampling":{"samplingRate":-1}}'),
                              (200, b" " * (1 << 20)), (302, b"")):
                    failures = agent.json("sampling", "show")["jaeger_remote"]["failures"]
                    sampling.reply = reply
                    wait_for("a failure", lambda: agent.json("sampling", "show")["jaeger_remote"]["failures"] > failures)
                    self.assertEqual((row()["ratio"], row()["source"]), (0.5, "jaeger_remote"))
                self.assertNotEqual(agent.json("sampling", "show")["jaeger_remote"]["last_error"], "")
                sampling.reply = (200, json.dumps({"operationSampling": {"defaultSamplingProbability": 0, "perOperationStrategies": [
                    {"operation": "GET /small.txt", "probabilisticSampling": {"samplingRate": 1}}]}}).encode())
                wait_for("operations", lambda: row()["rules"])
                plain_requests(server.port, "/small.txt", 5)
                plain_requests(server.port, "/empty", 5)
                spans = agent.wait_spans("the operation's spans", lambda spans: len(spans) >= 5)
                self.assertEqual({(s["attributes"]["url.path"], s["trace_state"]) for s in spans}, {("/small.txt", "ot=th:0")})
                sampling.reply = (200, b'{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":3}}')
                wait_for("a limit", lambda: row()["max_per_second"] == 3)
                before = len(agent.spans())
                plain_requests(server.port, "/small.txt", 200)
                last = wait_for("all to be counted", lambda: [r for r in agent.json("top", "--once")["routes"] if r["total"] >= 205])
                self.assertTrue(last)
                spans = agent.spans()
                limited = len(spans) - before
                self.assertEqual(sum(s["trace_state"] == "" for s in spans), limited)   # no threshold says how many they stand for
                self.assertGreaterEqual(limited, 3)
                self.assertLess(limited, 60)

    def test_keep_rules_keep_whole_traces(self):
        with servers.Python("threaded.py") as back, servers.Apache(back.port) as front:
            config = {"sampling": {"arg": 0, "keep": {"services": ["*"], "status": ["503"], "slower_than": "700ms"}},
                      "discovery": {"instrument": [service("front", front.port), service("back", back.port)]}}
            with Agent(PROGRAMS, config=config) as agent:
                wait_for("both servers", lambda: back.pid in agent.traced() and front.pid in agent.traced())
                connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
                contexts = []
                for path in ["/forward/context"] * 10 + ["/forward/fails"] * 3 + ["/forward/sleep/1"]:
                    connection.request("GET", path)
                    contexts.append(connection.getresponse().read().decode())
                connection.close()
                spans = agent.wait_spans("kept traces", lambda spans: len(spans) >= 12)
                wait_for("the others to be given up", lambda: agent.json("sampling", "show")["keep"]["dropped_traces"].get("no_rule") == 10)
                kept = agent.json("sampling", "show")["keep"]["kept_traces"]
        self.assertTrue(all(context.endswith("-02") for context in contexts[:10]), contexts)   # the head decision travels
        self.assertEqual(kept, {"slow": 1, "status": 3})
        self.assertEqual(len(spans), 12)
        traces = {}
        for span in spans:
            traces.setdefault(span["trace_id"], []).append(span["resource"]["service.name"] + " " + span["kind"])
        self.assertEqual([sorted(names) for names in traces.values()], [["back SERVER", "front CLIENT", "front SERVER"]] * 4)


if __name__ == "__main__":
    unittest.main()
