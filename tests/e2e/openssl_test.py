#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openssl_test.py BUILD [unittest arguments]: HTTPS of programs that encrypt by OpenSSL, seen before it is encrypted."""
import atexit
import collections
import concurrent.futures
import contextlib
import pathlib
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import servers_test                              # noqa: E402
from lib import certificate, requests, servers   # noqa: E402
from lib.agent import Agent, wait_for            # noqa: E402

STACK = contextlib.ExitStack()
atexit.register(STACK.close)
CERTIFICATE = STACK.enter_context(certificate.made())
requests.TLS = certificate.trusts(CERTIFICATE)


class HttpsServer(servers_test.ServerCase):
    scheme = "https"


class NginxTls(servers_test.Common, servers_test.WithStatuses, servers_test.NotModified, HttpsServer):
    need = ("/usr/sbin/nginx",)

    @classmethod
    def make(cls):
        return servers.Nginx(certificate=CERTIFICATE)

    def test_http2(self):
        """Its protocol is agreed on within the handshake."""
        sent = [requests.Sent("GET", f"/small.txt?{number}") for number in range(3)]
        command = ["curl", "--silent", "--fail", "--http2", "--cacert", CERTIFICATE, "--output", "/dev/null", "--write-out", "%{http_version} "]
        for one in sent:
            url = f"https://localhost:{self.server.port}{one.path}"
            done = subprocess.run([*command, "-H", f"traceparent: {one.traceparent}", url], capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (0, "2 "), done.stderr)
        for one, span in zip(sent, self.server_spans(sent)):
            attributes = span["attributes"]
            self.assertEqual((attributes["network.protocol.version"], attributes["url.scheme"], attributes["url.path"],
                              attributes["http.response.status_code"], span["parent_span_id"]),
                             ("2", "https", "/small.txt", 200, one.parent_id))


class PythonThreadsTls(servers_test.Common, servers_test.WithStatuses, servers_test.WithChunks, servers_test.NotModified,
                       servers_test.Uploads, HttpsServer):
    @classmethod
    def make(cls):
        return servers.Python("threaded.py", CERTIFICATE)


class PythonLoopTls(servers_test.Common, servers_test.WithStatuses, servers_test.WithChunks, servers_test.NotModified,
                    servers_test.Uploads, HttpsServer):
    @classmethod
    def make(cls):
        return servers.Python("loop.py", CERTIFICATE)


class ApacheTls(servers_test.Common, servers_test.NotModified, HttpsServer):
    need = ("/usr/sbin/apache2",)

    @classmethod
    def make(cls):
        return servers.Apache(certificate=CERTIFICATE)


class OpenBefore(unittest.TestCase):
    """A connection that was there before the agent is followed from its second exchange on; from the third where a thread waits for
    it, of whose call the probes see the rest alone, and on the first one of an event loop, which tells its socket."""

    def check(self, server, first=1):
        with server, requests.Connection(server.port) as connection:
            for _ in range(3):
                connection.send("GET", "/small.txt")
            with Agent(servers_test.PROGRAMS, pids=[server.pid]) as agent:
                wait_for("probes in OpenSSL", lambda: "OpenSSL" in agent.processes()[server.pid]["probes"])
                all_sent = [connection.send("GET", f"/small.txt?{number}") for number in range(5)]
                seen = {sent.trace_id for sent in all_sent[first:]}
                spans = agent.wait_spans("spans", lambda spans: seen <= {span["trace_id"] for span in spans})
                self.assertEqual(len({sent.client_port for sent in all_sent}), 1)
        for span in spans:
            sent, = (sent for sent in all_sent if sent.trace_id == span["trace_id"])
            self.assertEqual((span["kind"], span["parent_span_id"], span["attributes"]["url.query"]),
                             ("SERVER", sent.parent_id, sent.path.partition("?")[2]))

    def test_threads(self):
        self.check(servers.Python("threaded.py", CERTIFICATE), first=2)

    def test_event_loop(self):
        self.check(servers.Python("loop.py", CERTIFICATE), first=2)

    def test_nginx(self):
        self.check(servers.Nginx(certificate=CERTIFICATE))


class LoadedLate(unittest.TestCase):
    """A library that comes when the agent has ceased to wait for it is looked for when TLS is spoken; the connection it is found
    on is joined."""
    BEGINNING_S = 6  # so long the agent looks for it by itself, and a bit

    def test_connection(self):
        client = pathlib.Path(__file__).parent / "clients/late_tls_client.py"
        with servers.Nginx(certificate=CERTIFICATE) as server, subprocess.Popen(
                ["/usr/bin/python3", client, CERTIFICATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            def call(query):
                print(f"https://localhost:{server.port}/small.txt?{query}", file=program.stdin, flush=True)
                self.assertEqual(program.stdout.readline(), "200\n")
            try:
                with Agent(servers_test.PROGRAMS, pids=[program.pid]) as agent:
                    time.sleep(self.BEGINNING_S)
                    self.assertNotIn("libssl", pathlib.Path(f"/proc/{program.pid}/maps").read_text())
                    call("first")
                    wait_for("probes in OpenSSL", lambda: "OpenSSL" in agent.processes()[program.pid]["probes"])
                    # From which one on it is followed depends on when each answer comes.
                    spans = agent.wait_spans("calls", lambda spans: call("again") or len(spans) >= 3)
            finally:
                program.kill()
        self.assertEqual({span["kind"] for span in spans}, {"CLIENT"})
        self.assertIn(f"https://localhost:{server.port}/small.txt?again", {span["attributes"]["url.full"] for span in spans})


class EventLoopCalls(unittest.TestCase):
    """An event loop that asks before the handshake is over: the call that ends it tells the socket, and no other. And one that does
    the handshake first."""
    CONNECTIONS, WAYS = 4, ("write", "handshake", "write")

    @staticmethod
    def greet(listener):
        connection, _ = listener.accept()
        with connection:
            while connection.recv(100):
                connection.sendall(b"+PONG\r\n")

    def test_calls(self):
        client = pathlib.Path(__file__).parent / "clients/early_write_client.py"
        with (servers.Nginx(certificate=CERTIFICATE) as one, servers.Nginx(certificate=CERTIFICATE) as other,
              socket.create_server(("127.0.0.1", 0)) as greeter, concurrent.futures.ThreadPoolExecutor(1) as greeting):
            greeting.submit(self.greet, greeter)
            ports = [one.port, other.port] * (self.CONNECTIONS // 2)
            command = ["/usr/bin/python3", client, CERTIFICATE, greeter.getsockname()[1], *ports]
            with subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
                try:
                    with Agent(servers_test.PROGRAMS, pids=[program.pid]) as agent:
                        wait_for("probes in OpenSSL", lambda: "OpenSSL" in agent.processes()[program.pid]["probes"])
                        for way in self.WAYS:
                            print(way, file=program.stdin, flush=True)
                            self.assertEqual(program.stdout.readline(), "200 200 200 200\n")
                        spans = agent.wait_spans("calls", lambda spans: len(spans) >= len(self.WAYS) * self.CONNECTIONS)
                finally:
                    program.kill()
        called = collections.Counter((span["kind"], span["attributes"]["url.full"], span["attributes"]["network.peer.port"],
                                      span["attributes"]["http.response.status_code"]) for span in spans)
        self.assertEqual(called, collections.Counter(
            ("CLIENT", f"https://localhost:{port}/small.txt?{way}-{port}", port, 200) for way in self.WAYS for port in ports))


class Calls(unittest.TestCase):
    """A request that comes by TLS, and the calls that are made for it, by TLS and without."""
    CLIENTS, REQUESTS = 16, 60

    def test_each_call_has_its_own_request_as_parent(self):
        with (servers.Nginx(certificate=CERTIFICATE) as tls_back, servers.Python("threaded.py") as plain_back,
              servers.Python("tls_front.py", CERTIFICATE, tls_back.port, plain_back.port) as front,
              Agent(servers_test.PROGRAMS, pids=[front.pid]) as agent):
            def client(number):
                requests_made = []
                with requests.Connection(front.port) as connection:
                    for i in range(self.REQUESTS):
                        requests_made.append(connection.send("GET", f"/{number * self.REQUESTS + i}"))
                return requests_made
            with concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as pool:
                all_sent = [sent for made in pool.map(client, range(self.CLIENTS)) for sent in made]
            expected = self.CLIENTS * self.REQUESTS
            self.assertEqual([sent.status for sent in all_sent], [200] * expected)
            spans = agent.wait_spans("three spans a request", lambda spans: len(spans) >= 3 * expected)
            self.assertIn("OpenSSL", agent.processes()[front.pid]["probes"])
        served = {span["span_id"]: span for span in spans if span["kind"] == "SERVER"}
        called = [span for span in spans if span["kind"] == "CLIENT"]
        self.assertEqual((len(served), len(called)), (expected, 2 * expected))
        plain = {}
        for span in called:
            parent = served[span["parent_span_id"]]
            self.assertEqual(parent["trace_id"], span["trace_id"])
            if span["attributes"]["url.full"].startswith("http:"):
                plain[span["trace_id"]] = span
                continue
            self.assertEqual(span["attributes"]["server.port"], tls_back.port)
            self.assertEqual(span["attributes"]["url.full"].rpartition("=")[2], parent["attributes"]["url.path"][1:])
            self.assertEqual(span["attributes"]["weft.injection"], "not_member")
        # The plain one carries what the request brought, by the span of its call.
        for sent in all_sent:
            self.assertEqual(sent.body.decode(), f"00-{sent.trace_id}-{plain[sent.trace_id]['span_id']}-01")


if __name__ == "__main__":
    unittest.main()
