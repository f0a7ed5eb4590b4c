# SPDX-License-Identifier: Apache-2.0
"""What of the machine the tests ask: free ports, loaded BPF programs, programs that have to be there."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import unittest


def free_port():
    """A TCP port on loopback, outside the range that clients get theirs from."""
    for _ in range(100):
        port = random.randrange(18000, 20000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port from 18000 to 19999")


def connections(pid):
    """{(local port, remote port)} of the process's connected TCP sockets over IPv4."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
    rows = (line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    return {tuple(int(end.rpartition(":")[2], 16) for end in row[1:3]) for row in rows if row[3] == "01" and row[9] in inodes}


def bpf_maps():
    """{(id, type, name)}"""
    done = subprocess.run(["bpftool", "map", "show", "-j"], capture_output=True, text=True, check=True)
    return {(entry["id"], entry["type"], entry.get("name", "")) for entry in json.loads(done.stdout)}


def bpf_programs():
    """{(id, name)} of the on_* programs in the kernel, whoever loaded them."""
    done = subprocess.run(["bpftool", "prog", "show", "-j"], capture_output=True, text=True, check=True)
    return {(p["id"], p["name"]) for p in json.loads(done.stdout) if p.get("name", "").startswith("on_")}


def probe_links():
    """Ids of the kernel's links that put probes into user space."""
    done = subprocess.run(["bpftool", "link", "show", "-j"], capture_output=True, text=True, check=True)
    kinds = ("uprobe_multi", "perf_event")
    return {link["id"] for link in json.loads(done.stdout) if link.get("type") in kinds or link.get("type") == 12}


def in_ci():
    return os.environ.get("CI") in ("true", "1")


def needs(*programs):
    """Skips the test where a program is missing; in continuous integration that is a failure."""
    for program in programs:
        if not shutil.which(program) and not os.access(program, os.X_OK):
            if in_ci():
                raise AssertionError(f"{program} is missing")
            raise unittest.SkipTest(f"{program} is missing")
