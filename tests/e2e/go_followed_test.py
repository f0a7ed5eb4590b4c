#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_followed_test.py BUILD [unittest arguments]: which Go programs are followed, and what becomes of the others. Built
with the installed Go; their versions are written over."""
import contextlib
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution                                # noqa: E402
from lib import go_case, golang, host             # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
APPS = pathlib.Path(__file__).parent / "apps"


def refute(pid):
    """Has the kernel programs believe that what they read in the process is no goroutine."""
    table, = (number for number, kind, name in host.bpf_maps() if (kind, name) == ("hash", "go_processes"))
    key = pid.to_bytes(4, "little")
    words = lambda bytes_: [str(byte) for byte in bytes_]   # noqa: E731
    found = json.loads(subprocess.check_output(["bpftool", "map", "lookup", "id", str(table), "key", *words(key), "-j"]))
    value = bytearray(int(byte, 16) for byte in found["value"])
    value[32:36] = (1).to_bytes(4, "little")    # go_process.refuted
    subprocess.run(["bpftool", "map", "update", "id", str(table), "key", *words(key), "value", *words(value)], check=True)


class Followed(go_case.GoCase):
    build = BUILD

    def patched(self, name, version, how="stripped"):
        """The program, without debugging information, with another text at the front of its Go version."""
        binary = golang.build(APPS / "go_front", pathlib.Path(self.folder.name) / name, how=how)
        bytes_ = pathlib.Path(binary).read_bytes()
        at = bytes_.index(b"\xff Go buildinf:") + 33
        self.assertEqual(bytes_[at:at + 4], b"go1.")
        pathlib.Path(binary).write_bytes(bytes_[:at] + version + bytes_[at + len(version):])
        return binary

    def test_a_newer_go_is_followed_once_its_goroutines_bore_the_layout_out(self):
        newer = self.patched("front-newer", b"go1.99")
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(newer, leaf.port, "direct") as front:
            with Agent(PROGRAMS, pids=[front.pid]) as agent:
                task = agent.processes()[front.pid]["task"]
                self.assertEqual(task["rule"], "none", task)
                self.assertIn("borne out by more goroutines first", task["why"])
                self.assertEqual(agent.output().count("go1.99"), 1, agent.output())
                self.all_served(front.port)
                self.goroutines(agent, front.pid)
                self.assertEqual(attribution.count(golang.records(leaf.port)).wrong, 0)
                self.calls_are_right(front.port, leaf.port)

    def test_other_versions_are_followed_by_their_debugging_information(self):
        # One that the table leaves out, and one that is none of a release, as of a development version.
        versions = ("go1.19", "xgo1.99")
        binaries = [self.patched(f"front-dwarf{number}", version.encode(), how="normal")
                    for number, version in enumerate(versions)]
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(binaries[0], leaf.port, "direct") as first, \
                golang.Server(binaries[1], leaf.port, "direct") as second, \
                Agent(PROGRAMS, pids=[first.pid, second.pid]) as agent:
            for front, version in zip((first, second), versions):
                task = agent.processes()[front.pid]["task"]
                self.assertEqual(task["rule"], "goroutine", task)    # at once: nothing has to be borne out
                self.assertIn(version, task["why"])
                self.calls_are_right(front.port, leaf.port)

    def test_what_is_no_goroutine_is_let_go(self):
        with golang.Server(BUILD / "e2e_leaf", 0) as leaf, golang.Server(self.binary, leaf.port, "direct") as front:
            with Agent(PROGRAMS, pids=[front.pid]) as agent:
                self.goroutines(agent, front.pid)
                self.assertGreater(golang.changed_code(front.pid, self.binary), 0)
                refute(front.pid)   # as the kernel programs do that find something else where a goroutine should be
                wait_for("the process to be let go",
                         lambda: "is no goroutine" in agent.processes()[front.pid]["task"]["why"])
                self.original(front.pid)
                self.all_served(front.port)
                self.assertEqual(agent.processes()[front.pid]["task"]["rule"], "none")
                self.assertEqual(agent.output().count("is no goroutine"), 1)
                counts = attribution.count(golang.records(leaf.port))
                self.assertEqual((counts.right, counts.wrong), (0, 0), counts)

    def packed(self, name, mark):
        """The program without its section headers, as packers leave it, which start nothing that way."""
        binary = golang.build(APPS / "go_front", pathlib.Path(self.folder.name) / name, how="stripped")
        bytes_ = bytearray(pathlib.Path(binary).read_bytes())
        sections = int.from_bytes(bytes_[0x28:0x30], "little")    # where they were
        bytes_[0x28:0x30] = bytes(8)    # e_shoff
        bytes_[0x3c:0x40] = bytes(4)    # e_shnum, e_shstrndx
        bytes_[sections:sections + len(mark)] = mark
        pathlib.Path(binary).write_bytes(bytes_)
        return binary

    def test_programs_that_cannot_be_followed_say_why_and_run_on(self):
        unknown = "does not say which Go it was built by"
        damaged = self.patched("front-damaged", b"go1.")
        bytes_ = pathlib.Path(damaged).read_bytes()
        at = bytes_.index(b"\xf1\xff\xff\xff\0\0\1\x08")   # the head of the line table; its count of functions
        pathlib.Path(damaged).write_bytes(bytes_[:at + 8] + b"\xff" * 8 + bytes_[at + 16:])
        programs = ((self.patched("front-unknown", b"xx"), unknown),
                    (damaged, "line table is damaged"),
                    (self.packed("front-packed", b"UPX!"), "it is packed (UPX)"),
                    (self.packed("front-sections", b""), "its file has no sections"))
        with contextlib.ExitStack() as running:
            leaf = running.enter_context(golang.Server(BUILD / "e2e_leaf", 0))
            fronts = [[running.enter_context(golang.Server(binary, leaf.port, "direct")) for _ in range(2)]
                      for binary, _ in programs]
            agent = running.enter_context(Agent(PROGRAMS, pids=[front.pid for both in fronts for front in both]))
            for (binary, why), (front, other) in zip(programs, fronts):
                with self.subTest(why=why):
                    self.not_followed(agent, leaf, binary, front, other, why)
            # One line for each file.
            self.assertEqual(agent.output().count("cannot be told apart"), len(programs))

    def not_followed(self, agent, leaf, binary, front, other, why):
        self.all_served(front.port)
        for pid in (front.pid, other.pid):
            self.assertIn(why, agent.processes()[pid]["task"]["why"])
        self.assertEqual(agent.processes()[front.pid]["task"]["rule"], "none")
        counts = attribution.count(golang.records(leaf.port))
        self.assertEqual((counts.right, counts.wrong), (0, 0), counts)
        made = lambda: agent.processes()[front.pid]["calls"]
        wait_for("every call without a parent to be counted",
                 lambda: sum(made()["without_parent"].values()) == counts.calls)
        self.assertEqual(set(made()["without_parent"]) - {"joining"}, {"no_task"}, made())
        self.assertEqual(made()["with_parent"], 0)
        self.assertEqual(agent.processes()[front.pid]["protocols"], ["http"])
        self.assertEqual(golang.changed_code(front.pid, binary), 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
