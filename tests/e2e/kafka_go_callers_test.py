#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_go_callers_test.py BUILD: a Go server that produces records for its requests, by franz-go and by sarama. Each record
goes on with the trace of the request that produced it, or with none; never with another's."""
import functools
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import golang, kafka_callers   # noqa: E402
from lib.kafka_callers import Verdict   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
SOURCE = pathlib.Path(__file__).parent / "apps/kafka_go"


@functools.cache
def program():
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    return golang.build(SOURCE, pathlib.Path(folder.name) / "kafka_go", "local", "stripped")


class Callers:
    """What holds for each library; `ways` are calls of the server by which a record can be produced for its request."""

    def scene(self, linger_ms=0, config=None):
        return kafka_callers.Scene(self, BUILD, lambda servers: [program(), "serve", self.client, servers, "t", linger_ms],
                                   "Kafka of Go", config).known()

    def test_each_way_to_produce(self):
        scene = self.scene()
        for call in self.ways:
            scene.many(call, 1, 60, value="TRACE", id="TRACE", wait="yes")   # one at a time: each Produce request has one caller
        count = 60 * len(self.ways)
        self.assertEqual(scene.judged(), Verdict(right=count, silent=0, wrong=0, strange=0))
        self.assertRegex(scene.row()["task"]["why"], "Kafka records")

    def test_the_span_is_the_requests_child(self):
        scene = self.scene(config={"baggage": {"policy": {"deny": ["secret"]}}})
        trace = scene.get(scene.caller, self.ways[0], headers={"tracestate": "a=1", "baggage": "tenant=x,secret=y"}, value="TRACE",
                          id="TRACE")
        spans = [span for span in scene.agent.wait_spans("both", lambda spans: len(
            [span for span in spans if span["trace_id"] == trace]) >= 2) if span["trace_id"] == trace]
        of_kind = {span["kind"]: span for span in spans}
        self.assertEqual(of_kind["PRODUCER"]["parent_span_id"], of_kind["SERVER"]["span_id"])
        headers = dict(scene.arrived()[-1].headers)
        self.assertEqual((headers["tracestate"], headers["baggage"]), (b"a=1", b"tenant=x"))

    def test_records_of_several_requests_together(self):
        scene = self.scene(20)
        scene.many("produce", 16, 60, value="TRACE", id="TRACE")
        self.assertEqual(scene.judged(), Verdict(right=960, silent=0, wrong=0, strange=0))

    def test_equal_records_of_several_requests(self):
        scene = self.scene(5)
        scene.many("produce", 8, 50, value="equal", id="TRACE")
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.wrong, verdict.strange), (400, 0, 0))

    def test_in_a_goroutine_of_the_request(self):
        scene = self.scene()
        scene.many("produce", 1, 100, value="TRACE", id="TRACE", how="goroutine", wait="yes")
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.wrong, verdict.strange), (100, 0, 0))
        self.assertGreater(verdict.right, 50)   # the others before it was learned that such goroutines keep within a request

    def test_a_goroutine_beside_that_serves_nobody(self):
        scene = self.scene()
        verdict = scene.beside_background("produce")
        self.assertEqual((sum(verdict), verdict.wrong), (1000, 0))
        self.assertGreater(verdict.right, 50)


class Franz(Callers, unittest.TestCase):
    client, ways = "franz", ("produce", "sync", "timed")


class Sarama(Callers, unittest.TestCase):
    client, ways = "sarama", ("produce", "timed")

    def test_several_at_once(self):
        scene = self.scene()
        scene.many("batch", 1, 60, value="TRACE", id="TRACE")   # of two records each
        self.assertEqual(scene.judged(more=60), Verdict(right=120, silent=0, wrong=0, strange=0))

    def test_what_cannot_be_known_is_nobodys(self):
        scene = self.scene()
        scene.many("async", 4, 50, value="TRACE", id="TRACE")   # through a channel: no call gives the record away
        scene.many("composed", 1, 20, value="TRACE", id="TRACE")   # its bytes are made when they are asked for
        verdict = scene.judged()
        self.assertEqual((sum(verdict), verdict.right, verdict.wrong), (220, 0, 0))


if __name__ == "__main__":
    unittest.main()
