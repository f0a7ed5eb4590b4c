#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""go_offsets_test.py: tools/go-offsets asks the Go module proxy which toolchains there are, and the table says of the
installed one what its programs' DWARF says. Needs Go and build/go_layout_row."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/go-offsets"


def run(*arguments, **environment):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, timeout=300)


class Offsets(unittest.TestCase):
    def offered(self, *versions):
        """What is chosen of these, in whatever order a proxy has them."""
        with tempfile.TemporaryDirectory() as folder:
            listed = pathlib.Path(folder) / "golang.org/toolchain/@v/list"
            listed.parent.mkdir(parents=True)
            listed.write_text("".join(f"v0.0.1-go{version}\n" for version in versions))
            # A cache of its own: the go command keeps what a proxy has said.
            return run("--list", GOPROXY=f"file://{folder}", GOMODCACHE=f"{folder}/cache", GOFLAGS="-modcacherw")

    def test_first_and_last_release_of_each_minor_version(self):
        done = self.offered("1.19.13.linux-amd64", "1.28.10.linux-amd64", "1.28.9.linux-amd64", "1.28.0.linux-amd64",
                            "1.20.linux-amd64", "1.20.14.linux-amd64", "1.28.11.darwin-arm64", "1.29rc1.linux-amd64",
                            "1.30.0.linux-amd64")
        self.assertEqual((done.stdout.split(), done.stderr), (["1.20", "1.20.14", "1.28.0", "1.28.10", "1.30.0"], ""))

    def test_a_proxy_that_has_none(self):
        done = self.offered("1.19.13.linux-amd64")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no toolchain", done.stderr)

    def test_the_installed_one(self):
        version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
        number = re.fullmatch(r"go(1\.\d+(?:\.\d+)?)", version)
        self.assertTrue(number, f"{version} is no release")
        done = run("--check", number[1])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
