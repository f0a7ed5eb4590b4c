#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""crash_test.py BUILD: kill -9 of the agent under load, again and again; clients and servers must not notice."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, SLOW   # noqa: E402
from lib.load import Load   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
TIMES = 8 if SLOW == 1 else 1


class Crash(unittest.TestCase):
    def test_killed_and_started_again_at_once(self):
        with Recorder() as recorder, Load(recorder.port, 8 if SLOW == 1 else 2) as load:
            with Agent(PROGRAMS, pids=[load.pid]) as agent:
                for _ in range(TIMES):
                    agent.wait_spans("spans", lambda spans: len(spans) > 50)
                    agent.kill()
                    agent.start()
                agent.wait_spans("spans of the last start", lambda spans: len(spans) > 50)
                agent.kill()
                agent.check_unloaded()
            result = load.finish()
            seen = recorder.take()
        self.assertEqual(result["failed"], [])
        self.assertEqual(len(seen), result["ok"])
        self.assertEqual({len(r.contexts) for r in seen}, {0, 1})


if __name__ == "__main__":
    unittest.main()
