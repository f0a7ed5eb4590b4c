# SPDX-License-Identifier: Apache-2.0
"""Rows about the baggage policy: an evaluation in the kernel, its worst text, compiling, replacing."""
import json
import subprocess

from harness import programs
from harness.rounds import say
from harness.statistics import Result

SEARCH_STEPS = 2_000
LIMIT_S = 300


def numbers(settings, steps):
    run = subprocess.run(["taskset", "-c", str(programs.CORES[0]), settings.build / "bench_policy", str(steps)],
                         stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    if run.returncode != 0:
        raise programs.CannotRun(f"bench_policy ended with {run.returncode}")
    return json.loads(run.stdout)


def policy(settings):
    """baggage policy: 10 members, 500 bytes, 50 rules, 5 redactions; growth with rules; worst text; compile, replace"""
    rounds = []
    for number in range(settings.rounds):
        rounds.append(numbers(settings, SEARCH_STEPS if number == 0 else 0))
        say(f"  policy: round {number + 1} of {settings.rounds}")

    def samples(key, factor=1.0):
        return [one[key] * factor for one in rounds]

    def row(what, values, unit, at_least=None, aim=None, note="", judge="median"):
        return Result("policy", what, values, unit=unit, at_least=at_least, aim=aim, better="low", note=note, judge=judge)

    return [
        row("clean text, in the kernel", samples("clean_50_ns", 1e-3), "µs", 1.6, 1.0),
        row("… one value redacted", samples("one_redacted_ns", 1e-3), "µs", 2.2, 1.3),
        row("… five", samples("five_redacted_ns", 1e-3), "µs", 4.0, 2.0),
        row("250 rules against 10, same text", [one["clean_250_ns"] / one["clean_10_ns"] for one in rounds], "ratio", 1.2, 1.05),
        row("256 rules, 64 redactions, same text", samples("large_set_ns", 1e-3), "µs"),
        row("without a policy", samples("no_policy_ns", 1e-3), "µs"),
        row("one short member", samples("one_member_ns", 1e-3), "µs"),
        row("worst text of 8 KB that a search found", [rounds[0]["worst_ns"] * 1e-3], "µs", 250, 100,
            note=rounds[0]["worst_shape"].split(" changed")[0]),
        row("256 rules and 64 redactions compiled", samples("compile_ms"), "ms", 1000, 100),
        row("… memory for it", samples("compile_mib"), "MiB", 64, 16, judge="worst"),
        row("a rule set replaced, all of it", samples("publish_ms"), "ms", 1000, 100),
    ]


ROWS = {"policy": policy}
