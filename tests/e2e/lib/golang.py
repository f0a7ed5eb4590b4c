# SPDX-License-Identifier: Apache-2.0
"""Go programs of the tests: built by the Go that is there, or by another toolchain of the Go module proxy."""
import http.client
import os
import pathlib
import shutil
import subprocess

# How a program can be put together: what `go build` is told, and whether cgo is on.
BUILDS = {
    "normal": ([], "0"),
    "stripped": (["-ldflags", "-s -w"], "0"),
    "pie": (["-buildmode=pie"], "0"),
    "cgo": (["-ldflags", "-linkmode=external"], "1"),
    "cgo-pie-stripped": (["-buildmode=pie", "-ldflags", "-linkmode=external -s -w"], "1"),
}


def build(source, binary, version="local", how="normal", *more):
    """
    Builds the main package in folder `source`, with `more` told to go build; returns the binary. WEFT_TEST_GO_PROGRAM=file: takes that one instead of
    building with the installed Go, which takes too long in an emulated machine. WEFT_TEST_GO_BUILT=folder: what is built
    stays there as well, so that the next one that wants the same is a copy (Go does not link again what is up to date).
    """
    built = os.environ.get("WEFT_TEST_GO_PROGRAM")
    if built and version == "local":
        return pathlib.Path(shutil.copy(built, binary))
    arguments, cgo = BUILDS[how]
    toolchain = version if version == "local" else f"go{version}"
    environment = {**os.environ, "GOTOOLCHAIN": toolchain, "CGO_ENABLED": cgo, "GOFLAGS": "-buildvcs=false",
                   "GOWORK": "off"}
    kept = os.environ.get("WEFT_TEST_GO_BUILT")
    target = pathlib.Path(kept, "-".join([pathlib.Path(source).name, version, how, *more]).replace("/", "_")) if kept else pathlib.Path(binary)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(target), *arguments, *more, "."], cwd=source, env=environment, check=True,
                   timeout=900)
    return pathlib.Path(shutil.copy(target, binary)) if kept else binary


def records(port):
    """What the leaf recorded, one JSON object a line."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/records")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return lines


def changed_code(pid, binary):
    """Bytes of the program's code that are not what its file has: breakpoints, for one."""
    executable = [line.split() for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
                  if " r-xp " in line and "front" in line]
    assert executable, f"no code of {binary} in process {pid}"
    changed = 0
    with open(f"/proc/{pid}/mem", "rb") as memory, open(binary, "rb") as file:
        for span, _, offset, *_ in executable:
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            file.seek(int(offset, 16))
            there, ours = memory.read(end - start), file.read(end - start)
            changed += sum(a != b for a, b in zip(there, ours))
    return changed


class Server:
    """A program that prints a port for each server that it is."""

    def __init__(self, *command, **environment):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.pid = self.process.pid

    def __enter__(self):
        self.port = self.next_port()
        return self

    def next_port(self):
        return int(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
