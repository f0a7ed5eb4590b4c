#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_core_test.py BUILD [unittest arguments]: threads that serve HTTP/1.1 and call by gRPC's C-core on shared channels.

What a request's trace id spells is its number, so what the back saw tells whose call it was.
"""
import http.client
import itertools
import json
import os
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution   # noqa: E402
from grpc_cases import CPP_AND_PYTHON, PEER, PROGRAMS, contexts   # noqa: E402
from lib.agent import Agent, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402

SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))
CHANNELS = 2


class GrpcCore(unittest.TestCase):
    def setUp(self):
        self.numbers, self.lock, self.records, self.strange = itertools.count(1), threading.Lock(), [], []

    def ask(self, port, count, query=""):
        """Requests on a connection of its own, one after the other, by all channels in turn."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(count):
            number = next(self.numbers)
            context = f"00-{attribution.trace_of(number)}-{attribution.parent_of(number)}-01"
            connection.request("GET", f"/work?id={number}&via={number % CHANNELS}{query}", headers={"traceparent": context})
            seen, rest = contexts(connection.getresponse().read().decode())
            with self.lock:
                if f"call-id={str(number).encode().hex()}" not in rest or len(seen) > 1:
                    self.strange.append((number, seen, rest))
                self.records.append({"id": str(number), "call": "0", "traceparent": seen[0] if seen else ""})
        connection.close()

    def ask_at_once(self, port, threads, count, query=""):
        """What became of their calls."""
        self.records.clear()
        each = max(int(count * SCALE), 5)
        asking = [threading.Thread(target=self.ask, args=(port, each, query)) for _ in range(threads)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        self.assertEqual(self.strange, [])
        counts = attribution.count(map(json.dumps, self.records))
        self.assertEqual(counts.calls, threads * each)
        self.assertEqual((counts.wrong, counts.malformed, counts.invented, counts.forwarded), (0, 0, 0, 0), counts)
        return counts

    def all_right(self, *asked):
        counts = self.ask_at_once(*asked)
        self.assertEqual(counts.right, counts.calls, counts)

    def probed(self, agent, front):
        """The first calls bring the probes."""
        def there():
            self.ask_at_once(front.port, 1, 5)
            return "gRPC core" in agent.processes()[front.pid]["probes"]
        wait_for("probes in C-core", there)

    def back(self):
        return Server(*CPP_AND_PYTHON[1]["async"])

    def front(self, back, *more):
        return Server(PEER, "front", f"back={back.port}", f"channels={CHANNELS}", *more)

    def test_threads_share_channels(self):
        with self.back() as back, self.front(back) as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            self.all_right(front.port, 32, 40)
            self.all_right(front.port, 16, 10, "&bytes=300000")   # has to wait for room, and leaves on another thread
            self.all_right(front.port, 16, 20, "&gives_up=1")     # what was noted for calls that never left is nobody's
            wait_for("weft ps to say so", lambda: "C-core" in agent.processes()[front.pid]["task"].get("http2", {}).get("why", ""))

    def test_repeated_calls(self):
        """A second attempt is sent by a timer's thread, and is of the same request."""
        with self.back() as back, self.front(back, "twice=1") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            self.all_right(front.port, 8, 20, "&work=fail")
            self.all_right(front.port, 8, 10)

    def test_comes_and_goes_under_load(self):
        with self.back() as back, self.front(back) as front:
            for _ in range(2):
                over = threading.Event()

                def load():
                    while not over.is_set():
                        self.ask(front.port, 20)
                asking = [threading.Thread(target=load) for _ in range(8)]
                for thread in asking:
                    thread.start()
                with Agent(PROGRAMS, pids=[front.pid]) as agent:
                    wait_for("probes in C-core", lambda: "gRPC core" in agent.processes()[front.pid]["probes"])
                    wait_for("calls to be named", lambda: agent.processes()[front.pid]["calls"]["with_parent"] > 200)
                over.set()
                for thread in asking:
                    thread.join()
                counts = attribution.count(map(json.dumps, self.records))
                self.assertEqual((self.strange, counts.wrong, counts.malformed, counts.invented), ([], 0, 0, 0), counts)
                self.assertGreater(counts.right, 200)
                self.records.clear()

    def test_switched_off(self):
        with self.back() as back, self.front(back) as front:
            off = {"discovery": {"instrument": [{"target_pids": [front.pid], "task": "none"}]}}
            with Agent(PROGRAMS, config=off) as agent:
                wait_for("it to be traced", lambda: front.pid in agent.traced())
                self.assertEqual(self.ask_at_once(front.port, 8, 30).right, 0)
                wait_for("its calls to be counted", lambda: agent.processes()[front.pid]["calls"]["without_parent"])
                self.assertNotIn("gRPC core", agent.processes()[front.pid]["probes"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
