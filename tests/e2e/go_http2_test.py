#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Go and HTTP/2: every stream in its own trace. go_http2_test.py BUILD_DIR VERSION/BUILD… [unittest arguments]

As go_attribution_test.py, with gRPC, net/http's HTTP/2 and golang.org/x/net/http2 (apps/go_http2): each call that the back
saw is judged by the id it brought. Before Go 1.24 net/http has no HTTP/2 without encryption, and older modules are built.
"""
import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import agents                                          # noqa: E402
import attribution                                     # noqa: E402
from lib import golang                                 # noqa: E402
from lib.agent import wait_for                         # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAMS = [argument for argument in sys.argv[1:] if "/" in argument]
sys.argv = [sys.argv[0]] + [argument for argument in sys.argv[1:] if "/" not in argument]
SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))
WARM_UP = 300    # requests after which what can be learned has to be known
APP = pathlib.Path(__file__).parent / "apps/go_http2"
TABLE = []

# (served by, called with, how): the share of calls that has to be right.
WAYS = {("grpc", "grpc", "direct"): 0.999, ("grpc", "grpc", "child"): 0.999, ("grpc", "grpc", "parallel"): 0.999,
        ("grpc", "grpc", "stream"): 0.999, ("grpc", "grpc", "late"): 0.999, ("grpc", "grpc", "workers"): 0,
        ("grpc", "grpc", "pool"): 0, ("grpc", "xnet", "direct"): 0.999, ("xnet", "grpc", "direct"): 0.999,
        ("xnet", "xnet", "direct"): 0.999, ("xnet", "xnet", "child"): 0.999, ("xnet", "xnet", "pool"): 0,
        ("http2", "http2", "direct"): 0.999, ("http2", "http2", "child"): 0.999, ("http2", "http2", "parallel"): 0.999,
        ("http2", "http2", "late"): 0.999, ("http2", "grpc", "direct"): 0.999, ("grpc", "http2", "parallel"): 0.999}


class GoHttp2(unittest.TestCase):
    def one_way(self, agent, program, way, binary, front, back):
        served, called, how = way

        def load(count, at_once, first):
            done = subprocess.run([binary, "load", served, str(front.port), how, str(count), str(at_once), str(first)],
                                  stdout=subprocess.PIPE, text=True, check=True, timeout=300)
            self.assertEqual(done.stdout.strip(), str(count))
        one, many = int(300 * SCALE), int(1_700 * SCALE)
        load(WARM_UP, 32, 1)
        load(one, 1, WARM_UP + 1)
        load(many, 32, WARM_UP + one + 1)
        lines = golang.records(back.records)
        everything = attribution.count(lines)
        counts = attribution.count(lines, lambda record: int(record["id"]) > WARM_UP and record["call"] != "late")
        ports = (back.port, back.xnet)
        spans = [span for span in agent.spans(2_000)
                 if span["kind"] == "SERVER" or span["attributes"].get("network.peer.port") in ports]
        right_spans, wrong_spans = attribution.judge_spans(spans, lines)
        leaves = collections.Counter(span["attributes"].get("weft.injection") for span in spans if span["kind"] == "CLIENT")
        del leaves[None]
        TABLE.append((program, " ".join(way), counts, everything, right_spans, dict(leaves)))
        self.assertEqual((everything.wrong, everything.malformed, wrong_spans), (0, 0, 0), counts)
        self.assertGreaterEqual(counts.calls, one + many)
        self.assertGreaterEqual(counts.right_share, WAYS[way], counts)
        if how != "late":
            self.assertEqual(everything.invented, 0, everything)
        if WAYS[way]:
            self.assertGreater(right_spans, 0)

    def run_program(self, agent, program):
        version, build = program.split("/")
        old = version != "local" and int(version.split(".")[1]) < 24
        ways = [way for way in WAYS if not (old and "http2" in way)]
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APP, pathlib.Path(folder) / "program", version, build, *(["-modfile=old.mod"] if old else []))
            for way in ways:
                served, called, how = way
                with golang.Server(binary, "back") as back:
                    back.xnet, back.records = back.next_port(), back.next_port()
                    target = back.port if called == "grpc" else back.xnet
                    with golang.Server(binary, "front", served, called, how, target) as front, \
                            self.subTest(program=program, way=way):
                        agent.attach([front.pid])
                        self.one_way(agent, program, way, binary, front, back)
                        row, = agent.processes()
                        self.assertEqual(row["task"]["rule"], "goroutine", row)
                        for text in ("calls of gRPC", "handlers of gRPC", "handlers of HTTP/2", "requests of HTTP/2"):
                            self.assertIn(text, row["task"]["why"])
                        self.assertEqual(wait_for("its calls to be counted", lambda: agent.processes()[0]["task"].get("http2"))["rule"],
                                         "goroutine")

    def test_programs(self):
        with agents.Weftd(os.environ["WEFTD"], []) as agent:
            for program in PROGRAMS:
                self.run_program(agent, program)

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'program':24} {'way':22} {'calls':>7} {'right':>7} {'none':>6} {'wrong':>6} {'spans':>7} leaves")
        for name, way, counts, everything, spans, leaves in TABLE:
            print(f"{name:24} {way:22} {counts.calls:7} {counts.right:7} {counts.none:6} {everything.wrong:6} {spans:7} {leaves or ''}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
