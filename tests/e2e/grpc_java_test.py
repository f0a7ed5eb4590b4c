#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_java_test.py BUILD [unittest arguments]: gRPC of Java against that of C++, Go and Node and itself, and whose calls
its servers make. WEFT_E2E_SCALE multiplies those.

A Java process asks FIONREAD: where the kernel does not answer it for changed sockets nothing is added to what it sends, and
its spans alone are judged."""
import collections
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution   # noqa: E402
import grpc_cases   # noqa: E402
import grpc_full_test   # noqa: E402
from grpc_cases import BUILD, PEER, PROGRAMS, changes_who_asks, contexts   # noqa: E402
from lib import java   # noqa: E402
from lib.agent import Agent, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))
ROUND = 2_500    # calls, of which each has two spans: so many can be asked for at once
STORE = {"store": {"traces": 100_000, "bytes": "256MiB"}}
SERVED = "weft.test.Peer/Unary"


def build(folder):
    return java.build(folder, "grpcjava", *(grpc_full_test.APPS / "grpc_java").glob("*.java"))


class Pairs(grpc_full_test.Pairs):
    many = ["go", "js", "java"]
    asking = ["java"]
    punctual = ["sync", "go", "java"]
    traces = 3000

    @classmethod
    def setUpClass(cls):
        cls.start_all(java=[*build(cls.enterClassContext(tempfile.TemporaryDirectory())), "Peer"])

    def each_pair(self, check, clients=None):
        """Of which one is Java."""
        everywhere = self.servers
        for client in clients or self.clients:
            self.servers = everywhere if client == "java" else {"java": everywhere["java"]}
            super().each_pair(check, [client])
        self.servers = everywhere


class WhoseCall(grpc_cases.Case):
    """A front that makes one call for each, over one channel for all: the right parent or none. The call's method says
    for whom it is, and the trace of what the front serves spells its number."""
    TABLE = []

    @classmethod
    def setUpClass(cls):
        cls.java = build(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.serves = {"java": [*cls.java, "Peer", "serve"],
                      "async": [PEER, "serve", "mode=async"]}
        cls.clients = {"async": [PEER, "call", "mode=async"]}

    def made(self, agent):
        """Calls that the front has made, as the kernel's side counts them."""
        return sum(agent.status()["injections"].values())

    def judge(self, agent, ids):
        """{right, wrong, none}: of the calls for these requests."""
        before = -1   # client spans at the last look: they may come a moment later than those of what was served

        def of_round():
            nonlocal before
            found = collections.defaultdict(list)
            for span in agent.spans():
                method = span["attributes"].get("rpc.method", "")
                if span["kind"] == "SERVER" and span["trace_id"].startswith(attribution.OURS):
                    found["SERVER", int(span["trace_id"][20:], 16)].append(span)
                elif span["kind"] == "CLIENT":
                    found["CLIENT", int(method.removeprefix("weft.test.Peer/For"))].append(span)
            last, before = before, sum(len(spans) for key, spans in found.items() if key[0] == "CLIENT")
            served = {number: found.get(("SERVER", number)) for number in ids}
            made = {number: found.get(("CLIENT", number)) for number in ids}
            return (served, made) if all(served.values()) and last == before else None
        served, made = wait_for("the spans of what was served", of_round)
        counts = collections.Counter()
        for number in ids:
            (server,), calls = served[number], made[number] or []
            self.assertEqual((server["parent_span_id"], server["name"]), (attribution.parent_of(number), SERVED))
            if not calls:
                counts["none"] += 1
                continue
            same = [(call["trace_id"], call["parent_span_id"]) for call in calls] == [(server["trace_id"], server["span_id"])]
            counts["right" if same else "wrong"] += 1
            if not same:
                print(json.dumps([server, *calls]), file=sys.stderr)
        return counts

    def one_way(self, name, *how, calls=ROUND, forward=0, channels=1, at_once=32):
        counts = collections.Counter()
        with self.server("async") as back, self.server("java", f"back={back.port}", f"forward={forward}", *how) as front, \
                Launcher() as launcher, Agent(PROGRAMS, pids=[front.pid], config=STORE) as agent:
            changed, first = changes_who_asks(agent), 1
            while first <= calls * SCALE:
                answers = self.calls(launcher, "async", front.port, ROUND, at_once=at_once, first=first, own=1,
                                     channels=channels)
                wait_for("every call to be counted", lambda: self.made(agent) >= first + ROUND - 1)
                counts += self.judge(agent, range(first, first + ROUND))
                self.check_bytes(answers, changed, forward)
                first += ROUND
        self.TABLE.append((name, counts))
        self.assertEqual(counts["wrong"], 0)
        return counts

    def check_bytes(self, answers, changed, forward):
        records = [{"id": call["id"], "call": "0", "traceparent": (contexts(call["back_seen"])[0] or [""])[0]} for call in answers]
        on_wire = attribution.count(map(json.dumps, records))
        self.assertEqual((on_wire.wrong, on_wire.malformed, on_wire.invented), (0, 0, 0), on_wire)
        if not changed:
            self.assertEqual((on_wire.forwarded, on_wire.none), (len(answers), 0) if forward else (0, len(answers)))

    def test_executor(self):
        self.one_way("executor, blocking")

    def test_direct(self):
        self.one_way("direct, blocking", "executor=direct", "loops=32", channels=32)

    def test_direct_future(self):
        self.one_way("direct, future", "executor=direct", "stub=future")

    def test_nio(self):
        self.one_way("nio executor, blocking", "transport=nio")

    def test_nio_direct(self):
        self.one_way("nio direct, future", "executor=direct", "stub=future", "transport=nio")

    def test_forwarded(self):
        """Told by the context, and seen for it: a judge who sees no call finds none wrong."""
        counts = self.one_way("forwards", forward=1)
        self.assertGreaterEqual(counts["right"], 0.999 * counts.total())

    def test_channel_made_within_a_request(self):
        """Threads that a request starts, and that write for others while it lasts; others of its kind keep within theirs."""
        with self.server("async") as back, Server(BUILD / "e2e_leaf", 0) as leaf, \
                Server(*self.java, "Front", f"back={back.port}", f"leaf={leaf.port}") as front, \
                Agent(PROGRAMS, pids=[front.pid], config=STORE) as agent:
            def ask(path, number):
                connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
                context = f"00-{attribution.trace_of(number)}-{attribution.parent_of(number)}-01"
                connection.request("GET", f"/{path}?id={number}", headers={"traceparent": context})
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
            for number in range(1, 61):
                ask("work", number)
            with concurrent.futures.ThreadPoolExecutor(9) as threads:
                first = threads.submit(ask, "first", 61)
                self.assertEqual(front.process.stdout.readline(), "called\n")
                list(threads.map(ask, itertools.repeat("work"), range(100, 400)))
                ask("end", 62)
                first.result()
            # 361 calls of the leaf, 301 by gRPC.
            wait_for("every call to be counted", lambda: self.made(agent) >= 662)
            spans = agent.wait_spans("the request that ends last", lambda spans: any(
                span["kind"] == "SERVER" and span["trace_id"] == attribution.trace_of(61) for span in spans))
            counts = {"leaf": collections.Counter(), "gRPC": collections.Counter()}
            for span in spans:
                if span["kind"] == "CLIENT":
                    method, url = (span["attributes"].get(name, "") for name in ("rpc.method", "url.full"))
                    same = span["trace_id"] == attribution.trace_of((url.partition("id=") if url else method.partition("For"))[2])
                    counts["leaf" if url else "gRPC"]["right" if same else "wrong"] += 1
        self.TABLE.append(("made within a request", counts["gRPC"] + collections.Counter(none=301 - counts["gRPC"].total())))
        self.assertEqual((counts["leaf"]["wrong"], counts["gRPC"]["wrong"]), (0, 0))
        self.assertGreater(counts["leaf"]["right"], 250)   # started threads inherit

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'front':24} {'calls':>7} {'right':>7} {'none':>7} {'wrong':>6}")
        for name, c in cls.TABLE:
            print(f"{name:24} {c.total():7} {c['right']:7} {c['none']:7} {c['wrong']:6}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
