#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""openssl_leaver_test.py BUILD [unittest arguments]: programs that leave OpenSSL's calls by other ways than their return (C++
exceptions, longjmp, the end of a thread, coroutines) go on as without probes."""
import atexit
import contextlib
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import certificate, host, metrics                # noqa: E402
from lib.agent import Agent, Programs, wait_for  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1))
STACK = contextlib.ExitStack()
atexit.register(STACK.close)
CERTIFICATE = STACK.enter_context(certificate.made())


class Leaves(unittest.TestCase):
    def check(self, *ways, errors=()):
        with subprocess.Popen([BUILD / "e2e_tls_leaver", CERTIFICATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            try:
                listen = f"127.0.0.1:{host.free_port()}"
                with Agent(Programs.of(BUILD), pids=[program.pid], config={"exporters": {"prometheus": {"listen": listen}}}) as agent:
                    wait_for("probes in OpenSSL", lambda: "OpenSSL" in agent.processes()[program.pid]["probes"])
                    for way in (*ways, "plain"):
                        print(way, file=program.stdin, flush=True)
                        self.assertEqual(program.stdout.readline(), way + "\n")
                    program.stdin.close()
                    self.assertEqual(program.wait(10), 0)
                    spans = agent.wait_spans("both sides of the last request", lambda spans: sum(
                        span["attributes"].get("url.path", span["attributes"].get("url.full", "")).endswith("/plain") for span in spans) == 2)
                    self.assertLessEqual(set(errors), metrics.errors(listen))
            finally:
                program.kill()
        return spans

    def test_exception(self):
        self.check("exception_from_read", "exception_from_write", "exception_from_handshake")

    def test_longjmp(self):
        self.check("jump")

    def test_thread_is_cancelled(self):
        self.check("cancelled")

    def test_thread_ends(self):
        self.check("thread_exit")

    def test_signals(self):
        self.check("signals")

    def test_coroutines(self):
        self.check("coroutines")

    def test_more_threads_than_are_kept(self):
        self.check("threads", errors=[("on_state", "map_full")])


if __name__ == "__main__":
    unittest.main()
