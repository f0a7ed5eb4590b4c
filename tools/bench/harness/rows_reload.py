# SPDX-License-Identifier: Apache-2.0
"""How soon a changed baggage policy is in force: seen in what goes out, not in what the agent says."""
import http.client
import os
import pathlib
import time

from harness import programs
from harness.agent import Weftd
from harness.rounds import say
from harness.statistics import Result

SERVERS = pathlib.Path(__file__).resolve().parents[3] / "tests" / "e2e" / "servers"
CHANGES = 20     # of each round
LIMIT_S = 10


def policy(generation, rules):
    """A set of some size: `rules` rules, five redactions, and one member that tells which set judged."""
    lines = [f"version: {generation}", "rules:", *(f"- {{key: 'part{n}.*', max_length: 64}}" for n in range(rules)), "redact:",
             *(f"- {{pattern: '\\d{{4}}-{n}\\d{{3}}', replace: x}}" for n in range(5)), f"inject: [{{set: {{generation: g{generation}}}}}]"]
    return "\n".join(lines) + "\n"


def reload(settings):
    """baggage policy: rename of its file to the first request that goes out by the new rules, 50 and 256 rules"""
    taken = {50: [], 256: []}
    python = programs.find("python3")
    with programs.folder() as files:
        back, front = programs.free_port(), programs.free_port()
        with programs.Program(python, SERVERS / "baggage_back.py", back, files, cores=programs.FIRST), \
                programs.Program(python, SERVERS / "baggage_front.py", front, files, back, "plain", cores=programs.FIRST) as server:
            for port in (back, front):
                programs.wait_for_port(port)
            with Weftd(settings.build, pids=[server.pid], cores=programs.SECOND, policy=policy(0, 50)) as agent:
                client = http.client.HTTPConnection("127.0.0.1", front)
                generation = 0
                for number in range(settings.rounds):
                    for rules in taken:
                        for _ in range(CHANGES // 2):
                            generation += 1
                            taken[rules].append(seconds_to_effect(client, agent, generation, policy(generation, rules)))
                    say(f"  policy-reload: round {number + 1} of {settings.rounds}")
    return [Result("policy-reload", f"policy of {rules} rules: rename to effect", times, unit="s", at_least=1, aim=0.1, better="low",
                   note=f"longest {max(times) * 1e3:.0f} ms") for rules, times in taken.items()]


def seconds_to_effect(client, agent, generation, text):
    new = agent.policy.with_name("new")
    new.write_text(text)
    wanted = f"generation=g{generation}".encode()
    started = time.monotonic()
    os.replace(new, agent.policy)
    while time.monotonic() < started + LIMIT_S:
        client.request("GET", "/")
        if client.getresponse().read() == wanted:
            return time.monotonic() - started
    raise programs.CannotRun("a changed policy does not come into force")


ROWS = {"policy-reload": reload}
