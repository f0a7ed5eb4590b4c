#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_baggage_test.py BUILD: a request goes through two services to a third, by HTTP and by a topic of Kafka. Whatever the
rules are, the third one gets the same baggage by both ways."""
import http.client
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib import kafka   # noqa: E402
from lib.kafka_consumers import FOLLOW, PROVEN, STORE, Sink, begin, trace_of   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
FRONT = pathlib.Path(__file__).parent / "apps/threaded_front.py"
FIRST, SECOND = {"service": "first"}, {"service": "second"}

BAGGAGE = {
    "plain": "tenant=x,secret=y,card=12345678",
    "properties": "user.id=7;p=1234;q,env=prod , team=mine;secret=1",
    "denied by default": "phone=1,AUTH_TOKEN=2,other=3",
    "encoded": "note=a%20b%2C1234,Session%69d=zz,tenant=%31%32%33%34",
    "odd": "dup=1,dup=2,,bad,b%zz=1,=1,e=,tenant=y",
    "nothing that is any": "bad,,=1",
    "long": ",".join(f"k{n}={'v' * 20}" for n in range(30)),
    "too many": ",".join(f"m{n}=1" for n in range(70)),
    "injected keys": "env=dev,region=us,zone=1",
    "none": None,
}
# Rules, and what becomes of some of the above.
RULES = {
    "none": ({}, {"plain": "tenant=x,secret=y,card=12345678", "denied by default": "other=3", "none": None,
                  "nothing that is any": None}),
    "deny": ({"deny": ["secret", "session*"]}, {"plain": "tenant=x,card=12345678", "encoded": "note=a%20b%2C1234,tenant=%31%32%33%34"}),
    "nothing is denied": ({"deny_defaults": False}, {"denied by default": "phone=1,AUTH_TOKEN=2,other=3"}),
    "redact": ({"redact": [{"pattern": r"\d{4}", "replace": "#"}, {"pattern": "mine", "replace": ""}]},
               {"plain": "tenant=x,secret=y,card=##"}),
    "allow": ({"rules": [{"key": "user.*"}, {"key": "tenant", "max_length": 1}, {"key": "env", "allowed_values": ["prod"]},
                         {"key": "k?", "max_length": 64}, {"key": "m*"}]}, {"plain": "tenant=x", "injected keys": None}),
    "allow nothing": ({"rules": []}, dict.fromkeys(BAGGAGE)),
    "inject": ({"inject": [{"when": FIRST, "set": {"env": "test"}},
                           {"when": FIRST, "set": {"zone": "a b"}, "overwrite": False},
                           {"when": {**FIRST, "path_prefix": "/producev"}, "set": {"path": "1"}},
                           {"when": {**FIRST, "path_prefix": "/other"}, "set": {"path": "2"}}]}, {"none": "env=test,zone=a%20b,path=1"}),
    "inject at the second": ({"inject": [{"when": SECOND, "set": {"region": "eu"}}, {"when": SECOND, "set": {"zone": "2"}, "overwrite": False}],
                              "rules": []}, {"none": "region=eu,zone=2", "plain": "region=eu,zone=2"}),
    "inject at both": ({"inject": [{"when": FIRST, "set": {"region": "us"}}, {"when": SECOND, "set": {"region": "eu"}}]}, {"none": "region=eu"}),
    "scopes": ({"scopes": [{"when": SECOND, "rules": [{"key": "tenant"}]}, {"when": FIRST, "deny": ["secret"]}]},
               {"plain": "tenant=x", "properties": None}),
}


class Baggage(unittest.TestCase):
    maxDiff = None

    def start(self, service, *command):
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, "OTEL_SERVICE_NAME": service})
        for clean in (process.stdin.close, process.stdout.close, process.wait, process.kill):
            self.addCleanup(clean)
        return process

    def get(self, port, headers):
        """A request in a trace of its own; what the third service was asked for it."""
        trace = secrets.token_hex(16)
        connection = self.connections.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        connection.request("GET", f"/producev?value={trace}&wait=yes&id={trace}", headers={
            "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", **headers})
        connection.getresponse().read()
        return wait_for("the call", lambda: next((one for one in list(self.sink.asked) if trace in one.id), None))

    def setUp(self):
        self.connections = {}
        self.addCleanup(lambda: [connection.close() for connection in self.connections.values()])
        broker = self.enterContext(kafka.Broker(BUILD, {"t": 1}))
        self.sink = self.enterContext(Sink())
        settings = [f"bootstrap.servers={broker.servers}", "linger.ms=0", "batch.num.messages=1"]
        server = self.start("first", BUILD / "e2e_kafka_server", "t", *settings)
        worker = self.start("second", BUILD / "e2e_kafka_worker", "poll", 1, self.sink.port, "-", "t", *settings, "group.id=w",
                            "fetch.wait.max.ms=50")
        back = self.start("second", "/usr/bin/python3", FRONT, self.sink.port, "direct")
        front = self.start("first", "/usr/bin/python3", FRONT, int(back.stdout.readline()), "direct")
        self.by_kafka, self.by_http = int(server.stdout.readline()), int(front.stdout.readline())
        pids = [process.pid for process in (server, worker, back, front)]
        self.agent = self.enterContext(Agent(Programs.of(BUILD), pids=pids, config={"store": STORE, "kafka": FOLLOW}))
        begin(worker)

        def probed():
            self.get(self.by_kafka, {})
            rows = self.agent.processes()
            return "librdkafka" in rows[server.pid]["probes"] and "librdkafka consumer" in rows[worker.pid]["probes"]
        wait_for("probes", probed)
        for _ in range(PROVEN + 1):
            self.get(self.by_kafka, {})
            self.get(self.by_http, {})

    def apply(self, rules):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(rules or {"version": "none"}, file)
            file.flush()
            done = self.agent.run("policy", "apply", file.name)
        self.assertEqual(done.returncode, 0, done)

    def test_the_same_by_both_ways(self):
        for name, (rules, wanted) in RULES.items():
            self.apply(rules)
            arrived = {}
            for way, port in (("kafka", self.by_kafka), ("http", self.by_http)):
                arrived[way] = {}
                for kind, baggage in BAGGAGE.items():
                    one = self.get(port, {} if baggage is None else {"baggage": baggage})
                    self.assertIn(trace_of(one), one.id)   # its trace came all the way
                    arrived[way][kind] = one.headers.get("baggage")
            with self.subTest(name):
                self.assertEqual(arrived["kafka"], arrived["http"])
                self.assertEqual({kind: arrived["http"][kind] for kind in wanted}, wanted)


if __name__ == "__main__":
    unittest.main()
