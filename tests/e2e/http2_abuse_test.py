#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""http2_abuse_test.py BUILD [unittest arguments]: HTTP/2 that wants to be expensive, both sides traced.

Not one byte may change, and neither the agent nor the kernel may keep more than their bounds.
"""
import json
import pathlib
import re
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.servers import SERVERS   # noqa: E402
from servers.http2_abuse import KINDS   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
ABUSE = ["/usr/bin/python3", SERVERS / "http2_abuse.py"]
PEER = ["/usr/bin/python3", SERVERS / "grpc_peer.py"]
PEAK_MIB = 128   # of the agent, all kinds one after the other: the bomb alone unpacks to 90 GB
REFUSED = {"broken_frame": "bad_framing", "broken_block": "bad_framing"}


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.launcher = cls.enterClassContext(Launcher())
        cls.server = cls.enterClassContext(Server(*ABUSE, "serve"))
        cls.listen = f"127.0.0.1:{host.free_port()}"
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.launcher.pid, cls.server.pid],
                                                config={"exporters": {"prometheus": {"listen": cls.listen}}}))

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.listen}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self.agent.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def streams(self):
        return self.metrics()['weft_bpf_map_entries{map="streams"}']

    def errors(self):
        return {name: value for name, value in self.metrics().items() if name.startswith("weft_bpf_errors_total")}

    def abused(self, kind):
        errors = self.errors()
        done = self.launcher.run(*ABUSE, kind, self.server.port)
        self.assertEqual(done.code, 0, done)
        sent, ours, theirs = done.stdout.split()
        self.assertEqual(ours, theirs, f"{sent} bytes sent, and others received")
        self.assertLess(self.peak_mib(), PEAK_MIB)
        if kind in REFUSED:
            grown = {name for name, value in self.errors().items() if value > errors.get(name, 0)}
            self.assertTrue([name for name in grown if REFUSED[kind] in name], grown)
        wait_for("the streams to be forgotten", lambda: self.streams() == 0)

    def test_all(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.abused(kind)
        self.others_are_followed()

    def others_are_followed(self):
        with Server(*PEER, "serve") as peer:
            done = self.launcher.run(*PEER, "call", f"port={peer.port}", "count=10")
        self.assertEqual(done.code, 0, done)
        calls = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([call["seen"].count("traceparent=") for call in calls], [1] * 10)


if __name__ == "__main__":
    unittest.main(verbosity=1)
