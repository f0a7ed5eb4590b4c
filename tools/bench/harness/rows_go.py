# SPDX-License-Identifier: Apache-2.0
"""Go programs that nobody instrumented: what following their goroutines costs, and attaching to them."""
import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

from harness import large_go, nginx, programs
from harness.agent import InjectionTally, Weftd, counted, injections
from harness.rounds import alternate, ratios, settle
from harness.statistics import Result, median

TESTS = pathlib.Path(__file__).resolve().parents[3] / "tests" / "e2e"
WARM = 5       # seconds of load after which a busy process has come to rest (docs/attribution.md)
MANY = 100     # processes that are let go at once


@contextlib.contextmanager
def built(app="go_front", source_of=lambda source, folder: source):
    """A program of the tests, by the Go that is installed."""
    if not shutil.which("go"):
        raise programs.CannotRun("needs go")
    sys.path.insert(0, str(TESTS))
    from lib import golang
    with tempfile.TemporaryDirectory() as folder:
        source = source_of(TESTS / "apps" / app, pathlib.Path(folder) / "source")
        yield golang.build(source, pathlib.Path(folder) / "program", how="stripped")


@contextlib.contextmanager
def go_front_and_back(binary):
    with programs.Program(binary, 0, "leaf", output=True) as back:
        with programs.Program(binary, back.line(), "direct", output=True) as front:
            yield front, int(front.line()), back


@contextlib.contextmanager
def program_times():
    """The kernel measures how long its programs run."""
    switch = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
    before = switch.read_text()
    switch.write_text("1")
    try:
        yield
    finally:
        switch.write_text(before)


def cost_us(settings, front, port):
    """Time in the kernel programs for one request that the front serves and passes on, in µs."""
    with program_times(), Weftd(settings.build, pids=[front.pid], cores=None) as agent:
        settle(agent)
        nginx.wrk(port, WARM)
        before = agent.metrics()
        _, requests = nginx.wrk_counted(port, settings.seconds)
        name = "weft_bpf_program_seconds_total"
        return (counted(agent.metrics(), name) - counted(before, name)) / requests * 1e6


def exported(metrics):
    """Spans by what became of them."""
    sums = {}
    for (name, *labels), value in metrics.items():
        if name == "weft_export_spans_total" and value:
            sums[labels[-1]] = sums.get(labels[-1], 0) + int(value)
    return sums


def go_rate(settings, processes, port, connections, receiver):
    """(pairs of rates, what is shown beside them)"""
    tally, became = InjectionTally(), {}

    def load():
        nginx.wrk(port, WARM, connections)
        return nginx.wrk(port, settings.seconds, connections)

    def on():
        with Weftd(settings.build, pids=processes, cores=None, receiver=receiver) as agent:
            settle(agent)
            before = agent.metrics()
            rate = load()
            after = agent.metrics()
            tally.add(injections(before, after))
            for result, spans in exported(after).items():
                became[result] = became.get(result, 0) + spans
        return rate
    load()
    pairs = alternate(f"go ({connections})", settings.rounds, load, on)
    note = (f"{median([p[0] for p in pairs]):,.0f} req/s without, {median([p[1] for p in pairs]):,.0f} with; {tally.note}")
    return pairs, note + "".join(f"; spans {result}: {spans:,}" for result, spans in sorted(became.items()))


def go(settings):
    """net/http front → back in Go, 32 and 512 at once, spans exported, all on two cores; what the programs cost a request"""
    results = []
    with built() as binary, go_front_and_back(binary) as (front, port, back), nginx.running() as receiver:
        for connections in (32, 512):
            processes = [front.pid, back.pid]
            pairs, note = go_rate(settings, processes, port, connections, receiver.port)
            results.append(Result("go", f"Go net/http front → back, {connections} at once: rate", ratios(pairs), at_least=0.80,
                                  aim=0.90, note=note))
            pairs, note = go_rate(settings, processes, port, connections, None)
            results.append(Result("go", "… without an exporter", ratios(pairs), note=note))
        costs = [cost_us(settings, front, port) for _ in range(settings.rounds)]
    results.append(Result("go", "… time in the kernel programs for a request served and passed on", costs, unit="µs",
                          at_least=15, aim=6, better="low"))
    return results


def goroutines_are_followed(agent, pid):
    rows = agent.get("/v1/processes")["processes"]
    return any(row["pid"] == pid and "goroutines" in row["probes"] for row in rows)


def go_attach(settings):
    """attaching to a running Go program of 50 MB without symbols, the first one that the agent sees"""
    taken, peaks = [], []
    with built(source_of=large_go.enlarged) as binary, contextlib.ExitStack() as stack:
        other = stack.enter_context(programs.Program("sleep", "infinity"))
        front = stack.enter_context(programs.Program(binary, 0, "leaf", output=True))
        front.line()
        note = f"{binary.stat().st_size / 1e6:.0f} MB"
        for _ in range(settings.rounds):
            with Weftd(settings.build, pids=[other.pid], cores=None) as agent:
                settle(agent)
                programs.forget_peak(agent.pid)
                begin = time.monotonic()
                agent.post(f"/v1/processes/{front.pid}/attach")
                agent.wait_until(lambda: goroutines_are_followed(agent, front.pid), 30, pause_s=0.002)
                taken.append(time.monotonic() - begin)
                settle(agent)
                peaks.append(programs.status_kib(agent.pid, "VmHWM") / 1024)
    return [Result("go-attach", "attaching to a running Go program without symbols", [1000 * t for t in taken], unit="ms",
                   at_least=300, aim=100, better="low", note=note),
            Result("go-attach", "… agent's peak meanwhile", peaks, unit="MiB", at_least=60, aim=40, better="low",
                   judge="worst")]


def go_detach(settings):
    """letting go of 100 Go processes that run one program"""
    with built() as binary, contextlib.ExitStack() as stack:
        fronts = [stack.enter_context(programs.Program(binary, 0, "leaf", output=True)) for _ in range(MANY)]
        for front in fronts:
            front.line()
        from lib import host
        taken = []
        for _ in range(settings.rounds):
            before = host.probe_links()
            with Weftd(settings.build, pids=[front.pid for front in fronts], cores=None) as agent:
                settle(agent)
                begin = time.monotonic()
                for front in fronts:
                    agent.post(f"/v1/processes/{front.pid}/detach")
                while host.probe_links() - before:
                    time.sleep(0.01)
                taken.append(time.monotonic() - begin)
    return [Result("go-detach", "letting go of 100 Go processes", [1000 * t for t in taken], unit="ms", at_least=1000,
                   aim=200, better="low")]


ROWS = {"go": go, "go-attach": go_attach, "go-detach": go_detach}
