#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""instrumented_test.py BUILD [unittest arguments]: programs that export telemetry of their own, or pass on that of others:
who sends spans is left its own, everybody else stays traced, and of what goes to a back end nothing is ever said."""
import contextlib
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Scene:
    def __init__(self, agent, server, marker, back):
        self.agent, self.server, self.marker, self.back = agent, server, marker, back

    def send(self, method, path, body=None):
        with requests.Connection(self.server.port) as connection:
            return connection.send(method, path, body)

    def row(self):
        return self.agent.processes()[self.server.pid]

    def spans_of(self, *all_sent):
        """All spans there will be of these requests: those of a later one of another program are there."""
        with requests.Connection(self.marker.port) as connection:
            last = connection.send("GET", "/small.txt").trace_id
        spans = self.agent.wait_spans("the last span", lambda spans: any(s["trace_id"] == last for s in spans))
        return [s for s in spans if s["trace_id"] in {sent.trace_id for sent in all_sent}]

    def works(self):
        """Requests of which each calls the back: (kinds of their spans, contexts that arrived at the back)"""
        self.back.take()
        all_sent = [self.send("GET", "/work") for _ in range(3)]
        assert all(sent.status == 200 for sent in all_sent)
        return sorted(s["kind"] for s in self.spans_of(*all_sent)), sum((r.contexts for r in self.back.take()), [])

    def export(self, target):
        """What arrived at the back."""
        self.back.take()
        self.send("GET", "/export/" + target)
        request, = self.back.take()
        return request


@contextlib.contextmanager
def scene(config=None):
    with Recorder() as back, servers.Python("exporting.py", back.port) as server, servers.Python("threaded.py") as marker, \
            Agent(PROGRAMS, pids=[server.pid, marker.pid], config=config) as agent:
        yield Scene(agent, server, marker, back)


class Instrumented(unittest.TestCase):
    def is_traced(self, of):
        kinds, contexts = of.works()
        self.assertEqual(kinds, ["CLIENT"] * 3 + ["SERVER"] * 3)
        self.assertEqual(len(contexts), 3)
        self.assertEqual(of.row()["state"], "traced", of.row())

    def is_left_its_own(self, of, why):
        wait_for("it to be recognised", lambda: of.row()["state"] == "instrumented")
        self.assertEqual(of.row()["reason"], "it makes its own spans: " + why)
        self.assertIn(why, of.agent.run("ps").stdout)
        self.assertEqual(of.works(), ([], []))

    def is_alone(self, of, arrived):
        """Nothing was written into it, and it has no span."""
        self.assertEqual(arrived.contexts, [], arrived.head)
        of.spans_of()
        self.assertEqual([s for s in of.agent.spans() if s["name"].startswith("POST")], [])

    def test_who_sends_spans(self):
        for target, why in (("/v1/traces", "it sends spans (OTLP)"), ("/otlp/v1/traces", "it sends spans (OTLP)"),
                            ("http://collector:4318/v1/traces?k=v", "it sends spans (OTLP)"),
                            ("/api/v2/spans", "it sends spans (Zipkin)"),
                            ("/api/traces?format=jaeger.thrift", "it sends spans (Jaeger)")):
            with self.subTest(target), scene() as of:
                self.is_traced(of)
                self.is_alone(of, of.export(target))
                self.is_left_its_own(of, why)

    def test_who_sends_other_telemetry_stays_traced(self):
        with scene() as of:
            for target in ("/v1/metrics", "/v1/logs", "/otlp/v1/metrics", "http://collector:4318/v1/logs"):
                with self.subTest(target):
                    self.is_alone(of, of.export(target))
                    self.is_traced(of)

    def passes_on(self, of, path):
        """As a library's exporter sends it, which may have a context of its own."""
        of.back.take()
        sent = of.send("POST", path, b"spans")
        arrived, = of.back.take()
        self.assertEqual((arrived.target, arrived.contexts), (path, [sent.traceparent.encode()]))
        self.assertEqual(of.spans_of(sent), [])

    def test_who_passes_spans_on_stays_traced(self):
        for path in ("/v1/traces", "/otlp/v1/traces", "/api/v2/spans"):
            with self.subTest(path), scene() as of:
                for _ in range(3):
                    self.passes_on(of, path)
                    self.is_traced(of)
                of.export("/v1/traces")   # what it kept, or metrics of its own in the guise of spans: it cannot be told
                self.is_traced(of)

    def test_who_receives_spans_only_later(self):
        with scene() as of:
            of.export("/v1/traces")
            self.is_left_its_own(of, "it sends spans (OTLP)")
            for _ in range(2):
                self.passes_on(of, "/v1/traces")
                self.is_left_its_own(of, "it sends spans (OTLP)")   # that may have been a stranger's
            self.passes_on(of, "/v1/traces")
            wait_for("it to be traced again", lambda: of.row()["state"] == "traced")
            of.export("/v1/traces")
            self.is_traced(of)

    def test_it_can_be_switched_off(self):
        with scene({"discovery": {"exclude_otel_instrumented": False}}) as of:
            self.is_alone(of, of.export("/v1/traces"))
            self.is_traced(of)


if __name__ == "__main__":
    unittest.main()
