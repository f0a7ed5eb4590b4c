#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""upgrade_test.py BUILD [unittest arguments]: requests that would end HTTP/1.1 on their connection, granted and refused."""
import collections
import pathlib
import re
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
# One connection: each line of the input is a request's head with | for line ends, or what is sent once its answer came.
CLIENT = """
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
for line in sys.stdin:
    s.sendall(line.rstrip("\\n").replace("|", "\\r\\n").encode())
    got = b""
    while b"!" not in got:
        part = s.recv(65536)
        if not part: sys.exit(1)
        got += part
    print(got.replace(b"\\r\\n", b"|").decode("latin-1"), flush=True)
"""
# A server of one connection that grants an upgrade, and then sends back what it gets.
SERVER = """
import socket
l = socket.create_server(("127.0.0.1", 0))
print(l.getsockname()[1], flush=True)
c = l.accept()[0]
c.recv(65536)
c.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nConnection: upgrade\\r\\nUpgrade: raw\\r\\n\\r\\n")
while got := c.recv(65536):
    c.sendall(got)
"""
ASKS = ("Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA|", "Connection: upgrade|Upgrade: websocket|")


class Peer:
    """Gives each thing that it receives the next answer; keeps what came."""

    def __init__(self, *answers):
        self.answers, self.came = answers, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection = self.listener.accept()[0]
        for answer in self.answers:
            self.came.append(connection.recv(65536))
            connection.sendall(answer)
        connection.recv(1)
        connection.close()

    def close(self):
        self.listener.close()


def answer(status, body=b"!", *lines):
    length = [] if status.startswith("101") else [f"Content-Length: {len(body)}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *length, *lines, "", ""]).encode() + body


class Upgrades(unittest.TestCase):
    def run_client(self, launcher, port, *lines):
        done = launcher.run("/usr/bin/python3", "-c", CLIENT, port, stdin="".join(line + "\n" for line in lines))
        self.assertEqual(done.code, 0, done)
        return done.stdout.splitlines()

    def scene(self, *pids):
        launcher = self.enterContext(Launcher())
        agent = self.enterContext(Agent(PROGRAMS, pids=[launcher.pid, *pids]))
        wait_for("the launcher", lambda: launcher.pid in agent.traced())
        return launcher, agent

    def peer(self, *answers):
        peer = Peer(*answers)
        self.addCleanup(peer.close)
        return peer

    def statuses(self, agent, peer):
        """Of the spans of all requests that came with a context."""
        ids = [match[1].decode() for came in peer.came for match in [re.search(rb"\r\ntraceparent: 00-\w+-(\w+)-", came)] if match]
        spans = agent.wait_span_ids(ids)
        return [spans[one]["attributes"]["http.response.status_code"] for one in ids]

    def test_refused_and_the_connection_goes_on(self):
        """As with clients that offer HTTP/2 in each request (Java), and proxies that want a password first."""
        launcher, agent = self.scene()
        for head, status in [(f"GET /{{n}} HTTP/1.1|Host: x|{ask}|", "200 OK") for ask in ASKS] + [
                ("CONNECT x:1 HTTP/1.1|Host: x:1||", "407 Proxy Authentication Required"),
                (f"POST /{{n}} HTTP/1.1|Host: x|{ASKS[1]}Content-Length: 4||body", "426 Upgrade Required")]:
            peer = self.peer(*[answer(status)] * 5)
            self.run_client(launcher, peer.port, *(head.format(n=n) for n in range(5)))
            self.assertEqual([came.count(b"\r\ntraceparent: ") for came in peer.came], [1] * 5)
            self.assertEqual(self.statuses(agent, peer), [int(status[:3])] * 5)

    def test_a_server_that_refuses(self):
        with servers.Python("threaded.py") as server:
            launcher, agent = self.scene(server.pid)
            for ask in ASKS:
                done = launcher.run("curl", "-sS", *[part for line in ask.split("|") if line for part in ("-H", line)],
                                    *[f"http://127.0.0.1:{server.port}/small.txt?{n}" for n in range(4)])
                self.assertEqual(done.code, 0, done)
            spans = agent.wait_spans("both sides", lambda spans: len(spans) >= 16)
            kinds = collections.Counter(s["kind"] for s in spans)
            self.assertEqual(kinds, {"CLIENT": 8, "SERVER": 8})
            clients = {s["span_id"] for s in spans if s["kind"] == "CLIENT"}
            self.assertEqual({s["parent_span_id"] for s in spans if s["kind"] == "SERVER"}, clients)

    def test_granted_to_something_else(self):
        launcher, agent = self.scene()
        frames = [b"\x81\x05hello!", b"GET / HTTP/1.1\r\nHost: inside\r\n\r\n!", b"\x00\x00\x01!"]
        for after in (b"!", b"\x81\x01!"):
            peer = self.peer(answer("101 Switching Protocols", after, "Upgrade: websocket", "Connection: Upgrade"), *frames)
            sent = ["\x01\x02frame", "GET /inside HTTP/1.1|Host: x||", "POST /in HTTP/1.1|Host: x|Content-Length: 0||"]
            self.run_client(launcher, peer.port, f"GET / HTTP/1.1|Host: x|{ASKS[1]}|", *sent)
            self.assertEqual(peer.came[0].count(b"\r\ntraceparent: "), 1)
            self.assertEqual(peer.came[1:], [line.replace("|", "\r\n").encode() for line in sent])
            self.assertEqual(self.statuses(agent, peer), [101])
        self.assertEqual(len(agent.spans()), 2)   # nothing of what came behind

    def test_connect_granted(self):
        launcher, agent = self.scene()
        peer = self.peer(answer("200 OK", b"!").replace(b"Content-Length: 1\r\n", b""), b"inside!", b"inside!")
        sent = ["GET /inside HTTP/1.1|Host: x||", "GET /again HTTP/1.1|Host: x||"]
        self.run_client(launcher, peer.port, "CONNECT x:1 HTTP/1.1|Host: x:1||", *sent)
        self.assertEqual(peer.came[1:], [line.replace("|", "\r\n").encode() for line in sent])
        self.assertEqual(self.statuses(agent, peer), [200])
        self.assertEqual(len(agent.spans()), 1)

    def test_an_answer_without_an_end(self):
        """As the attach of a container: neither 101 nor a message that another could follow."""
        launcher, agent = self.scene()
        peer = self.peer(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n!", b"raw!")
        sent = "GET / HTTP/1.1|Host: x||"
        self.run_client(launcher, peer.port, "POST /attach HTTP/1.1|Host: x|Connection: Upgrade|Upgrade: tcp|Content-Length: 0||", sent)
        self.assertEqual((peer.came[0].count(b"\r\ntraceparent: "), peer.came[1]), (1, sent.replace("|", "\r\n").encode()))

    def test_a_server_that_grants_something_else(self):
        peer = subprocess.Popen(["/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE, text=True)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)
        port = int(peer.stdout.readline())
        _, agent = self.scene(peer.pid)
        wait_for("the server", lambda: peer.pid in agent.traced())
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            for sent in (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n", b"GET /inside HTTP/1.1\r\nHost: x\r\n\r\n"):
                client.sendall(sent)
                self.assertTrue(client.recv(65536))
        spans = agent.wait_spans("the handshake", lambda spans: spans)
        self.assertEqual([s["attributes"]["http.response.status_code"] for s in spans], [101])

    def test_what_comes_before_the_answer_is_left_alone(self):
        launcher, _ = self.scene()
        peer = self.peer(answer("200 OK"), answer("200 OK"))
        self.run_client(launcher, peer.port, f"GET /1 HTTP/1.1|Host: x|{ASKS[1]}|GET /2 HTTP/1.1|Host: x||", "GET /3 HTTP/1.1|Host: x||")
        self.assertEqual([came.count(b"\r\ntraceparent: ") for came in peer.came], [1, 0])

    def test_granted_to_http2(self):
        # Its event MPM ends such a connection for a time-out within milliseconds, now and then before all is answered.
        with servers.Apache(mpm="worker", h2c=True) as server:
            launcher, agent = self.scene(server.pid)
            # Not curl: that of Debian 12 fails with several requests after an upgrade.
            done = launcher.run("nghttp", "-u", "-n", "-v", *[f"http://127.0.0.1:{server.port}/small.txt?{n}" for n in range(6)])
            self.assertEqual((done.code, done.stdout.count(":status: 200")), (0, 6), done)
            spans = agent.wait_spans("both sides", lambda spans: len(spans) >= 12)
            by_version = collections.Counter((s["kind"], s["attributes"]["network.protocol.version"],
                                              s["attributes"]["http.response.status_code"]) for s in spans)
            self.assertEqual(by_version, {("CLIENT", "1.1", 101): 1, ("SERVER", "1.1", 101): 1, ("CLIENT", "2", 200): 5, ("SERVER", "2", 200): 5})
            clients = {s["span_id"] for s in spans if s["kind"] == "CLIENT"}
            self.assertEqual({s["parent_span_id"] for s in spans if s["kind"] == "SERVER"}, clients)
            self.assertEqual({s["attributes"]["url.path"] for s in spans if s["kind"] == "SERVER"}, {"/small.txt"})


if __name__ == "__main__":
    unittest.main()
