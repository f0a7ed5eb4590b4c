#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""turn_priority_test.py BUILD: an agent that gets too little of the processor goes first, and does what else is to be done."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
ONE = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]   # for the agent and all that it traces


def nice(pid):
    """Of the thread that the process began with."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/stat").read_text().rsplit(")", 1)[1].split()[16])


class TurnPriority(unittest.TestCase):
    def program(self, *command):
        process = self.enterContext(subprocess.Popen([*ONE, *command], stdout=subprocess.PIPE, text=True))
        self.addCleanup(process.kill)
        return process.pid, process.stdout.readline().strip()

    def test_among_many_threads(self):
        leaf, leaf_port = self.program(BUILD / "e2e_leaf", "0")
        front, port = self.program(BUILD / "e2e_threaded_front", leaf_port, "direct")
        with unittest.mock.patch.dict(os.environ, WEFT_TEST_PREFIX=" ".join(ONE)):
            agent = self.enterContext(Agent(Programs.of(BUILD), pids=[leaf, front], config={"store": {"traces": 1}}))
        self.assertEqual(nice(agent.process.pid), 0)
        load = subprocess.Popen([BUILD / "e2e_load", port, "1000000000", "64", "1", "1"], stdout=subprocess.DEVNULL)
        try:
            wait_for("a higher priority", lambda: nice(agent.process.pid) == -10)
            agent.process.send_signal(signal.SIGHUP)
            wait_for("a reload meanwhile", lambda: "reloaded" in agent.output())
            self.assertIsNone(load.poll())
        finally:
            load.kill()
            load.wait()


if __name__ == "__main__":
    unittest.main()
