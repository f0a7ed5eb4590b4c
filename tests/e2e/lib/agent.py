# SPDX-License-Identifier: Apache-2.0
"""weftd as a user runs it: own configuration and control socket, asked through `weft … -o json`, ended by SIGTERM."""
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from lib import host

# So many times slower this machine is than one that tests are written on; only what is waited for in vain takes longer.
SLOW = float(os.environ.get("WEFT_TEST_SLOW", "1"))
START_LIMIT_S = 30 * SLOW
WAIT_LIMIT_S = 20 * SLOW


def wait_for(what, found, limit_s=WAIT_LIMIT_S):
    """The first true value that found() gives; a failure that says what was awaited when none comes."""
    deadline = time.monotonic() + limit_s
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain waited for {what}")
        time.sleep(0.05)


def merged(base, more):
    result = dict(base)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


@dataclasses.dataclass
class Programs:
    weftd: str
    weft: str

    @classmethod
    def of(cls, build):
        return cls(os.environ.get("WEFTD") or str(pathlib.Path(build) / "weftd"), str(pathlib.Path(build) / "weft"))


class Agent:
    """Context manager. config is laid over defaults that keep the agent to itself (JSON is YAML)."""

    def __init__(self, programs, *arguments, config=None, pids=(), environment=None):
        self.programs = programs
        self.arguments = [str(a) for a in arguments] + [a for pid in pids for a in ("--pid", str(pid))]
        self.pids = set(pids)
        self.config = config or {}
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.socket = str(self.folder / "weft.sock")
        self.log = self.folder / "log"
        try:
            self.start()
        except BaseException:
            self.temporary.cleanup()
            raise
        return self

    def start(self):
        """Also after stop() or kill(): a restart with the same configuration."""
        base = {"control": {"socket": self.socket}, "exporters": {"prometheus": {"listen": "off"}}}
        file = self.folder / "weft.yaml"
        file.write_text(json.dumps(merged(base, self.config)))
        self.before, self.loaded = host.bpf_programs(), set()
        with open(self.log, "ab") as log:
            # WEFT_TEST_PREFIX: a command that starts the agent with other privileges, in the same process.
            command = [*os.environ.get("WEFT_TEST_PREFIX", "").split(), self.programs.weftd, "--config", str(file)]
            self.process = subprocess.Popen([*command, *self.arguments], stderr=log, stdout=log,
                                            stdin=subprocess.DEVNULL, env=self.environment)
        try:
            wait_for("weftd to answer and trace " + str(self.pids), self.is_ready, START_LIMIT_S)
        except BaseException:
            self.kill()
            raise

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weftd ended with {self.process.returncode}: {self.output()}")
        return pathlib.Path(self.socket).exists() and self.run("status").returncode != 3 and self.pids <= self.traced()

    def output(self):
        return self.log.read_text(errors="replace")

    def run(self, *arguments, limit_s=60 * SLOW):
        """weft ARGUMENTS… against this agent."""
        return subprocess.run([self.programs.weft, *map(str, arguments), "--socket", self.socket],
                              capture_output=True, text=True, timeout=limit_s)

    def json(self, *arguments):
        done = self.run(*arguments, "-o", "json")
        assert done.returncode in (0, 1) and done.stdout, f"weft {arguments}: {done}"
        return json.loads(done.stdout)

    def status(self):
        return self.json("status")

    def processes(self):
        return {row["pid"]: row for row in self.json("ps", "--all")["processes"]}

    def traced(self):
        return {pid for pid, row in self.processes().items() if row["state"] == "traced"}

    def spans(self, *arguments):
        done = self.run("spans", "-o", "json", "-n", 10000, *arguments)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def open_spans(self, *arguments):
        done = self.run("spans", "--open", "-o", "json", "-n", 1000, *arguments)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_spans(self, what, found):
        """Spans, once found(spans) is true of them."""
        def look():
            spans = self.spans()
            return spans if found(spans) else None
        return wait_for(what, look)

    def wait_span_ids(self, wanted):
        """{span id: span} with at least the wanted ids."""
        wanted = set(wanted)
        spans = self.wait_spans(f"{len(wanted)} spans", lambda spans: wanted <= {span["span_id"] for span in spans})
        return {span["span_id"]: span for span in spans}

    def all_programs(self):
        """Its BPF programs in the kernel, once those are there that are loaded behind the start."""
        def look():
            mine = host.bpf_programs() - self.before
            return mine if {"on_tls", "on_kafka_consumed"} <= {name for _, name in mine} else None
        return wait_for("the programs that are loaded last", look)

    def stop(self):
        """SIGTERM; the agent has to end well and leave nothing of itself in the kernel."""
        self.loaded = host.bpf_programs() - self.before  # some are loaded behind the start
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30 * SLOW)
        assert code == 0, f"weftd ended with {code}: {self.output()}"
        self.check_unloaded()

    def kill(self):
        if self.process and self.process.poll() is None:
            try:
                self.loaded = host.bpf_programs() - self.before
            finally:
                self.process.kill()
            self.process.wait()

    def check_unloaded(self):
        wait_for("the agent's BPF programs to go", lambda: not (self.loaded & host.bpf_programs()))

    def __exit__(self, kind, *_):
        try:
            if self.process.poll() is None:
                if kind is None:
                    self.stop()
                else:
                    print(f"--- the agent's log\n{self.output()[-4000:]}")
                    self.process.terminate()
                    self.process.wait(timeout=30 * SLOW)
        finally:
            self.kill()
            self.temporary.cleanup()
