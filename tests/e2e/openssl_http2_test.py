#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openssl_http2_test.py BUILD [unittest arguments]: HTTP/2 inside TLS that is unusual: a preface that comes byte by byte, a stream
that is silent for long."""
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

    def asks(self, server, *options):
        url = f"https://localhost:{server.port}/held"
        client = subprocess.Popen(["curl", "--silent", "--cacert", self.certificate, "--write-out", "%{http_code} %{http_version}",
                                   *options, url], stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def test_a_silent_stream_is_open_until_it_ends(self):
        """A request of HTTP/1.1 on another connection that came later is given up by capture.idle_timeout; by then it would have been, too."""
        def served(spans):
            return [span for span in spans if span["kind"] == "SERVER"]
        back = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        back.settimeout(30)
        held = f"location /held {{ proxy_pass http://127.0.0.1:{back.getsockname()[1]}; proxy_read_timeout 600s; }}"
        server = self.enterContext(servers.Nginx(held, certificate=self.certificate))
        agent = self.enterContext(Agent(PROGRAMS, pids=[server.pid], config={"capture": {"idle_timeout": "1s"}}))
        wait_for("probes in OpenSSL", lambda: "OpenSSL" in agent.processes()[server.pid]["probes"])
        client = self.asks(server, "--http2")
        asked = self.enterContext(back.accept()[0])
        before = wait_for("an open stream", lambda: served(agent.open_spans()))
        self.asks(server, "--http1.1")
        self.enterContext(back.accept()[0])
        agent.wait_spans("what is stuck to be given up", lambda spans: any(
            span["attributes"].get("weft.end") == "timeout" for span in served(spans)))
        after = served(agent.open_spans())
        self.assertEqual([span["span_id"] for span in after], [span["span_id"] for span in before])
        asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        self.assertEqual(client.communicate(timeout=30)[0], "ok200 2")
        spans = agent.wait_spans("its span", lambda spans: before[0]["span_id"] in {span["span_id"] for span in spans})
        span, = (span for span in spans if span["span_id"] == before[0]["span_id"])
        self.assertEqual([span["attributes"].get(key) for key in ("network.protocol.version", "http.response.status_code", "weft.end")],
                         ["2", 200, None])


if __name__ == "__main__":
    unittest.main()
