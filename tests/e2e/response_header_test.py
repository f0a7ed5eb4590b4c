#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""response_header_test.py BUILD [unittest arguments]: propagation.response_header with unmodified servers. Each request has
a context of its own, so the trace that its response has to name is known."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
NAMES = ("X-Trace-ID", "traceresponse")


def traced(server, wanted):
    return Agent(PROGRAMS, pids=[server.pid], config={"propagation": {"response_header": wanted}})


def named(sent):
    """The headers that the response has; what they say has to be true."""
    found = {name: sent.headers.get_all(name) for name in NAMES if name in sent.headers}
    for name, values in found.items():
        value, = values
        assert sent.trace_id == (value if name == "X-Trace-ID" else value.split("-")[1]), (sent.trace_id, found)
    return set(found)


def until_named(port):
    """Connections until one is a member at its first request: the first one shows how the server reads."""
    def look():
        with requests.Connection(port) as connection:
            return named(connection.send("GET", "/small.txt"))
    return wait_for("a new connection to be named", look)


class Values(unittest.TestCase):
    def test_each(self):
        with servers.Python("loop.py") as server:
            for wanted, names in (("x-trace-id", {"X-Trace-ID"}), ("traceresponse", {"traceresponse"}), ("both", set(NAMES))):
                with self.subTest(wanted), traced(server, wanted) as agent:
                    self.assertEqual(until_named(server.port), names)
                    with requests.Connection(server.port) as connection:
                        sent = connection.send("GET", "/small.txt")
                    self.assertEqual(named(sent), names)
                    if "traceresponse" in names:
                        spans = agent.wait_spans("its span", lambda spans: any(s["trace_id"] == sent.trace_id for s in spans))
                        span, = (s for s in spans if s["trace_id"] == sent.trace_id)
                        self.assertEqual(sent.headers["traceresponse"], f"00-{sent.trace_id}-{span['span_id']}-01")
                    self.assertGreater(agent.status()["response_headers"]["done"], 0)
            with traced(server, "off") as agent, requests.Connection(server.port) as connection:
                self.assertEqual([named(connection.send("GET", "/small.txt")) for _ in range(10)], [set()] * 10)
                self.assertEqual(agent.status()["response_headers"], {})

    def test_a_trace_that_begins_here(self):
        with servers.Python("loop.py") as server, traced(server, "x-trace-id") as agent:
            until_named(server.port)
            with requests.Connection(server.port) as connection:
                connection.http.request("GET", "/small.txt?root")
                answer = connection.http.getresponse()
                answer.read()

            def ours(spans):
                return [s for s in spans if s["attributes"].get("url.query") == "root"]
            span, = ours(agent.wait_spans("its span", ours))
            self.assertEqual(answer.headers["X-Trace-ID"], span["trace_id"])

    def test_a_connection_that_was_open_before(self):
        with servers.Python("loop.py") as server, requests.Connection(server.port) as connection:
            connection.send("GET", "/small.txt")
            with traced(server, "both"):
                wait_for("it to be named", lambda: named(connection.send("GET", "/small.txt")))
            self.assertEqual(named(connection.send("GET", "/small.txt")), set())


class Cases:
    """What each of these servers answers arrives whole, and is named but where it says so."""
    chunks = True

    @classmethod
    def make(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(cls.make())
        cls.agent = cls.enterClassContext(traced(cls.server, "both"))
        until_named(cls.server.port)

    def connected(self):
        """A connection that is a member from its first request on."""
        def look():
            connection = requests.Connection(self.server.port)
            self.addCleanup(connection.http.close)
            return connection if named(connection.send("GET", "/small.txt")) else None
        return wait_for("a connection to be named", look)

    def test_new_connections(self):
        """A process that the server has just forked may take one before the agent knows it: then there is no span either."""
        all_sent = []
        for _ in range(50):
            with requests.Connection(self.server.port) as connection:
                all_sent.append(connection.send("GET", "/small.txt", Connection="close"))
        with_names = {sent.trace_id for sent in all_sent if named(sent) == set(NAMES)}
        self.assertGreater(len(with_names), 40)

        def ours(spans):
            return {s["trace_id"] for s in spans} & {sent.trace_id for sent in all_sent}
        self.assertEqual(ours(self.agent.wait_spans("their spans", lambda spans: ours(spans) >= with_names)), with_names)

    def test_kept_connection(self):
        connection = self.connected()
        for _ in range(500):
            sent = connection.send("GET", "/small.txt")
            self.assertEqual((named(sent), sent.body), (set(NAMES), servers.PUBLISHED["small.txt"]))

    def test_without_a_body(self):
        connection = self.connected()
        first = connection.send("GET", "/small.txt")
        sent = [connection.send("HEAD", "/large.bin"), connection.send("GET", "/small.txt", If_Modified_Since=first.headers["Last-Modified"]),
                connection.send("GET", "/none.txt")]
        self.assertEqual([(s.status, named(s)) for s in sent], [(status, set(NAMES)) for status in (200, 304, 404)])

    def test_pipelined(self):
        """Of responses that leave in one call the first may be named alone."""
        all_sent, got = requests.pipelined(self.server.port, ["/small.txt"] * 4)
        self.assertEqual(got.count(b"HTTP/1.1 200"), 4)
        answers = got.split(b"HTTP/1.1 200")[1:]
        for sent, answer in zip(all_sent, answers):
            self.assertTrue(answer.endswith(servers.PUBLISHED["small.txt"]))
            self.assertIn(answer.count(b"X-Trace-ID: " + sent.trace_id.encode() + b"\r\n"), (0, 1))
            self.assertEqual(answer.count(b"X-Trace-ID"), answer.count(sent.trace_id.encode() + b"\r\n"))
        self.assertIn(b"X-Trace-ID", answers[0])

    def test_large_downloads(self):
        connection = self.connected()
        for _ in range(3):
            requests.expect_body(connection.send("GET", "/large.bin"), "large.bin", servers.PUBLISHED)
            wait_for("it to be named again", lambda: named(connection.send("GET", "/small.txt")))

    def test_chunked(self):
        if not self.chunks:
            return
        connection = self.connected()
        for _ in range(20):
            sent = connection.send("GET", "/chunked")
            self.assertEqual((len(sent.body), named(sent)), (sum(range(1, 51)) * 100, set(NAMES)))


class Loop(Cases, unittest.TestCase):
    @classmethod
    def make(cls):
        return servers.Python("loop.py")


class ApacheEvent(Cases, unittest.TestCase):
    chunks = False
    mpm = "event"

    @classmethod
    def make(cls):
        host.needs("/usr/sbin/apache2")
        return servers.Apache(mpm=cls.mpm)


class ApachePrefork(ApacheEvent):
    mpm = "prefork"


class Nginx(unittest.TestCase):
    def test_where_fionread_works(self):
        host.needs("/usr/sbin/nginx")
        with servers.Nginx() as server, traced(server, "both") as agent:
            works = {row["name"]: row["state"] for row in agent.status()["kernel"]["mechanisms"]}["FIONREAD"] == "works"
            if works:
                until_named(server.port)
            with requests.Connection(server.port) as connection:
                for path in ("/small.txt", "/hello", "/empty", "/fails", "/small.txt"):
                    self.assertEqual(named(connection.send("GET", path)), set(NAMES) if works else set(), path)
                requests.expect_body(connection.send("GET", "/large.bin"), "large.bin", servers.PUBLISHED)


class Blocking(unittest.TestCase):
    def test_is_left_alone(self):
        with servers.Python("threaded.py") as server, traced(server, "both") as agent:
            for _ in range(20):
                with requests.Connection(server.port) as connection:
                    self.assertEqual([named(connection.send("GET", "/small.txt")) for _ in range(5)], [set()] * 5)
            self.assertEqual(agent.status()["response_headers"], {})


if __name__ == "__main__":
    unittest.main()
