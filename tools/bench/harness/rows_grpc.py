# SPDX-License-Identifier: Apache-2.0
"""gRPC over HTTP/2: grpc-go front → back, and a C++ client that does nothing else. The programs are those of the tests."""
import contextlib
import json
import pathlib
import shutil
import time
import urllib.request

from harness import programs
from harness.agent import InjectionTally, Weftd, injections
from harness.rounds import alternate, ratios, settle
from harness.rows_go import built
from harness.statistics import Result, median

MESSAGES = 1_000_000   # on one stream


def rates(pairs, unit):
    return f"{median([p[0] for p in pairs]):,.0f} {unit}/s without, {median([p[1] for p in pairs]):,.0f} with"


class GoLoad:
    """Requests to the front, each with a context that spells its id."""

    def __init__(self, binary, port, at_once):
        self.command, self.at_once, self.first = (binary, "load", "grpc", port, "direct"), at_once, 1

    def run(self, count):
        begin = time.monotonic()
        done = int(programs.run(*self.command, count, self.at_once, self.first))
        taken = time.monotonic() - begin
        self.first += count
        if done != count:
            raise programs.CannotRun(f"{count - done} of {count} calls failed")
        return count / taken


@contextlib.contextmanager
def go_front_and_back():
    with built("go_http2") as binary:
        with programs.Program(binary, "back", output=True) as back:
            port, _, records = (int(back.line()) for _ in range(3))
            with programs.Program(binary, "front", "grpc", "grpc", "direct", port, output=True) as front:
                yield binary, front, int(front.line()), back, records


def grpc_go(settings):
    """grpc-go front → back, unary, 1 and 128 at once, all on two cores"""
    results = []
    with go_front_and_back() as (binary, front, port, back, records):
        import attribution
        for at_once in (1, 128):
            load, tally = GoLoad(binary, port, at_once), InjectionTally()
            load.run(2000)
            count = int(load.run(4000) * settings.seconds)

            def on():
                with Weftd(settings.build, pids=[front.pid, back.pid], cores=None) as agent:
                    settle(agent)
                    before = agent.metrics()
                    rate = load.run(count)
                    tally.add(injections(before, agent.metrics()))
                return rate
            pairs = alternate(f"grpc-go ({at_once})", settings.rounds, lambda: load.run(count), on)
            results += [Result("grpc-go", f"grpc-go unary front → back, {at_once} at once: rate", ratios(pairs), at_least=0.80,
                               aim=0.90, note=f"{rates(pairs, 'req')}; {tally.note}"),
                        Result("grpc-go", "… injected, of eligible calls", [tally.percent], unit="%", at_least=99.9, aim=100.0)]
        with urllib.request.urlopen(f"http://127.0.0.1:{records}/records", timeout=60) as answer:
            counts = attribution.count(answer.read().decode().splitlines())
    results.append(Result("grpc-go", "… wrong parent", [counts.wrong], unit="calls", at_least=0, aim=0, better="low",
                          judge="worst", note=f"of {counts.calls:,} calls, {counts.right:,} of them while the agent ran"))
    return results


@contextlib.contextmanager
def cpp_server_and_client(settings):
    """The client is a copy, which the agent tells by its name from the server."""
    peer = settings.build / "e2e_grpc_peer"
    if not peer.exists():
        raise programs.CannotRun("needs e2e_grpc_peer: cmake --build build --target e2e_grpc_peer")
    with programs.folder() as folder, programs.Program(peer, "serve", "mode=async", cores=programs.SECOND, output=True) as server:
        yield shutil.copy(peer, folder / "grpc_client"), int(server.line())


def cpp_row(settings, row, what, at_least, aim, options, count_for):
    """`count_for`: how many things (calls, messages) a run moves, given a trial's rate."""
    tally = InjectionTally()
    with cpp_server_and_client(settings) as (client, port):
        def run(**more):
            given = [f"{k}={v}" for k, v in {**options, **more}.items()]
            answer = json.loads(programs.run(client, "call", f"port={port}", "quiet=1", *given, cores=programs.FIRST))
            if answer["failed"]:
                raise programs.CannotRun(f"{answer['failed']} calls failed")
            return answer
        done, more = count_for(run)

        def off():
            return done / run(**more)["seconds"]

        def on():
            with Weftd(settings.build, "--exe", client) as agent:
                settle(agent)
                before = agent.metrics()
                rate = off()
                tally.add(injections(before, agent.metrics()))
            return rate
        pairs = alternate(what, settings.rounds, off, on)
    return [Result(row, f"C++ client, {what}: rate", ratios(pairs), at_least=at_least, aim=aim,
                   note=f"{rates(pairs, 'messages' if done == MESSAGES else 'calls')}; {tally.note}"),
            Result(row, "… injected, of eligible calls", [tally.percent], unit="%", at_least=99.9, aim=100.0)]


def grpc_cpp(settings):
    """C++ async client on one core, server and agent on the other: one stream at a time, and 4 connections of 32"""
    def calls(run):
        run(count=500)
        trial = run(count=2000)
        count = int(2000 / trial["seconds"] * settings.seconds)
        return count, {"count": count}
    return (cpp_row(settings, "grpc-cpp", "one stream", 0.85, 0.93, {"mode": "async"}, calls) +
            cpp_row(settings, "grpc-cpp", "4×32 streams", 0.75, 0.85, {"mode": "async", "channels": 4, "at_once": 128}, calls))


def grpc_stream(settings):
    """C++ client, a million messages of 100 bytes on one stream"""
    return cpp_row(settings, "grpc-stream", "a million messages on one stream", 0.95, 0.99,
                   {"mode": "sync", "kind": "Up", "bytes": 100, "messages": MESSAGES}, lambda run: (MESSAGES, {}))


ROWS = {"grpc-go": grpc_go, "grpc-cpp": grpc_cpp, "grpc-stream": grpc_stream}
