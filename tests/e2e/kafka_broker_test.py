#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_broker_test.py BUILD: Apache Kafka's own broker, and clients of several makers. Every record arrives once, in order
and as it was sent, with one context wherever that can be."""
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import golang, kafka, kafka_exact   # noqa: E402
from lib.agent import Agent, Programs   # noqa: E402
from lib.kafka_exact import COMPRESSIONS, CONFIG, PARTITIONS, STORE   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.peers import Peer   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
HERE = pathlib.Path(__file__).parent
VALUE = bytes(range(256)) * 4


class Clients:
    """Commands that read records."""

    def __init__(self, broker, folder):
        self.servers = f"127.0.0.1:{broker.ports[0]}"
        self.java = ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{broker.folder}/lib/*"]
        self.go = golang.build(HERE / "apps/kafka_go", pathlib.Path(folder) / "kafka_go")

    def librdkafka(self, topic, how):
        settings = {"plain": ["acks=1"], "idempotent": ["enable.idempotence=true"], "transactional": ["transactional.id=c"]}
        return [BUILD / "e2e_kafka_producer", topic, f"bootstrap.servers={self.servers}", "message.max.bytes=3000000",
                "log_level=2", *settings.get(how, [f"compression.type={how}"])]

    def java_client(self, topic, how):
        settings = {"plain": ["enable.idempotence=false"], "idempotent": [], "transactional": ["transactional.id=java"]}
        return [*self.java, HERE / "clients/KafkaClient.java", topic, f"bootstrap.servers={self.servers}", "max.request.size=3000000",
                *settings.get(how, [f"compression.type={how}"])]

    def sarama(self, topic, how):
        return [self.go, "sarama", self.servers, topic, how]

    def franz(self, topic, how):
        return [self.go, "franz", self.servers, topic, how]

    def segmentio(self, topic, how):
        return [self.go, "segmentio", self.servers, topic, how]

    def consumer(self, topic, count, *settings):
        return kafka_exact.consumer(BUILD, self.servers, topic, count, *settings)


class RealBroker(kafka_exact.Exact):
    build = BUILD

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clients = Clients(cls.broker, cls.enterClassContext(tempfile.TemporaryDirectory()))
        mechanisms = {row["name"]: row["state"] for row in cls.agent.status()["kernel"]["mechanisms"]}
        cls.java_is_changed = mechanisms["FIONREAD"] == "works"

    def client(self, name, ways, **more):
        self.check(name, getattr(self.clients, name), ways, **more)

    def test_librdkafka(self):
        self.client("librdkafka", ("plain", "idempotent", "transactional", *COMPRESSIONS))

    def test_java(self):
        self.client("java_client", ("plain", "idempotent", "transactional", *COMPRESSIONS), changed=self.java_is_changed)

    def test_sarama(self):
        self.client("sarama", ("plain", "idempotent", "transactional", *COMPRESSIONS))

    def test_franz_go(self):
        self.client("franz", ("plain", "idempotent", "transactional", *COMPRESSIONS))

    def test_kafka_go(self):
        self.client("segmentio", ("plain", *COMPRESSIONS), longest=33_000)   # it writes 64 KB at a time

    def test_groups_of_both_kinds(self):
        self.check_groups(lambda *words: [*self.clients.java, HERE / "clients/KafkaReader.java", *words])

    def test_aborted_transactions_do_not_arrive(self):
        kept, gone = kafka.some_records(100, PARTITIONS, seed=1), kafka.some_records(100, PARTITIONS, seed=2)
        lines = ["begin", *(r.line() for r in gone), "flush", "abort", "begin", *(r.line() for r in kept), "commit"]
        done = self.launcher.run(*self.clients.librdkafka("aborted", "transactional"), stdin="\n".join(lines) + "\n")
        self.assertEqual((done.code, done.stdout.split()[-1]), (0, "200"), done)
        done = self.launcher.run(*self.clients.consumer("aborted", 100, "isolation.level=read_committed"))
        self.assertEqual(done.code, 0, done)
        changes = kafka.compare(kept, kafka.read_all(done.stdout))
        kafka.contexts(changes)
        parents = {change["traceparent"][0].decode().split("-")[2] for change in changes}

        def received(spans):
            return [s for s in spans if s["kind"] == "CONSUMER" and s["attributes"].get("messaging.destination.name") == "aborted"]
        spans = self.agent.wait_spans("consumers", lambda spans: len(received(spans)) >= 100)
        self.assertEqual((len(received(spans)), {s["parent_span_id"] for s in received(spans)}), (100, parents))

    def test_large_fetches(self):
        """A consumer at full rate, whose frames are as long as those that are shown. No event is lost."""
        records = [kafka.Record(index % PARTITIONS, 1_700_000_000_000 + index, None, VALUE) for index in range(60_000)]
        self.send(self.clients.librdkafka("fetches", "plain"), records, "plain")
        done = self.launcher.run(*self.clients.consumer("fetches", len(records), "fetch.message.max.bytes=8000000"))
        self.assertEqual(done.code, 0, done)
        kafka.compare(records, kafka.read_all(done.stdout))
        self.assertEqual(self.agent.status()["losses"].get("ring_full", 0), 0)


class Topics(unittest.TestCase):
    """Topics and brokers that are out of the ordinary."""
    maxDiff = None
    MANY = 1000

    def setUp(self):
        self.broker = self.enterContext(Peer("kafka", 2, CONFIG))
        self.clients = Clients(self.broker, self.enterContext(tempfile.TemporaryDirectory()))
        self.launcher = self.enterContext(Launcher())

    def watch(self, **config):
        return self.enterContext(Agent(PROGRAMS, pids=[self.launcher.pid], config={"store": STORE, **config}))

    def tool(self, name, *arguments):
        done = self.broker.call("run", "kafka", name, "--bootstrap-server", self.clients.servers, *arguments)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def create(self, topic, partitions=PARTITIONS, **config):
        self.tool("topics", "--create", "--topic", topic, "--partitions", partitions,
                  *(part for name, value in config.items() for part in ("--config", f"{name.replace('_', '.')}={value}")))

    def send(self, command, lines, delivered):
        done = self.launcher.run(*command, stdin="\n".join([*lines, "flush"]) + "\n")
        self.assertEqual((done.code, done.stdout.split()[-1:]), (0, [str(delivered)]), done)

    def arrived(self, topic, count, partitions=PARTITIONS, *settings):
        command = self.clients.consumer(topic, count, *settings)
        command[2] = partitions
        return kafka.consume(command)

    def test_compacted_with_tombstones(self):
        self.watch()
        for client in ("librdkafka", "franz", "sarama"):
            with self.subTest(client):
                topic = f"compacted-{client}"
                self.create(topic, cleanup_policy="compact")
                records = kafka.some_records(300, PARTITIONS, seed=client)
                for index, record in enumerate(records):
                    record.key = f"{client}-{index}".encode()   # the broker takes no others
                self.assertGreater(sum(record.value is None for record in records), 10)
                self.send(getattr(self.clients, client)(topic, "idempotent"), [r.line() for r in records], len(records))
                kafka.contexts(kafka.compare(records, self.arrived(topic, len(records))))

    def test_control_batches_between_records(self):
        """Transactions that end one way or the other: who reads all is given all records, and none of the broker's marks."""
        agent = self.watch(kafka={"record_limit": 400})   # a span of each, however many come at once
        records, kept, lines = kafka.some_records(400, PARTITIONS, seed=5), [], []
        for at in range(0, 400, 20):
            commits = at // 20 % 3 != 1
            kept += records[at:at + 20] if commits else []
            lines += ["begin", *(r.line() for r in records[at:at + 20]), "flush", "commit" if commits else "abort"]
        self.send(self.clients.librdkafka("marks", "transactional"), lines, 400)
        kafka.contexts(kafka.compare(records, self.arrived("marks", 400, PARTITIONS, "isolation.level=read_uncommitted")))
        done = self.launcher.run(*self.clients.consumer("marks", len(kept), "isolation.level=read_committed"))
        self.assertEqual(done.code, 0, done)
        contexts = kafka.contexts(kafka.compare(kept, kafka.read_all(done.stdout)))
        spans = agent.wait_spans("consumers", lambda spans: sum(s["kind"] == "CONSUMER" for s in spans) >= len(kept))
        self.assertEqual(sorted((s["trace_id"], s["parent_span_id"]) for s in spans if s["kind"] == "CONSUMER"), sorted(contexts))

    def test_a_thousand_partitions(self):
        """Each is tried again until it has a leader."""
        self.watch()
        for client in ("librdkafka", "franz"):
            with self.subTest(client):
                topic = f"many-{client}"
                self.create(topic, self.MANY)
                records = kafka.some_records(3_000, self.MANY, seed=client, most=100)
                self.send(getattr(self.clients, client)(topic, "idempotent"), [r.line() for r in records], len(records))
                changes = kafka.compare(records, self.arrived(topic, len(records), self.MANY))
                contexts = kafka.contexts(change for change in changes if change)
                if client == "librdkafka":   # one partition a request; others put more into one than are followed
                    self.assertEqual(len(contexts), len(records))

    def test_throttled(self):
        self.watch()
        self.tool("configs", "--alter", "--add-config", "producer_byte_rate=5000", "--entity-type", "clients", "--entity-default")
        self.assertIn("producer_byte_rate=5000", self.tool("configs", "--describe", "--entity-type", "clients", "--entity-default"))
        for client in ("librdkafka", "franz"):
            with self.subTest(client):
                topic = f"slow-{client}"
                self.create(topic)
                records = kafka.some_records(600, PARTITIONS, seed=client)
                lines = [line for at in range(0, 600, 150) for line in (*(r.line() for r in records[at:at + 150]), "flush")]
                self.send(getattr(self.clients, client)(topic, "idempotent"), lines, len(records))
                kafka.contexts(kafka.compare(records, self.arrived(topic, len(records))))

    def test_topics_by_id_that_are_not_chosen(self):
        """franz-go names topics by ids, which responses to Metadata explain."""
        agent = self.watch(kafka={"topics": ["orders-*"]})
        for topic, chosen in (("orders-eu", True), ("stock", False)):
            with self.subTest(topic):
                self.create(topic)
                records = kafka.some_records(300, PARTITIONS, seed=topic)
                lines = [line for at in range(0, 300, 10) for line in (*(r.line() for r in records[at:at + 10]), "flush")]
                self.send(self.clients.franz(topic, "plain"), lines, len(records))
                changes = kafka.compare(records, self.arrived(topic, len(records)))
                if chosen:
                    kafka.contexts(changes[-100:])
                else:
                    self.assertEqual(changes, [{}] * len(records))
        self.assertGreater(agent.status()["injections"].get("topic", 0), 0)

    def test_a_topic_with_a_lower_limit(self):
        """What the topic takes is said in the configuration: nothing is refused, and what fits is changed."""
        agent = self.watch(kafka={"message_max_bytes": 3000})
        self.create("narrow", max_message_bytes=3000)
        records = [kafka.Record(0, 1_700_000_000_000, b"k", bytes(size)) for size in (100, 2500, 2900, 2920, 100)]
        command = [*self.clients.librdkafka("narrow", "idempotent"), "batch.num.messages=1", "linger.ms=0"]
        self.send(command, [r.line() for r in records], len(records))
        changes = kafka.compare(records, self.arrived("narrow", len(records)))
        self.assertEqual([bool(change) for change in changes], [True, True, False, False, True])
        self.assertEqual(agent.status()["injections"].get("refused", 0), 0)


class Restart(kafka_exact.Disturbed):
    """The broker or the agent ends in mid-stream."""
    build = BUILD
    names = ("librdkafka", "java_client", "franz", "sarama")

    def check(self, disturb, at_least):
        for name in self.names:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                changed = name != "java_client"   # which is changed on some kernels only, and by others observed
                share = self.stream(lambda broker: getattr(Clients(broker, folder), name)("stream", "idempotent"), disturb, changed)
                if changed:
                    self.assertGreater(share, at_least)

    def test_the_broker(self):
        self.check(self.restart_broker, 0.9)

    def test_the_agent(self):
        self.check(self.restart_agent, 0)


if __name__ == "__main__":
    unittest.main()
