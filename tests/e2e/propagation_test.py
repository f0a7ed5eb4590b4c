#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""propagation_test.py BUILD [unittest arguments]: propagation.* changes while the agent runs, on connections that are open."""
import json
import os
import pathlib
import signal
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import front_back   # noqa: E402
from lib.agent import Programs, merged, wait_for   # noqa: E402

SWAPS = 200
PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
SETS = {"w3c": {"traceparent"}, "b3": {"b3"}, "all": {"traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "uber-trace-id"}}
FORMATS = {"w3c": ["tracecontext", "baggage"], "b3": ["b3"], "all": ["tracecontext", "b3", "b3multi", "jaeger"]}
CONTEXT = set().union(*SETS.values())


def scene(propagation, **more):
    return front_back.scene(PROGRAMS, {"propagation": propagation, **more})


class Client(front_back.Client):
    def names(self):
        return set(self.call()[1]) & CONTEXT


class Propagation(unittest.TestCase):
    def client(self, front, back):
        client = Client(front, back)
        self.addCleanup(client.http.close)
        return client

    def write(self, agent, text):
        file = agent.folder / "new.yaml"
        file.write_text(text)
        os.replace(file, agent.folder / "weft.yaml")

    def change(self, agent, propagation, **more):
        base = {"control": {"socket": agent.socket}, "exporters": {"prometheus": {"listen": "off"}}}
        self.write(agent, json.dumps(merged(base, {"propagation": propagation, **more})))

    def test_what_is_written_changes_on_open_connections(self):
        with scene({}) as (agent, front, back):
            client = self.client(front, back)
            self.assertEqual(client.names(), {"traceparent"})
            connection = back.seen[-1][0]
            for name in ("b3", "all", "w3c", "all"):
                self.change(agent, {"inject": FORMATS[name]})
                wait_for(f"{name} to be written", lambda name=name: client.names() == SETS[name])
            self.change(agent, {"inject": FORMATS["all"], "protocols": ["grpc"]})
            wait_for("nothing to be written", lambda: not client.names())
            self.assertEqual(back.seen[-1][0], connection)
            self.change(agent, {"inject": FORMATS["b3"]})
            wait_for("b3 to be written again", lambda: self.client(front, back).names() == {"b3"})

    def test_what_is_read_and_believed_changes(self):
        trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        other = "11111111111111111111111111111111"

        def went_on(client):
            arrived = client.call(traceparent=f"00-{trace}-{span}-01", b3=f"{other}-{span}-1")[1]
            return arrived["traceparent"].split("-")[1]
        with scene({}) as (agent, front, back):
            client = self.client(front, back)
            self.assertEqual(went_on(client), trace)
            self.change(agent, {"extract": ["b3", "tracecontext"]})
            wait_for("b3 to be read first", lambda: went_on(client) == other)
            self.change(agent, {"extract": ["jaeger"]})
            wait_for("neither to be read", lambda: went_on(client) not in (trace, other))
            self.change(agent, {"extract": ["tracecontext"]})
            wait_for("traceparent to be read", lambda: went_on(client) == trace)
            self.change(agent, {"trust_incoming": False})
            wait_for("a new trace", lambda: went_on(client) not in (trace, other))
            agent.process.send_signal(signal.SIGHUP)
            self.change(agent, {})
            wait_for("the trace to go on", lambda: went_on(client) == trace)

    def test_destinations_hold_for_open_connections(self):
        with scene({}) as (agent, front, back):
            client = self.client(front, back)
            baggage = lambda: client.call(baggage="a=1")[1]   # noqa: E731
            self.assertEqual(baggage()["baggage"], "a=1")
            connection = back.seen[-1][0]
            self.change(agent, {"destinations": {"baggage": "none"}})
            wait_for("baggage to stay", lambda: "baggage" not in baggage())
            self.assertIn("traceparent", back.seen[-1][1])
            self.change(agent, {"destinations": {"context": ["10.0.0.0/8"]}})
            wait_for("the context to stay", lambda: not client.names())
            self.change(agent, {"destinations": {"context": ["127.0.0.0/8"]}})
            wait_for("both to go", lambda: {"baggage", "traceparent"} <= set(baggage()))
            self.assertEqual(back.seen[-1][0], connection)

    def test_writing_can_begin_later(self):
        with scene({"inject": []}) as (agent, front, back):
            self.assertEqual(self.client(front, back).names(), set())
            self.change(agent, {})
            wait_for("new connections to be written to", lambda: self.client(front, back).names() == {"traceparent"})

    def test_a_bad_file_is_refused_and_the_old_one_stays(self):
        with scene({"inject": ["b3"]}) as (agent, front, back):
            client = self.client(front, back)
            self.write(agent, "propagation:\n  inject: [b3, w3c]\n")
            problem = f"{agent.folder}/weft.yaml:2:16: propagation.inject: 'w3c'"
            wait_for("the refusal", lambda: any(problem in text for text in agent.status()["problems"]))
            self.assertEqual(client.names(), {"b3"})
            self.change(agent, {"inject": ["b3multi"]})
            wait_for("the next good file", lambda: client.names() == {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled"})
            self.assertEqual(agent.status()["problems"], [])

    def test_what_needs_a_restart_is_said_by_name(self):
        with scene({}) as (agent, front, back):
            client = self.client(front, back)
            self.assertEqual(agent.status()["restart_needed_for"], [])
            self.change(agent, {"inject": ["b3"]}, capture={"ring_bytes": "1MiB"}, store={"traces": 7})
            wait_for("the rest to take effect", lambda: client.names() == {"b3"})
            self.assertEqual(agent.status()["restart_needed_for"], ["capture.ring_bytes", "store.traces"])
            self.assertIn("only after a restart: capture.ring_bytes, store.traces", agent.output())
            self.assertIn("capture.ring_bytes,store.traces", agent.run("status").stdout)
            self.change(agent, {})
            wait_for("nothing to wait any more", lambda: not agent.status()["restart_needed_for"])

    def test_each_request_shows_one_whole_setting(self):
        with scene({}) as (agent, front, back):
            stop, wrong, done = threading.Event(), [], []

            def load():
                client = self.client(front, back)
                while not stop.is_set():
                    try:
                        client.call()
                    except Exception as error:   # pylint: disable=broad-except
                        wrong.append(error)
                        return
                done.append(True)
            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            for number in range(SWAPS):
                name = ("b3", "all", "w3c")[number % 3]
                self.change(agent, {"inject": FORMATS[name]})
                before = len(back.seen)
                wait_for(f"{name}, swap {number}", lambda b=before, n=name: any(
                    set(headers) & CONTEXT == SETS[n] for _, headers in back.seen[b:]))
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual((wrong, len(done)), ([], 4))
            kinds = {frozenset(set(headers) & CONTEXT) for _, headers in back.seen}
            self.assertEqual(kinds, {frozenset(names) for names in SETS.values()})


if __name__ == "__main__":
    unittest.main()
