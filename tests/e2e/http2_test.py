#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""http2_test.py BUILD [unittest arguments]: HTTP/2 and gRPC between real programs of Debian packages."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, memory   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.servers import Nghttpd, SERVERS, Server   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
PYTHON = "/usr/bin/python3"
CONTEXT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$")


class GrpcEcho(Server):
    def command(self):
        return PYTHON, SERVERS / "grpc_echo.py", "serve", self.port


class Http2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        host.needs("/usr/sbin/nghttpd", "nghttp", "h2load", "curl")
        cls.launcher = cls.enterClassContext(Launcher())
        cls.echo = cls.enterClassContext(GrpcEcho())
        cls.files = cls.enterClassContext(Nghttpd())
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.launcher.pid, cls.echo.pid]))

    def call(self, kind, count):
        """What the server saw of each call, checked against the spans of both sides."""
        done = self.launcher.run(PYTHON, SERVERS / "grpc_echo.py", "call", str(self.echo.port), str(count), kind)
        self.assertEqual(done.code, 0, done)
        seen = [CONTEXT.match(line) for line in done.stdout.splitlines()]
        self.assertEqual((len(seen), [done.stdout for match in seen if not match]), (count, []))
        self.assertEqual(len({match[2] for match in seen}), count)
        clients = self.agent.wait_span_ids(match[2] for match in seen)

        def answered(spans):
            return {match[2] for match in seen} <= {span["parent_span_id"] for span in spans}
        servers = {span["parent_span_id"]: span for span in self.agent.wait_spans("server spans", answered)}
        for match in seen:
            client, server = clients[match[2]], servers[match[2]]
            self.assertEqual((client["trace_id"], server["trace_id"]), (match[1], match[1]))
            for span, side in ((client, "CLIENT"), (server, "SERVER")):
                self.assertEqual((span["name"], span["kind"], span["status"]["code"]), (f"weft.Echo/{kind}", side, "UNSET"))
                attributes = span["attributes"]
                self.assertEqual({key: attributes.get(key) for key in ("rpc.system.name", "rpc.method", "rpc.status_code",
                                                                      "network.protocol.version", "server.port")},
                                 {"rpc.system.name": "grpc", "rpc.method": f"weft.Echo/{kind}", "rpc.status_code": "OK",
                                  "network.protocol.version": "2", "server.port": self.echo.port})
                sent = 10 if kind in ("Up", "Both") else 1
                got = 10 if kind in ("Down", "Both") else 1
                if (sent, got) != (1, 1):
                    self.assertEqual((attributes["weft.rpc.request.messages"], attributes["weft.rpc.response.messages"]),
                                     (sent, got))

    def test_grpc_unary(self):
        self.call("Unary", 30)

    def test_grpc_client_streaming(self):
        self.call("Up", 5)

    def test_grpc_server_streaming(self):
        self.call("Down", 5)

    def test_grpc_both_ways(self):
        self.call("Both", 5)

    def test_grpc_failures(self):
        done = self.launcher.run(PYTHON, SERVERS / "grpc_echo.py", "failures", str(self.echo.port))
        self.assertEqual((done.code, done.stdout.split()), (0, ["INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "CANCELLED", "UNIMPLEMENTED"]))
        wanted = {("CLIENT", "INVALID_ARGUMENT", "ERROR"), ("CLIENT", "DEADLINE_EXCEEDED", "ERROR"),
                  ("CLIENT", "CANCELLED", "ERROR"), ("CLIENT", "UNIMPLEMENTED", "ERROR"),
                  ("SERVER", "INVALID_ARGUMENT", "UNSET"), ("SERVER", "UNIMPLEMENTED", "ERROR")}

        def outcomes(spans):
            return {(span["kind"], span["attributes"].get("rpc.status_code"), span["status"]["code"]) for span in spans}
        self.agent.wait_spans(wanted, lambda spans: wanted <= outcomes(spans))
        made_up = [span for span in self.agent.spans() if span["attributes"].get("rpc.status_code") == "UNIMPLEMENTED"
                   and span["kind"] == "SERVER"]
        self.assertEqual({span["name"] for span in made_up}, {"_OTHER"})

    def one_context_each(self, before, count):
        """The new requests at nghttpd."""
        def came():
            new = {key: values for key, values in self.files.requests().items() if key not in before}
            return new if len(new) >= count else None
        new = wait_for(f"{count} requests", came)
        self.assertEqual((len(new), [v for v in new.values() if len(v) != 1 or not CONTEXT.match(v[0])]), (count, []))
        self.assertEqual(len({values[0] for values in new.values()}), count)
        return new

    def test_curl(self):
        before = self.files.requests()
        url = f"http://127.0.0.1:{self.files.port}"
        # One process each: curl 7.88 cannot use such a connection twice.
        for path, said in (("small.txt", "2 200 100"), ("large.bin", f"2 200 {12 << 20}"), ("none", "2 404 ")):
            done = self.launcher.run("/usr/bin/curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w",
                                     "%{http_version} %{http_code} %{size_download}", f"{url}/{path}")
            self.assertEqual((done.code, done.stdout[:len(said)]), (0, said), done)
        new = self.one_context_each(before, 3)
        spans = self.agent.wait_span_ids(CONTEXT.match(values[0])[2] for values in new.values())
        mine = [spans[CONTEXT.match(values[0])[2]] for _, values in sorted(new.items())]
        self.assertEqual([(s["name"], s["attributes"]["url.full"], s["attributes"]["http.response.status_code"],
                           s["attributes"]["http.response.body.size"]) for s in mine][:2],
                         [("GET", f"{url}/small.txt", 200, 100), ("GET", f"{url}/large.bin", 200, 12 << 20)])
        self.assertEqual(mine[2]["status"]["code"], "ERROR")

    def test_nghttp_with_many_streams_and_padding(self):
        before = self.files.requests()
        url = f"http://127.0.0.1:{self.files.port}/small.txt"
        done = self.launcher.run("/usr/bin/nghttp", "-n", "--padding=100", "-m", "40", url)
        self.assertEqual(done.code, 0, done)
        self.one_context_each(before, 40)

    def test_h2load(self):
        before = self.files.requests()
        url = f"http://127.0.0.1:{self.files.port}/small.txt"
        done = self.launcher.run("/usr/bin/h2load", "-n", "1000", "-c", "5", "-m", "50", url)
        self.assertIn("1000 succeeded, 0 failed, 0 errored", done.stdout)
        self.one_context_each(before, 1000)

    def test_own_context_stays(self):
        before = self.files.requests()
        own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        url = f"http://127.0.0.1:{self.files.port}/small.txt"
        done = self.launcher.run("/usr/bin/nghttp", "-n", "-m", "30", "-H", f"traceparent: {own}", url)
        self.assertEqual(done.code, 0, done)
        wait_for("30 requests", lambda: len(self.files.requests()) >= len(before) + 30)
        new = [values for key, values in self.files.requests().items() if key not in before]
        self.assertEqual(new, [[own]] * 30)


class Baggage(unittest.TestCase):
    """The policy holds for what comes by HTTP/2, and what it could not do is told."""
    POLICY = "version: 1\ndeny: [phone]\n"

    def scene(self, pids, folder):
        policy = pathlib.Path(folder) / "baggage.yaml"
        policy.write_text(self.POLICY)
        return Agent(PROGRAMS, pids=pids, config={"baggage": {"policy": str(policy)},
                                                  "exporters": {"prometheus": {"listen": f"127.0.0.1:{host.free_port()}"}}})

    def test_baggage_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder, Launcher() as launcher, GrpcEcho() as echo, \
                self.scene([launcher.pid, echo.pid], folder) as agent:
            for baggage in ("phone=s3cret,a=1", "a=1"):
                done = launcher.run(PYTHON, SERVERS / "grpc_echo.py", "baggage", str(echo.port), "5", baggage.encode().hex())
                self.assertEqual((done.code, done.stdout.splitlines()), (0, [baggage] * 5), done)

            def both(spans):
                return len([s for s in spans if s["kind"] == "CLIENT"]) >= 10 and len([s for s in spans if s["kind"] == "SERVER"]) >= 10
            spans = agent.wait_spans("ten calls", both)
            self.assertNotIn("s3cret", str(spans))
            told = [span["attributes"].get("weft.baggage") for span in spans if span["kind"] == "CLIENT"]
            self.assertEqual(sorted(told, key=str), [None] * 5 + ["unenforced"] * 5)
            # A server's request has what the policy left of it, however it came.
            self.assertEqual({str(span["baggage"]) for span in spans if span["kind"] == "SERVER" and span["baggage"]},
                             {str({"a": ""})})
            listen = agent.config["exporters"]["prometheus"]["listen"]

            def metrics():
                with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
                    return answer.read().decode()
            self.assertRegex(metrics(), r'weft_baggage_unenforced_total{protocol="http2",reason="indexed"} 5\n')

            def blocks():
                return {key: int(n) for key, n in re.findall(r'weft_http2_blocks_total{result="(\w+)"} (\d+)', metrics())}
            wait_for("ten calls' blocks of both sides", lambda: blocks().get("whole", 0) >= 60)
            self.assertEqual({**blocks(), "whole": 0}, {"whole": 0, "in_part": 0, "unreadable": 0, "missed": 0})
            shown, = agent.json("policy", "show")["unenforced"]   # of the two connections that one
            self.assertEqual((shown["protocol"], shown["peer"], shown["reasons"]),
                             ("http2", f"127.0.0.1:{echo.port}", {"indexed": 5}))
            self.assertEqual(memory.holds(agent.process.pid, [b"s3cret"]), set())


class Attach(unittest.TestCase):
    """Connections that are open when tracing begins."""

    def test_an_open_connection_is_joined(self):
        with GrpcEcho() as echo:
            client = subprocess.Popen([PYTHON, str(SERVERS / "grpc_echo.py"), "paced", str(echo.port)], text=True,
                                      stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
            try:
                self.assertEqual([client.stdout.readline().strip() for _ in range(3)], ["none"] * 3)
                with Agent(PROGRAMS, pids=[client.pid, echo.pid]) as agent:
                    values = []
                    wait_for("a context", lambda: values.append(client.stdout.readline().strip()) or values[-1] != "none")
                    values = [client.stdout.readline().strip() for _ in range(20)]
                    self.assertEqual([v for v in values if not CONTEXT.match(v)], [])
                    agent.wait_span_ids(CONTEXT.match(v)[2] for v in values)
                    self.assertIsNone(client.poll())
            finally:
                client.terminate()
                client.wait()


if __name__ == "__main__":
    unittest.main()
