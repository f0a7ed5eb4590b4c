#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_test.py BUILD [unittest arguments]: gRPC of C++ and Python against each other, under the whole agent."""
import collections
import http.client
import itertools
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution   # noqa: E402
import grpc_cases   # noqa: E402
from grpc_cases import CPP_AND_PYTHON, PEER, PROGRAMS, contexts   # noqa: E402
from lib.agent import Agent, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

STORE = {"store": {"traces": 100000, "bytes": "64MiB"}}   # all that a case makes
SCALE = float(os.environ.get("WEFT_E2E_SCALE", "1"))


def unknown_core(folder):
    """The folder, with C-core in a file of another name."""
    shutil.copy("/usr/lib/x86_64-linux-gnu/libgrpc.so.29", f"{folder}/core")
    os.symlink("core", f"{folder}/libgrpc.so.29")
    return folder


class Pairs(grpc_cases.Pairs):
    clients, serves = CPP_AND_PYTHON


class WhoseCall(grpc_cases.Case):
    """A front that calls a back once for each request: the right parent or none."""
    clients, serves = CPP_AND_PYTHON
    TABLE = []

    def judge(self, name, records, agent):
        """
        A request's trace id spells its number, so what the back saw (records) tells whose call it was. Each context that
        it saw is of a span below the request's own, and no request has a second call.
        """
        counts = attribution.count(map(json.dumps, records))
        self.TABLE.append((name, counts))
        self.assertEqual((counts.wrong, counts.malformed, counts.invented, counts.forwarded), (0, 0, 0, 0), counts)
        trace_of = {span_id: trace for _, trace, span_id, _ in
                    (record["traceparent"].split("-") for record in records if record["traceparent"])}

        def all_there(spans):
            ids = {span["span_id"] for span in spans}
            return trace_of.keys() <= ids and ids >= {span["parent_span_id"] for span in spans if span["span_id"] in trace_of}
        by_id = {span["span_id"]: span for span in agent.wait_spans("calls and their requests", all_there)}
        for span_id, trace in trace_of.items():
            parent = by_id[by_id[span_id]["parent_span_id"]]
            self.assertEqual([(span["kind"], span["trace_id"]) for span in (by_id[span_id], parent)],
                             [("CLIENT", trace), ("SERVER", trace)])
        calls = collections.Counter(span["trace_id"] for span in by_id.values() if span["kind"] == "CLIENT")
        self.assertEqual([trace for trace, n in calls.items() if n > 1], [])

    def test_grpc_fronts(self):
        for which in self.serves:
            with self.subTest(front=which), self.server("async") as back, self.server(which, f"back={back.port}") as peer, \
                    Launcher() as launcher, Agent(PROGRAMS, pids=[peer.pid], config=STORE) as agent:
                records = []
                for at_once, count, first in ((1, 100, 1), (16, int(600 * SCALE), 1000)):
                    for call in self.calls(launcher, "sync", peer.port, count, at_once=at_once, first=first, own=1):
                        seen, rest = contexts(call["back_seen"])
                        self.assertEqual((rest, len(seen) < 2), ([f"call-id={call['id'].encode().hex()}"], True))
                        records.append({"id": call["id"], "call": "0", "traceparent": seen[0] if seen else ""})
                self.judge(which, records, agent)

    def test_http_front(self):
        """
        By thread while one thread writes a connection alone; when others begin to, one may write what another asks for.
        Of a thread that calls alone, C-core has one call in some thousands written by a thread of its own, which ends it, too.
        The library has another name here, and is not probed (grpc_core_test.py).
        """
        channels, records, lock, named = int(12 * SCALE), [], threading.Lock(), 0
        numbers, strange = itertools.count(1), []

        def ask(port, via, count):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for _ in range(count):
                number = next(numbers)
                context = f"00-{attribution.trace_of(number)}-{attribution.parent_of(number)}-01"
                connection.request("GET", f"/work?id={number}&via={via}", headers={"traceparent": context})
                seen, rest = contexts(connection.getresponse().read().decode())
                with lock:
                    strange.extend(rest if rest != [f"call-id={str(number).encode().hex()}"] or len(seen) > 1 else [])
                    records.append({"id": str(number), "call": str(via), "traceparent": seen[0] if seen else ""})
            connection.close()
        with tempfile.TemporaryDirectory() as folder, self.server("async") as back, \
                Server(PEER, "front", f"back={back.port}", f"channels={channels}", LD_LIBRARY_PATH=unknown_core(folder)) as front, \
                Agent(PROGRAMS, pids=[front.pid], config=STORE) as agent:
            for via in range(channels):
                ask(front.port, via, 1)   # the connection is opened: by another thread than the next ones are written by
                ask(front.port, via, 40)
                alone = [attribution.judge(record) for record in records if record["call"] == str(via)]
                self.assertEqual((alone[:20], set(alone[20:]) - {"none", "right"}), (["none"] * 20, set()), via)
                named += alone[21:] == ["right"] * 20
                threads = [threading.Thread(target=ask, args=(front.port, via, 30)) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            self.assertEqual((strange, len(records)), ([], channels * (41 + 8 * 30)))
            self.assertGreaterEqual(named, channels * 3 // 4)
            wait_for("weft ps to tell it", lambda: "several" in agent.processes()[front.pid]["task"]["http2"]["why"])
            self.assertIn("calls over HTTP/2: ", agent.run("ps").stdout)
            self.judge("http", records, agent)

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'front':20} {'calls':>7} {'right':>7} {'wrong':>6} {'none':>6}")
        for name, c in cls.TABLE:
            print(f"{name:20} {c.calls:7} {c.right:7} {c.wrong:6} {c.none:6}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
