#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_server_test.py BUILD [unittest arguments]: services of grpc++ that are asked by gRPC and call onward.

What a request's trace id spells is its number, so what those that they called saw tells whose call it was.
"""
import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution   # noqa: E402
from grpc_cases import BUILD, CPP_AND_PYTHON, PEER, PROGRAMS, contexts   # noqa: E402
from lib.agent import Agent, wait_for   # noqa: E402
from lib.golang import Server, records   # noqa: E402

SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))
LEAF = BUILD / "e2e_leaf"


class Asking:
    """Clients of one front at once, each with numbers of its own."""
    first, lock = 1, threading.Lock()

    def __init__(self, port):
        self.port, self.clients = port, []

    def ask(self, count, **options):
        count = max(int(count * SCALE), 8)
        with Asking.lock:
            first, Asking.first = Asking.first, Asking.first + count
        arguments = {"mode": "sync", "port": self.port, "own": 1, "first": first, "count": count, **options}
        self.clients.append((count, subprocess.Popen([PEER, "call", *(f"{k}={v}" for k, v in arguments.items())],
                                                     stdout=subprocess.PIPE, text=True)))
        return self

    def calls(self):
        """All that were made, once they are over."""
        made = []
        for count, client in self.clients:
            out = client.communicate()[0]
            calls = [json.loads(line) for line in out.splitlines()]
            assert client.returncode == 0 and len(calls) == count, (client.returncode, count, out)
            made += calls
        self.clients = []
        return made


class GrpcServer(unittest.TestCase):
    def back(self):
        return Server(*CPP_AND_PYTHON[1]["async"])

    def front(self, mode, *more):
        return Server(PEER, "serve", f"mode={mode}", *more)

    def judged(self, calls):
        """What the back saw of the calls that were made for these."""
        seen = []
        for call in calls:
            found, rest = contexts(call["back_seen"])
            self.assertIn(f"call-id={call['id'].encode().hex()}", rest, call)
            self.assertLessEqual(len(found), 1, call)
            seen.append({"id": call["id"], "call": "0", "traceparent": found[0] if found else ""})
        return self.never_wrong(seen)

    def never_wrong(self, seen):
        counts = attribution.count(map(json.dumps, seen))
        self.assertEqual((counts.wrong, counts.malformed, counts.invented, counts.forwarded), (0, 0, 0, 0), counts)
        return counts

    def all_right(self, counts, wanted):
        self.assertEqual((counts.right, counts.calls), (wanted, wanted), counts)

    def probed(self, agent, front):
        """The first calls bring the probes."""
        def there():
            self.judged(Asking(front.port).ask(8).calls())
            return "gRPC core" in agent.processes()[front.pid]["probes"]
        wait_for("probes in C-core", there)

    def asked(self, front, count, connections=1, **options):
        asking = Asking(front.port)
        for _ in range(connections):
            asking.ask(count // connections, at_once=32 // connections, **options)
        return asking.calls()

    def test_blocking_handlers(self):
        with self.back() as back, self.front("sync", f"back={back.port}") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            for options in ({"connections": 1}, {"connections": 4}, {"kind": "Both"}, {"kind": "Up"}, {"kind": "Down", "connections": 4}):
                calls = self.asked(front, 640 if "kind" not in options else 160, **options)
                self.all_right(self.judged(calls), len(calls))
            wait_for("weft ps to say so", lambda: "grpc++" in agent.processes()[front.pid]["task"]["why"])

    def test_by_http1(self):
        with Server(LEAF) as leaf, self.front("sync", f"leaf={leaf.port}") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            def there():
                Asking(front.port).ask(8).calls()
                self.never_wrong(map(json.loads, records(leaf.port)))
                return "gRPC core" in agent.processes()[front.pid]["probes"]
            wait_for("probes in C-core", there)
            calls = self.asked(front, 640, connections=4)
            self.all_right(self.never_wrong(map(json.loads, records(leaf.port))), len(calls))

    def test_without_context(self):
        """A request that comes without a context is one that calls are made for, too."""
        with self.back() as back, self.front("sync", f"back={back.port}") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            self.judged(Asking(front.port).ask(8).calls())   # from the first one on that a probe has seen
            seen = [contexts(call["back_seen"])[0] for call in self.asked(front, 64, own=0)]
            self.assertEqual([len(found) for found in seen], [1] * len(seen))
            traces = {found[0].split("-")[1] for found in seen}
            self.assertEqual(len(traces), len(seen))
            agent.wait_spans("the requests' own spans", lambda spans: traces <= {
                span["trace_id"] for span in spans if span["kind"] == "SERVER" and not span["parent_span_id"]})

    def test_given_up(self):
        """Calls whose handlers wait on when nobody does."""
        with self.back() as back, self.front("sync", f"back={back.port}") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            late = Asking(front.port).ask(16, at_once=16, work="sleep", deadline_ms=200)
            calls = self.asked(front, 320)
            self.all_right(self.judged(calls), len(calls))
            late.calls()

    def test_threads_that_last(self):
        with Server(LEAF) as leaf, self.back() as back, \
                self.front("sync", f"leaf={leaf.port}", f"back={back.port}", "lasting=1") as front, \
                Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            calls = self.asked(front, 160)
            self.all_right(self.judged(calls), len(calls))
            ids, seen = {call["id"] for call in calls}, []

            def all_there():
                seen.extend(map(json.loads, records(leaf.port)))
                return ids <= {record["id"] for record in seen if record["call"] == "late"}
            wait_for("the threads' last calls", all_there)
            # Those of handlers are all right; one of a thread may begin a trace where nothing is served any more.
            self.all_right(self.never_wrong(record for record in seen if record["call"] == "0" and record["id"] in ids), len(ids))
            claimed = [record for record in seen if record["call"] != "0" and record["traceparent"].startswith("00-7e57")]
            self.never_wrong(claimed)
            self.assertEqual([record for record in claimed if record["call"] == "late"], [])

    def test_reactors_beside_blocking_handlers(self):
        """A thread that waits in a handler may run a reactor of another call meanwhile."""
        with self.back() as back, self.front("callback", f"back={back.port}") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            self.assertGreater(self.judged(self.asked(front, 960, connections=2, kind="Mixed", messages=40)).right, 0)

    def test_handlers_within_handlers(self):
        """An interceptor that waits has the handler run by whoever lets it go on: a thread that serves another call."""
        with self.back() as back, self.front("sync", f"back={back.port}", "hold=1") as front, Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            counts = self.judged(self.asked(front, 320))
            self.assertGreater(counts.right, 0, counts)
            self.assertGreater(counts.none, 0, counts)

    def test_completion_queues(self):
        """What a thread does between two events is not known."""
        with self.back() as back, self.front("async", f"back={back.port}", "threads=4") as front, \
                Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.probed(agent, front)
            self.assertEqual(self.judged(self.asked(front, 320, connections=4)).right, 0)

    def test_comes_and_goes_under_load(self):
        """It begins while handlers run, on connections that are open."""
        with self.back() as back, self.front("sync", f"back={back.port}") as front:
            for _ in range(2):
                over, made = threading.Event(), []

                def load():
                    while not over.is_set():
                        made.extend(Asking(front.port).ask(200, at_once=4).calls())
                asking = [threading.Thread(target=load) for _ in range(4)]
                for thread in asking:
                    thread.start()
                with Agent(PROGRAMS, pids=[front.pid]) as agent:
                    wait_for("calls to be named", lambda: agent.processes()[front.pid]["calls"]["with_parent"] > 200)
                over.set()
                for thread in asking:
                    thread.join()
                self.assertGreater(self.judged(made).right, 200)


if __name__ == "__main__":
    unittest.main(verbosity=1)
