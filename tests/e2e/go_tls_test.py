#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_tls_test.py BUILD VERSION/BUILD… [unittest arguments]: HTTPS between Go programs, seen before it is encrypted.

WEFT_E2E_SCALE multiplies the requests."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import agents                                     # noqa: E402
from lib import golang, host                      # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAMS = [argument for argument in sys.argv[1:] if "/" in argument]
sys.argv = [sys.argv[0]] + [argument for argument in sys.argv[1:] if "/" not in argument]
APPS = pathlib.Path(__file__).parent / "apps"
REQUESTS = int(1_000 * float(os.environ.get("WEFT_E2E_SCALE", "1")))
# Room for every span.
CONFIG = {"capture": {"headers": ["x-id"]}, "store": {"traces": 100_000, "bytes": "256MiB"}}


def is_call(span):
    return span["kind"] == "CLIENT"


class Tls(unittest.TestCase):
    def one_program(self, agent, binary, front, how, version):
        good = subprocess.run([binary, str(front.port), how + "-load", str(REQUESTS)], stdout=subprocess.PIPE,
                              text=True, check=True, timeout=120).stdout
        self.assertEqual(int(good), REQUESTS)

        def of_front():
            return [span for span in agent.spans() if span["resource"]["process.pid"] == front.pid]
        # The agent may be some way behind. Fewer than expected is judged below, with what is missing.
        deadline = time.monotonic() + 20
        while len(spans := of_front()) < 2 * REQUESTS and time.monotonic() < deadline:
            time.sleep(0.1)
        served = {span["span_id"]: span for span in spans if span["kind"] == "SERVER"}
        called = [span for span in spans if span["kind"] == "CLIENT"]
        self.assertEqual((len(served), len(called)), (REQUESTS, REQUESTS))
        for span in served.values():
            self.assertEqual(span["attributes"]["url.scheme"], "https")
            self.assertEqual(span["attributes"]["http.response.status_code"], 200)
            self.assertEqual(span["attributes"]["network.protocol.version"], version)
        # Each call belongs to the request whose id it carries, and says that nothing was added to it.
        for span in called:
            url = span["attributes"]["url.full"]
            parent = served[span["parent_span_id"]]
            self.assertTrue(url.startswith("https://"), url)
            self.assertEqual(parent["attributes"]["url.query"], "id=" + re.search(r"id=(\d+)", url)[1])
            self.assertEqual(parent["trace_id"], span["trace_id"])
            self.assertEqual(span["attributes"]["weft.injection"], "not_member")
        self.assertEqual({span["attributes"]["url.query"] for span in served.values()},
                         {f"id={number}" for number in range(1, REQUESTS + 1)})

    def test_open_before(self):
        """Connections that are older than the agent are joined: between the front and the leaf there are no others."""
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / "go_front", pathlib.Path(folder) / "front")
            for how in ("tls", "tls2"):
                with self.subTest(how=how), golang.Server(binary, 0, how + "-leaf") as leaf, \
                        golang.Server(binary, leaf.port, how) as front:
                    self.joined(binary, front, how)

    def joined(self, binary, front, how):
        def number(span):
            found = re.search(r"id=(\d+)", span["attributes"].get("url.full") or span["attributes"].get("url.query", ""))
            return found and found[1]
        with subprocess.Popen([binary, str(front.port), how + "-load", "1000000"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as loading:
            try:
                wait_for("connections to the leaf", lambda: len(host.connections(front.pid)) >= 2)
                with Agent(Programs.of(BUILD), pids=[front.pid], config=CONFIG) as agent:
                    agent.all_programs()
                    agent.wait_spans("a call", lambda spans: any(map(is_call, spans)))
                    self.assertEqual(agent.run("detach", front.pid).returncode, 0)
                    self.assertEqual(agent.run("attach", front.pid).returncode, 0)
                    before = len(agent.spans())
                    called = agent.wait_spans("spans of calls",
                                              lambda spans: sum(map(is_call, spans)) >= before + REQUESTS)
            finally:
                loading.kill()
        served = {span["span_id"]: span for span in called if span["kind"] == "SERVER"}
        pairs = [(number(span), number(served[span["parent_span_id"]])) for span in called
                 if is_call(span) and span["parent_span_id"] in served]
        self.assertGreater(len(pairs), REQUESTS / 2)
        for call, request in pairs:
            self.assertEqual(call, request)
        self.assertGreater(sum(1 for call, _ in pairs if call), REQUESTS / 2)

    def test_grpc(self):
        """Each call belongs to the request whose number it says."""
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / "go_http2", pathlib.Path(folder) / "program")
            for how, calls in (("direct", 1), ("parallel", 3), ("stream", 1)):
                with self.subTest(how=how), golang.Server(binary, "back", TLS="1") as back, \
                        golang.Server(binary, "front", "grpc", "grpc", how, back.port, TLS="1") as front:
                    self.grpc_calls(binary, front, how, calls)

    def grpc_calls(self, binary, front, how, calls):
        with Agent(Programs.of(BUILD), pids=[front.pid], config=CONFIG) as agent:
            agent.all_programs()
            done = subprocess.run([binary, "load", "grpc", str(front.port), how, str(REQUESTS), "16", "1"],
                                  stdout=subprocess.PIPE, text=True, check=True, timeout=120, env={**os.environ, "TLS": "1"})
            self.assertEqual(int(done.stdout), REQUESTS)
            # Those that call have to be known first, where they are started for it (docs/attribution.md).
            least = REQUESTS if how != "parallel" else int(0.95 * calls * REQUESTS)
            spans = agent.wait_spans("spans", lambda spans: len(spans) >= REQUESTS + least)
        served = {span["span_id"]: span for span in spans if span["kind"] == "SERVER"}
        called = [span for span in spans if span["kind"] == "CLIENT"]
        self.assertEqual(len(served), REQUESTS)
        self.assertGreaterEqual(len(called), least)
        number = lambda span: span["attributes"]["http.request.header.x-id"]   # noqa: E731
        self.assertEqual(len({number(span) for span in served.values()}), REQUESTS)
        for span in called:
            self.assertEqual(span["attributes"]["rpc.method"], "weft.Test/Stream" if how == "stream" else "weft.Test/Unary")
            self.assertEqual(span["attributes"]["rpc.status_code"], "OK")
            self.assertEqual(number(served[span["parent_span_id"]]), number(span))

    def test_programs(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
            fronts = []
            for place, program in enumerate(PROGRAMS):
                binary = golang.build(APPS / "go_front", pathlib.Path(folder) / f"front{place}", *program.split("/"))
                for protocol, number in (("tls", "1.1"), ("tls2", "2")):
                    leaf = running.enter_context(golang.Server(binary, 0, protocol + "-leaf"))
                    front = running.enter_context(golang.Server(binary, leaf.port, protocol))
                    fronts.append((program, binary, front, protocol, number))
            agent = running.enter_context(agents.Weftd(os.environ["WEFTD"], [front.pid for _, _, front, *_ in fronts]))
            for program, binary, front, protocol, number in fronts:
                with self.subTest(program=program, protocol=protocol):
                    self.one_program(agent, binary, front, protocol, number)


if __name__ == "__main__":
    unittest.main(verbosity=1)
