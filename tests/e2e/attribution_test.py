#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whose request is a call made for? Unmodified servers of every threading habit under load, each call judged.

attribution_test.py BUILD_DIR [unittest arguments]. WEFTD=path runs the whole agent instead of its kernel side.
WEFT_TEST_AGENT=none runs without any, which must give no context at all. WEFT_E2E_SCALE multiplies the requests.
"""
import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import agents        # noqa: E402
import attribution   # noqa: E402
from lib.agent import wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
APPS = pathlib.Path(__file__).parent / "apps"
SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))
SLOW = float(os.environ.get("WEFT_TEST_SLOW", "1"))
WITHOUT = os.environ.get("WEFT_TEST_AGENT") == "none"
TABLE = []


class Program:
    """A server that prints its port as its first line."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def ask(port, number, query):
    """Request `number`, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    context = f"00-{attribution.trace_of(number)}-{attribution.parent_of(number)}-01"
    connection.request("GET", f"/work?id={number}&{query}", headers={"traceparent": context})
    status = connection.getresponse().status
    connection.close()
    assert status == 200, status


def generated(requests, connections, pipeline):
    def load(port, _):
        done = subprocess.run([BUILD / "e2e_load", str(port), str(requests), str(connections), str(pipeline), "1"],
                              stdout=subprocess.PIPE, text=True, check=True, timeout=300)
        assert json.loads(done.stdout) == {"ok": requests, "failed": 0}, done.stdout
    return load


def records(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/records")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return lines


class Attribution(unittest.TestCase):
    def run_case(self, name, front, requests, connections=32, pipeline=1, leaf_ms=0, keep=lambda record: True,
                 orphans=False, load=None):
        load = load or generated(max(int(requests * SCALE), 100), connections, pipeline)
        with Program(BUILD / "e2e_leaf", leaf_ms) as leaf, Program(*front, leaf.port, *self.how) as server:
            with agents.agent_for(BUILD, [server.pid]) as agent:
                lines = load(server.port, leaf.port) or []
                lines += records(leaf.port)
                spans = agent.spans() if agent.name == "weftd" else []
        counts = attribution.count(lines, keep)
        counts.spans_right, spans_wrong = attribution.judge_spans(spans, lines)
        self.assertEqual(spans_wrong, 0)
        TABLE.append((name, agent.name, counts))
        self.assertGreater(counts.calls, 0)
        self.assertEqual(counts.malformed, 0, counts)
        self.assertEqual(counts.wrong, 0, counts)
        if not orphans:   # calls for no request, when none is served, may start a trace
            self.assertEqual(counts.invented, 0, counts)
        if WITHOUT:
            self.assertEqual(counts.right + counts.invented, 0, counts)
        return counts

    def cpp(self, how, requests, **more):
        self.how = [how]
        return self.run_case(f"C++ threads: {how}", [BUILD / "e2e_threaded_front"], requests, **more)

    def python(self, program, how, requests, **more):
        self.how = [how]
        return self.run_case(f"{program}: {how}", ["/usr/bin/python3", APPS / program], requests, **more)

    def assert_right(self, counts, share=0.999):
        if not WITHOUT:
            self.assertGreaterEqual(counts.right_share, share, counts)
        if os.environ.get("WEFTD"):
            self.assertGreater(counts.spans_right, 0)

    # Thread-per-connection servers: all right.
    def test_cpp_threads(self):
        self.assert_right(self.cpp("direct", 20_000))

    def test_python_threads(self):
        self.assert_right(self.python("threaded_front.py", "direct", 20_000))

    # Traps: never wrong. Where a rule can know, the share is asserted too.
    def test_cpp_pipelined(self):
        self.assert_right(self.cpp("direct", 8_000, connections=8, pipeline=4))

    def test_cpp_growing_pool(self):
        self.cpp("pool", 8_000, leaf_ms=1)

    def test_python_growing_pool(self):
        self.python("threaded_front.py", "pool", 4_000, leaf_ms=1)

    def test_cpp_thread_for_each_call(self):
        counts = self.cpp("thread", 8_000)
        self.assert_right(counts, 0.95)   # a start site is trusted after its first twenty births

    def test_cpp_started_threads_are_trusted_with_what_was_borne_out(self):
        def load(port, _):   # answered later: not before the kernel has told of the thread's end
            for number in range(1, 31):
                ask(port, number, "calls=2&stays_ms=5")
            for number in range(31, 61):
                ask(port, number, "calls=3&stays_ms=5")
        counts = self.cpp("asked", 0, load=load)
        if not WITHOUT:   # all but those of the first twenty, and the third calls of the next twenty
            self.assertEqual((counts.right, counts.none), (10 * 2 + 20 * 2 + 10 * 3, 20 * 2 + 20))

    def test_cpp_worker_of_all_starts_in_a_long_request(self):
        """Where other started threads keep within theirs: only the first thing that it does can be for that request."""
        def load(port, leaf):
            for number in range(1, 31):
                ask(port, number, "via=thread&stays_ms=5")
            long = threading.Thread(target=ask, args=(port, 31, f"via=worker&stays_ms={int(2000 * SLOW)}"))
            long.start()
            lines = []   # those that are asked for are gone
            wait_for("its call", lambda: lines.extend(records(leaf)) or any(json.loads(line)["id"] == "31" for line in lines))
            for number in range(32, 132):
                ask(port, number, "via=worker")
            self.assertTrue(long.is_alive())
            long.join()
            return lines
        counts = self.cpp("asked", 0, load=load, keep=lambda record: int(record["id"]) > 30)
        self.assertEqual(counts.calls, 101)

    def test_cpp_job_outlives_its_request(self):
        self.cpp("job", 4_000, orphans=True)

    def test_cpp_job_does_not_spoil_the_handler(self):
        self.assert_right(self.cpp("job", 4_000, keep=lambda record: record["call"] == "0"))

    def test_cpp_retry_with_one_context(self):
        self.assert_right(self.cpp("retry", 4_000))

    def test_cpp_three_calls_with_one_context(self):
        self.assert_right(self.cpp("proxy", 4_000))

    def test_python_proxy(self):
        self.assert_right(self.python("threaded_front.py", "proxy", 4_000))

    def test_asyncio(self):
        self.python("asyncio_front.py", "direct", 4_000)

    def test_asyncio_proxy(self):
        self.assert_right(self.python("asyncio_front.py", "proxy", 4_000))

    def test_asyncio_timer_at_concurrency_one(self):
        self.python("asyncio_front.py", "timer", 2_000, connections=1, orphans=True)

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'server':36} {'agent':14} {'calls':>7} {'right':>7} {'wrong':>6} {'none':>6} {'forwarded':>9} {'invented':>8}")
        for name, agent, c in TABLE:
            print(f"{name:36} {agent:14} {c.calls:7} {c.right:7} {c.wrong:6} {c.none:6} {c.forwarded:9} {c.invented:8}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
