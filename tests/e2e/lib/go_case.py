# SPDX-License-Identifier: Apache-2.0
"""Tests of one Go front, built once, that calls a leaf for each request."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import attribution
from lib import golang
from lib.agent import wait_for

FRONT = pathlib.Path(__file__).parents[1] / "apps/go_front"
REQUESTS = 1_000


def load(build, port, requests, first=1):
    answer = subprocess.run([build / "e2e_load", str(port), str(requests), "8", "1", str(first)], stdout=subprocess.PIPE,
                            text=True, check=True, timeout=300)
    return json.loads(answer.stdout)


class GoCase(unittest.TestCase):
    build = None   # the folder of the programs; set by the subclass

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.binary = golang.build(FRONT, pathlib.Path(cls.folder.name) / "front")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def load(self, port, requests, first=1):
        return load(self.build, port, requests, first)

    def all_served(self, port):
        self.assertEqual(self.load(port, REQUESTS), {"ok": REQUESTS, "failed": 0})

    def goroutines(self, agent, pid):
        return wait_for(f"process {pid} to be traced by goroutine",
                        lambda: agent.processes().get(pid, {}).get("task", {}).get("rule") == "goroutine")

    def original(self, pid):
        """A link is gone from the list of all before its breakpoints are."""
        wait_for("the last breakpoint to go", lambda: golang.changed_code(pid, self.binary) == 0)

    def calls_are_right(self, port, leaf_port):
        golang.records(leaf_port)
        self.all_served(port)
        counts = attribution.count(golang.records(leaf_port))
        self.assertEqual((counts.right, counts.calls), (REQUESTS, REQUESTS), counts)
