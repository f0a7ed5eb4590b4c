#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_clients_test.py BUILD [unittest arguments]: the Kafka clients that packages of Python, Node, Go and Java bring. In
servers that produce a record for each request, each goes on with the trace of its request, or with none; never with
another's. What workers do for records that they consume is theirs. Whatever they send to Apache Kafka's own broker arrives as
it was."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import golang, host, kafka_callers, kafka_consumers, kafka_exact   # noqa: E402
from lib.kafka_callers import Verdict   # noqa: E402
from lib.kafka_exact import COMPRESSIONS, distinct, textual   # noqa: E402
from lib.peers import Peer   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
APPS = pathlib.Path(__file__).parent / "apps/kafka_clients"
THREADS, EACH = 8, 125
ALL = THREADS * EACH
TABLE = []


def tearDownModule():
    print(f"\n{'client':48}" + "".join(f"{name:>8}" for name in Verdict._fields))
    for name, verdict in TABLE:
        print(f"{name:48}" + "".join(f"{count:8}" for count in verdict))


def folder():
    temporary = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(temporary.cleanup)
    return pathlib.Path(temporary.name)


@functools.cache
def pip(*packages):
    host.needs("/usr/bin/pip3")
    target = folder()
    subprocess.run(["/usr/bin/pip3", "install", "--quiet", "--only-binary", ":all:", "--target", target, *packages], check=True, timeout=300,
                   env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return target


def python(script, packages, *arguments):
    return ["env", f"PYTHONPATH={pip(*packages)}", "/usr/bin/python3", APPS / script, *arguments]


@functools.cache
def npm():
    host.needs("npm", "node")
    target = folder()
    for name in ("package.json", "server.js", "producer.js"):
        shutil.copy(APPS / name, target)
    # One at a time: node-rdkafka's own build does not wait for its configuration otherwise.
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=target, check=True, timeout=2400,
                   env={**os.environ, "JOBS": "1"})
    return target


@functools.cache
def go(how, program="kafka_clients/go"):
    host.needs("go")
    return golang.build(APPS.parent / program, folder() / "program", how=how)


def java(classes):
    host.needs("javac", "java")
    target = folder()
    subprocess.run(["javac", "-d", target, "-cp", f"{classes}/*", APPS / "KafkaServer.java"], check=True, timeout=300)
    return ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{target}:{classes}/*", "KafkaServer"]


class Case(unittest.TestCase):
    def produce(self, scene, each=1, **query):
        if each > 1:
            scene.warm, scene.records = scene.warm * each, scene.records * each
        scene.many("produce", THREADS, EACH, value="TRACE", id="TRACE", **query)
        verdict = scene.judged(more=(each - 1) * ALL)
        TABLE.append((f"{self.id().removeprefix('__main__.')} {' '.join(query)}", verdict))
        self.assertEqual((sum(verdict), verdict.wrong), (each * ALL, 0), verdict)
        scene.warm = scene.records
        return verdict

    def check_right(self, command, probes="librdkafka", each=1):
        """A thread or goroutine that serves a request produces so many records for it."""
        scene = kafka_callers.Scene(self, BUILD, command, probes).known()
        verdict = self.produce(scene, each)
        self.assertGreaterEqual(verdict.right, 0.999 * each * ALL, verdict)

    def check_silent(self, command, broker=None):
        """Who produces is not known. A record that leaves when nothing is served any more begins a trace of its own."""
        scene = kafka_callers.Scene(self, BUILD, command, None, broker=broker)
        self.assertEqual(self.produce(scene, wait="yes"), Verdict(right=0, silent=ALL, wrong=0, strange=0))
        self.assertEqual(self.produce(scene).right, 0)
        return scene


class Python(Case):
    def confluent(self, version, library="confluent"):
        self.check_right(lambda servers: python("server.py", (f"confluent-kafka=={version}",), library, servers, "t"))

    def test_confluent_kafka_2_0_2(self):
        self.confluent("2.0.2")

    def test_confluent_kafka_2_6_1(self):
        self.confluent("2.6.1")

    def test_confluent_kafka_2_16_1(self):
        self.confluent("2.16.1")

    def test_confluent_kafka_in_batches(self):
        self.confluent("2.16.1", "confluent-batch")

    def test_kafka_python(self):
        self.check_silent(lambda servers: python("server.py", ("kafka-python==3.0.12",), "kafka-python", servers, "t"))

    def test_aiokafka(self):
        self.check_silent(lambda servers: python("asyncio_server.py", ("aiokafka==0.14.0",), servers, "t"))


class Node(Case):
    def test_kafkajs(self):
        self.check_silent(lambda servers: ["node", npm() / "server.js", "kafkajs", servers, "t"])

    def test_node_rdkafka(self):
        scene = self.check_silent(lambda servers: ["node", npm() / "server.js", "node-rdkafka", servers, "t"])
        self.assertIn("librdkafka", scene.row()["probes"])   # of an event loop, whose thread works for nobody


class Go(Case):
    def test_confluent_kafka_go(self):
        self.check_right(lambda servers: [go("cgo"), "confluent", servers, "t"])

    def test_confluent_kafka_go_without_symbols(self):
        self.check_silent(lambda servers: [go("cgo-pie-stripped"), "confluent", servers, "t"])

    def test_kafka_go(self):
        self.check_right(lambda servers: [go("cgo-pie-stripped"), "segmentio", servers, "t"], "Kafka of Go")

    def test_kafka_go_two_at_once(self):
        self.check_right(lambda servers: [go("cgo"), "segmentio-pair", servers, "t"], "Kafka of Go", each=2)


class Java(Case):
    def test_kafka_clients(self):
        broker = self.enterContext(Peer("kafka", 2, f"num.partitions={kafka_callers.PARTITIONS}\n"))
        broker.servers = f"127.0.0.1:{broker.ports[0]}"
        self.check_silent(lambda servers: [*java(broker.folder / "lib"), servers, "t"], broker)


class Consumers(unittest.TestCase):
    """What is done for records that confluent_kafka gives."""

    def check(self, version, way):
        scene = kafka_consumers.Scene(self, BUILD, lambda servers, sink: python(
            "worker.py", (f"confluent-kafka=={version}",), way, servers, "t", sink)).known().timed()
        records = [scene.record() for _ in range(300)]
        self.assertEqual(scene.judged(records), kafka_consumers.Verdict(right=300, other=0, none=0, wrong=0))
        scene.check_parents(records)

    def test_poll_2_0_2(self):
        self.check("2.0.2", "poll")

    def test_poll_2_6_1(self):
        self.check("2.6.1", "poll")

    def test_poll_2_16_1(self):
        self.check("2.16.1", "poll")

    def test_consume_2_0_2(self):
        self.check("2.0.2", "consume")

    def test_consume_2_16_1(self):
        self.check("2.16.1", "consume")


class RealBroker(kafka_exact.Exact):
    """Clients that the test kafka_broker does not have."""
    build = BUILD

    def python(self, name, script, packages, *library, ways=("plain", "idempotent", "transactional", *COMPRESSIONS), **how):
        self.check(name, lambda topic, way: python(script, packages, *library, self.servers, topic, way), ways, **how)

    def node(self, library, ways, **how):
        self.check(library, lambda topic, way: ["node", npm() / "producer.js", library, self.servers, topic, way], ways, **how)

    def test_confluent_kafka(self):
        self.python("confluent", "producer.py", ("confluent-kafka==2.16.1",), "confluent")

    def test_kafka_python(self):
        self.python("kafka-python", "producer.py", ("kafka-python==3.0.12", "python-snappy", "lz4", "zstandard"), "kafka-python", able=distinct)

    def test_aiokafka(self):
        self.python("aiokafka", "asyncio_producer.py", ("aiokafka==0.14.0", "cramjam"), able=distinct)

    def test_kafkajs(self):
        self.node("kafkajs", ("plain", "idempotent", "transactional", "gzip", "snappy"), able=distinct)

    def test_node_rdkafka(self):
        self.node("node-rdkafka", ("plain", "idempotent", "transactional", *COMPRESSIONS), able=textual)

    def test_confluent_kafka_go(self):
        program = go("cgo", "kafka_go")
        self.check("confluent-go", lambda topic, way: [program, "confluent", self.servers, topic, way],
                   ("plain", "idempotent", "transactional", *COMPRESSIONS))

    def test_groups_of_both_kinds(self):
        self.check_groups(lambda *words: python("reader.py", ("confluent-kafka==2.16.1",), *words))


class Restart(kafka_exact.Disturbed):
    """The broker or the agent ends in mid-stream."""
    build = BUILD
    confluent, kafka_python, aiokafka = (("confluent-kafka==2.16.1",), ("kafka-python==3.0.12",), ("aiokafka==0.14.0",))

    def check(self, disturb, at_least):
        clients = {"confluent": lambda servers: python("producer.py", self.confluent, "confluent", servers, "stream", "idempotent"),
                   "kafka-python": lambda servers: python("producer.py", self.kafka_python, "kafka-python", servers, "stream", "idempotent"),
                   "aiokafka": lambda servers: python("asyncio_producer.py", self.aiokafka, servers, "stream", "idempotent"),
                   "confluent-go": lambda servers: [go("cgo", "kafka_go"), "confluent", servers, "stream", "idempotent"]}
        for name, command in clients.items():
            with self.subTest(name):
                self.assertGreater(self.stream(lambda broker: command(f"127.0.0.1:{broker.ports[0]}"), disturb, able=distinct), at_least)

    def test_the_broker(self):
        self.check(self.restart_broker, 0.9)

    def test_the_agent(self):
        self.check(self.restart_agent, 0)


if __name__ == "__main__":
    unittest.main()
