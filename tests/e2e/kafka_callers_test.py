#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_callers_test.py BUILD: a server with librdkafka that produces records for its requests. Each record goes on with
the trace of the request that produced it, or with none; never with another's."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import kafka_callers   # noqa: E402
from lib.agent import wait_for   # noqa: E402
from lib.kafka_callers import Verdict   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
EACH_ALONE = ("linger.ms=0", "batch.num.messages=1")


class Scene(kafka_callers.Scene):
    def __init__(self, test, *settings, program="e2e_kafka_server", config=None):
        super().__init__(test, BUILD, lambda servers: [BUILD / program, "t", f"bootstrap.servers={servers}", *settings],
                         "librdkafka", config)


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

    def test_a_header_for_each_member(self):
        scene = Scene(self, *EACH_ALONE, config={"kafka": {"per_key_headers": True}, "baggage": {"policy": {"deny": ["secret"]}}}).known()
        scene.get(scene.caller, "producev", headers={"baggage": "tenant=a%20b;p=1,secret=y,env=prod"}, value="TRACE", id="TRACE", wait="yes")
        self.assertEqual([header for header in scene.arrived()[0].headers if header[0] not in ("id", "traceparent")],
                         [("baggage-tenant", b"a b"), ("baggage-env", b"prod")])

    def test_records_of_several_requests_together(self):
        scene = Scene(self, "linger.ms=20").known()
        scene.many("producev", 16, 60, value="TRACE", id="TRACE")
        self.assertEqual(scene.judged(), Verdict(right=960, silent=0, wrong=0, strange=0))

    def test_each_of_several_requests_has_its_own_texts_and_span(self):
        scene = Scene(self, "linger.ms=300", config={"baggage": {"policy": {"deny": ["secret"]}}}).known()
        traces = [scene.get(scene.caller, "producev", headers={"tracestate": f"a={n}", "baggage": f"tenant={n},secret=y"}
                            if n % 2 else {}, value="TRACE", id="TRACE") for n in range(40)]
        arrived = scene.arrived()
        self.assertEqual([scene.judge(record) for record in arrived], ["right"] * 40)
        for record in arrived:
            headers = dict(record.headers)
            n = traces.index(headers["id"].decode())
            self.assertEqual((headers.get("tracestate"), headers.get("baggage")),
                             (f"a={n}".encode(), f"tenant={n}".encode()) if n % 2 else (None, None))
        spans = scene.agent.wait_spans("each sending", lambda spans: len(
            [span for span in spans if span["kind"] == "PRODUCER" and span["trace_id"] in traces]) >= 40)
        sent = {span["trace_id"]: span for span in spans if span["kind"] == "PRODUCER" and span["trace_id"] in traces}
        for record in arrived:   # it is what the record names as its parent, and a child of the request
            trace, span_id = dict(record.headers)["traceparent"].decode().split("-")[1:3]
            self.assertEqual(sent[trace]["span_id"], span_id)
            self.assertEqual([span["span_id"] for span in spans if span["kind"] == "SERVER" and span["trace_id"] == trace],
                             [sent[trace]["parent_span_id"]])

    def test_own_baggage_of_some_records_of_several_requests(self):
        """It stays and nothing comes beside it; the request's goes to the others. Which is whose is told of each sending."""
        scene = Scene(self, "linger.ms=300", config={"baggage": {"policy": {"deny": ["secret"]}}}).known()
        traces = [scene.get(scene.caller, "producev", headers={"baggage": f"tenant={n},secret=y"}, value="TRACE", id="TRACE",
                            **({"baggage": f"own={n}"} if n % 2 else {})) for n in range(40)]
        arrived = scene.arrived()
        self.assertEqual([scene.judge(record) for record in arrived], ["right"] * 40)
        for record in arrived:
            n = traces.index(dict(record.headers)["id"].decode())
            self.assertEqual([value for name, value in record.headers if name == "baggage"],
                             [f"own={n}".encode() if n % 2 else f"tenant={n}".encode()])
        spans = scene.agent.wait_spans("each sending", lambda spans: len(
            [span for span in spans if span["kind"] == "PRODUCER" and span["trace_id"] in traces]) >= 40)
        told = {span["trace_id"]: span["attributes"].get("weft.baggage") for span in spans if span["kind"] == "PRODUCER"}
        self.assertEqual({told[trace] for trace in traces[1::2]}, {"unenforced"})

    def test_equal_records_of_several_requests(self):
        scene = Scene(self, "linger.ms=5").known()
        scene.many("producev", 8, 50, value="equal", id="TRACE")
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.wrong, verdict.strange), (400, 0, 0))

    def test_records_that_cannot_be_read_say_why(self):
        scene = Scene(self, *EACH_ALONE, "compression.type=gzip").known()
        scene.many("producev", 4, 25, value="f" * 500, id="TRACE")
        self.assertEqual(scene.judged(), Verdict(right=0, silent=100, wrong=0, strange=0))
        missing = wait_for("the calls to be counted", lambda: (found := scene.row()["calls"]["without_parent"]).get(
            "compressed", 0) >= 100 and found)
        self.assertLessEqual(missing.get("no_task", 0), scene.warm)   # what was sent before it was noted who does
        doctor = scene.agent.run("doctor").stdout
        self.assertRegex(doctor, r"(?s)\d+ compressed .*compression.type=none")

    def test_switched_off_by_one_line(self):
        scene = Scene(self, *EACH_ALONE, config={"propagation": {"protocols": ["http"]}}).known()
        scene.many("producev", 4, 25, value="TRACE", id="TRACE")
        arrived = scene.arrived()
        self.assertEqual([[name for name, _ in record.headers] for record in arrived], [["id"]] * 100)

    def test_a_thread_beside_that_serves_nobody(self):
        scene = Scene(self, *EACH_ALONE).known()
        verdict = scene.beside_background("producev")
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
