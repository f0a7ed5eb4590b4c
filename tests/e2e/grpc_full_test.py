#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_full_test.py BUILD [unittest arguments]: gRPC of Go and of Node (npm) against that of C++ and each other."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import grpc_cases   # noqa: E402
from lib import golang, host   # noqa: E402

APPS = pathlib.Path(__file__).parent / "apps"


class Pairs(grpc_cases.Pairs):
    many = ["go", "js"]
    # Go's server resets a stream at its deadline, too; when that is first Node's client takes the call for cancelled.
    punctual = ["sync", "go"]

    @classmethod
    def setUpClass(cls):
        cls.start_all()

    @classmethod
    def start_all(cls, **more):
        """more: commands by name, of one peer each."""
        host.needs("go", "npm", "node")
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        go = golang.build(APPS / "grpc_go", folder / "grpc_go", how="stripped")
        js = shutil.copytree(APPS / "grpc_js", folder / "grpc_js")
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=js, check=True,
                       timeout=300)
        starts = {"sync": [grpc_cases.PEER], "go": [go], "js": ["node", js / "peer.js"], **more}
        cls.clients = {name: [*start, "call"] for name, start in starts.items()}
        cls.serves = {name: [*start, "serve"] for name, start in starts.items()}
        super().setUpClass()


if __name__ == "__main__":
    unittest.main(verbosity=1)
