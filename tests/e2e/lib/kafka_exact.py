# SPDX-License-Identifier: Apache-2.0
"""What any client sends to Apache Kafka's own broker arrives once, in order and byte for byte, with the agent on.

Which client is tried how, with values from a byte to a megabyte. B: kafka_broker_test, C: kafka_clients_test; -: it cannot.

                             plain   idempotent   transactional   gzip, snappy, lz4, zstd   broker, agent restarted
  librdkafka                   B         B              B                   B                        B
  Java                         B         B              B                   B                        B
  franz-go                     B         B              B                   B                        B
  sarama                       B         B              B                   B                        B
  kafka-go                     B         -              -                   B              (may double what it repeats)
  confluent-kafka, Python      C         C              C                   C                        C
  confluent-kafka-go           C         C              C                   C                        C
  kafka-python                 C         C              C                   C                        C
  aiokafka                     C         C              C                   C                        C
  node-rdkafka                 C         C              C                   C
  kafkajs                      C         C              C                   C (gzip, snappy)
"""
import time
import unittest

from . import kafka
from .agent import Agent, Programs
from .launcher import Launcher
from .peers import Peer

PARTITIONS = 4
CONFIG = f"num.partitions={PARTITIONS}\nmessage.max.bytes=4000000\nsocket.request.max.bytes=20000000\n"
COMPRESSIONS = ("gzip", "snappy", "lz4", "zstd")
STORE = {"traces": 50000, "bytes": "256MiB"}
LENGTHS = (1, 1_000, 16_000, 33_000, 70_000, 200_000, 400_000, 1_000_000)
SMALL = 400


def consumer(build, servers, topic, count, *settings):
    return [build / "e2e_kafka_consumer", topic, PARTITIONS, count, f"bootstrap.servers={servers}", "group.id=readers",
            "log_level=2", "check.crcs=true", *settings]


def distinct(record):
    """As each client can send it: headers of different names that are not null, and a key or a value."""
    record.headers = list({name: data or b"" for name, data in record.headers}.items())
    if record.value is None and record.key is None:
        record.key = b"k"


def textual(record):
    """For clients that take headers as text, and null for what is empty."""
    distinct(record)
    record.headers = [(name, data.hex().encode() or b"-") for name, data in record.headers]
    record.key, record.value = record.key or None, record.value or None
    if record.value is None and record.key is None:
        record.key = b"k"


def records_of(seed, able=lambda record: None):
    """Small ones, and one of each length up to a megabyte, in an order of their own."""
    large = [kafka.Record(size % PARTITIONS, 1_700_000_000_000, b"k", bytes([size % 251]) * size) for size in LENGTHS]
    small = kafka.some_records(SMALL, PARTITIONS, seed=seed)
    for record in small:
        able(record)
    return small + large


class Exact(unittest.TestCase):
    """`build`: where the programs are."""

    @classmethod
    def setUpClass(cls):
        cls.broker = cls.enterClassContext(Peer("kafka", 2, CONFIG))
        cls.servers = f"127.0.0.1:{cls.broker.ports[0]}"
        cls.launcher = cls.enterClassContext(Launcher())
        cls.agent = cls.enterClassContext(Agent(Programs.of(cls.build), pids=[cls.launcher.pid], config={"store": STORE}))

    def send(self, command, records, how):
        lines = [record.line() for record in records]
        pieces = [lines[:SMALL], *([line] for line in lines[SMALL:SMALL + len(LENGTHS)]), lines[SMALL + len(LENGTHS):]]
        around = ("begin", "commit") if how == "transactional" else (None, "flush")
        lines = [line for piece in pieces if piece for line in (around[0], *piece, around[1]) if line]
        done = self.launcher.run(*command, stdin="\n".join(lines) + "\n")
        self.assertEqual((done.code, done.stdout.split()[-1:]), (0, [str(len(records))]), done)

    def check_groups(self, command):
        """`command` of a topic, a number of records and settings is a consumer: of the group's kind of old, and of the one that
        the broker leads. Its spans say which group it is and which client."""
        for protocol in ("classic", "consumer"):
            with self.subTest(protocol):
                topic, records = f"group-{protocol}", kafka.some_records(50, PARTITIONS, seed=protocol)
                producer = [self.build / "e2e_kafka_producer", topic, f"bootstrap.servers={self.servers}"]
                self.assertEqual(self.launcher.run(*producer, stdin="\n".join(r.line() for r in records) + "\n").code, 0)
                done = self.launcher.run(*command(topic, len(records), f"bootstrap.servers={self.servers}", f"group.protocol={protocol}",
                                                  "group.id=billing", "client.id=billing-1"))
                self.assertEqual(done.code, 0, done)

                def of_topic(spans):
                    return [span for span in spans if span["kind"] == "CONSUMER" and
                            span["attributes"].get("messaging.destination.name") == topic]
                spans = of_topic(self.agent.wait_spans(f"consumers of {topic}", lambda spans: len(of_topic(spans)) >= len(records)))
                self.assertEqual({(span["attributes"].get("messaging.consumer.group.name"), span["attributes"].get("messaging.client.id"))
                                  for span in spans}, {("billing", "billing-1")})

    def check(self, name, command, ways, changed=True, longest=400_000, **able):
        """`command` of topic and way is the client, which can send records_of(able=…). `longest`: of the values that leave with
        their request in one send, and are not too long to be changed."""
        for how in ways:
            with self.subTest(how):
                topic = f"{name}-{how}"
                records = records_of(topic, **able)
                self.send(command(topic, how), records, how)
                arrived = kafka.consume(consumer(self.build, self.servers, topic, len(records)))
                changes = kafka.compare(records, arrived)
                # Clients send a batch as it is that would not become shorter.
                kafka.contexts(change for change in changes if change)
                if not changed:
                    self.assertEqual(changes, [{}] * len(records))
                elif how not in COMPRESSIONS:
                    self.assertEqual([bool(change) for change in changes],
                                     [True] * SMALL + [size <= longest for size in LENGTHS], self.agent.status()["injections"])


class Disturbed(unittest.TestCase):
    """What ends in mid-stream and comes back. `build`: where the programs are."""

    def stream(self, command, disturb, changed=True, able=lambda record: None):
        """The share of records that had a context. `command` of a broker is the client, which writes to the topic "stream"."""
        with Peer("kafka", 2, CONFIG) as broker:
            records = []

            def some(count, seed):
                few = kafka.some_records(count, PARTITIONS, seed=seed)
                for record in few:
                    able(record)
                records.extend(few)
                return few
            with kafka.Producer(command(broker)) as producer, Agent(Programs.of(self.build), pids=[producer.pid]) as agent:
                for seed in range(4):
                    few = some(1_200, seed)
                    producer.produce(few[:400])
                    producer.flush()
                    producer.produce(few[400:800])
                    disturb(broker, agent)
                    producer.produce(few[800:])
                    producer.flush()
                for seed in range(4, 34):   # in requests of their own, the last of which has to be a followed one
                    producer.produce(some(10, seed))
                    producer.flush()
                    time.sleep(0.1)   # the agent takes sockets up in its next turn, or asks again after a second
                self.assertEqual(producer.finish(), len(records))
            arrived = kafka.consume(consumer(self.build, f"127.0.0.1:{broker.ports[0]}", "stream", len(records)))
            changes = kafka.compare(records, arrived)
        with_context = [change for change in changes if change]
        kafka.contexts(with_context)
        if changed:
            self.assertTrue(all(changes[-10:]), "after the last disturbance nothing is injected any more")
        return len(with_context) / len(changes)

    @staticmethod
    def restart_broker(broker, _):
        broker.stop()
        broker.start()

    @staticmethod
    def restart_agent(_, agent):
        agent.kill()
        agent.start()
