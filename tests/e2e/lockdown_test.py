#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lockdown_test.py BUILD MODE: for a machine that was booted with lockdown=MODE (tools/check --kernels does). Under
integrity requests are traced and changed as ever; under confidentiality the agent says in one line that it cannot work."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, servers   # noqa: E402
from lib.agent import Agent, Programs, SLOW   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

MODE = sys.argv.pop(2)
PROGRAMS = Programs.of(sys.argv.pop(1))
UNSUPPORTED = 3


class Lockdown(unittest.TestCase):
    def setUp(self):
        mode = pathlib.Path("/sys/kernel/security/lockdown").read_text()
        self.assertIn(f"[{MODE}]", mode)

    @unittest.skipUnless(MODE == "integrity", "the machine is in another mode")
    def test_integrity(self):
        with servers.Python("threaded.py") as server, Launcher() as launcher:
            with Agent(PROGRAMS, pids=[server.pid, launcher.pid]) as agent:
                done = launcher.run("curl", "-sS", f"http://127.0.0.1:{server.port}/context")
                spans = agent.wait_spans("both spans", lambda spans: len(spans) == 2)
        call, = (span for span in spans if span["kind"] == "CLIENT")
        self.assertEqual(done.stdout[:-3], f"00-{call['trace_id']}-{call['span_id']}")

    @unittest.skipUnless(MODE == "confidentiality", "the machine is in another mode")
    def test_confidentiality(self):
        before = host.bpf_programs()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "weft.yaml"
            file.write_text(json.dumps({"control": {"socket": f"{folder}/s"}, "exporters": {"prometheus": {"listen": "off"}}}))
            done = subprocess.run([PROGRAMS.weftd, "--config", file], capture_output=True, text=True, timeout=60 * SLOW)
        print(done.stderr)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (UNSUPPORTED, 1), done)
        self.assertIn("lockdown: confidentiality; boot with lockdown=integrity or none", done.stderr)
        self.assertLessEqual(host.bpf_programs(), before)


if __name__ == "__main__":
    unittest.main()
