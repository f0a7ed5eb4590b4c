#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clients_full_test.py BUILD [unittest arguments]: clients whose run times are not in every Debian installation."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from client_cases import CLIENTS, ClientCase, PlanCase   # noqa: E402
from lib import host   # noqa: E402
from lib.agent import Programs   # noqa: E402

ClientCase.programs = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Node(PlanCase, ClientCase):
    need = ("node",)
    command = ("node", CLIENTS / "node_client.js")
    may_lack = {"upload": {"no_budget", "scatter"}}   # one writev of six megabytes in hundreds of pieces, head and all


class Java(PlanCase, ClientCase):
    """On kernels where FIONREAD is wrong for members, Java is observed and never changed."""
    need = ("javac", "java")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        host.needs(*cls.need)
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        done = cls.plain.run("javac", "-d", folder, CLIENTS / "JavaClient.java")
        assert done.code == 0, done
        cls.command = ("java", "-Xmx128m", "-cp", folder, "JavaClient")
        mechanisms = {m["name"]: m["state"] for m in cls.agent.status()["kernel"]["mechanisms"]}
        cls.changed = mechanisms["FIONREAD"] == "works"

    def check(self, *command, **more):
        if self.changed:
            return super().check(*command, **more)
        before = len(self.agent.spans())
        requests, done = self.compare(*command)
        self.assertEqual([r.contexts for r in requests], [[]] * len(requests))
        spans = self.agent.wait_spans("a span for each request", lambda spans: len(spans) - before >= len(requests))
        ours = [s for s in spans if s["attributes"].get("server.port") == self.recorder.port][before - len(spans):]
        self.assertEqual({s["attributes"].get("weft.injection") for s in ours}, {"not_member"})
        return requests, done


if __name__ == "__main__":
    unittest.main()
