#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""servers_test.py BUILD [unittest arguments]: server spans of unmodified servers, each exchange with a context to find it by."""
import gzip
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, payload, requests, servers   # noqa: E402
from lib.agent import Agent, Programs   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
SMALL, LARGE = (len(servers.PUBLISHED[name]) for name in ("small.txt", "large.bin"))
CHUNKED = sum(range(1, 51)) * 100


class ServerCase(unittest.TestCase):
    config = {}
    need = ()
    scheme = "http"

    @classmethod
    def make(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        if cls is ServerCase:
            raise unittest.SkipTest("the base of the others")
        host.needs(*cls.need)
        cls.server = cls.enterClassContext(cls.make())
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.server.pid], config=cls.config))

    def server_spans(self, all_sent):
        """The server span of each request, in their order."""
        wanted = {sent.trace_id for sent in all_sent}

        def of_kind(spans):
            return {s["trace_id"]: s for s in spans if s["kind"] == "SERVER" and s["trace_id"] in wanted}
        spans = of_kind(self.agent.wait_spans(f"{len(wanted)} server spans", lambda spans: of_kind(spans).keys() == wanted))
        return [spans[sent.trace_id] for sent in all_sent]

    def check(self, *all_sent, sizes=None):
        """Spans say what the client saw."""
        spans = self.server_spans(all_sent)
        for number, (sent, span) in enumerate(zip(all_sent, spans)):
            attributes = span["attributes"]
            wanted = {"http.request.method": sent.method, "url.path": sent.path, "url.scheme": self.scheme,
                      "http.response.status_code": sent.status, "http.response.body.size": sizes[number] if sizes else len(sent.body),
                      "server.port": self.server.port, "client.address": "127.0.0.1", "user_agent.original": "weft-test",
                      "network.peer.address": "127.0.0.1", "network.peer.port": sent.client_port, "network.protocol.version": "1.1"}
            self.assertEqual({key: attributes.get(key) for key in wanted}, wanted)
            self.assertEqual((span["parent_span_id"], span["flags"] & 1), (sent.parent_id, 1))
            self.assertEqual(span["status"]["code"], "ERROR" if sent.status >= 500 else "UNSET")
            self.assertNotIn("weft.end", attributes)
            self.assertLess(span["start_unix_nano"], span["end_unix_nano"])
        self.assertEqual(len({span["span_id"] for span in spans}), len(spans))
        return spans


class Common:
    """What every server here can do."""

    def test_keep_alive(self):
        with requests.Connection(self.server.port) as connection:
            all_sent = [connection.send("GET", "/small.txt") for _ in range(5)]
        self.assertEqual(len({sent.client_port for sent in all_sent}), 1)
        self.check(*all_sent)

    def test_large_download_twice(self):
        with requests.Connection(self.server.port) as connection:
            all_sent = [connection.send("GET", path) for path in ("/large.bin", "/small.txt", "/large.bin")]
        requests.expect_body(all_sent[0], "large.bin", servers.PUBLISHED)
        self.check(*all_sent)

    def test_head_and_missing(self):
        with requests.Connection(self.server.port) as connection:
            self.check(connection.send("HEAD", "/large.bin"), connection.send("GET", "/none.txt"), connection.send("GET", "/small.txt"))

    def test_pipelined(self):
        all_sent, got = requests.pipelined(self.server.port, ["/small.txt", "/large.bin", "/small.txt", "/small.txt"])
        self.assertEqual(got.count(b"HTTP/1.1 200"), 4)
        spans = self.server_spans(all_sent)
        self.assertEqual([s["attributes"]["http.response.body.size"] for s in spans], [SMALL, LARGE, SMALL, SMALL])
        self.assertEqual([s["parent_span_id"] for s in spans], [sent.parent_id for sent in all_sent])
        self.assertEqual([s["end_unix_nano"] for s in spans], sorted(s["end_unix_nano"] for s in spans))

    def test_aborted_by_the_client(self):
        sent = requests.aborted(self.server.port, "/large.bin", 1000)
        span, = self.server_spans([sent])
        self.assertEqual((span["attributes"].get("error.type"), span["attributes"].get("weft.end")), ("connection_closed", "closed"))
        self.assertEqual((span["status"]["code"], span["parent_span_id"]), ("ERROR", sent.parent_id))
        self.assertLess(span["attributes"]["http.response.body.size"], LARGE)

    def test_close_asked_for(self):
        with requests.Connection(self.server.port) as connection:
            self.check(connection.send("GET", "/small.txt", Connection="close"))

    def test_without_context_a_trace_begins(self):
        path = f"/small.txt?{id(self)}"
        with requests.Connection(self.server.port) as connection:
            connection.http.request("GET", path)
            connection.http.getresponse().read()

        def ours(spans):
            return [s for s in spans if s["attributes"].get("url.query") == str(id(self))]
        span, = ours(self.agent.wait_spans("a root span", ours))
        self.assertEqual((span["kind"], span["parent_span_id"]), ("SERVER", ""))
        self.assertNotEqual(int(span["trace_id"], 16), 0)


class WithStatuses:
    def test_no_content_and_server_error(self):
        with requests.Connection(self.server.port) as connection:
            sent = [connection.send("GET", path) for path in ("/empty", "/fails", "/small.txt")]
        self.assertEqual([s.status for s in sent], [204, 503, 200])
        self.check(*sent)


class WithChunks:
    def test_chunked(self):
        with requests.Connection(self.server.port) as connection:
            all_sent = [connection.send("GET", path) for path in ("/chunked", "/small.txt", "/chunked")]
        self.assertEqual([len(sent.body) for sent in all_sent], [CHUNKED, SMALL, CHUNKED])
        self.check(*all_sent)


class NotModified:
    def test_not_modified(self):
        with requests.Connection(self.server.port) as connection:
            first = connection.send("GET", "/small.txt")
            again = connection.send("GET", "/small.txt", If_Modified_Since=first.headers["Last-Modified"])
            self.assertEqual((again.status, again.body), (304, b""))
            self.check(first, again, connection.send("GET", "/small.txt"))


class Uploads:
    upload_path = "/upload"

    def test_large_upload(self):
        body = payload.body(5 << 20)
        with requests.Connection(self.server.port) as connection:
            sent = connection.send("POST", self.upload_path, body)
            after = connection.send("GET", "/small.txt")
        self.assertEqual(sent.body.decode(), payload.sha256(body))
        span, _ = self.check(sent, after)
        self.assertEqual(span["attributes"]["http.request.body.size"], len(body))


BODIES = (300_000, 3 << 20)


def in_chunks(body):
    """As http.client sends a body of unknown length."""
    return (body[at:at + 60_000] for at in range(0, len(body), 60_000))


class LargeBodies:
    """PUT of whole files, with a length and in chunks, and chunked answers, on one connection."""

    def test_put_with_length_and_in_chunks(self):
        with requests.Connection(self.server.port) as connection:
            sent, sizes = [], []
            for size in BODIES:
                for chunked in (False, True):
                    path = f"/put/{size}-{chunked}"
                    body = payload.body(size)
                    sent.append(connection.send("PUT", path, in_chunks(body) if chunked else body))
                    sizes.append(size)
                    self.assertEqual(payload.sha256((self.server.www / path[1:]).read_bytes()), payload.sha256(body), path)
                    sent.append(connection.send("GET", "/small.txt"))
                    sizes.append(None)
        self.assertEqual(len({one.client_port for one in sent}), 1)
        self.assertEqual([one.status for one in sent], [201, 200] * 4)
        self.assertEqual([span["attributes"].get("http.request.body.size") for span in self.check(*sent)], sizes)

    def test_answer_in_chunks(self):
        with requests.Connection(self.server.port) as connection:
            sent = [connection.send("GET", f"/gz/{name}", Accept_Encoding="gzip") for name in ("large.bin", "small.txt", "large.bin")]
        for one, name in zip(sent, ("large.bin", "small.txt", "large.bin")):
            self.assertEqual(gzip.decompress(one.body), servers.PUBLISHED[name])
        self.assertEqual(sent[0].headers["Transfer-Encoding"], "chunked")
        self.check(*sent)


class NginxLeaf(Common, WithStatuses, NotModified, LargeBodies, ServerCase):
    need = ("/usr/sbin/nginx",)

    @classmethod
    def make(cls):
        return servers.Nginx()

    def test_service_name(self):
        with requests.Connection(self.server.port) as connection:
            span, = self.check(connection.send("GET", "/small.txt"))
        self.assertEqual(span["resource"]["service.name"], "nginx")


class PythonThreads(Common, WithStatuses, WithChunks, NotModified, Uploads, ServerCase):
    @classmethod
    def make(cls):
        return servers.Python("threaded.py")


class PythonLoop(Common, WithStatuses, WithChunks, NotModified, Uploads, ServerCase):
    @classmethod
    def make(cls):
        return servers.Python("loop.py")


class PerlForking(Common, WithStatuses, WithChunks, ServerCase):
    @classmethod
    def make(cls):
        return servers.Perl()


class ApacheEvent(Common, NotModified, LargeBodies, ServerCase):
    """Static files, and a forwarding proxy whose backend is traced too."""
    need = ("/usr/sbin/apache2",)
    mpm = "event"

    @classmethod
    def make(cls):
        cls.backend = cls.enterClassContext(servers.Python("threaded.py"))
        return servers.Apache(cls.backend.port, cls.mpm)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = cls.agent.run("attach", cls.backend.pid)
        assert done.returncode == 0, done

    def test_forwarded(self):
        """client → Apache (server) → Apache (client) → backend (server), for each request, over kept connections."""
        with requests.Connection(self.server.port) as connection:
            all_sent = [connection.send("GET", "/forward/context") for _ in range(20)]
            all_sent.append(connection.send("GET", "/forward/chunked"))
        self.assertEqual([sent.status for sent in all_sent], [200] * 21)
        self.assertEqual(len(all_sent[-1].body), CHUNKED)

        for sent, (_, call, back) in zip(all_sent[:-1], self.chains(all_sent)):
            self.assertEqual(sent.body.decode(), f"00-{sent.trace_id}-{call['span_id']}-01")
            self.assertEqual(back["attributes"]["url.path"], "/context")

    def test_forwarded_bodies(self):
        """Large bodies through the proxy, with a length and in chunks, echoed in chunks; on kept connections."""
        with requests.Connection(self.server.port) as connection:
            sent, sizes = [], []
            for size in BODIES:
                body = payload.body(size)
                for chunked in (False, True):
                    for path in ("/forward/upload", "/forward/echo"):
                        sent.append(connection.send("POST", path, in_chunks(body) if chunked else body))
                        sizes.append(size)
                        wanted = payload.sha256(body).encode() if path.endswith("upload") else body
                        self.assertTrue(sent[-1].body == wanted, (path, size, chunked))
                sent.append(connection.send("GET", "/forward/large.bin"))
                sizes.append(None)
                self.assertTrue(sent[-1].body == servers.PUBLISHED["large.bin"])
        self.assertEqual(len({one.client_port for one in sent}), 1)
        chains = self.chains(sent)
        first_large = sizes.index(BODIES[1])
        self.assertEqual({call["attributes"].get("weft.injection") for _, call, _ in chains[:first_large + 1]}, {None})
        for size, one, chain in zip(sizes, sent, chains):
            self.assertEqual([span["attributes"].get("http.request.body.size") for span in chain], [size] * 3)
            self.assertEqual([span["attributes"]["http.response.body.size"] for span in chain], [len(one.body)] * 3)

    def chains(self, all_sent):
        """The three spans of each request, each below the one before it; but for a call on a connection that was let go as it
        uploads steadily: what it forwards goes out as it came."""
        def by_trace(spans):
            return {sent.trace_id: [s for s in spans if s["trace_id"] == sent.trace_id] for sent in all_sent}
        found = by_trace(self.agent.wait_spans("three spans a trace", lambda spans: all(len(of) == 3 for of in by_trace(spans).values())))
        chains = []
        for sent in all_sent:
            front = self.only(found[sent.trace_id], "SERVER", self.server.port)
            call = self.only(found[sent.trace_id], "CLIENT", self.backend.port)
            back = self.only(found[sent.trace_id], "SERVER", self.backend.port)
            above_back = sent.parent_id if call["attributes"].get("weft.injection") == "bulk" else call["span_id"]
            self.assertEqual([front["parent_span_id"], call["parent_span_id"], back["parent_span_id"]],
                             [sent.parent_id, front["span_id"], above_back], call["attributes"])
            chains.append((front, call, back))
        return chains

    def only(self, spans, kind, port):
        span, = (s for s in spans if s["kind"] == kind and (s["attributes"].get("server.port") == port or
                                                           s["attributes"].get("network.peer.port") == port))
        return span


class ApachePrefork(ApacheEvent):
    mpm = "prefork"


class TimeOut(ServerCase):
    config = {"capture": {"idle_timeout": "1s"}}

    @classmethod
    def make(cls):
        return servers.Python("threaded.py")

    def test_slower_than_the_time_out(self):
        """Swept every five seconds: an answer after nine is surely late. The connection lives on."""
        with requests.Connection(self.server.port) as connection:
            slow = connection.send("GET", "/sleep/9")
            self.assertEqual(slow.body, b"slept")
            self.assertEqual(connection.send("GET", "/small.txt").status, 200)
        with requests.Connection(self.server.port) as connection:
            after = connection.send("GET", "/small.txt")
        span, = self.server_spans([slow])
        self.assertEqual((span["attributes"].get("error.type"), span["attributes"].get("weft.end")), ("timeout", "timeout"))
        self.assertEqual((span["status"]["code"], span["parent_span_id"]), ("ERROR", slow.parent_id))
        self.check(after)


if __name__ == "__main__":
    unittest.main()
