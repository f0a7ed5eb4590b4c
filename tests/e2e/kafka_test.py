#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_test.py BUILD: librdkafka with brokers in memory. Every record arrives once, in order and as it was sent, with one
context wherever that can be; and the spans say whose it is."""
import collections
import pathlib
import secrets
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib import host, kafka   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
PRODUCER, CONSUMER = BUILD / "e2e_kafka_producer", BUILD / "e2e_kafka_consumer"
STORE = {"traces": 20000, "bytes": "64MiB"}
OWN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
# Acknowledgements and the like: the settings of a producer.
WAYS = {"acks-1": ["acks=1"], "acks-all": ["acks=all"], "idempotent": ["enable.idempotence=true"],
        "one-by-one": ["linger.ms=0", "batch.num.messages=1"], "no-versions": ["api.version.request=false", "broker.version.fallback=1.0.0"]}
COMPRESSIONS = ("gzip", "snappy", "lz4", "zstd")


def produce(launcher, broker, topic, records, *settings):
    done = launcher.run(PRODUCER, topic, f"bootstrap.servers={broker.servers}", "client.id=shop", *settings,
                        stdin="\n".join(record.line() for record in records) + "\n")
    assert done.code == 0, done
    return int(done.stdout.split()[-1])


def consumer(broker, topic, count, partitions, *settings):
    return [CONSUMER, topic, partitions, count, f"bootstrap.servers={broker.servers}", "group.id=readers",
            "client.id=reader", "check.crcs=true", *settings]


def of_topic(spans, kind, topic):
    return [span for span in spans if span["kind"] == kind and span["attributes"].get("messaging.destination.name") == topic]


def operation(span):
    return span["attributes"]["messaging.operation.type"]


def messages_of(span):
    return span["attributes"].get("messaging.batch.message_count", 1)


def producers(test, agent, topic, contexts, limit=100):
    """The spans of the sendings of these contexts, which are all there is of the topic: each context is that of the one
    message, or of the sending where it was alone or among more than `limit`."""
    def told(spans):
        spans = of_topic(spans, "PRODUCER", topic)
        return {span for _, span in contexts} <= {span["span_id"] for span in spans} and sum(
            messages_of(span) for span in spans if operation(span) == "send") >= len(contexts)
    spans = of_topic(agent.wait_spans(f"producers of {topic}", told), "PRODUCER", topic)
    sendings = [span for span in spans if operation(span) == "send"]
    of_each = collections.defaultdict(list)
    for span in spans:
        if operation(span) == "create":
            of_each[span["trace_id"], span["parent_span_id"]].append(span)
    wanted = {}
    for sending in sendings:
        ids, count = (sending["trace_id"], sending["span_id"]), messages_of(sending)
        each = of_each.pop(ids, [])
        test.assertEqual(len(each), count if 1 < count <= limit else 0)
        wanted.update({(span["trace_id"], span["span_id"]): 1 for span in each} or {ids: count})
    test.assertEqual(of_each, {})
    test.assertEqual(wanted, dict(collections.Counter(contexts)))
    return sendings


class Kafka(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        topics = dict.fromkeys([*WAYS, *COMPRESSIONS, "own", "read", "batches", "transactions", "large"], 4)
        cls.broker = cls.enterClassContext(kafka.Broker(BUILD, topics))
        cls.launcher = cls.enterClassContext(Launcher())
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.launcher.pid], config={"store": STORE}))

    def produce(self, topic, records, *settings):
        self.assertEqual(produce(self.launcher, self.broker, topic, records, *settings), len(records))

    def arrived(self, topic, count, *settings):
        return kafka.consume(consumer(self.broker, topic, count, 4, *settings))

    def test_one_context_in_each_record(self):
        for way, settings in WAYS.items():
            with self.subTest(way):
                records = kafka.some_records(300, 4, seed=way)
                self.produce(way, records, *settings)
                changes = kafka.compare(records, self.arrived(way, len(records)))
                contexts = kafka.contexts(changes)
                spans = producers(self, self.agent, way, contexts)
                self.assertEqual(len({trace for trace, _ in contexts}), len(spans))   # each request begins a trace
                for span in spans:
                    self.assertEqual((span["name"], span["parent_span_id"], span["status"]["code"]), (f"send {way}", "", "UNSET"))
                    self.assertEqual({key: span["attributes"].get(key) for key in (
                        "messaging.system", "messaging.operation.type", "messaging.client.id", "server.port", "weft.injection")},
                        {"messaging.system": "kafka", "messaging.operation.type": "send", "messaging.client.id": "shop",
                         "server.port": int(self.broker.servers.split(":")[1].split(",")[0]), "weft.injection": None})

    def test_compressed_records_pass(self):
        for kind in COMPRESSIONS:
            with self.subTest(kind):
                before = self.agent.status()["injections"].get("compressed", 0)
                records = kafka.some_records(100, 4, seed=kind)
                # Each shrinks by itself: librdkafka sends a batch that compression would not make smaller as it is,
                # and how many records a batch has depends on when the broker answered.
                for record in records:
                    record.headers.append(("filler", b"f" * 500))
                for record in records[::2]:
                    record.headers.append(("traceparent", OWN.encode()))
                self.produce(kind, records, f"compression.type={kind}", "linger.ms=0")
                done = self.launcher.run(*consumer(self.broker, kind, len(records), 4))
                self.assertEqual(done.code, 0, done)
                self.assertEqual(kafka.compare(records, kafka.read_all(done.stdout)), [{}] * len(records))
                self.assertGreater(self.agent.status()["injections"].get("compressed", 0), before)
                self.processed(kind, records, [OWN if index % 2 == 0 else None for index in range(len(records))])

    def processed(self, topic, records, contexts):
        """A span of each received record: child of its context, or the beginning of a trace."""
        spans = of_topic(self.agent.wait_spans(
            f"consumers of {topic}", lambda spans: len(of_topic(spans, "CONSUMER", topic)) >= len(records)), "CONSUMER", topic)
        self.assertEqual(len(spans), len(records))
        of_record = {(int(s["attributes"]["messaging.destination.partition.id"]), s["attributes"]["messaging.kafka.offset"]): s
                     for s in spans}
        offsets = collections.Counter()
        for record, context in zip(records, contexts):
            span = of_record[record.partition, offsets[record.partition]]
            offsets[record.partition] += 1
            links = [(link["trace_id"], link["span_id"]) for link in span["links"]]
            if context:
                _, trace, parent, _ = context.split("-")
                self.assertEqual((span["trace_id"], span["parent_span_id"], links), (trace, parent, [(trace, parent)]))
            else:
                self.assertEqual((span["parent_span_id"], links), ("", []))
            self.assertEqual(span["attributes"].get("messaging.kafka.message.tombstone", False), record.value is None)
            self.assertEqual(span["attributes"]["messaging.message.body.size"], len(record.value or b""))
        return spans

    def test_received_records_go_on_with_their_trace(self):
        records = kafka.some_records(200, 4, seed=3)
        self.produce("read", records)
        done = self.launcher.run(*consumer(self.broker, "read", len(records), 0, "auto.offset.reset=earliest"))
        self.assertEqual(done.code, 0, done)
        arrived = kafka.compare(records, kafka.read_all(done.stdout))
        kafka.contexts(arrived)
        spans = self.processed("read", records, [change["traceparent"][0].decode() for change in arrived])
        self.assertEqual({(s["name"], s["attributes"]["messaging.consumer.group.name"], s["attributes"]["messaging.client.id"])
                          for s in spans}, {("process read", "readers", "reader")})

    def test_contexts_of_its_own_stay(self):
        choices = iter([[("traceparent", OWN.encode())], [], [("tracestate", b"a=1")], [("baggage", b"k=v")]] * 50)
        records = kafka.some_records(200, 4, seed=4, headers=lambda: next(choices))
        self.produce("own", records)
        changes = kafka.compare(records, self.arrived("own", len(records)))
        for record, change in zip(records, changes):
            names = [name for name, _ in record.headers]
            if "traceparent" in names or "tracestate" in names:
                self.assertEqual(change, {})
            else:
                kafka.contexts([change])

    def test_many_records_in_one_request(self):
        records = kafka.some_records(2000, 4, seed=5, most=60)
        self.produce("batches", records, "linger.ms=500", "batch.num.messages=1000")
        changes = kafka.compare(records, self.arrived("batches", len(records)))
        spans = producers(self, self.agent, "batches", kafka.contexts(changes))
        self.assertGreater(max(s["attributes"].get("messaging.batch.message_count", 1) for s in spans), 400)

    def test_large_records(self):
        records = [kafka.Record(0, 1_700_000_000_000, b"k", bytes([size % 251]) * size)
                   for size in (1, 1000, 30_000, 70_000, 200_000, 400_000, 600_000, 990_000)]
        self.produce("large", records, "linger.ms=0", "batch.num.messages=1", "message.max.bytes=1500000")
        changes = kafka.compare(records, self.arrived("large", len(records)))
        kafka.contexts(changes[:-2])
        self.assertEqual(changes[-2:], [{}, {}])   # longer than what can be changed

    def test_brokers_of_their_own(self):
        """Partitions on three brokers, each with its connection."""
        with kafka.Broker(BUILD, {"spread": 12}, brokers=3) as broker:
            records = kafka.some_records(600, 12, seed=6)
            self.assertEqual(produce(self.launcher, broker, "spread", records, "enable.idempotence=true"), len(records))
            changes = kafka.compare(records, kafka.consume(consumer(broker, "spread", len(records), 12)))
            ports = {span["attributes"]["server.port"] for span in producers(self, self.agent, "spread", kafka.contexts(changes))}
            self.assertEqual(len(ports), 3)

    def test_transactions(self):
        records = kafka.some_records(200, 4, seed=7)
        lines = [line for at in range(0, 200, 50) for line in ("begin", *(r.line() for r in records[at:at + 50]), "commit")]
        done = self.launcher.run(PRODUCER, "transactions", f"bootstrap.servers={self.broker.servers}", "transactional.id=t",
                                 stdin="\n".join(lines) + "\n")
        self.assertEqual((done.code, done.stdout), (0, "200\n"), done)
        kafka.contexts(kafka.compare(records, self.arrived("transactions", len(records))))


class Trouble(unittest.TestCase):
    """What is refused, lost and begun again."""

    def scene(self, *settings, config=None):
        """A producer that waits for its first record, its broker and an agent."""
        broker = self.enterContext(kafka.Broker(BUILD, {"t": 2}))
        producer = self.enterContext(kafka.Producer([PRODUCER, "t", f"bootstrap.servers={broker.servers}", *settings]))
        agent = self.enterContext(Agent(PROGRAMS, pids=[producer.pid], config={"store": STORE, **(config or {})}))
        return broker, producer, agent

    def send(self, producer, count, seed):
        records = kafka.some_records(count, 2, seed=seed)
        producer.produce(records)
        producer.flush()
        return records

    def test_without_acknowledgements(self):
        broker, producer, agent = self.scene("acks=0")
        records = self.send(producer, 300, 5)
        # The producer stays until all has come: what it has sent when it ends is lost now and then, traced or not.
        contexts = kafka.contexts(kafka.compare(records, kafka.consume(consumer(broker, "t", len(records), 2))))
        spans = producers(self, agent, "t", contexts)
        self.assertEqual(len({trace for trace, _ in contexts}), len(spans))
        self.assertEqual(producer.finish(), 300)

    def test_after_a_refusal_nothing_more_is_changed(self):
        broker, producer, agent = self.scene()
        before = self.send(producer, 100, 1)
        broker.tell("error", 0, 10)
        self.send(producer, 1, 2)
        after = self.send(producer, 100, 3)
        self.assertEqual(producer.finish(failed=1), 200)
        changes = kafka.compare(before + after, kafka.consume(consumer(broker, "t", 200, 2)))
        kafka.contexts(changes[:100])
        self.assertEqual(changes[100:], [{}] * 100, agent.status()["injections"])
        self.assertGreater(agent.status()["injections"]["refused"], 0)
        agent.wait_spans("the refusal", lambda spans: [span["status"]["code"] for span in spans if span["attributes"].get(
            "error.type") == "MESSAGE_TOO_LARGE"] == ["ERROR"])

    def test_another_error_changes_nothing(self):
        broker, producer, _ = self.scene("enable.idempotence=true", "retry.backoff.ms=10")
        before = self.send(producer, 100, 3)
        broker.tell("error", 0, 7, 19)   # REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS: tried again
        after = self.send(producer, 100, 4)
        self.assertEqual(producer.finish(), 200)
        kafka.contexts(kafka.compare(before + after, kafka.consume(consumer(broker, "t", 200, 2))))

    def test_the_broker_goes_and_comes_back(self):
        broker, producer, _ = self.scene("enable.idempotence=true", "reconnect.backoff.ms=10", "reconnect.backoff.max.ms=50")
        records = []
        for seed in range(4):
            some = kafka.some_records(100, 2, seed=seed)
            producer.produce(some)
            broker.tell("down")
            time.sleep(0.1)
            broker.tell("up")
            producer.flush()
            records += some
        self.assertEqual(producer.finish(), 400)
        kafka.contexts(kafka.compare(records, kafka.consume(consumer(broker, "t", 400, 2))))

    def test_agent_killed_and_started_again(self):
        broker, producer, agent = self.scene("enable.idempotence=true", "reconnect.backoff.ms=10", "linger.ms=0")
        records = []
        for seed in range(5):
            some = kafka.some_records(400, 2, seed=seed)
            producer.produce(some[:200])
            agent.kill()
            producer.produce(some[200:])
            agent.start()
            records += some
        self.assertEqual(producer.flush(), len(records))
        # The connection was open when the last agent came.
        records += self.until_taken(producer, agent)
        last = self.send(producer, 50, 9)
        changes = kafka.compare(records + last, kafka.consume(consumer(broker, "t", len(records) + 50, 2)))
        kafka.contexts(change for change in changes if change)
        kafka.contexts(changes[-50:])

    def until_taken(self, producer, agent, topic="t"):
        """Records that are sent until one has a context, by a producer whose connection or topic is new to the agent."""
        records = []

        def taken():
            records.extend(self.send(producer, 5, len(records)))
            return any("weft.injection" not in span["attributes"] for span in of_topic(agent.spans(), "PRODUCER", topic))
        wait_for("a record with a context", taken)
        return records

    def test_topics_that_are_not_chosen(self):
        """Their records stay as they are, and that is counted; those of one that is named by a glob do until it is known."""
        topics = {"orders-eu": "learned", "plain": "known", "plainer": "left", "stock": "left"}
        broker = self.enterContext(kafka.Broker(BUILD, dict.fromkeys(topics, 2)))
        producers_of = {topic: self.enterContext(kafka.Producer([PRODUCER, topic, f"bootstrap.servers={broker.servers}"])) for topic in topics}
        agent = self.enterContext(Agent(PROGRAMS, pids=[producer.pid for producer in producers_of.values()],
                                        config={"store": STORE, "kafka": {"topics": ["orders-*", "plain"]}}))
        for topic, how in topics.items():
            with self.subTest(topic):
                producer, before = producers_of[topic], agent.status()["injections"].get("topic", 0)
                records = self.until_taken(producer, agent, topic) if how == "learned" else []
                last = self.send(producer, 100, topic)
                self.assertEqual(producer.finish(), len(records) + 100)
                changes = kafka.compare(records + last, kafka.consume(consumer(broker, topic, len(records) + 100, 2)))
                if how == "left":
                    self.assertEqual(changes, [{}] * 100)
                    self.assertGreater(agent.status()["injections"].get("topic", 0), before)
                    spans = agent.wait_spans("its spans", lambda spans: of_topic(spans, "PRODUCER", topic))
                    self.assertEqual({span["attributes"]["weft.injection"] for span in of_topic(spans, "PRODUCER", topic)}, {"topic"})
                else:
                    kafka.contexts(changes[-100:])

    def test_no_batch_becomes_longer_than_the_broker_takes(self):
        """What is sent one by one grows up to the limit; what would pass it, and what is longer anyway, goes as it is."""
        broker, producer, agent = self.scene("linger.ms=0", "batch.num.messages=1", config={"kafka": {"message_max_bytes": 2000}})
        records = [kafka.Record(0, 1_700_000_000_000, b"k", bytes(size)) for size in (100, 1000, 1800, 1900, 2500, 100)]
        for record in records:
            producer.produce([record])
            producer.flush()
        self.assertEqual(producer.finish(), len(records))
        changes = kafka.compare(records, kafka.consume(consumer(broker, "t", len(records), 2)))
        self.assertEqual([bool(change) for change in changes], [True, True, True, False, True, True])
        kafka.contexts(change for change in changes if change)
        self.assertEqual(agent.status()["injections"].get("too_large"), 1)

    def test_producer_met_in_mid_life(self):
        for way in ("acks=1", "enable.idempotence=true"):
            with self.subTest(way), kafka.Broker(BUILD, {"t": 2}) as broker, \
                    kafka.Producer([PRODUCER, "t", f"bootstrap.servers={broker.servers}", "linger.ms=0", way]) as producer:
                records = self.send(producer, 50, 1)
                open_before = host.connections(producer.pid)
                with Agent(PROGRAMS, pids=[producer.pid], config={"store": STORE}) as agent:
                    records += self.until_taken(producer, agent)
                    last = self.send(producer, 200, 2)
                    changes = kafka.compare(records + last, kafka.consume(consumer(broker, "t", len(records) + 200, 2)))
                    contexts = kafka.contexts(change for change in changes if change)
                    kafka.contexts(changes[-200:])
                    mine = of_topic(agent.wait_span_ids({span for _, span in contexts}).values(), "PRODUCER", "t")
                    sendings = {span["parent_span_id"] for span in mine if operation(span) == "create"}
                    self.assertEqual({(span["trace_id"], span["span_id"]) for span in mine if span["span_id"] not in sendings},
                                     set(contexts))
                    self.assertLessEqual(open_before, host.connections(producer.pid))
                    self.assertTrue(open_before)

    def test_consumer_met_in_mid_life(self):
        broker = self.enterContext(kafka.Broker(BUILD, {"t": 2}))
        settings = [f"bootstrap.servers={broker.servers}", "linger.ms=0"]
        reader = self.enterContext(kafka.Producer(consumer(broker, "t", 10_000, 2, "fetch.wait.max.ms=20")))
        producer = self.enterContext(kafka.Producer([PRODUCER, "t", *settings]))
        self.send(producer, 50, 1)
        reader.process.stdout.readline()
        open_before = host.connections(reader.pid)
        # All of a partition may come in one response, and each is to have a span.
        agent = self.enterContext(Agent(PROGRAMS, pids=[reader.pid], config={"store": STORE, "kafka": {"record_limit": 200}}))

        def met():
            self.send(producer, 5, 2)
            return of_topic(agent.spans(), "CONSUMER", "t")
        wait_for("a record that is seen", met)
        traces = {secrets.token_hex(16): secrets.token_hex(8) for _ in range(200)}
        own = iter([[("traceparent", f"00-{trace}-{span}-01".encode())] for trace, span in traces.items()])
        producer.produce(kafka.some_records(200, 2, headers=lambda: next(own)))
        producer.flush()
        spans = of_topic(agent.wait_spans("consumers", lambda spans: sum(
            span["trace_id"] in traces for span in of_topic(spans, "CONSUMER", "t")) >= 200), "CONSUMER", "t")
        self.assertEqual({span["trace_id"]: span["parent_span_id"] for span in spans if span["trace_id"] in traces}, traces)
        self.assertLessEqual(open_before, host.connections(reader.pid))
        self.assertTrue(open_before)

    def test_baggage_of_its_own(self):
        """The policy cannot judge it: it goes out as it is, and that is told."""
        # Mostly they leave together. A request whose records have none is not told of.
        broker, producer, agent = self.scene("linger.ms=1000", config={"baggage": {"policy": {"deny": ["secret"]}}})
        own = iter([[], [("baggage", b"secret=1")]] * 50)
        records = kafka.some_records(100, 2, headers=lambda: next(own))
        producer.produce(records)
        self.assertEqual(producer.finish(), 100)
        changes = kafka.compare(records, kafka.consume(consumer(broker, "t", 100, 2)))
        contexts = kafka.contexts(changes)
        spans = agent.wait_span_ids(span for _, span in contexts)
        have = {span for record, (_, span) in zip(records, contexts) if ("baggage", b"secret=1") in record.headers}
        self.assertTrue(have)
        self.assertEqual({spans[span]["attributes"].get("weft.baggage") for span in have}, {"unenforced"})


if __name__ == "__main__":
    unittest.main()
