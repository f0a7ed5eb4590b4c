#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""late_tables_test.py BUILD: what only Kafka or Go needs of the kernel's memory is not there before, and in time."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, kafka, kafka_callers, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
GO = {"go_processes", "go_sends", "go_stream_sends", "start_sites"}
REQUESTS, PRODUCERS, CONSUMERS = {"kafka_more_slot"}, {"kafka_notes", "kafka_texts"}, {"kafka_sources", "kafka_consumers"}
TLS = {"tls_connections", "openssl_session", "tls_calls"}
LATE = GO | REQUESTS | PRODUCERS | CONSUMERS


def made(late=LATE):
    """Those of `late` that are there, beside the places for all of them."""
    maps = host.bpf_maps()
    places = {name for _, kind, name in maps if kind == "array_of_maps"}
    assert late <= places, late - places
    return {name for _, kind, name in maps if kind != "array_of_maps"} & late


class LateTables(unittest.TestCase):
    def test_a_program_that_loads_openssl(self):
        with servers.Python("threaded.py") as server, Agent(Programs.of(BUILD), pids=[server.pid]):
            wait_for("tables for TLS", lambda: made(TLS) == TLS)   # http.server imports ssl
            self.assertEqual(made(), set())
        code = "import sys, time; print('there', flush=True); time.sleep(60)"
        with subprocess.Popen(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE) as plain:
            plain.stdout.readline()
            with Agent(Programs.of(BUILD), pids=[plain.pid]):
                self.assertEqual(made(TLS), set())
            plain.kill()

    def test_the_first_records_of_a_node(self):
        with kafka.Broker(BUILD, {"t": 1}) as broker, Launcher() as launcher, \
                Agent(Programs.of(BUILD), pids=[launcher.pid]):
            self.assertEqual(made(), set())
            records = kafka.some_records(100)
            done = launcher.run(BUILD / "e2e_kafka_producer", "t", f"bootstrap.servers={broker.servers}", "linger.ms=0",
                                stdin="\n".join(record.line() for record in records) + "\n")
            self.assertEqual(done.code, 0, done)
            arrived = kafka.consume([BUILD / "e2e_kafka_consumer", "t", 1, len(records),
                                     f"bootstrap.servers={broker.servers}", "group.id=r"])
            kafka.contexts(kafka.compare(records, arrived))
            wait_for("room for more requests", lambda: made() == REQUESTS)

    def test_producers_that_serve(self):
        scene = kafka_callers.Scene(self, BUILD, lambda servers: [BUILD / "e2e_kafka_server", "t", f"bootstrap.servers={servers}"],
                                    "librdkafka")
        self.assertEqual(made(), set())
        scene.known()
        self.assertEqual(made(), REQUESTS | PRODUCERS)


if __name__ == "__main__":
    unittest.main()
