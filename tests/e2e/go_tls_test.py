#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_tls_test.py BUILD VERSION/BUILD… [unittest arguments]: HTTPS between Go programs, seen before it is encrypted."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import agents             # noqa: E402
from lib import golang    # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAMS = [argument for argument in sys.argv[1:] if "/" in argument]
sys.argv = [sys.argv[0]] + [argument for argument in sys.argv[1:] if "/" not in argument]
APPS = pathlib.Path(__file__).parent / "apps"
REQUESTS = 1_000


class Tls(unittest.TestCase):
    def one_program(self, binary):
        with golang.Server(binary, 0, "tls-leaf") as leaf, golang.Server(binary, leaf.port, "tls") as front:
            with agents.Weftd(os.environ["WEFTD"], [front.pid]) as agent:
                good = subprocess.run([binary, str(front.port), "tls-load", str(REQUESTS)], stdout=subprocess.PIPE,
                                      text=True, check=True, timeout=120).stdout
                self.assertEqual(int(good), REQUESTS)
                # The agent may be some way behind. Fewer than expected is judged below, with what is missing.
                deadline = time.monotonic() + 20
                while len(spans := agent.spans()) < 2 * REQUESTS and time.monotonic() < deadline:
                    time.sleep(0.1)
        served = {span["span_id"]: span for span in spans if span["kind"] == "SERVER"}
        called = [span for span in spans if span["kind"] == "CLIENT"]
        self.assertEqual((len(served), len(called)), (REQUESTS, REQUESTS))
        for span in served.values():
            self.assertEqual(span["attributes"]["url.scheme"], "https")
            self.assertEqual(span["attributes"]["http.response.status_code"], 200)
        # Each call belongs to the request whose id it carries, and says that nothing was added to it.
        for span in called:
            url = span["attributes"]["url.full"]
            parent = served[span["parent_span_id"]]
            self.assertTrue(url.startswith("https://"), url)
            self.assertEqual(parent["attributes"]["url.query"], "id=" + re.search(r"id=(\d+)", url)[1])
            self.assertEqual(parent["trace_id"], span["trace_id"])
            self.assertEqual(span["attributes"]["weft.injection"], "not_member")
        self.assertEqual({span["attributes"]["url.query"] for span in served.values()},
                         {f"id={number}" for number in range(1, REQUESTS + 1)})

    def test_programs(self):
        for program in PROGRAMS:
            version, how = program.split("/")
            with self.subTest(program=program), tempfile.TemporaryDirectory() as folder:
                self.one_program(golang.build(APPS / "go_front", pathlib.Path(folder) / "front", version, how))


if __name__ == "__main__":
    unittest.main(verbosity=1)
