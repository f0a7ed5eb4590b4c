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


def check_here(done):
    """Of a command of `peer` that ended: skips where nobody has brought it, unless in continuous integration."""
    if done.returncode and not host.in_ci() and "is not here" in done.stderr:
        raise unittest.SkipTest(done.stderr.strip())
    assert done.returncode == 0, done


def jars(name):
    """The class path of a Java library among them."""
    check_here(subprocess.run([PEER, "run", name, "--version"], capture_output=True, text=True, timeout=150))
    return f"{PEERS / name}/lib/*"


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
        check_here(self.call("start", self.name, *self.ports))

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
