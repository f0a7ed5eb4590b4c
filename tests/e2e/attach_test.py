#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""attach_test.py BUILD [unittest arguments]: attaching to what runs already, and letting it go."""
import json
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.load import Load   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
TIMES = 100
ONE_BY_ONE = """
import http.client, sys
connections = [http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])) for _ in range(3)]
def exchange(path):
    for number, connection in enumerate(connections):
        connection.request("GET", f"/bytes/{number + 10}?{path}")
        assert len(connection.getresponse().read()) == number + 10
exchange("open")
for line in sys.stdin:
    exchange(line.strip())
    print("done", flush=True)
"""


class OneByOne:
    """A client with three open connections; step(name) makes one exchange on each."""

    def __init__(self, port):
        self.process = subprocess.Popen(["/usr/bin/python3", "-uc", ONE_BY_ONE, str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def step(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def with_context(recorded, name):
    return [len(r.contexts) for r in recorded if r.target.endswith("?" + name)]


class Attach(unittest.TestCase):
    def expect(self, done, code, text):
        self.assertEqual(done.returncode, code, done)
        self.assertIn(text, done.stdout + done.stderr)

    def test_open_connections_are_injected_from_the_second_exchange_on(self):
        with Recorder() as recorder, OneByOne(recorder.port) as client, Agent(PROGRAMS) as agent:
            client.step("before")
            self.expect(agent.run("attach", client.pid), 0, "traced now")
            client.step("first")

            # They join in the agent's next turn, 20 ms away at most. One whose answer was there before its request had been
            # seen joins with a later exchange: an emulated processor is slow enough for that.
            def joined():
                time.sleep(1)
                before = len(agent.spans())
                client.step("joining")
                time.sleep(1)
                return len(agent.spans()) - before == 3
            wait_for("all three to be followed", joined)
            for name in ("second", "third"):
                client.step(name)

            def ours(spans):
                return [s for s in spans if s["attributes"]["url.full"].endswith(("?second", "?third"))]
            spans = ours(agent.wait_spans("six client spans", lambda spans: len(ours(spans)) == 6))
            self.expect(agent.run("detach", client.pid), 0, "not traced any more")
            client.step("after")
            requests_seen = recorder.take()
        self.assertEqual([with_context(requests_seen, name) for name in ("open", "before", "first", "second", "third", "after")],
                         [[0] * 3, [0] * 3, [0] * 3, [1] * 3, [1] * 3, [0] * 3])
        ids = {span["span_id"] for span in spans}
        self.assertEqual({r.ids[1] for r in requests_seen if r.target.endswith(("?second", "?third"))}, ids)

    def test_again_and_again_under_load(self):
        with Recorder() as recorder, Load(recorder.port) as load, Agent(PROGRAMS) as agent:
            for number in range(TIMES):
                self.expect(agent.run("attach", load.pid), 0, "traced now")
                if number % 10 == 0:
                    time.sleep(0.1)
                self.expect(agent.run("detach", load.pid), 0, "not traced any more")
            injected = agent.status()["injections"].get("done", 0)
            result = load.finish()
            seen = recorder.take()
        self.assertEqual(result["failed"], [])
        self.assertEqual(len(seen), result["ok"])
        self.assertEqual([r.contexts for r in seen if len(r.contexts) > 1], [])
        self.assertEqual(sum(len(r.contexts) for r in seen), injected)
        self.assertGreater(injected, 0)

    def test_agents_come_and_go_under_load(self):
        with Recorder() as recorder, Load(recorder.port) as load:
            for _ in range(5):
                with Agent(PROGRAMS, pids=[load.pid]) as agent:
                    agent.wait_spans("spans", lambda spans: len(spans) > 20)
            result = load.finish()
            seen = recorder.take()
        self.assertEqual(result["failed"], [])
        self.assertEqual(len(seen), result["ok"])
        self.assertLessEqual({len(r.contexts) for r in seen}, {0, 1})

    def test_server_with_open_connections(self):
        with servers.Python("threaded.py") as server, Agent(PROGRAMS) as agent:
            with requests.Connection(server.port) as connection:
                connection.send("GET", "/small.txt")
                self.expect(agent.run("attach", server.pid), 0, "traced now")
                connection.send("GET", "/small.txt")
                later = [connection.send("GET", "/small.txt") for _ in range(3)]
                wanted = {sent.trace_id for sent in later}
                agent.wait_spans("spans of an open connection", lambda spans: wanted <= {s["trace_id"] for s in spans})
                self.expect(agent.run("detach", server.pid), 0, "not traced any more")
                gone = connection.send("GET", "/small.txt")
                self.expect(agent.run("attach", server.pid), 0, "traced now")
                back = [connection.send("GET", "/small.txt") for _ in range(3)]
                spans = agent.wait_spans("spans after a second attach", lambda spans: back[-1].trace_id in {s["trace_id"] for s in spans})
            self.assertNotIn(gone.trace_id, {s["trace_id"] for s in spans})

    def test_new_process_is_noticed(self):
        with Recorder() as recorder, Agent(PROGRAMS, config={"discovery": {"instrument": [
                {"exe_path": "/usr/bin/python3*", "cmd_args": f"*{recorder.port}*", "name": "newcomer"}]}}) as agent:
            with OneByOne(recorder.port) as client:
                wait_for("the new process to be traced", lambda: client.pid in agent.traced())
                client.step("one")
                client.step("two")
                client.step("three")
                self.assertEqual(agent.processes()[client.pid]["service"], "newcomer")
            self.assertEqual(with_context(recorder.take(), "three"), [1] * 3)

    def test_children_are_traced_and_other_processes_are_not(self):
        call = "import http.client,sys; c=http.client.HTTPConnection('127.0.0.1',{}); c.request('GET','/bytes/1?{}'); c.getresponse().read()"
        with Recorder() as recorder:
            parent = subprocess.Popen(["/bin/sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            with parent, Agent(PROGRAMS, pids=[parent.pid]) as agent:
                command = call.format(recorder.port, "child")
                parent.stdin.write(f"( /usr/bin/python3 -c \"{command}\" )\necho done\n")
                parent.stdin.flush()
                self.assertEqual(parent.stdout.readline(), "done\n")
                subprocess.run(["/usr/bin/python3", "-c", call.format(recorder.port, "stranger")], check=True)
                seen = recorder.take()
                parent.stdin.close()
        self.assertEqual([with_context(seen, name) for name in ("child", "stranger")], [[1], [0]])

    def test_answers_and_exit_codes(self):
        with Agent(PROGRAMS) as agent:
            gone = subprocess.Popen(["/bin/true"])
            gone.wait()
            self.expect(agent.run("attach", gone.pid), 1, "there is no process")
            self.expect(agent.run("detach", 4194303), 1, "is not known")
            self.expect(agent.run("attach", "zero"), 2, "")
            self.expect(agent.run("attach"), 2, "")
            with subprocess.Popen(["/bin/sleep", "60"]) as sleeper:
                done = agent.run("attach", sleeper.pid, "-o", "json")
                self.assertEqual(done.returncode, 0, done)
                json.loads(done.stdout)
                self.expect(agent.run("attach", sleeper.pid), 0, "traced now")
                self.assertEqual(agent.processes()[sleeper.pid]["state"], "traced")
                self.expect(agent.run("detach", sleeper.pid), 0, "not traced any more")
                self.assertNotEqual(agent.processes()[sleeper.pid]["state"], "traced")
                sleeper.kill()
        nobody = subprocess.run([PROGRAMS.weft, "attach", "1", "--socket", agent.socket], capture_output=True, text=True)
        self.expect(nobody, 3, "is weftd running?")


if __name__ == "__main__":
    unittest.main()
