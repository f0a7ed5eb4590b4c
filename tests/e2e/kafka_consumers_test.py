#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_consumers_test.py BUILD: programs that consume records with librdkafka and do something for each. What they do
goes on with the trace of the record, as a child of the record's span, or with another trace or none where that is not
known; never with that of another record."""
import http.client
import pathlib
import secrets
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib import kafka, kafka_consumers   # noqa: E402
from lib.kafka_consumers import FOLLOW, PARTITIONS, PROVEN, STORE, Sink, Verdict, begin, spans_of, trace_of   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)


class Scene(kafka_consumers.Scene):
    def __init__(self, test, way, topics=("t",), out="-", config=None, partitions=PARTITIONS, settings=()):
        super().__init__(test, BUILD, lambda servers, sink: [
            BUILD / "e2e_kafka_worker", way, partitions, sink, out, ",".join(topics), f"bootstrap.servers={servers}", "group.id=w",
            "fetch.wait.max.ms=50", "linger.ms=0", *settings], topics, config, partitions)


class Consumers(unittest.TestCase):
    maxDiff = None

    def check_followed(self, way):
        scene = Scene(self, way).known().timed()
        records = [scene.record() for _ in range(300)]
        self.assertEqual(scene.judged(records), Verdict(right=300, other=0, none=0, wrong=0))
        scene.check_parents(records)
        self.assertRegex(scene.row()["task"]["why"], "Kafka record that a thread was given")

    def test_consumer_poll(self):
        self.check_followed("poll")

    def test_consume(self):
        self.check_followed("consume")

    def test_consume_queue(self):
        self.check_followed("queue")

    def test_a_batch_of_one(self):
        self.check_followed("single")

    def check_silent(self, way):
        scene = Scene(self, way).known()
        verdict = scene.judged([scene.record() for _ in range(300)])
        self.assertEqual((sum(verdict), verdict.wrong), (300, 0))
        return verdict

    def test_a_batch_of_several_is_nobodys(self):
        self.check_silent("batch")

    def test_what_a_callback_does_is_nobodys(self):
        self.assertEqual(self.check_silent("callback").right, 0)

    def test_a_pool_works_for_nobody(self):
        self.assertEqual(self.check_silent("pool").right, 0)

    def test_threads_that_share_a_consumer(self):
        scene = Scene(self, "shared").known()
        verdict = scene.judged([scene.record() for _ in range(200)])
        self.assertEqual((sum(verdict), verdict.wrong), (200, 0))
        self.assertRegex(scene.row()["task"]["why"], "several threads are given")
        verdict = scene.judged([scene.record() for _ in range(100)])
        self.assertEqual((sum(verdict), verdict.right, verdict.wrong), (100, 0, 0))

    def test_records_without_context(self):
        scene = Scene(self, "poll").known()
        mixed = [scene.record(context=n % 2 == 0) for n in range(200)]
        asked = scene.settled(scene.produce(mixed))
        alone = [one for one in asked if scene.traces[one.id] is None]
        begun = [trace_of(one) for one in alone]
        self.assertEqual(len(set(begun)), 100)   # each begins a trace of its own
        self.assertFalse(set(begun) & set(scene.traces.values()))
        scene.wait_spans(set(begun))
        records = {span["trace_id"]: span for span in spans_of(scene.agent, "CONSUMER", set(begun))}
        self.assertEqual(set(records), set(begun))
        for span in spans_of(scene.agent, "CLIENT", set(begun)):
            self.assertEqual((span["parent_span_id"], records[span["trace_id"]]["parent_span_id"]),
                             (records[span["trace_id"]]["span_id"], ""))
        self.assertEqual(scene.verdict([one for one in asked if scene.traces[one.id]]),
                         Verdict(right=100, other=0, none=0, wrong=0))

    def test_topics_are_told_apart(self):
        scene = Scene(self, "poll", topics=("one", "two"), partitions=1).known()
        # As much alike as records of two topics can be, without a context: the name alone tells them apart.
        first, second = ([scene.record(context=False) for _ in range(100)] for _ in range(2))
        already = len(scene.traces) - 200
        scene.settled(scene.produce([scene.record(context=False) for _ in range(already)], "two"))   # equal offsets
        topic_of = dict.fromkeys(scene.produce(first, "one"), "one") | dict.fromkeys(scene.produce(second, "two"), "two")
        topic_of = {trace_of(one): topic_of[one.id] for one in scene.settled(set(topic_of))}
        self.assertEqual(len(topic_of), 200)
        scene.wait_spans(topic_of)
        records = {span["trace_id"]: span for span in spans_of(scene.agent, "CONSUMER", topic_of)}
        self.assertEqual({trace: span["attributes"]["messaging.destination.name"] for trace, span in records.items()},
                         topic_of)
        for span in spans_of(scene.agent, "CLIENT", topic_of):
            self.assertEqual(span["parent_span_id"], records[span["trace_id"]]["span_id"])

    def test_the_next_record_ends_it_and_so_does_closing(self):
        scene = Scene(self, "close", partitions=1).known()
        scene.last()
        self.assertIn(scene.judge(scene.settled({"last"}, "closed")[0]), ("none", "other"))

    def check_late(self, timeout, verdicts):
        scene = Scene(self, "waits", partitions=1, config={"capture": {"idle_timeout": timeout}}).known()
        scene.last()
        wait_for("what is under way", lambda: scene.row()["live_exchanges"] == ("right" in verdicts))
        begin(scene.worker)
        self.assertIn(scene.judge(scene.settled({"last"}, "late")[0]), verdicts)
        self.assertEqual(scene.judged([scene.record() for _ in range(20)]).right, 20)

    def test_nobody_works_for_a_record_for_ever(self):
        self.check_late("2s", ("none", "other"))

    def test_who_does_not_ask_again_still_works_for_it(self):
        self.check_late("60s", ("right",))

    def test_the_first_records_prove_nothing(self):
        scene = Scene(self, "poll", partitions=1).probed()
        verdict = scene.judged([scene.record() for _ in range(4)])
        self.assertEqual((sum(verdict), verdict.right, verdict.wrong), (4, 0, 0))

    def test_a_thread_that_serves_requests_too(self):
        scene = Scene(self, "serving", partitions=1)

        def serve():
            trace = secrets.token_hex(16)
            connection = http.client.HTTPConnection("127.0.0.1", scene.port, timeout=60)
            connection.request("GET", f"/?id={trace}", headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"})
            connection.getresponse().read()
            connection.close()
            return trace

        def followed():
            scene.produce([scene.record()])
            serve()
            return "librdkafka consumer" in scene.row()["probes"]
        wait_for("probes in librdkafka's consumer", followed)
        for _ in range(PROVEN + 1):   # and one more: whoever was waiting in a call is seen from the next one on
            followed()
        records, served = [], []
        for n in range(30):
            records.append(scene.record())
            scene.produce(records[-1:])
            served.append(serve())
        ids = {record.value.decode() for record in records}
        self.assertEqual(scene.verdict(scene.settled(ids)), Verdict(right=30, other=0, none=0, wrong=0))
        for one in scene.settled(set(served), "served"):
            self.assertEqual(trace_of(one), one.id)
        after = [one for one in scene.sink.asked if one.path == "after"]
        self.assertFalse({trace_of(one) for one in after} & {*scene.traces.values(), *served})

    def test_tracestate_and_policed_baggage(self):
        rules = {"deny": ["secret"], "redact": [{"pattern": "[0-9]{4}", "replace": "####"}]}
        scene = Scene(self, "poll", config={"baggage": {"policy": rules}}).known()
        texts = [("tracestate", b"a=1,b=2"), ("baggage", b"tenant=x,secret=y,card=1234")]
        asked = scene.settled(scene.produce([scene.record(headers=texts) for _ in range(50)]))
        self.assertEqual({(one.headers.get("tracestate"), one.headers.get("baggage")) for one in asked},
                         {("a=1,b=2", "tenant=x,card=####")})
        self.assertEqual(scene.verdict(asked).right, 50)

    def test_what_is_produced_for_it(self):
        # Those that leave together are nobody's.
        scene = Scene(self, "poll", out="out", settings=["batch.num.messages=1"]).known()
        wait_for("probes in librdkafka", lambda: (scene.settled(scene.produce([scene.record()])),
                                                  "librdkafka" in scene.row()["probes"])[1])
        before = set(scene.traces)
        records = [scene.record(headers=[("baggage", b"k=v")]) for _ in range(100)]
        scene.settled(scene.produce(records))
        arrived = kafka.consume([BUILD / "e2e_kafka_consumer", "out", 1, len(scene.traces),
                                 f"bootstrap.servers={scene.broker.servers}", "group.id=r", "check.crcs=true"])
        mine = [record for record in arrived if record.value.decode() not in before]
        self.assertEqual(len(mine), 100)
        right = 0
        for record in mine:
            headers = dict(record.headers)
            trace = headers.get("traceparent", b"--").decode().split("-")[1]
            self.assertIn(trace, ("", scene.traces[record.value.decode()]))
            right += trace != "" and headers.get("baggage") == b"k=v"
        self.assertEqual(right, 100)

    def test_from_a_request_to_a_request(self):
        broker = self.enterContext(kafka.Broker(BUILD, {"t": 1}))
        sink = self.enterContext(Sink())
        settings = [f"bootstrap.servers={broker.servers}", "linger.ms=0", "batch.num.messages=1"]
        server = self.start("e2e_kafka_server", "t", *settings)
        worker = self.start("e2e_kafka_worker", "poll", 1, sink.port, "-", "t", *settings, "group.id=w",
                            "fetch.wait.max.ms=50")
        rules = {"deny": ["secret"], "redact": [{"pattern": "[0-9]{4}", "replace": "####"}]}
        agent = self.enterContext(Agent(PROGRAMS, pids=[server.pid, worker.pid],
                                        config={"store": STORE, "kafka": FOLLOW, "baggage": {"policy": rules}}))
        begin(worker)
        connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()), timeout=60)
        self.addCleanup(connection.close)

        def order():
            trace = secrets.token_hex(16)
            connection.request("GET", f"/producev?value={trace}&wait=yes", headers={
                "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "baggage": "tenant=x,secret=y,card=1234"})
            connection.getresponse().read()
            return wait_for("the call", lambda: next((one for one in list(sink.asked) if one.id == trace), None))

        def probed():
            order()
            rows = agent.processes()
            return ("librdkafka" in rows[server.pid]["probes"] and "librdkafka consumer" in rows[worker.pid]["probes"])
        wait_for("probes", probed)
        for _ in range(PROVEN + 1):
            order()
        orders = [order() for _ in range(100)]
        self.assertEqual([trace_of(one) for one in orders], [one.id for one in orders])
        self.assertEqual({one.headers.get("baggage") for one in orders}, {"tenant=x,card=####"})
        trace = orders[-1].id
        spans = wait_for("four spans", lambda: (lambda found: found if len(found) >= 4 else None)(
            [span for span in agent.spans() if span["trace_id"] == trace]))
        of_kind = {span["kind"]: span for span in spans}
        for child, parent in (("PRODUCER", "SERVER"), ("CONSUMER", "PRODUCER"), ("CLIENT", "CONSUMER")):
            self.assertEqual(of_kind[child]["parent_span_id"], of_kind[parent]["span_id"])

    def start(self, program, *arguments):
        process = subprocess.Popen([BUILD / program, *map(str, arguments)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_detached_and_attached_again(self):
        scene = Scene(self, "poll").known()
        self.assertEqual(scene.agent.run("detach", scene.worker.pid).returncode, 0)
        verdict = scene.judged([scene.record() for _ in range(20)])
        self.assertEqual((verdict.right, verdict.wrong), (0, 0))
        self.assertEqual(scene.agent.run("attach", scene.worker.pid).returncode, 0)
        wait_for("no record of before", lambda: scene.row()["live_exchanges"] == 0)
        scene.known()
        self.assertEqual(scene.judged([scene.record() for _ in range(50)]).right, 50)


if __name__ == "__main__":
    unittest.main()
