# SPDX-License-Identifier: Apache-2.0
"""Real programs on loopback that nobody here wrote: tests/peers."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from lib import host

PEER = pathlib.Path(__file__).parents[2] / "peers" / "peer"
PEERS = pathlib.Path(os.environ.get("WEFT_PEERS_DIR") or pathlib.Path.home() / ".cache" / "weft-peers")


class Peer:
    """An instance of its own on free ports; config: what peers/README.md says of WEFT_PEER_CONFIG, as text."""

    def __init__(self, name, ports, config=None):
        self.config = config
        self.name, self.ports = name, [host.free_port() for _ in range(ports)]
        self.environment = {**os.environ, "WEFT_PEER_ID": f"e2e{os.getpid()}"}
        self.folder = PEERS / name
        self.run = PEERS / "run" / f"{name}-{self.environment['WEFT_PEER_ID']}"

    def call(self, *arguments):
        return subprocess.run([PEER, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=150)

    def start(self):
        done = self.call("start", self.name, *self.ports)
        if done.returncode and not host.in_ci() and "is not here" in done.stderr:
            raise unittest.SkipTest(done.stderr.strip())
        assert done.returncode == 0, done

    def stop(self):
        """A start that follows has the data of before."""
        self.environment["WEFT_PEER_KEEP"] = "1"
        done = self.call("stop", self.name)
        assert done.returncode == 0, done

    def __enter__(self):
        if self.config:
            self.temporary = tempfile.NamedTemporaryFile("w")
            self.temporary.write(self.config)
            self.temporary.flush()
            self.environment["WEFT_PEER_CONFIG"] = self.temporary.name
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.config:
            self.temporary.close()
        subprocess.run(["rm", "-rf", self.run], check=True)
