# SPDX-License-Identifier: Apache-2.0
"""Programs as the benchmarks start them: pinned, with files of their own, and ended by pid whatever happens."""
import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

END_LIMIT_S = 20
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

CORES = sorted(os.sched_getaffinity(0))[:2]   # all that is measured happens on these two
FIRST, SECOND = {CORES[0]}, {CORES[-1]}
BOTH = FIRST | SECOND


class CannotRun(Exception):
    """This row cannot be measured here: what is missing."""


class Program:
    """A child in a session of its own, so that Ctrl-C reaches this process first; killed by the kernel if that dies."""

    def __init__(self, *command, cores=None, cgroup=None, output=False, errors=None):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cgroup:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))
            if cores:
                os.sched_setaffinity(0, cores)
        self.name = pathlib.Path(str(command[0])).name
        self.started_unix_ns = time.time_ns()
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE if output else subprocess.DEVNULL, stderr=errors,
                                        text=True, start_new_session=True, preexec_fn=prepare)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise CannotRun(f"{self.name} ended with {self.process.wait()}")
        return text.strip()

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.line()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()


@contextlib.contextmanager
def awake(cores):
    """Keeps cores from halting with a loop that runs only when nothing else does. In a virtual machine the wake-up of a
    halted core costs whoever sends it ten microseconds and more: as often as the receiver happens to sleep."""
    with Program("chrt", "-i", "0", "sh", "-c", "while :; do :; done", cores=cores):
        yield


def run(*command, cores=None, limit_s=300):
    """Standard output of a program that ends by itself."""
    with Program(*command, cores=cores, output=True) as program:
        text, _ = program.process.communicate(timeout=limit_s)
        if program.process.returncode != 0:
            raise CannotRun(f"{program.name} ended with {program.process.returncode}")
        return text


def find(name):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]:
        path = pathlib.Path(folder) / name
        if os.access(path, os.X_OK) and path.is_file():
            return path
    raise CannotRun(f"needs {name}; tools/setup --all installs it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, limit_s=10):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise CannotRun(f"nobody listens on port {port}")


def cpu_ns(pid):
    """Time on a CPU of all its threads, those included that have ended: its own clock (clock_getcpuclockid(3))."""
    return time.clock_gettime_ns(((~pid) << 3) | 2)


def status_kib(pid, key):
    """A line of /proc/PID/status that is in kB: VmRSS, VmHWM."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise CannotRun(f"/proc/{pid}/status has no {key}")


def forget_peak(pid):
    """Its VmHWM is its VmRSS again."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as name:
        yield pathlib.Path(name)
