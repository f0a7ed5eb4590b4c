#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openssl_node_test.py BUILD [unittest arguments]: HTTPS of Node, both sides. Its event loop moves the encrypted bytes itself, and
its clients give their first request to OpenSSL while the handshake is still under way."""
import collections
import contextlib
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import certificate, host                # noqa: E402
from lib.agent import Agent, Programs, wait_for  # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
APP = pathlib.Path(__file__).parent / "apps/node_tls.js"
COUNT = 20


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        host.needs("node")
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        trusted = stack.enter_context(certificate.made())

        def started(*arguments):
            program = stack.enter_context(subprocess.Popen(
                ["node", APP, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env={**os.environ, "NODE_EXTRA_CA_CERTS": trusted}))
            stack.callback(program.kill)
            return program
        cls.servers = [started("server", trusted) for _ in range(2)]
        cls.ports = [int(server.stdout.readline()) for server in cls.servers]
        cls.client = started("client", *cls.ports)
        cls.pids = [cls.client.pid, *(server.pid for server in cls.servers)]
        cls.agent = stack.enter_context(Agent(PROGRAMS, pids=cls.pids))
        wait_for("probes in OpenSSL", lambda: all("OpenSSL" in cls.agent.processes()[pid]["probes"] for pid in cls.pids))

    def check(self, way, count=COUNT, version="1.1"):
        """Each request has a span at both ends, of the connection that it went by."""
        print(way, COUNT, file=self.client.stdin, flush=True)
        self.assertEqual(self.client.stdout.readline(), f"{2 * count}\n")
        prefix = f"/{way}/"
        asked = collections.Counter(f"{port}{prefix}{number}" for port in self.ports for number in range(count))

        def ours(spans, kind):
            if kind == "SERVER":
                return [span for span in spans if span["kind"] == kind and span["attributes"].get("url.path", "").startswith(prefix)]
            return [span for span in spans if span["kind"] == kind and prefix in span["attributes"].get("url.full", "")]
        spans = self.agent.wait_spans(f"spans of {way}", lambda spans: all(len(ours(spans, kind)) >= 2 * count for kind in ("SERVER", "CLIENT")))
        served, called = ours(spans, "SERVER"), ours(spans, "CLIENT")
        self.assertEqual(collections.Counter(str(span["attributes"]["server.port"]) + span["attributes"]["url.path"] for span in served), asked)
        self.assertEqual(collections.Counter(span["attributes"]["url.full"].removeprefix("https://localhost:") for span in called), asked)
        for span in called:
            attributes = span["attributes"]
            self.assertEqual(f"https://localhost:{attributes['network.peer.port']}", attributes["url.full"].partition(prefix)[0])
            self.assertEqual((attributes["weft.injection"], span["resource"]["process.pid"]), ("not_member", self.client.pid))
        for span in served:
            self.assertEqual(span["resource"]["process.pid"], self.servers[self.ports.index(span["attributes"]["server.port"])].pid)
            self.assertEqual(span["attributes"]["url.scheme"], "https")
        for span in served + called:
            attributes = span["attributes"]
            self.assertEqual((attributes["http.response.status_code"], attributes["network.protocol.version"]), (200, version))
            self.assertNotIn("weft.end", attributes)

    def test_kept(self):
        self.check("kept")

    def test_a_connection_each(self):
        self.check("each")

    def test_several_at_once(self):
        self.check("parallel")

    def test_http2(self):
        self.check("http2", 2 * COUNT, "2")

    def test_fetch(self):
        self.check("fetch")


if __name__ == "__main__":
    unittest.main()
