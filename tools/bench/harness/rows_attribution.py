# SPDX-License-Identifier: Apache-2.0
"""Right parent under load; the servers and the judge are those of the attribution tests."""
import json
import pathlib
import sys
import urllib.request

from harness import programs
from harness.rounds import settle
from harness.agent import Weftd
from harness.rounds import say
from harness.statistics import Result

TESTS = pathlib.Path(__file__).resolve().parents[3] / "tests" / "e2e"
REQUESTS, CONNECTIONS = 20_000, 32
FRONTS = {"C++": lambda build: [build / "e2e_threaded_front"],
          "Python": lambda build: ["/usr/bin/python3", TESTS / "apps" / "threaded_front.py"]}


def judged(build, front):
    sys.path.insert(0, str(TESTS))
    import attribution
    with programs.Program(build / "e2e_leaf", output=True) as leaf:
        leaf_port = leaf.line()
        with programs.Program(*front, leaf_port, "direct", output=True) as server:
            port = server.line()
            with Weftd(build, pids=[server.pid], cores=None) as agent:
                settle(agent)
                answer = json.loads(programs.run(build / "e2e_load", port, REQUESTS, CONNECTIONS, 1, 1))
                with urllib.request.urlopen(f"http://127.0.0.1:{leaf_port}/records", timeout=60) as records:
                    counts = attribution.count(records.read().decode().splitlines())
    if answer != {"ok": REQUESTS, "failed": 0} or counts.calls != REQUESTS:
        raise programs.CannotRun(f"{answer}, {counts.calls} calls recorded")
    return counts


def attribution_row(settings):
    """right parent, threaded Python and C++ servers, 32 at once, 20,000 requests"""
    results = []
    for language, front in FRONTS.items():
        all_counts = []
        for number in range(settings.rounds):
            all_counts.append(judged(settings.build, front(settings.build)))
            say(f"  attribution ({language}): round {number + 1} of {settings.rounds}")
        note = f"none={sum(c.none for c in all_counts)} invented={sum(c.invented for c in all_counts)}"
        results.append(Result("attribution", f"right parent, threaded {language}, 32 at once, 20,000 requests",
                              [100 * c.right_share for c in all_counts], unit="%", at_least=99.9, aim=100.0, note=note))
        results.append(Result("attribution", "… wrong parent", [c.wrong for c in all_counts], unit="requests", at_least=0, aim=0,
                              better="low", judge="worst"))
    return results


ROWS = {"attribution": attribution_row}
