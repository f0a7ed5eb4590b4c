#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openssl_http2_test.py BUILD [unittest arguments]: HTTP/2 inside TLS whose preface comes byte by byte."""
import pathlib
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import certificate, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
CLIENT = pathlib.Path(__file__).parent / "clients/slow_preface_client.py"


def query_of(span):
    attributes = span["attributes"]
    return attributes.get("url.query") or attributes["url.full"].partition("?")[2]


class Http2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificate = cls.enterClassContext(certificate.made())

    def test_a_preface_byte_by_byte(self):
        """Each side is seen as it is, or not at all; the next connection is."""
        with servers.Nginx(certificate=self.certificate) as server, subprocess.Popen(
                ["/usr/bin/python3", CLIENT, self.certificate, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            try:
                with Agent(PROGRAMS, pids=[server.pid, client.pid]) as agent:
                    wait_for("probes in OpenSSL", lambda: all("OpenSSL" in agent.processes()[pid]["probes"] for pid in (server.pid, client.pid)))

                    def called(how):
                        print(how, file=client.stdin, flush=True)
                        self.assertEqual(client.stdout.readline(), "200\n")
                    called("bytes")
                    called("whole")
                    spans = agent.wait_spans("both sides", lambda spans: [query_of(span) for span in spans].count("whole") == 2)
            finally:
                client.kill()
        seen = [(span["kind"], query_of(span)) for span in spans]
        self.assertEqual(len(set(seen)), len(seen))
        self.assertLessEqual({("CLIENT", "whole"), ("SERVER", "whole")}, set(seen))
        self.assertLessEqual(set(seen), {(kind, how) for kind in ("CLIENT", "SERVER") for how in ("bytes", "whole")})
        for span in spans:
            self.assertEqual([span["attributes"].get(key) for key in ("network.protocol.version", "http.response.status_code", "weft.end")],
                             ["2", 200, None])


if __name__ == "__main__":
    unittest.main()
