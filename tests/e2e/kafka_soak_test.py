#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kafka_soak_test.py BUILD: ten million records by way of Apache Kafka's own broker, a million at a time, with producer and
consumer traced. None is lost, doubled, changed or out of order, and each that can has one context."""
import pathlib
import select
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs   # noqa: E402
from lib.kafka_exact import CONFIG, PARTITIONS   # noqa: E402
from lib.peers import Peer   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
RECORDS = 1_000_000
LIMIT_S = 600
ELIGIBLE = ("batch.num.messages=1000",)   # requests of 200 KB or so


class Soak(unittest.TestCase):
    def start(self, what, *settings):
        process = subprocess.Popen([BUILD / "e2e_kafka_soak", what, "soak", str(PARTITIONS), str(RECORDS), "log_level=2",
                                    f"bootstrap.servers=127.0.0.1:{self.broker.ports[0]}", *settings],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def share(self, *settings, disturb=None):
        """How many of a million records came with a context. `disturb` is called again and again, of broker and agent."""
        self.broker = self.enterContext(Peer("kafka", 2, CONFIG))
        producer = self.start("produce", *ELIGIBLE, "linger.ms=5", *settings)
        consumer = self.start("consume", "group.id=soak", "check.crcs=true", "isolation.level=read_committed",
                              "allow.auto.create.topics=true")
        agent = self.enterContext(Agent(Programs.of(BUILD), pids=[producer.pid, consumer.pid]))
        begin = time.monotonic()
        for process in (producer, consumer):
            print(file=process.stdin, flush=True)
        while disturb and not select.select([consumer.stdout], [], [], 0)[0]:
            disturb(self.broker, agent)
        self.assertEqual(int(producer.stdout.readline() or "-1"), RECORDS)
        produced = time.monotonic()
        records, contexts = map(int, (consumer.stdout.readline() or "-1 -1").split())
        self.assertEqual(records, RECORDS)
        end = time.monotonic()
        injections = agent.status()["injections"]
        for process in (producer, consumer):
            process.stdin.close()
            self.assertEqual(process.wait(LIMIT_S), 0)
        print(f"{self.id()}: {records:,} records in {produced - begin:.1f} s, read after {end - begin:.1f} s, "
              f"{contexts:,} with a context; {injections}", flush=True)
        return contexts / records

    def check_all(self, *settings):
        self.assertGreaterEqual(self.share(*settings), 0.999)

    def test_one_acknowledgement(self):
        self.check_all("acks=1")

    def test_all_acknowledgements(self):
        self.check_all("acks=all")

    def test_no_acknowledgement(self):
        """The producer stays until all has come: what it has sent when it ends is lost now and then, traced or not."""
        self.check_all("acks=0")

    def test_idempotent(self):
        self.check_all("enable.idempotence=true")

    def test_transactional(self):
        self.check_all("transactional.id=soak")

    def test_small_requests(self):
        self.check_all("enable.idempotence=true", "batch.num.messages=20", "linger.ms=0")

    def test_compressed(self):
        self.assertLess(self.share("enable.idempotence=true", "compression.type=lz4"), 0.01)

    def test_requests_of_any_length(self):
        """The longest are left as they are."""
        self.share("enable.idempotence=true", "batch.num.messages=10000", "batch.size=1000000", "linger.ms=50")

    def test_the_agent_is_killed(self):
        def kill(_, agent):
            time.sleep(0.5)
            agent.kill()
            agent.start()
        self.assertGreater(self.share("enable.idempotence=true", "batch.num.messages=100", disturb=kill), 0)

    def test_the_broker_goes(self):
        gone = []

        def restart(broker, _):
            time.sleep(1)
            if len(gone) < 3:
                gone.append(True)
                broker.stop()
                broker.start()
        self.assertGreater(self.share("enable.idempotence=true", "batch.num.messages=100", disturb=restart), 0)
        self.assertTrue(gone)


if __name__ == "__main__":
    unittest.main()
