#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policy_test.py BUILD [unittest arguments]: the baggage policy as an operator uses it, on real requests."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import control, host, memory, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

SWAPS = 1000
PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


@contextlib.contextmanager
def scene(policy="{}", how="plain", config=None, prepare=lambda file: None):
    """(agent, front, path of the policy's file): the front is traced and calls a back that is not."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "baggage.yaml"
        if policy:
            file.write_text(policy)
        prepare(file)
        with servers.Python("baggage_back.py") as back, servers.Python("baggage_front.py", back.port, how) as front:
            settings = {"baggage": {"policy": str(file)}, **(config or {})}
            with Agent(PROGRAMS, pids=[front.pid], config=settings) as agent:
                yield agent, front, file


class Client:
    def __init__(self, front):
        self.http = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)

    def call(self, *baggage, path="/", hold=None):
        """The baggage that the back got, its lines joined."""
        self.http.putrequest("GET", path)
        self.http.putheader("traceparent", f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01")
        for line in baggage:
            self.http.putheader("baggage", line)
        if hold:
            self.http.putheader("X-Hold", str(hold))
        self.http.endheaders()
        answer = self.http.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, (answer.status, body)
        return body

    def until(self, baggage, wanted):
        wait_for(f"{wanted} to go out", lambda: self.call(baggage) == wanted)


def replace(file, text):
    new = file.with_name("new")
    new.write_text(text)
    os.replace(new, file)


class Policy(unittest.TestCase):
    def expect(self, done, code, *parts):
        self.assertEqual(done.returncode, code, done)
        for part in parts:
            self.assertIn(part, done.stdout + done.stderr)

    def client(self, front):
        client = Client(front)
        self.addCleanup(client.http.close)
        return client

    def test_what_goes_out_is_what_weft_policy_test_says(self):
        policy = r"""
version: 1
rules: [{key: 'user.*', max_length: 6}, {key: env, allowed_values: [prod]}, {key: note}]
redact: [{pattern: '\d{4}', replace: '****'}]
inject: [{set: {team: shop}}, {when: {path_prefix: /v1/}, set: {api: v1}}]
"""
        with scene(policy) as (agent, front, _):
            client = self.client(front)
            for baggage in ("user.id=7,env=prod", "phone=1,AUTH_TOKEN=2,other=3", "note=a1234b;p=9999 , env=dev", "team=mine",
                            "user.name=toolong,note=%41%zz,note=1%32%334", "note=" + "x" * 3000, "a,=b,,note=1"):
                for path in ("/", "/v1/x"):
                    told = agent.json("policy", "test", baggage, "--service", "python3", "--path", path)
                    self.assertEqual(client.call(baggage, path=path), told["out"], baggage)
            shown = agent.json("policy", "show")
            self.assertEqual(shown["version"], "1")
            hits = {entry["key"]: entry["hits"] for entry in shown["sets"][0]["deny"]}
            self.assertEqual(hits, {"auth_token": 2, "id_card": 0, "phone": 2})
            self.assertEqual(agent.status()["policy_version"], "1")

    def test_what_a_forwarder_sends_on_as_it_came_was_judged_when_it_came(self):
        policy = "version: 1\ndeny: [a]\ninject: [{when: {path_prefix: /v1/}, set: {api: v1}}]\n"
        with scene(policy, "forward") as (agent, front, file):
            client = self.client(front)
            self.assertEqual(client.call("a=1,b=1", path="/v1/x"), "b=1,api=v1")
            self.assertEqual(client.call("a=1", "b=1", path="/v1/x"), "b=1,api=v1\n")   # the second line is there, and empty
            self.assertEqual(client.call("a=1"), "")
            self.assertEqual(client.call("b=1"), "b=1")
            hits = {entry["key"]: entry["hits"] for entry in agent.json("policy", "show")["sets"][0]["deny"]}
            self.assertEqual(hits["a"], 3)
            hold, got = file.with_name("hold"), []
            held = threading.Thread(target=lambda: got.append(client.call("a=1,b=1", hold=hold)))
            held.start()
            wait_for("the request to be there", lambda: agent.processes()[front.pid]["live_exchanges"])
            file.write_text("version: 2\ndeny: [b]\n")
            wait_for("the new rules", lambda: agent.json("policy", "show")["version"] == "2")
            hold.touch()
            held.join()
            self.assertEqual(got, ["b=1"])
            self.assertEqual(client.call("a=1,b=1"), "a=1")

    def test_what_a_forwarder_adds_is_judged_by_itself(self):
        policy = "version: 1\ndeny: [a]\ninject: [{when: {path_prefix: /v1/}, set: {api: v1}}]\n"
        with scene(policy, "add") as (agent, front, _):
            self.assertEqual(self.client(front).call("a=1,b=1", path="/v1/x").replace("\n", ""), "b=1,added=1")
            hits = {entry["key"]: entry["hits"] for entry in agent.json("policy", "show")["sets"][0]["deny"]}
            self.assertEqual((hits["a"], hits["phone"]), (2, 1))

    def test_reload_by_every_way(self):
        with scene("version: 1\n") as (agent, front, file):
            client = self.client(front)
            self.assertEqual(client.call("a=1,b=1"), "a=1,b=1")
            file.write_text("version: in place\ndeny: [a]\n")
            client.until("a=1,b=1", "b=1")
            replace(file, "version: renamed\ndeny: [b]\n")
            client.until("a=1,b=1", "a=1")
            self.expect(agent.run("policy", "apply", "/dev/null"), 1, "/dev/null")
            pushed = file.with_name("pushed.yaml")
            pushed.write_text("version: pushed\nrules: []\n")
            self.expect(agent.run("policy", "apply", pushed), 0, "policy version pushed is in force")
            self.assertEqual(client.call("a=1,b=1"), "")
            agent.process.send_signal(signal.SIGHUP)
            client.until("a=1,b=1", "a=1")
            self.assertEqual(control.ask(agent.socket, "PUT", "/v1/policy", "version: api\ndeny: [a]\n")[0], 200)
            self.assertEqual(client.call("a=1,b=1"), "b=1")

    def test_a_mounted_configmap(self):
        def mount(file, number, text):
            folder = file.with_name(f"..{number}")
            folder.mkdir()
            (folder / file.name).write_text(text)
            link = file.with_name("..data_tmp")
            link.symlink_to(folder.name)
            os.replace(link, file.with_name("..data"))

        def first(file):
            mount(file, 1, "version: 1\ndeny: [a]\n")
            file.symlink_to(f"..data/{file.name}")
        with scene("", prepare=first) as (agent, front, file):
            client = self.client(front)
            self.assertEqual(client.call("a=1,b=1"), "b=1")
            for number in range(2, 6):
                kept, dropped = ("a", "b") if number % 2 == 0 else ("b", "a")
                mount(file, number, f"version: {number}\ndeny: [{dropped}]\n")
                client.until("a=1,b=1", f"{kept}=1")
            self.assertEqual(agent.status()["policy_version"], "5")

    def test_a_bad_file_is_refused_and_the_rules_stay(self):
        with scene("version: good\ndeny: [a]\n", config={"exporters": {"prometheus": {"listen": f"127.0.0.1:{host.free_port()}"}}}) \
                as (agent, front, file):
            client = self.client(front)
            listen = agent.config["exporters"]["prometheus"]["listen"]
            for number, (text, problem) in enumerate((("deny: [b\n", ":2:1: "), ("deny: {}\n", ":1:7: deny: expected a list"),
                                                      ("redact: [{pattern: 'a(?!b)', replace: x}]\n", ":1:"), ("", ": there is nothing in it")), 1):
                replace(file, text)
                status = wait_for("the refusal", lambda: [p for p in agent.status()["problems"] if f"{file}{problem}" in p])
                self.assertIn("version good stays in force", status[0])
                self.assertEqual(client.call("a=1,b=1"), "b=1")
                self.assertEqual(agent.json("policy", "show")["refused"], number)
            self.assertEqual(agent.run("status").returncode, 1)
            self.assertIn(f"policy refused: {file}", agent.output())
            with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
                metrics = answer.read().decode()
            self.assertIn("weft_policy_stale 1\n", metrics)
            self.assertIn('weft_policy_changes_total{result="refused"} 4\n', metrics)
            self.assertIn('weft_policy_info{version="good",origin="file"} 1\n', metrics)
            self.assertIn('weft_baggage_members_total{action="denied",rule="a"} 4\n', metrics)
            file.unlink()
            wait_for("the file to be missed", lambda: [p for p in agent.status()["problems"] if "No such file" in p])
            file.mkdir()
            wait_for("the folder to be refused", lambda: [p for p in agent.status()["problems"] if "is a directory" in p])
            self.assertEqual(client.call("a=1,b=1"), "b=1")
            file.rmdir()
            replace(file, "version: better\ndeny: [b]\n")
            client.until("a=1,b=1", "a=1")
            self.assertEqual(agent.status()["problems"], [])

    def test_a_bad_file_at_the_start(self):
        with tempfile.TemporaryDirectory() as folder:
            file, config = pathlib.Path(folder) / "baggage.yaml", pathlib.Path(folder) / "weft.yaml"
            config.write_text(json.dumps({"baggage": {"policy": str(file)}}))
            for text, problem in ((None, "cannot be read: No such file"), ("rulez: []\n", "1:1: unknown key 'rulez'"),
                                  ("redact: [{pattern: '(', replace: x}]\n", ":1:")):
                if text is not None:
                    file.write_text(text)
                for arguments in ([], ["--check-config"]):
                    done = subprocess.run([PROGRAMS.weftd, "--config", config, *arguments], capture_output=True, text=True, timeout=30)
                    self.expect(done, 2, f"weftd: {file}", problem)
            config.write_text("baggage:\n  policy:\n    deny: {}\n")
            done = subprocess.run([PROGRAMS.weftd, "--config", config], capture_output=True, text=True, timeout=30)
            self.expect(done, 2, f"weftd: {config}:3:11: baggage.policy: deny: expected a list")

    def test_written_out_in_weft_yaml(self):
        with scene(config={"baggage": {"policy": {"version": "inline", "deny": ["a"]}}}) as (agent, front, _):
            client = self.client(front)
            self.assertEqual(client.call("a=1,b=1"), "b=1")
            self.assertEqual(agent.json("policy", "show")["origin"], "inline")
            config = agent.folder / "weft.yaml"
            settings = json.loads(config.read_text())
            settings["baggage"]["policy"]["deny"] = ["b"]
            replace(config, json.dumps(settings))
            client.until("a=1,b=1", "a=1")

    def test_a_trial_has_no_effect_and_says_what_it_would_do(self):
        with scene("version: 1\ndeny: [a]\n") as (agent, front, file):
            client = self.client(front)
            trial = file.with_name("trial.yaml")
            trial.write_text("version: 2\ndeny: [a, b]\nredact: [{pattern: '\\d{3}', replace: x}]\ninject: [{set: {c: new}}]\n")
            self.expect(agent.run("policy", "diff"), 1, "no policy is on trial")
            self.expect(agent.run("policy", "shadow", trial, "--for", "10m"), 0, "on trial")
            for _ in range(10):
                self.assertEqual(client.call("a=1,b=1,d=123"), "b=1,d=123")
            diff = agent.json("policy", "diff")["shadow"]
            self.assertEqual(diff["version"], "2")
            denied = {entry["key"]: entry["hits"] for entry in diff["sets"][0]["deny"]}
            self.assertEqual((denied["a"], denied["b"]), (0, 10), diff)
            self.assertEqual(diff["sets"][0]["redact"][0]["hits"], 10, diff)
            self.assertEqual(diff["inject"][0]["set"][0]["hits"], 10, diff)
            self.expect(agent.run("policy", "shadow", "--end"), 0)
            self.expect(agent.run("policy", "diff"), 1)

    def test_a_hundred_swaps_a_second_under_load(self):
        """Every answer shows one complete rule set."""
        def policy(name):
            marks = ", ".join(f"m{n}: {name}" for n in range(8))
            return f"version: {name}\ndeny: [not_{name}]\nredact: [{{pattern: '\\d{{4}}', replace: {name}}}]\ninject: [{{set: {{{marks}}}}}]\n"
        whole = {f"v={n};p={n},not_{o}=1," + ",".join(f"m{i}={n}" for i in range(8)): n for n, o in (("A", "B"), ("B", "A"))}
        with scene(policy("A")) as (agent, front, _):
            done, seen, errors = threading.Event(), {"A": 0, "B": 0}, []

            def load():
                client = self.client(front)
                while not done.is_set():
                    try:
                        got = client.call("v=1234;p=5678,not_A=1,not_B=1,m3=mine")
                        seen[whole[got]] += 1
                    except (KeyError, AssertionError, OSError, http.client.HTTPException) as error:
                        errors.append(repr(error))
                        return
            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            started = time.monotonic()
            for swap in range(SWAPS):
                time.sleep(max(0, started + swap / 100 - time.monotonic()))
                status, body = control.ask(agent.socket, "PUT", "/v1/policy", policy("AB"[swap % 2]))
                self.assertEqual(status, 200, body)
            rate = SWAPS / (time.monotonic() - started)
            wait_for("answers by both", lambda: errors or min(seen.values()) > 50)
            done.set()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])
            self.assertEqual(agent.json("policy", "show")["applied"], SWAPS + 1)
            print(f"answers by set: {seen}; {rate:.0f} swaps a second")

    def test_denied_and_redacted_values_are_nowhere(self):
        """Not in recordings, logs, metrics, answers of the API, exported spans, nor in the agent's memory."""
        secrets = [os.urandom(12).hex() for _ in range(4)]
        digits = "".join(str(b % 10) for b in os.urandom(16))
        needles = [secret.encode() for secret in [*secrets, digits]]
        port = host.free_port()
        config = {"exporters": {"prometheus": {"listen": f"127.0.0.1:{port}"}, "console": {"format": "json"}},
                  "spans": {"baggage_attributes": ["session", "card", "open", "phone"]}, "log": {"level": "trace"},
                  "capture": {"headers": ["baggage"]}}
        policy = r"""
rules: [{key: card, low_cardinality: true}, {key: open, low_cardinality: true}, {key: session, low_cardinality: true}]
deny: [session]
redact: [{pattern: '\d{16}', replace: '****'}]
"""
        for how in ("plain", "forward"):
            with self.subTest(how), scene(policy, how, config) as (agent, front, file):
                client = self.client(front)
                recording = file.with_name("recording")
                recorder = subprocess.Popen([PROGRAMS.weft, "record", recording, "--socket", agent.socket])
                wait_for("the recording to begin", recording.exists)
                for _ in range(20):
                    client.call(f"session={secrets[0]},card={digits};p={digits},open=visible", f"phone={secrets[1]},none={secrets[2]};q={secrets[3]}")
                wait_for("spans", lambda: len(agent.spans()) >= 40 if how == "plain" else len(agent.spans()) >= 20)
                traces = agent.json("traces")["traces"]
                places = {"status": agent.run("status", "-o", "json").stdout, "show": agent.run("policy", "show", "-o", "json").stdout,
                          "spans": agent.run("spans", "-o", "json", "-n", 10000).stdout, "processes": agent.run("ps", "--all", "-o", "json").stdout,
                          "trace": agent.run("trace", traces[0]["trace_id"], "-o", "json").stdout, "top": agent.run("top", "--once", "-o", "json").stdout}
                for path in ("status", "processes", "spans?limit=10000", "traces", f"traces/{traces[0]['trace_id']}", "routes", "policy",
                             "policy/shadow", "sampling"):
                    status, places[path] = control.ask(agent.socket, "GET", f"/v1/{path}")
                    self.assertEqual(status, 200, path)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    places["metrics"] = answer.read().decode()
                recorder.send_signal(signal.SIGINT)
                recorder.wait(timeout=30)
                places["recording"] = recording.read_bytes()
                places["log and console"] = agent.output()
                self.assertIn("visible", places["spans"])
                self.assertIn('baggage_key_distribution_count{key="open",value="visible"}', places["metrics"])
                for place, text in places.items():
                    text = text if isinstance(text, bytes) else text.encode()
                    self.assertEqual([needle for needle in needles if needle in text], [], place)
                self.assertEqual(memory.holds(agent.process.pid, [*needles, b"visible"]), {b"visible"})


if __name__ == "__main__":
    unittest.main()
