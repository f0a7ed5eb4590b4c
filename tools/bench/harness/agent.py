# SPDX-License-Identifier: Apache-2.0
"""The agent in its two measured forms: the kernel side alone, and all of weftd."""
import collections
import contextlib
import http.client
import json
import pathlib
import re
import socket
import tempfile
import time

from harness.programs import SECOND, CannotRun, Program, free_port

START_LIMIT_S = 30
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="([^"]*)"')

# What says nothing about whether injection works: no request that could have carried context, or one that by rule
# must not. no_budget and bulk are shown beside the share.
NOT_ELIGIBLE = {"not_tried", "no_budget", "bulk", "own_header", "instrumented", "orphans_off", "destination"}
INJECTED = {"done", "overwritten"}


class KernelSide(Program):
    """bench_kernel: programs loaded and attached, events thrown away."""

    def __init__(self, build, *pids):
        super().__init__(build / "bench_kernel", *pids, cores=SECOND, output=True)

    def __enter__(self):
        try:
            if self.line() != "tracing":
                raise CannotRun("bench_kernel does not trace")
        except BaseException:
            self.end()
            raise
        return self

    def finish(self):
        """Ends it; what it counted."""
        return json.loads(self.ask(""))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Weftd(Program):
    """weftd as a user starts it, with default configuration but for the places it listens on. `receiver`: the port that
    spans are exported to by OTLP; none without it."""

    def __init__(self, build, *arguments, pids=(), cores=SECOND, cgroup=None, policy="{}", more_config="", receiver=None):
        self.files = tempfile.TemporaryDirectory(prefix="weft-bench-")
        files = pathlib.Path(self.files.name)
        self.pids = set(pids)
        self.socket = str(files / "weft.sock")
        self.port = free_port()
        config = files / "weft.yaml"
        self.policy = files / "baggage.yaml"
        otlp = f", otlp: {{endpoint: 'http://127.0.0.1:{receiver}'}}" if receiver else ""
        config.write_text(f"control: {{socket: {self.socket}}}\nbaggage: {{policy: {self.policy}}}\n"
                          f"exporters: {{prometheus: {{listen: '127.0.0.1:{self.port}'}}{otlp}}}\n{more_config}")
        self.policy.write_text(policy)
        chosen = [part for pid in pids for part in ("--pid", pid)]
        super().__init__(build / "weftd", "--config", config, "--log-level", "error", *chosen, *arguments,
                         cores=cores, cgroup=cgroup)

    def __enter__(self):
        try:
            self.wait_until(lambda: self.get("/v1/status") and self.pids <= self.traced(), START_LIMIT_S)
        except BaseException:
            self.end()
            raise
        return self

    def wait_until(self, holds, limit_s, pause_s=0.02):
        deadline = time.monotonic() + limit_s
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if holds():
                    return
            if self.process.poll() is not None:
                raise CannotRun(f"weftd ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                raise CannotRun("weftd does not do what the row waits for")
            time.sleep(pause_s)

    def end(self):
        super().end()
        self.files.cleanup()

    def get(self, path):
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def post(self, path):
        connection = UnixConnection(self.socket)
        try:
            connection.request("POST", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise CannotRun(f"{path}: {answer.status}")
        finally:
            connection.close()

    def spans(self, limit=1000):
        """Recent spans; the endpoint answers one object a line."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", f"/v1/spans?limit={limit}")
            return [json.loads(line) for line in connection.getresponse().read().splitlines() if line.strip()]
        finally:
            connection.close()

    def traced(self):
        return {row["pid"] for row in self.get("/v1/processes")["processes"] if row["state"] == "traced"}

    def metrics(self):
        """{(name, label value, …): value}; labels in the order they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        found = {}
        for line in text.splitlines():
            if match := SAMPLE.match(line):
                labels = dict(LABEL.findall(match[2] or ""))
                found[(match[1], *labels.values())] = float(match[3])
        return found


def counted(metrics, name):
    """Sum over all labels."""
    return sum(value for key, value in metrics.items() if key[0] == name)


def injections(before, after):
    """{result: count} of weft_injections_total between two scrapes."""
    name = "weft_injections_total"
    grown = collections.Counter()
    for key in after:
        if key[0] == name:   # of each protocol
            grown[key[-1]] += after[key] - before.get(key, 0)
    return {result: int(count) for result, count in grown.items() if count}


class InjectionTally:
    """The injected share over all rounds of a row."""

    def __init__(self):
        self.counts = {}

    def add(self, counts):
        for result, count in counts.items():
            self.counts[result] = self.counts.get(result, 0) + count

    @property
    def percent(self):
        eligible = sum(count for result, count in self.counts.items() if result not in NOT_ELIGIBLE)
        return 100 * sum(self.counts.get(result, 0) for result in INJECTED) / eligible if eligible else 0.0

    @property
    def note(self):
        shown = {"no_budget": 0, **{result: count for result, count in self.counts.items() if count}}
        return " ".join(f"{result}={count}" for result, count in sorted(shown.items()))
