# SPDX-License-Identifier: Apache-2.0
"""What a core dump of a process would hold, and more: every mapping that can be read."""
import re


def holds(pid, needles):
    """Those of the needles (bytes) that stand anywhere in the process's memory."""
    found = set()
    longest = max(map(len, needles))
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
            if rights[0] != "r" or "[vvar" in line or "[vsyscall]" in line:
                continue
            at, stop, tail = int(start, 16), int(end, 16), b""
            while at < stop:
                try:
                    memory.seek(at)
                    piece = memory.read(min(stop - at, 1 << 20))
                except OSError:   # a mapping without memory behind it
                    break
                if not piece:
                    break
                found |= {needle for needle in needles if needle in tail + piece}
                at, tail = at + len(piece), piece[-longest:]
    return found
