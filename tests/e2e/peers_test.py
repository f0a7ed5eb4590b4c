#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""peers_test.py BUILD Zipkin|OpenTelemetryCollector|Jaeger|Prometheus: real receivers (tests/peers) take what is exported as it
was meant."""
import collections
import json
import pathlib
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, jaeger, otlp, scene, zipkin   # noqa: E402
from lib.agent import Programs, wait_for   # noqa: E402
from lib.peers import PEER, Peer   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Zipkin(unittest.TestCase):
    maxDiff = None

    def test_field_by_field(self):
        with Peer("zipkin", 1) as peer:
            api = f"http://127.0.0.1:{peer.ports[0]}/api/v2"
            spans, _ = scene.play(PROGRAMS, {"exporters": {"zipkin": {"endpoint": api + "/spans"}}})

            def get(path):
                with urllib.request.urlopen(api + path) as answer:
                    return json.load(answer)

            def stored():
                found = {}
                for trace_id in {span["trace_id"] for span in spans.values()}:
                    try:
                        found |= {(s["id"], s["kind"]): s for s in get(f"/trace/{trace_id}")}
                    except urllib.error.HTTPError:
                        pass
                return found if len(found) == len(spans) else None
            for (span_id, _), got in wait_for("all spans in Zipkin", stored).items():
                zipkin.check(self, spans[span_id], got)
            self.assertEqual(set(get("/services")), {"curl", "threaded"})


class OpenTelemetryCollector(unittest.TestCase):
    maxDiff = None

    def test_field_by_field(self):
        with Peer("otelcol", 2) as peer:
            spans, _ = scene.play(PROGRAMS, {"exporters": {"otlp": {"endpoint": f"http://127.0.0.1:{peer.ports[1]}"}}})

            def accepted():
                lines = (peer.run / "otlp.jsonl").read_text().splitlines()
                got = [span for line in lines for span in otlp.from_json(json.loads(line))]
                return got if len(got) >= len(spans) else None
            got = wait_for("all spans in the collector", accepted)
        self.assertEqual(len(got), len(spans))
        for span in got:
            ours = spans[span["span_id"]]
            self.assertEqual(span, otlp.expected(ours, scene.parent_is_remote(ours)))


class Jaeger(unittest.TestCase):
    maxDiff = None

    def test_field_by_field(self):
        with Peer("jaeger", 5) as peer:
            spans, _ = scene.play(PROGRAMS, {"exporters": {"otlp": {"endpoint": f"http://127.0.0.1:{peer.ports[2]}"}}})
            api = f"http://127.0.0.1:{peer.ports[0]}/api"

            def get(path):
                with urllib.request.urlopen(api + path) as answer:
                    return json.load(answer)["data"]

            def stored():
                found = {}
                for trace_id in {span["trace_id"] for span in spans.values()}:
                    try:
                        for trace in get(f"/traces/{trace_id}"):
                            found |= {span["spanID"]: (span, trace["processes"][span["processID"]]) for span in trace["spans"]}
                    except urllib.error.HTTPError:
                        pass
                return found if len(found) == len(spans) else None
            for span_id, (got, process) in wait_for("all spans in Jaeger", stored).items():
                jaeger.check(self, spans[span_id], got, process)
            self.assertEqual(set(get("/services")), {"curl", "threaded"})


class Prometheus(unittest.TestCase):
    def test_scraped_and_queried(self):
        with Peer("prometheus", 1) as peer:
            listen = f"127.0.0.1:{host.free_port()}"
            (peer.run / "targets.json").write_text(json.dumps([{"targets": [listen]}]))

            def query(text):
                url = f"http://127.0.0.1:{peer.ports[0]}/api/v1/query?" + urllib.parse.urlencode({"query": text})
                with urllib.request.urlopen(url) as answer:
                    return {tuple(sorted(one["metric"].items())): float(one["value"][1])
                            for one in json.load(answer)["data"]["result"]}

            def look(spans):
                served = collections.Counter(str(span["attributes"]["http.response.status_code"])
                                             for span in spans if span["kind"] == "SERVER")
                wanted = {(("http_response_status_code", code),): float(count) for code, count in served.items()}
                wait_for("the requests, by what they were answered", lambda: query(
                    'sum by (http_response_status_code) (http_server_request_duration_seconds_count{service_name="threaded"})')
                    == wanted)
                self.assertEqual(list(query("up").values()), [1.0])
                self.assertEqual(query('weft_processes{state="traced"}').popitem()[1], 2.0)
                self.assertEqual(len(query('weft_injections_total{protocol="http",result="done"} > 0')), 1)
                bound = query('histogram_quantile(0.5, sum by (le) (http_server_request_duration_seconds_bucket))')
                self.assertGreater(bound.popitem()[1], 0)
                with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
                    text = answer.read()
                lint = subprocess.run([PEER, "run", "prometheus", "check", "metrics"], input=text, capture_output=True)
                said = (lint.stdout + lint.stderr).decode().splitlines()
                # A name that others look for (docs/metrics.md), against promtool's advice.
                self.assertEqual([line for line in said if not line.startswith("baggage_key_distribution_count ")], [])
                self.assertIn(lint.returncode, (0, 3))   # 3: it has advice
            scene.play(PROGRAMS, {"exporters": {"prometheus": {"listen": listen}}}, look)


if __name__ == "__main__":
    unittest.main()
