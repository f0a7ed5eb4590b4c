#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_life_test.py BUILD [unittest arguments]: Go programs that are attached and let go, execute others, have children,
or live in other namespaces. Built with the installed Go, or beforehand (lib/golang.py)."""
import contextlib
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution                                # noqa: E402
from lib import go_case, golang, host             # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
APPS = pathlib.Path(__file__).parent / "apps"
TIMES = 200      # attached and detached under load
REQUESTS = go_case.REQUESTS


@contextlib.contextmanager
def loaded_until_it_rests(agent, front):
    """Load on `front` for as long as this lasts, which begins when the process rests. Gives what tells whether it does.
    No request may fail."""
    results, ends = [], threading.Event()

    def keep_loading():
        while not ends.is_set():
            results.append(go_case.load(BUILD, front.port, 10 * REQUESTS, 1 + 10 * REQUESTS * len(results)))

    def rests():
        return "rests" in agent.processes()[front.pid]["task"]["why"]

    loading = threading.Thread(target=keep_loading)
    loading.start()
    try:
        wait_for("the process to rest", rests)
        yield rests
    finally:
        ends.set()
        loading.join()
    assert {result["failed"] for result in results} == {0}, results


def task_owners(pid):
    def dump(*command):
        return json.loads(subprocess.run(["bpftool", *command, "-j"], capture_output=True, text=True, check=True).stdout)
    owners = [row["formatted"]["key"]["owner"] for found in dump("map", "show") if found.get("name") == "tasks"
              for row in dump("map", "dump", "id", str(found["id"])) if "formatted" in row]   # else removed meanwhile
    return [owner for owner in owners if owner >> 32 == pid]


def programs_with_tasks(pid):
    """Numbers of the programs of a process of which tasks are kept."""
    return {owner & 0xffffffff for owner in task_owners(pid)}


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


class Life(go_case.GoCase):
    build = BUILD

    def test_attached_and_detached_under_load(self):
        before = host.probe_links()
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(self.binary, leaf.port, "parallel") as front:
            results, ends = [], threading.Event()

            def keep_loading():
                first = 1
                while not ends.is_set():
                    results.append(self.load(front.port, REQUESTS, first))
                    first += REQUESTS

            with Agent(PROGRAMS) as agent:
                loading = threading.Thread(target=keep_loading)
                loading.start()
                try:
                    for _ in range(TIMES):
                        self.assertEqual(agent.run("attach", front.pid).returncode, 0)
                        self.assertEqual(agent.run("detach", front.pid).returncode, 0)
                    self.assertEqual(agent.run("attach", front.pid).returncode, 0)
                    self.goroutines(agent, front.pid)
                    self.assertGreater(golang.changed_code(front.pid, self.binary), 0)   # the check below can fail
                    self.assertEqual(agent.run("detach", front.pid).returncode, 0)
                finally:
                    ends.set()
                    loading.join()
                wait_for("the last probe to go", lambda: not host.probe_links() - before)
                self.original(front.pid)
                self.assertEqual([result["failed"] for result in results], [0] * len(results))
                counts = attribution.count(golang.records(leaf.port))
                self.assertEqual((counts.wrong, counts.invented, counts.malformed), (0, 0, 0), counts)
                self.assertGreater(counts.right, 0, counts)
                self.assertEqual(agent.run("attach", front.pid).returncode, 0)
                self.goroutines(agent, front.pid)
            self.assertEqual(host.probe_links() - before, set())
            self.original(front.pid)
            self.all_served(front.port)

    def test_a_busy_process_rests_from_births_that_pass_nothing_on(self):
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(self.binary, leaf.port, "direct") as front, \
                Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.goroutines(agent, front.pid)
            watched = golang.changed_code(front.pid, self.binary)
            with loaded_until_it_rests(agent, front) as rests:
                wait_for("breakpoints to go", lambda: golang.changed_code(front.pid, self.binary) <= watched - 2)
                for number in range(300):   # each served by a goroutine of its own, whose end nobody sees
                    connection = http.client.HTTPConnection("127.0.0.1", front.port)
                    connection.request("GET", f"/work?id={10**9 + number}")
                    connection.getresponse().read()
                    connection.close()
                self.assertTrue(rests())
                self.assertLess(len(task_owners(front.pid)), 50)
                resting = attribution.count(golang.records(leaf.port))
                self.assertEqual((resting.wrong, resting.malformed), (0, 0), resting)
                connection = http.client.HTTPConnection("127.0.0.1", front.port)
                connection.request("GET", "/become?how=child")
                connection.getresponse().read()
                wait_for("the process to be watched again", lambda: not rests())
                self.assertEqual(golang.changed_code(front.pid, self.binary), watched)
            self.load(front.port, REQUESTS)   # what is born where is learned again
            waking = attribution.count(golang.records(leaf.port))
            self.assertEqual((waking.wrong, waking.malformed), (0, 0), waking)
            self.calls_are_right(front.port, leaf.port)

    def test_an_event_loop_stays_known_while_the_process_rests(self):
        """Its call must not get the request that it read last, also when a connection that it served has ended."""
        first = 2 * 10**9

        def begun(to, number):
            connection = http.client.HTTPConnection("127.0.0.1", to)
            connection.request("GET", f"/work?id={number}",
                               headers={"traceparent": f"00-{attribution.trace_of(number)}-{number:016x}-01"})
            return connection

        def answered(connection):
            self.assertEqual(connection.getresponse().read(), b"loop")
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(self.binary, leaf.port, "direct") as front, \
                Agent(PROGRAMS, pids=[front.pid]) as agent:
            self.goroutines(agent, front.pid)
            with loaded_until_it_rests(agent, front) as rests:
                asked = http.client.HTTPConnection("127.0.0.1", front.port)
                asked.request("GET", "/loop")
                loop = int(asked.getresponse().read())
                waiting = begun(loop, first)
                time.sleep(0.05)   # read by then: the next connection is another one's turn
                other = begun(loop, first + 1)
                answered(other)
                other.request("GET", f"/work?id={first + 2}")
                answered(other)
                self.assertTrue(rests())
                other.close()
                time.sleep(0.05)
                last = begun(loop, first + 3)
                answered(last)
                answered(waiting)
                for connection in (asked, waiting, last):
                    connection.close()
            calls = [record for record in map(json.loads, golang.records(leaf.port)) if record["call"] == "loop"]
            self.assertEqual([record["id"] for record in calls], [str(first)])
            self.assertEqual(calls[0]["traceparent"], "")

    def test_a_busy_service_that_calls_nobody_rests(self):
        binary = golang.build(APPS / "go_http2", pathlib.Path(self.folder.name) / "front-http2")
        with golang.Server(binary, "back") as back, Agent(PROGRAMS, pids=[back.pid]) as agent:
            self.goroutines(agent, back.pid)
            watched = golang.changed_code(back.pid, binary)
            answered, ends = [], threading.Event()

            def keep_loading():
                while not ends.is_set():   # each over a connection of its own
                    done = subprocess.run([binary, "load", "grpc", str(back.port), "direct", "3000", "32", "1", "back"],
                                          stdout=subprocess.PIPE, text=True, check=True, timeout=300)
                    answered.append(done.stdout.strip())

            loading = threading.Thread(target=keep_loading)
            loading.start()
            try:
                wait_for("the service to rest", lambda: "rests" in agent.processes()[back.pid]["task"]["why"])
                wait_for("breakpoints to go", lambda: golang.changed_code(back.pid, binary) < watched - 2)
                so_far = len(answered)
                wait_for("more connections", lambda: len(answered) > so_far + 5)
                self.assertLess(len(task_owners(back.pid)), 50)
                self.assertIn("rests", agent.processes()[back.pid]["task"]["why"])
            finally:
                ends.set()
                loading.join()
            self.assertEqual(set(answered), {"3000"})
            wait_for("the service to be watched again", lambda: golang.changed_code(back.pid, binary) == watched)

    def test_executes_itself(self):
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(self.binary, leaf.port, "child") as front:
            with Agent(PROGRAMS, pids=[front.pid]) as agent:
                self.goroutines(agent, front.pid)
                self.load(front.port, REQUESTS)
                connection = http.client.HTTPConnection("127.0.0.1", front.port)
                connection.request("GET", "/?id=0")   # whose goroutine waits for the next request
                connection.getresponse().read()
                before = programs_with_tasks(front.pid)
                self.assertEqual(len(before), 1)
                connection.request("GET", "/exec")
                connection.getresponse().read()
                port = front.next_port()
                self.goroutines(agent, front.pid)
                wait_for("the new program to be followed", lambda: self.first_call_is_right(port, leaf.port))
                self.calls_are_right(port, leaf.port)
                self.assertFalse(before & programs_with_tasks(front.pid))   # they never ended by themselves

    def first_call_is_right(self, port, leaf_port):
        golang.records(leaf_port)
        self.load(port, 1)
        return attribution.count(golang.records(leaf_port)).right == 1

    def test_children_are_followed(self):
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, Agent(PROGRAMS, "--exe", self.binary) as agent:
            with golang.Server(self.binary, leaf.port, "parent") as front:
                ports = [front.port, front.next_port()]
                pids = children(front.pid)
                self.assertEqual(len(pids), 2)
                for pid in pids:
                    self.goroutines(agent, pid)
                for port in ports:
                    self.calls_are_right(port, leaf.port)
                for pid in pids:
                    subprocess.run(["kill", "-9", str(pid)], check=True)
            wait_for("the ended processes to be gone from the list",
                     lambda: not set(pids) & set(agent.processes()))

    def test_other_mount_and_pid_namespace(self):
        # The program's path exists in its own mount namespace only.
        script = (f"mount -t tmpfs none /mnt && cp {self.binary} /mnt/front-within && "
                  "exec /mnt/front-within \"$@\"")
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, \
                golang.Server("unshare", "--mount", "--pid", "--fork", "--kill-child",
                              "sh", "-c", script, "sh", leaf.port, "child") as outer:
            pid = children(outer.pid)[0]
            with Agent(PROGRAMS, pids=[pid]) as agent:
                self.goroutines(agent, pid)
                self.load(outer.port, REQUESTS)
                self.calls_are_right(outer.port, leaf.port)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    unittest.main(verbosity=1)
