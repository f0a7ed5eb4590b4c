#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Go: every goroutine in its own trace. go_attribution_test.py BUILD_DIR VERSION/BUILD[/APP]… [unittest arguments]

VERSION is a Go toolchain (1.20.14; local: the one that is installed), BUILD a name in lib/golang.py. The front (apps/APP,
by default go_front) is built with it, all ways of working of all programs are run under one weftd (WEFTD=path), and each call
that a back saw is judged by the id in its path. WEFT_E2E_SCALE multiplies the requests; WEFT_TEST_GO_PROCS lists GOMAXPROCS values,
WEFT_TEST_GO_WAYS the ways (all).
"""
import json
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

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAMS = [argument for argument in sys.argv[1:] if "/" in argument]
sys.argv = [sys.argv[0]] + [argument for argument in sys.argv[1:] if "/" not in argument]
REQUESTS = int(2_000 * float(os.environ.get("WEFT_E2E_SCALE", "1")))
PROCS = os.environ.get("WEFT_TEST_GO_PROCS", "2").split(",")
ONLY = os.environ.get("WEFT_TEST_GO_WAYS", "").split()
WARM_UP = 300    # requests after which what can be learned has to be known
APPS = pathlib.Path(__file__).parent / "apps"
TABLE = []

# Of each way of working: the share of its calls that has to be right, and whether it may start traces of its own (calls
# for no request, when none is served).
WAYS = {"go_front": {
            "direct": (0.999, False), "child": (0.999, False), "parallel": (0.999, False), "errgroup": (0.999, False),
            "depth": (0.999, False), "short": (0.999, False), "raw": (0.999, False), "late": (0.999, True),
            "pool": (0, False), "lazy": (0, False), "shared": (0.01, False)},
        "go_fasthttp": {
            "direct": (0.999, False), "child": (0.999, False), "parallel": (0.999, False), "nethttp": (0.999, False),
            "mixed": (0.999, False), "short": (0.999, False)}}


class Server:
    """A program that prints its port as its first line."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.port = int(self.process.stdout.readline())
        self.pid = self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def load(port, requests, first):
    answer = subprocess.run([BUILD / "e2e_load", str(port), str(requests), "32", "1", str(first)],
                            stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return json.loads(answer.stdout)


class Go(unittest.TestCase):
    def spans(self, agent, leaf):
        """Of those that the agent still has."""
        return [span for span in agent.spans(2_000)
                if span["kind"] == "SERVER" or span["attributes"].get("network.peer.port") == leaf.port]

    def one_way(self, agent, name, way, promised, front, leaf):
        self.assertEqual(load(front.port, WARM_UP, 1), {"ok": WARM_UP, "failed": 0})
        first = self.spans(agent, leaf)    # of a way that falls silent later, those that have a parent
        self.assertEqual(load(front.port, REQUESTS, WARM_UP + 1), {"ok": REQUESTS, "failed": 0})
        lines = golang.records(leaf.port)
        share, orphans = promised
        everything = attribution.count(lines)
        counts = attribution.count(lines, lambda record: int(record["id"]) > WARM_UP and record["call"] != "late")
        judged = [attribution.judge_spans(spans, lines) for spans in (first, self.spans(agent, leaf))]
        right_spans, wrong_spans = map(sum, zip(*judged))
        TABLE.append((name, way, counts, everything, right_spans))
        self.assertEqual(everything.wrong, 0, counts)
        self.assertEqual(everything.malformed, 0, counts)
        self.assertEqual(wrong_spans, 0)
        self.assertGreater(counts.calls, 0)
        self.assertGreaterEqual(counts.right_share, share, counts)
        if not orphans:
            self.assertEqual(everything.invented, 0, everything)
        if share:
            self.assertGreater(right_spans, 0)

    def run_program(self, agent, program, procs):
        version, build, app = (program + "/go_front").split("/")[:3]
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / app, pathlib.Path(folder) / "front", version, build)
            leaves = {way: Server(BUILD / "e2e_leaf", 0) for way in ONLY or WAYS[app]}
            fronts = {way: Server(binary, leaves[way].port, way, GOMAXPROCS=procs, GC="1") for way in leaves}
            try:
                agent.attach([front.pid for front in fronts.values()])
                for row in agent.processes():
                    self.assertEqual((row["task"]["rule"], row["language"]), ("goroutine", "go"), row)
                for way, front in fronts.items():
                    with self.subTest(program=program, procs=procs, way=way):
                        self.one_way(agent, f"{program} P={procs}", way, WAYS[app][way], front, leaves[way])
                for row in agent.processes():
                    self.assertEqual(row["task"]["rule"], "goroutine", row)
            finally:
                for server in [*fronts.values(), *leaves.values()]:
                    server.stop()

    def test_programs(self):
        with agents.Weftd(os.environ["WEFTD"], []) as agent:
            for program in PROGRAMS:
                for procs in PROCS:
                    self.run_program(agent, program, procs)

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'program':24} {'way':10} {'calls':>7} {'right':>7} {'none':>6} {'wrong':>6} {'spans':>7}")
        for name, way, counts, everything, spans in TABLE:
            print(f"{name:24} {way:10} {counts.calls:7} {counts.right:7} {counts.none:6} {everything.wrong:6} {spans:7}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
