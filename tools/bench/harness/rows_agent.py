# SPDX-License-Identifier: Apache-2.0
"""Rows about the agent itself: memory of both sides, start, and how soon a new process is seen."""
import time

from harness import cgroup, nginx, programs
from harness.agent import Weftd
from harness.rounds import say
from harness.statistics import Result

MEMORY_RATE = 10_000
ARRIVAL_RATE = 1_000    # requests that find the agent when it starts: a first span comes within a millisecond
NOTICE_LIMIT_S = 10


def mib(kib):
    return kib / 1024


def memory_agent(settings):
    """agent: RSS at 10,000 req/s with default configuration; peak while attaching"""
    resident, attaching = [], []
    with nginx.running() as server:
        for number in range(settings.rounds):
            with Weftd(settings.build, pids=[server.pid], cores=programs.BOTH) as agent:
                nginx.paced(settings.build, server.port, MEMORY_RATE, max(settings.seconds, 2))
                resident.append(mib(programs.status_kib(agent.pid, "VmRSS")))
                # Of the whole run: some programs are loaded behind the start.
                attaching.append(mib(programs.status_kib(agent.pid, "VmHWM")))
            say(f"  memory-agent: round {number + 1} of {settings.rounds}")
    return [Result("memory-agent", "agent RSS at 10,000 req/s, default configuration", resident, unit="MiB", at_least=40, aim=25,
                   better="low"),
            Result("memory-agent", "… peak while attaching", attaching, unit="MiB", at_least=60, aim=35, better="low",
                   judge="worst")]


def memory_kernel(settings):
    """kernel memory in the agent's memory cgroup at 1,000 connections, and for each further 1,000"""
    server_side, client_side = [], []
    for number in range(settings.rounds):
        server_side.append(kernel_memory(settings, trace_server=True))
        client_side.append(kernel_memory(settings, trace_server=False))
        say(f"  memory-kernel: round {number + 1} of {settings.rounds}")
    none = [at[0] for at in server_side]
    results = []
    for what, measured in (("served by", server_side), ("made by", client_side)):
        results.append(Result("memory-kernel", f"kernel memory at 1,000 connections {what} a traced process",
                              [at[1000] for at in measured], unit="MiB", at_least=24, aim=12, better="low",
                              note=f"{min(none):.1f} MiB with none" if what == "served by" else "members of the socket hash"))
        results.append(Result("memory-kernel", "… each further 1,000", [(at[4000] - at[1000]) / 3 for at in measured],
                              unit="MiB", at_least=3, aim=2, better="low"))
    return results


def kernel_memory(settings, trace_server):
    """{connections: MiB}"""
    found = {}
    with nginx.running() as server, cgroup.Memory() as group, \
            programs.Program(settings.build / "bench_idle", server.port, output=True) as client:
        traced = server.pid if trace_server else client.pid
        with Weftd(settings.build, pids=[traced], cgroup=group.path):
            for count in (0, 1000, 4000):
                client.ask(str(count))
                time.sleep(1)   # charges are passed on in batches
                found[count] = group.kernel_bytes() / 2**20
    return found


def startup(settings):
    """start to tracing: exec of weftd to the start of the first request that became a span; time to notice a process"""
    to_tracing, by_program, by_port = [], [], []
    for number in range(settings.rounds):
        to_tracing.append(time_to_first_span(settings))
        by_program.append(time_to_notice_program(settings))
        by_port.append(time_to_notice_port(settings))
        say(f"  startup: round {number + 1} of {settings.rounds}")
    return [Result("startup", "exec of weftd to the first traced request", to_tracing, unit="s", at_least=1, aim=0.3, better="low"),
            Result("startup", "new process noticed, chosen by executable", by_program, unit="s", at_least=1, aim=0.1, better="low"),
            Result("startup", "… chosen by the port it opens", by_port, unit="s", at_least=1, aim=0.1, better="low")]


def time_to_first_span(settings):
    with nginx.running() as server, \
            programs.Program(settings.build / "bench_paced", server.port, ARRIVAL_RATE, 60, 8, cores=programs.SECOND), \
            Weftd(settings.build, pids=[server.pid], cores=programs.BOTH) as agent:
        agent.wait_until(agent.spans, NOTICE_LIMIT_S)
        first = min(int(span["start_unix_nano"]) for span in agent.spans())
        return (first - agent.started_unix_ns) / 1e9


def seconds_until_traced(agent, start):
    """From just before the fork; what the program itself needs to open its port is part of it."""
    started = time.monotonic()
    with start() as program:
        agent.wait_until(lambda: program.pid in agent.traced(), NOTICE_LIMIT_S, pause_s=0.002)
        return time.monotonic() - started


def time_to_notice_program(settings):
    server = settings.build / "bench_hop"
    with Weftd(settings.build, "--exe", server, cores=programs.BOTH) as agent:
        return seconds_until_traced(agent, lambda: programs.Program(server, cores=programs.FIRST, output=True))


def time_to_notice_port(settings):
    port = programs.free_port()
    with programs.folder() as files, Weftd(settings.build, "--port", str(port), cores=programs.BOTH) as agent:
        return seconds_until_traced(agent, lambda: nginx.Nginx(files, port))


ROWS = {"memory-agent": memory_agent, "memory-kernel": memory_kernel, "startup": startup}
