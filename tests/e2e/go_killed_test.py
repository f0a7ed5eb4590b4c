#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_killed_test.py BUILD [unittest arguments]: a Go process is killed at work; nothing of it stays in the kernel."""
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import golang, host                      # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
APPS = pathlib.Path(__file__).parent / "apps"
# What is kept of Go programs, of their connections and of who works in them (bpf/maps).
TABLES = ("go_processes", "start_sites", "go_sends", "go_stream_sends", "tls_connections", "tasks")


def entries():
    """{name: keys} of those tables as far as they are made; `go_places` is an array of the programs' variables."""
    def dump(number):
        done = subprocess.run(["bpftool", "map", "dump", "id", str(number), "-j"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)
    found = {}
    for number, kind, name in host.bpf_maps():
        if name in TABLES and "hash" in kind:
            found[name] = [row.get("formatted", row)["key"] for row in dump(number) if "error" not in row]
        elif name.endswith(".bss"):
            variables = {name: value for one in dump(number)[0]["formatted"]["value"][".bss"] for name, value in one.items()}
            if "go_places" in variables:
                found["go_places"] = [place for place in variables["go_places"] if place["connection_id"]]
    return found


class Killed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.agent = cls.enterClassContext(Agent(PROGRAMS))

    @contextlib.contextmanager
    def under_load(self, *command):
        loading = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            loading.kill()
            loading.wait()

    def nothing_stays(self, front, command, expected):
        """`expected`: the tables that have entries before, so that this can fail."""
        agent = self.agent
        self.assertEqual(agent.run("attach", front.pid).returncode, 0)
        with self.under_load(*command):
            seen = set()

            def all_seen():
                seen.update(name for name, keys in entries().items() if keys)
                return expected <= seen
            wait_for(f"entries in {expected}", all_seen)
            front.process.send_signal(signal.SIGKILL)
            try:
                wait_for("the tables to be empty", lambda: not any(entries().values()))
            except AssertionError as error:
                raise AssertionError(f"{error}: {entries()}") from None
            wait_for("the process to be gone from the list", lambda: front.pid not in agent.processes())
            self.assertFalse(any(entries().values()), entries())

    def test_http(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / "go_front", pathlib.Path(folder) / "front")
            with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(binary, leaf.port, "parallel") as front:
                self.nothing_stays(front, [BUILD / "e2e_load", front.port, 1_000_000, 32, 1, 1],
                                   {"go_processes", "start_sites", "go_places", "tasks"})

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / "go_front", pathlib.Path(folder) / "front")
            for how in ("tls", "tls2"):
                with self.subTest(how=how), golang.Server(binary, 0, how + "-leaf") as leaf, \
                        golang.Server(binary, leaf.port, how) as front:
                    self.nothing_stays(front, [binary, front.port, how + "-load", 1_000_000],
                                       {"go_processes", "tls_connections", "tasks"})

    def test_grpc(self):
        with tempfile.TemporaryDirectory() as folder:
            binary = golang.build(APPS / "go_http2", pathlib.Path(folder) / "program")
            with golang.Server(binary, "back") as back, \
                    golang.Server(binary, "front", "grpc", "grpc", "parallel", back.port) as front:
                self.nothing_stays(front, [binary, "load", "grpc", front.port, "parallel", 1_000_000, 32, 1],
                                   {"go_processes", "start_sites", "go_stream_sends", "tasks"})


if __name__ == "__main__":
    unittest.main(verbosity=1)
