#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that have ended before the agent can look at them: their spans still bear the right name.

short_lived_test.py BUILD_FOLDER
"""
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import servers                # noqa: E402
from lib.agent import Agent, Programs  # noqa: E402
from lib.launcher import Launcher      # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class ShortLived(unittest.TestCase):
    def test_a_program_that_ended_while_the_agent_was_busy_has_its_name(self):
        with servers.Python("threaded.py") as server, Launcher() as launcher, \
                Agent(PROGRAMS, pids=[server.pid, launcher.pid]) as agent:
            url = f"http://127.0.0.1:{server.port}/small.txt"
            agent.process.send_signal(signal.SIGSTOP)
            done = launcher.run("curl", "-sS", "-o", "/dev/null", url)
            agent.process.send_signal(signal.SIGCONT)
            self.assertEqual(done.code, 0, done)
            spans = agent.wait_spans("both spans", lambda spans: {"CLIENT", "SERVER"} <= {s["kind"] for s in spans})
            client, = (s for s in spans if s["kind"] == "CLIENT")
            served, = (s for s in spans if s["kind"] == "SERVER")
            self.assertEqual(client["resource"]["service.name"], "curl", client)
            self.assertEqual(served["parent_span_id"], client["span_id"])


if __name__ == "__main__":
    unittest.main()
