# SPDX-License-Identifier: Apache-2.0
"""What every row shares: the order of its runs, and what the command line asked for."""
import dataclasses
import pathlib
import sys
import time

SETTLE_S = 0.3   # after the agent came or went: its own start is not what is measured


@dataclasses.dataclass
class Settings:
    build: pathlib.Path
    rounds: int
    seconds: float


def say(text):
    print(text, file=sys.stderr, flush=True)


def settle():
    time.sleep(SETTLE_S)


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
