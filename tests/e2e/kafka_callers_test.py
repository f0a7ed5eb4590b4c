#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_callers_test.py BUILD: a server with librdkafka that produces records for its requests. Each record goes on with
the trace of the request that produced it, or with none; never with another's."""
import collections
import concurrent.futures
import contextlib
import http.client
import pathlib
import secrets
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib import kafka   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
STORE = {"traces": 20000, "bytes": "64MiB"}
PARTITIONS = 4
EACH_ALONE = ("linger.ms=0", "batch.num.messages=1")
Verdict = collections.namedtuple("Verdict", "right silent wrong strange")   # strange: a trace that nobody began


class Caller:
    """Requests on one connection, each in a trace of its own."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self):
        self.connection.close()

    def get(self, path, headers=(), **query):
        trace = secrets.token_hex(16)
        query = {name: trace if value == "TRACE" else value for name, value in query.items()}
        self.connection.request("GET", f"/{path}?" + "&".join(f"{name}={value}" for name, value in query.items()),
                                headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", **dict(headers)})
        answer = self.connection.getresponse().read()
        assert answer == b"done", answer
        return trace


class Scene:
    def __init__(self, test, *settings, program="e2e_kafka_server", config=None):
        self.broker = test.enterContext(kafka.Broker(BUILD, {"t": PARTITIONS}))
        self.server = subprocess.Popen([BUILD / program, "t", f"bootstrap.servers={self.broker.servers}", *settings],
                                       stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.server.stdout.close)
        test.addCleanup(self.server.wait)
        test.addCleanup(self.server.kill)
        self.port = int(self.server.stdout.readline())
        self.agent = test.enterContext(Agent(PROGRAMS, pids=[self.server.pid], config={"store": STORE, **(config or {})}))
        self.caller = Caller(self.port)
        test.addCleanup(self.caller.close)
        self.traces, self.records = set(), 0

    def row(self):
        return self.agent.processes()[self.server.pid]

    def known(self):
        """Produces until it is noted who does."""
        def noted():
            self.get(self.caller, "produce", value="TRACE")
            self.caller.get("flush")
            return "librdkafka" in self.row()["probes"]
        wait_for("probes in librdkafka", noted)
        self.warm = self.records
        return self

    def get(self, caller, call, **query):
        trace = caller.get(call, **query)
        self.traces.add(trace)
        self.records += 1
        return trace

    def many(self, call, threads, each, **query):
        def work(_):
            with contextlib.closing(Caller(self.port)) as caller:
                for _ in range(each):
                    self.get(caller, call, **query)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))

    def arrived(self, more=0):
        """All records but those that found out; `more` of them nobody asked for."""
        self.caller.get("flush")
        arrived = kafka.consume([BUILD / "e2e_kafka_consumer", "t", PARTITIONS, self.records + more,
                                 f"bootstrap.servers={self.broker.servers}", "group.id=r", "check.crcs=true"])
        return sorted(arrived, key=lambda record: record.timestamp)[self.warm:]

    def judged(self, more=0):
        count = collections.Counter(map(self.judge, self.arrived(more)))
        return Verdict(*(count[name] for name in Verdict._fields))

    def judge(self, record):
        headers = dict(record.headers)
        whose = headers.get("id", record.value).decode()
        if "traceparent" not in headers:
            return "silent"
        trace = headers["traceparent"].decode().split("-")[1]
        if trace == whose:
            return "right"
        return "wrong" if trace in self.traces else "strange"


class Callers(unittest.TestCase):
    def test_each_way_to_produce(self):
        scene = Scene(self, *EACH_ALONE).known()
        for call in ("produce", "producev", "produceva", "batch"):
            scene.many(call, 4, 50, value="TRACE", id="TRACE")
        self.assertEqual(scene.judged(), Verdict(right=800, silent=0, wrong=0, strange=0))
        self.assertRegex(scene.row()["task"]["why"], "Kafka records")

    def test_the_span_is_the_requests_child(self):
        scene = Scene(self, *EACH_ALONE).known()
        trace = scene.get(scene.caller, "producev", value="TRACE", id="TRACE")
        spans = [span for span in scene.agent.wait_spans("both", lambda spans: len(
            [span for span in spans if span["trace_id"] == trace]) >= 2) if span["trace_id"] == trace]
        of_kind = {span["kind"]: span for span in spans}
        self.assertEqual(of_kind["PRODUCER"]["parent_span_id"], of_kind["SERVER"]["span_id"])

    def test_requests_that_are_over_when_their_records_leave(self):
        scene = Scene(self, "linger.ms=50", config={"baggage": {"policy": {"deny": ["secret"]}}}).known()
        for n in range(30):
            scene.get(scene.caller, "producev", headers={"tracestate": f"a={n}", "baggage": f"tenant={n},secret=y"},
                      value="TRACE", id="TRACE")
            scene.caller.get("flush")   # by then it is alone in its batch
        arrived = scene.arrived()
        self.assertEqual([scene.judge(record) for record in arrived], ["right"] * 30)
        texts = [(dict(record.headers).get("tracestate"), dict(record.headers).get("baggage")) for record in arrived]
        self.assertEqual(texts, [(f"a={n}".encode(), f"tenant={n}".encode()) for n in range(30)])

    def test_texts_while_the_request_lives(self):
        scene = Scene(self, *EACH_ALONE, config={"baggage": {"policy": {"deny": ["secret"]}}}).known()
        texts = {"tracestate": "a=1", "baggage": "tenant=x,secret=y"}
        scene.get(scene.caller, "producev", headers=texts, value="TRACE", id="TRACE", wait="yes")
        scene.get(scene.caller, "producev", value="TRACE", id="TRACE", wait="yes")
        first, second = (dict(record.headers) for record in scene.arrived())
        self.assertEqual((first["tracestate"], first["baggage"]), (b"a=1", b"tenant=x"))
        self.assertNotIn("baggage", second)

    def test_records_of_several_requests_together(self):
        scene = Scene(self, "linger.ms=20").known()
        scene.many("producev", 16, 60, value="TRACE", id="TRACE")
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.wrong, verdict.strange), (960, 0, 0))

    def test_equal_records_of_several_requests(self):
        scene = Scene(self, "linger.ms=5").known()
        scene.many("producev", 8, 50, value="equal", id="TRACE")
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.wrong, verdict.strange), (400, 0, 0))

    def test_a_thread_beside_that_serves_nobody(self):
        scene = Scene(self, *EACH_ALONE).known()
        for value in ("background", "both"):
            scene.traces.add(scene.caller.get("background", value=value, count=300))
            scene.many("producev", 4, 50, value=value if value == "both" else "TRACE", id="TRACE")
        wait_for("all records", lambda: scene.caller.get("flush") and scene.row()["live_exchanges"] == 0)
        verdict = scene.judged(more=600)
        self.assertEqual((sum(verdict), verdict.wrong), (1000, 0))
        self.assertGreaterEqual(verdict.right, 200)

    def test_who_waits_for_room_is_not_followed(self):
        scene = Scene(self, *EACH_ALONE).known()
        scene.many("block", 4, 10, value="TRACE")
        scene.many("producev", 4, 10, value="TRACE", id="TRACE")
        verdict = scene.judged()
        self.assertEqual((verdict.right, verdict.wrong), (0, 0))
        self.assertRegex(scene.row()["task"]["why"], "RD_KAFKA_MSG_F_BLOCK")

    def test_linked_into_the_program(self):
        scene = Scene(self, *EACH_ALONE, program="e2e_kafka_server_static").known()
        scene.many("producev", 4, 25, value="TRACE", id="TRACE")
        self.assertEqual(scene.judged(), Verdict(right=100, silent=0, wrong=0, strange=0))


if __name__ == "__main__":
    unittest.main()
