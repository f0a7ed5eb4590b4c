#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""forwarders_test.py BUILD [unittest arguments]: proxies that send on what they received, with two formats at once, and
baggage that is denied, to be redacted, or none: what the back end gets, byte for byte.
"""
import pathlib
import re
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, servers   # noqa: E402
from lib.agent import Agent, Programs   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INCOMING = [f"traceparent: 00-{TRACE}-{SPAN}-01", f"b3: {TRACE}-{SPAN}-1",
            "baggage: user=ann,s3cret,phone=5550100,region=eu;p=1", "X-Kept: 1", "baggage: =123,card=4111-1111-2222-3333;last=3333",
            "baggage: tier=gold, nokey,Session%69d=hidden,AUTH_TOKEN=hidden"]
CONFIG = {"baggage": {"policy": {"deny": ["sessionid"], "redact": [{"pattern": r"\d{4}", "replace": "#"}]}}}
SECRETS = (b"s3cret", b"=123", b"nokey", b"ownjunk", b"5550100", b"4111", b"3333", b"hidden")


def get(port, lines):
    """One GET; the head is exactly these lines."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = "".join(line + "\r\n" for line in ["GET /forward/bytes/10 HTTP/1.1", "Host: front", *lines, "Connection: close"])
        connection.sendall((head + "\r\n").encode())
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


def header(head, name):
    return [line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(name.encode() + b":")]


class Forwarder:
    def test_two_formats_and_several_baggage_lines(self):
        with self.make() as other:   # its own connections to the back end, so that the traced one's are seen from their start
            untraced = self.sent_by(other, INCOMING)
        with self.make() as server, Agent(PROGRAMS, pids=[server.pid], config=CONFIG) as agent:
            for _ in range(5):
                self.check(agent, untraced, self.sent_by(server, INCOMING))

    def check(self, agent, untraced, traced):
        ids = re.fullmatch(rf"\s*00-{TRACE}-([0-9a-f]{{16}})-01".encode(), header(traced, "traceparent")[0])
        self.assertTrue(ids, traced)
        self.assertNotEqual(ids[1], SPAN.encode())
        self.assertEqual(header(traced, "b3")[0].strip(), f"{TRACE}-".encode() + ids[1] + b"-1")
        spans = agent.wait_span_ids([ids[1].decode()])
        self.assertEqual((spans[ids[1].decode()]["kind"], spans[ids[1].decode()]["trace_id"]), ("CLIENT", TRACE))
        beside_ports = re.sub(rb"127\.0\.0\.1:\d+", b"", traced)  # a port may look like a part of a secret
        for secret in SECRETS:
            self.assertNotIn(secret, beside_ports)
        members = b",".join(header(traced, "baggage"))
        kept = [m.strip() for m in members.split(b",") if m.strip()]
        self.assertEqual(kept, self.expected_members)
        # Everything else as it came, in place; where the result is longer than the first line had been, that one grows.
        first_before, first_after = header(untraced, "baggage")[0], header(traced, "baggage")[0]
        self.assertEqual(len(untraced) - len(first_before), len(traced) - len(first_after))
        self.assertGreaterEqual(len(first_after), len(first_before))
        for before, after in zip(untraced.split(b"\r\n"), traced.split(b"\r\n")):
            name = before.split(b":")[0].lower()
            if name in (b"traceparent", b"b3", b"baggage"):
                self.assertEqual(after.split(b":")[0].lower(), name)
            else:
                self.assertEqual(before, after)

    def sent_by(self, server, lines):
        answer = get(server.port, lines)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200") or answer.startswith(b"HTTP/1.0 200"), answer[:200])
        request, = self.back.take()
        return re.sub(rb"(?m)^(X-Forwarded-|Via).*\r\n", b"", request.head)


class Apache(Forwarder, unittest.TestCase):
    expected_members = [b"user=ann", b"region=eu;p=1", b"card=#-#-#-#;last=#", b"tier=gold"]

    def setUp(self):
        host.needs("/usr/sbin/apache2")
        self.back = self.enterContext(Recorder())

    def make(self):
        return servers.Apache(self.back.port, "event")


class Python(Forwarder, unittest.TestCase):
    """Sends on every header it received, and adds members of its own to the baggage."""
    expected_members = [b"user=ann", b"region=eu;p=1", b"card=#-#-#-#;last=#", b"tier=gold", b"added=1"]

    def setUp(self):
        self.back = self.enterContext(Recorder())

    def make(self):
        return servers.Python("forwarder.py", self.back.port)


if __name__ == "__main__":
    unittest.main()
