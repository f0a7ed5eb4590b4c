# SPDX-License-Identifier: Apache-2.0
"""The agent as tests start it: weftd (WEFTD=path), or the kernel side alone (kernel_holder)."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

START_LIMIT_S = 30 * float(os.environ.get("WEFT_TEST_SLOW", "1"))


class NoAgent:
    """The plain kernel: proves the harness."""
    name = "none"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Holder:
    """kernel_holder PID…: programs loaded, processes traced, events drained and thrown away."""
    name = "kernel_holder"

    def __init__(self, build, pids):
        self.command = [str(build / "kernel_holder"), *map(str, pids)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "tracing":
            self.process.wait()
            raise RuntimeError(f"{self.command[0]} ended with {self.process.returncode}")
        return self

    def __exit__(self, *_):
        summary, _ = self.process.communicate("\n", timeout=60)
        self.summary = summary.strip()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Weftd:
    """The whole agent with a configuration of its own; ready when its control socket says that all pids are traced."""
    name = "weftd"

    def __init__(self, program, pids):
        self.program, self.pids = program, set(pids)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        self.socket = str(folder / "weft.sock")
        config = folder / "weft.yaml"
        # Room for every span of a case: the bounded store may hold nothing but what came last, orphans for one.
        config.write_text(f"control: {{socket: {self.socket}}}\nexporters: {{prometheus: {{listen: 'off'}}}}\n"
                          "store: {traces: 100000, bytes: 256MiB}\n")
        command = [self.program, "--config", str(config)]
        for pid in self.pids:
            command += ["--pid", str(pid)]
        self.process = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while (traced := self.traced()) is None or not self.pids <= traced:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.program} does not trace {self.pids}")
                time.sleep(0.05)
        except BaseException:
            self.__exit__()      # an agent left behind would keep every later one from starting
            raise
        return self

    def text(self, path, method="GET"):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def attach(self, pids):
        """From now on it is these that it was told to trace."""
        for pid in pids:
            self.text(f"/v1/processes/{pid}/attach", "POST")
        self.pids = set(pids)
        if self.traced() != self.pids:
            raise RuntimeError(f"{self.program} does not trace {self.pids}")

    def spans(self, limit=10_000):
        return [json.loads(line) for line in self.text(f"/v1/spans?limit={limit}").splitlines()]

    def processes(self):
        """Those that it was told to trace, as the control socket shows them."""
        answer = json.loads(self.text("/v1/processes"))
        rows = answer.get("processes", answer) if isinstance(answer, dict) else answer
        return [row for row in rows if row["pid"] in self.pids]

    def traced(self):
        """None: it does not answer yet."""
        try:
            return {row["pid"] for row in self.processes() if row.get("state") == "traced"}
        except OSError:
            return None

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.folder.cleanup()


def agent_for(build, pids):
    if os.environ.get("WEFT_TEST_AGENT") == "none":
        return NoAgent()
    program = os.environ.get("WEFTD", "")
    return Weftd(program, pids) if program else Holder(build, pids)
