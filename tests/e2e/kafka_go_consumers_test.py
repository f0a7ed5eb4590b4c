#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_go_consumers_test.py BUILD: Go programs that consume records with kafka-go, franz-go, confluent-kafka-go and sarama, and do
something for each. What they do goes on with the trace of the record, or with another trace or none; never with that of another
record."""
import functools
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import golang, kafka, kafka_consumers   # noqa: E402
from lib.agent import wait_for   # noqa: E402
from lib.kafka_consumers import PARTITIONS, PROVEN, Verdict, spans_of, trace_of   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
SOURCE = pathlib.Path(__file__).parent / "apps/kafka_go_consumers"
PROBES = "Kafka consumer of Go"


@functools.cache
def program(how="stripped"):
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    return golang.build(SOURCE, pathlib.Path(folder.name) / "worker", "local", how)


class Scene(kafka_consumers.Scene):
    def __init__(self, test, library, way="one", config=None, partitions=PARTITIONS, build=None):
        self.by = library
        super().__init__(test, BUILD, lambda servers, sink: [program(build or test.builds[0]), library, way, servers, "t", sink], config=config,
                         partitions=partitions, probes=PROBES)

    def known(self):
        self.probed()   # what is given by a poll that began before the probes proves nothing
        if self.by.startswith("franz"):   # nor does more than one record of a poll
            for _ in range(PROVEN + 1):
                self.settled(self.produce([self.record()]))
        return super().known()


class Case(unittest.TestCase):
    maxDiff = None
    builds = ("stripped", "normal", "cgo-pie-stripped")

    def check_right(self, scene, count=200):
        scene.timed()
        records = [scene.record() for _ in range(count)]
        self.assertEqual(scene.judged(records), Verdict(right=count, other=0, none=0, wrong=0))
        scene.check_parents(records)

    def check_never_wrong(self, scene, count=200):
        verdict = scene.judged([scene.record() for _ in range(count)])
        print(self.id(), verdict)
        self.assertEqual((sum(verdict), verdict.wrong), (count, 0))
        return verdict


class Followed:
    """What holds for each library; `ways` are those to be given one record."""

    def test_in_the_goroutine_that_was_given_it(self):
        for way in self.ways:
            with self.subTest(way):
                scene = Scene(self, way).known()
                self.check_right(scene)
                why = scene.row()["task"]["why"]
                self.assertRegex(why, "Kafka record that a goroutine was given")
                self.assertNotRegex(why, "could not be read")
                self.doCleanups()

    def test_one_at_a_time(self):
        scene = Scene(self, self.ways[0], partitions=1).known()
        for _ in range(30):
            self.assertEqual(scene.judged([scene.record()]).right, 1)

    def test_builds(self):
        for build in self.builds[1:]:
            with self.subTest(build):
                self.check_right(Scene(self, self.ways[0], build=build).known(), 50)
                self.doCleanups()

    def test_what_is_produced_for_it(self):
        scene = Scene(self, self.ways[0], "produces").known()
        wait_for("probes of producers", lambda: (scene.settled(scene.produce([scene.record()])),
                                                 "Kafka of Go" in scene.row()["probes"])[1])
        before = set(scene.traces)
        scene.settled(scene.produce([scene.record(headers=[("baggage", b"k=v")]) for _ in range(50)]))
        arrived = kafka.consume([BUILD / "e2e_kafka_consumer", "out", 1, len(scene.traces),
                                 f"bootstrap.servers={scene.broker.servers}", "group.id=r", "check.crcs=true"])
        mine = {record.value.decode(): dict(record.headers) for record in arrived if record.value.decode() not in before}
        self.assertEqual({value: headers["traceparent"].decode().split("-")[1] for value, headers in mine.items()},
                         {value: trace for value, trace in scene.traces.items() if value not in before})
        self.assertEqual({headers["baggage"] for headers in mine.values()}, {b"k=v"})

    def test_goroutines_that_are_waited_for(self):
        scene = Scene(self, self.ways[0], "waits").known()
        self.check_never_wrong(scene)
        # It is learned by now that such goroutines keep within their record.
        self.assertEqual(self.check_never_wrong(scene).right, 200)

    def test_goroutines_that_are_not(self):
        scene = Scene(self, self.ways[0], "goes").known()
        self.check_never_wrong(scene)

    def test_a_pool_works_for_nobody(self):
        scene = Scene(self, self.ways[0], "pool").known()
        self.assertEqual(self.check_never_wrong(scene).right, 0)

    def test_goroutines_that_share_a_consumer(self):
        scene = Scene(self, self.ways[0], "shared").known()

        def seen_to_share():   # on a busy machine one of them may be given all for a while
            self.check_never_wrong(scene, 50)
            return "several goroutines are given" in scene.row()["task"]["why"]
        wait_for("several who are given records", seen_to_share)
        self.assertEqual(self.check_never_wrong(scene, 100).right, 0)

    def test_records_without_context(self):
        scene = Scene(self, self.ways[0]).known()
        asked = scene.settled(scene.produce([scene.record(context=n % 2 == 0) for n in range(200)]))
        alone = [one for one in asked if scene.traces[one.id] is None]
        begun = {trace_of(one) for one in alone}
        self.assertEqual(len(begun), 100)   # each begins a trace of its own
        self.assertFalse(begun & set(scene.traces.values()))
        scene.wait_spans(begun)
        records = {span["trace_id"]: span for span in spans_of(scene.agent, "CONSUMER", begun)}
        self.assertEqual(set(records), begun)
        for span in spans_of(scene.agent, "CLIENT", begun):
            self.assertEqual((span["parent_span_id"], records[span["trace_id"]]["parent_span_id"]),
                             (records[span["trace_id"]]["span_id"], ""))
        self.assertEqual(scene.verdict([one for one in asked if scene.traces[one.id]]).right, 100)

    def test_tracestate_and_policed_baggage(self):
        rules = {"deny": ["secret"], "redact": [{"pattern": "[0-9]{4}", "replace": "####"}]}
        scene = Scene(self, self.ways[0], config={"baggage": {"policy": rules}}).known()
        more = [("tracestate", b"a=1,b=2"), ("", b""), ("long", b"x" * 3000), ("baggage", b"tenant=x,secret=y,card=1234")]
        asked = scene.settled(scene.produce([scene.record(headers=more) for _ in range(50)]))
        self.assertEqual({(one.headers.get("tracestate"), one.headers.get("baggage")) for one in asked},
                         {("a=1,b=2", "tenant=x,card=####")})
        self.assertEqual(scene.verdict(asked).right, 50)

    def test_more_headers_than_are_read(self):
        scene = Scene(self, self.ways[0]).known()
        self.assertEqual(scene.judged([scene.record(headers=[(f"h{n}", b"") for n in range(256)]) for _ in range(20)]).right, 0)
        self.assertRegex(scene.row()["task"]["why"], "some could not be read")
        self.assertEqual(scene.judged([scene.record(headers=[("long", b"x" * 8190)]) for _ in range(20)]).right, 0)
        self.assertEqual(scene.judged([scene.record(headers=[(f"h{n}", b"") for n in range(255)]) for _ in range(20)]).right, 20)

    def test_the_first_records_prove_nothing(self):
        scene = Scene(self, self.ways[0], partitions=1).probed()
        verdict = scene.judged([scene.record() for _ in range(PROVEN - 8)])
        self.assertEqual((sum(verdict), verdict.right, verdict.wrong), (PROVEN - 8, 0, 0))

    def test_nobody_works_for_a_record_for_ever(self):
        scene = Scene(self, self.ways[0], partitions=1, config={"capture": {"idle_timeout": "2s"}}).known()
        self.assertEqual(scene.judged([scene.record() for _ in range(20)]).right, 20)
        wait_for("the end of the last one", lambda: scene.row()["live_exchanges"] == 0)

    def test_an_agent_that_is_started_again(self):
        scene = Scene(self, self.ways[0]).known()
        scene.agent.stop()
        self.check_never_wrong(scene, 20)
        scene.agent.start()
        self.check_right(scene.known(), 50)

    def test_detached_and_attached_again(self):
        scene = Scene(self, self.ways[0]).known()
        self.assertEqual(scene.agent.run("detach", scene.worker.pid).returncode, 0)
        self.assertEqual(self.check_never_wrong(scene, 20).right, 0)
        self.assertEqual(scene.agent.run("attach", scene.worker.pid).returncode, 0)
        wait_for("no record of before", lambda: scene.row()["live_exchanges"] == 0)
        self.check_right(scene.known(), 50)


class Ends:
    def test_goroutines_that_take_turns(self):
        verdict = self.check_never_wrong(Scene(self, self.ways[0], "relay").known())
        self.assertGreater(verdict.right, 80)   # but for the first sixteen of each


class Segmentio(Followed, Ends, Case):
    ways = ("segmentio-read", "segmentio-fetch", "segmentio-closes")

    def test_asking_in_vain_and_closing_end_it(self):
        scene = Scene(self, "segmentio-closes", partitions=1).known()
        self.assertEqual(scene.judged([scene.record()]).right, 1)
        scene.sink.asked.clear()   # the next ones are asked after that record
        idle = wait_for("idle calls", lambda: [one for one in list(scene.sink.asked) if one.path == "idle"])
        self.assertFalse({trace_of(one) for one in idle} & set(scene.traces.values()))
        scene.last()
        self.assertIn(scene.judge(scene.settled({"last"}, "closed")[0]), ("none", "other"))

    def test_closing_another_reader_ends_nothing(self):
        self.check_right(Scene(self, "segmentio-others").known(), 50)

    def test_what_cannot_be_committed_was_not_given(self):
        scene = Scene(self, "segmentio-fails", partitions=1).known()
        scene.last()
        lost = scene.record()
        scene.produce([lost])
        self.assertNotIn(trace_of(scene.settled({"last"}, "failed")[0]), scene.traces.values())


class Franz(Followed, Case):
    ways = ("franz-each", "franz-iter", "franz-all")

    def test_one_poll_proves_nothing(self):
        scene = Scene(self, "franz-each", partitions=1).probed()
        for _ in range(3):   # a poll that began before the probes is over then
            scene.settled(scene.produce([scene.record()]))
        records = [scene.record() for _ in range(200)]
        with kafka.Producer([BUILD / "e2e_kafka_producer", "t", f"bootstrap.servers={scene.broker.servers}",
                             "linger.ms=1000"]) as producer:   # one batch: one fetch
            producer.produce(records)
            producer.finish()
        asked = scene.settled({record.value.decode() for record in records})
        self.assertEqual((scene.verdict(asked).right, scene.verdict(asked).wrong), (0, 0))

    def test_several_at_once_are_nobodys(self):
        self.assertEqual(self.check_never_wrong(Scene(self, "franz-partitions").known()).right, 0)

    def test_what_another_goroutine_has_asked_for_is_nobodys(self):
        self.assertEqual(self.check_never_wrong(Scene(self, "franz-hands-on").known()).right, 0)


class Confluent(Followed, Ends, Case):
    ways, builds = ("confluent-read", "confluent-poll"), ("cgo", "cgo-pie-stripped")

    def test_other_events_end_it(self):
        scene = Scene(self, "confluent-poll", partitions=1).known()
        self.check_never_wrong(scene, 20)
        scene.sink.asked.clear()
        idle = wait_for("idle calls", lambda: [one for one in list(scene.sink.asked) if one.path == "idle"])
        self.assertFalse({trace_of(one) for one in idle} & set(scene.traces.values()))

    def test_waiting_for_what_is_produced_ends_nothing(self):
        self.check_right(Scene(self, "confluent-flushes").known(), 50)

    def test_through_its_channel_they_are_nobodys(self):
        scene = Scene(self, "confluent-channel").probed()
        self.assertEqual(self.check_never_wrong(scene).right, 0)


class Sarama(Case):
    def test_channels_give_to_nobody(self):
        scene = Scene(self, "sarama", partitions=1)
        self.assertEqual(self.check_never_wrong(scene).right, 0)
        why = wait_for("why", lambda: (lambda why: why if "Kafka record" in why else None)(scene.row()["task"]["why"]))
        self.assertRegex(why, "no other: sarama gives records through channels")


if __name__ == "__main__":
    unittest.main()
