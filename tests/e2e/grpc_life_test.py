#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_life_test.py BUILD [unittest arguments]: gRPC connections that end under their calls, and those joined in mid-life."""
import collections
import json
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from grpc_cases import CPP_AND_PYTHON, OK, PROGRAMS, Case, contexts, metadata   # noqa: E402
from lib.agent import Agent, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402


class Life(Case):
    clients, serves = CPP_AND_PYTHON

    def test_connections_that_are_told_to_go(self):
        """GOAWAY after a short time: the calls go on by the next connection, each with its context."""
        for which in self.serves:
            with Launcher() as launcher, self.server(which, "age_ms=200") as peer, \
                    Agent(PROGRAMS, pids=[launcher.pid, peer.pid]) as agent:
                for client in ("sync", "python"):
                    with self.subTest(client=client, server=which):
                        calls = self.calls(launcher, client, peer.port, 200, at_once=4, pause_ms=15)
                        self.assertGreater(len({call["peer"] for call in calls}), 1)
                        agent.wait_span_ids(self.one_context_each(calls))

    def under_load(self, client, which, at_once):
        """Tracing begins while calls are under way: none fails or is changed but for a context, which each has in the end."""
        with self.server(which) as peer:
            command = [*self.clients[client], f"port={peer.port}", "count=1000000000", f"at_once={at_once}"]
            process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
            seen, strange = collections.deque(maxlen=200), []

            def read():
                for line in process.stdout:
                    if not line.endswith("}\n"):   # it was being written when its program ended
                        continue
                    call = json.loads(line)
                    found, rest = contexts(call["seen"])
                    if call["code"] != OK or metadata(rest) != metadata(call["sent"]) or len(found) > 1:
                        strange.append(call)
                    seen.append(bool(found))
            reader = threading.Thread(target=read)
            reader.start()
            try:
                wait_for("calls", lambda: len(seen) == 200)
                self.assertNotIn(True, list(seen))
                with Agent(PROGRAMS, pids=[process.pid, peer.pid]) as agent:
                    wait_for("a context on each call", lambda: all(list(seen)))
                    spans = agent.wait_spans("spans of both sides", lambda spans: len({s["kind"] for s in spans}) == 2)
                    self.assertEqual({span["status"]["code"] for span in spans}, {"UNSET"})
                    # The codes of both sides are indices of tables that nobody has seen.
                    told = collections.Counter((span["name"], span["attributes"].get("rpc.system.name")) for span in spans)
                    self.assertEqual({system for _, system in told}, {"grpc"}, told)
                    process.terminate()
                    process.wait()
            finally:
                process.kill()
                process.wait()
                reader.join()
                process.stdout.close()
            self.assertEqual(strange, [])

    def test_joined_in_mid_life(self):
        for client, which in zip(self.clients, self.serves):
            with self.subTest(client=client, server=which):
                self.under_load(client, which, 1)

    def test_joined_with_many_calls_at_once(self):
        for client in ("sync", "async"):
            with self.subTest(client=client):
                self.under_load(client, "sync", 4)


if __name__ == "__main__":
    unittest.main(verbosity=1)
