#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""service_test.py BUILD [unittest arguments]: weftd as a service: what its manager is told, and when."""
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import requests, servers   # noqa: E402
from lib.agent import SLOW, WAIT_LIMIT_S, Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Manager:
    """A socket for NOTIFY_SOCKET."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")   # an abstract address of the kernel's choice
        self.socket.settimeout(WAIT_LIMIT_S)
        self.environment = {"NOTIFY_SOCKET": "@" + self.socket.getsockname()[1:].decode()}
        return self

    def next(self):
        return self.socket.recv(1000).decode()

    def __exit__(self, *_):
        self.socket.close()


class StartedAgent(Agent):
    """Not waited for: whoever starts it is told by the manager when it traces."""

    def is_ready(self):
        return True


class Service(unittest.TestCase):
    def test_ready_once_it_traces_and_stopping_before_it_ends(self):
        with Manager() as manager, servers.Python("threaded.py") as server:
            with StartedAgent(PROGRAMS, pids=[server.pid], environment=manager.environment) as agent:
                self.assertEqual(manager.next(), "READY=1")
                with requests.Connection(server.port) as outside:   # the very next request has to be seen
                    sent = outside.send("GET", "/small.txt")
                agent.wait_spans("its span", lambda spans: [s for s in spans if s["parent_span_id"] == sent.parent_id])
                agent.process.send_signal(signal.SIGSTOP)   # what it is told from now on it has to say by itself
                agent.process.send_signal(signal.SIGTERM)
                manager.socket.setblocking(False)
                self.assertRaises(BlockingIOError, manager.next)
                manager.socket.settimeout(WAIT_LIMIT_S)
                agent.process.send_signal(signal.SIGCONT)
                self.assertEqual(manager.next(), "STOPPING=1")
                self.assertEqual(agent.process.wait(timeout=30 * SLOW), 0)

    def test_never_ready_where_it_cannot_start(self):
        with Manager() as manager, Agent(PROGRAMS) as first:
            done = subprocess.run([PROGRAMS.weftd, "--config", first.folder / "weft.yaml"], capture_output=True, text=True,
                                  timeout=60 * SLOW, env=first.environment | manager.environment)
            self.assertEqual(done.returncode, 1, done)
            manager.socket.setblocking(False)
            self.assertRaises(BlockingIOError, manager.next)

    def test_watchdog(self):
        with Manager() as manager:
            environment = manager.environment | {"WATCHDOG_USEC": "200000"}
            with StartedAgent(PROGRAMS, environment=environment) as agent:
                self.assertEqual([manager.next() for _ in range(4)], ["READY=1"] + ["WATCHDOG=1"] * 3)
                agent.process.send_signal(signal.SIGSTOP)   # one that hangs says nothing
                wait_for("it to stop", lambda: pathlib.Path(f"/proc/{agent.process.pid}/stat").read_text().split(") ")[1][0] == "T")
                manager.socket.settimeout(1)
                try:
                    while manager.next():   # those of before
                        pass
                except TimeoutError:
                    pass
                manager.socket.settimeout(WAIT_LIMIT_S)
                agent.process.send_signal(signal.SIGCONT)
                self.assertEqual(manager.next(), "WATCHDOG=1")


if __name__ == "__main__":
    unittest.main()
