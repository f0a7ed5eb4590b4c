# SPDX-License-Identifier: Apache-2.0
"""A memory cgroup for one run. What kernel maps hold is charged to the cgroup of the process that made them, also what
is allocated later on behalf of others, so the agent's group has the kernel side whole."""
import os
import pathlib
import re
import time

from harness.programs import CannotRun


def mounts():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        yield pathlib.Path(folder), kind, options.split(",")


class Memory:
    """Made beside the groups that are there; the parent's settings are not touched. Gone at the end."""

    def __enter__(self):
        name = f"weft-bench-{os.getpid()}"
        for folder, kind, options in mounts():
            if kind == "cgroup" and "memory" in options:
                self.version = 1
                break
            if kind == "cgroup2" and "memory" in (folder / "cgroup.subtree_control").read_text().split():
                self.version = 2
                break
        else:
            raise CannotRun("no memory controller for a cgroup of its own: it is in the subtree_control of no cgroup root")
        self.path = folder / name
        self.path.mkdir()
        return self

    def __exit__(self, *_):
        for _ in range(50):   # the group is busy until its last process is reaped
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)
        raise CannotRun(f"{self.path} cannot be removed")

    def kernel_bytes(self):
        if self.version == 1:
            return int((self.path / "memory.kmem.usage_in_bytes").read_text())
        text = (self.path / "memory.stat").read_text()
        if match := re.search(r"^kernel (\d+)$", text, re.MULTILINE):
            return int(match[1])
        raise CannotRun("memory.stat has no line 'kernel' (Linux 5.18)")
