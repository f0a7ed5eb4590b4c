# SPDX-License-Identifier: Apache-2.0
"""What every row shares: the order of its runs, and what the command line asked for."""
import dataclasses
import pathlib
import sys
import time

from harness import programs

SETTLE_S = 0.3   # after the agent came or went: its own start is not what is measured
REST_LOOK_S, REST_LIMIT_S = 0.2, 20


@dataclasses.dataclass
class Settings:
    build: pathlib.Path
    rounds: int
    seconds: float


def say(text):
    print(text, file=sys.stderr, flush=True)


def settle(started=None):
    """A moment, and until the program that was just started has come to rest: weftd loads the last of its kernel programs
    behind its start, for half a second and more."""
    time.sleep(SETTLE_S)
    deadline = time.monotonic() + REST_LIMIT_S
    while started is not None:
        before = programs.cpu_ns(started.pid)
        time.sleep(REST_LOOK_S)
        if programs.cpu_ns(started.pid) - before < REST_LOOK_S * 1e9 / 50:
            return
        if time.monotonic() > deadline:
            raise programs.CannotRun(f"{started.name} does not come to rest")


def alternate(name, rounds, off, on):
    """`rounds` pairs (off, on), each measured next to each other; every second pair the other way round, so that a
    machine that gets slower or faster favours neither."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            with_agent = on()
            without = off()
        else:
            without = off()
            with_agent = on()
        pairs.append((without, with_agent))
        say(f"  {name}: round {number + 1} of {rounds}")
    return pairs


def ratios(pairs):
    return [with_agent / without for without, with_agent in pairs]
