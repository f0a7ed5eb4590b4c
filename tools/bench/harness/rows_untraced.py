# SPDX-License-Identifier: Apache-2.0
"""Programs that were not selected, while the agent traces another one."""
from harness import nginx
from harness.agent import Weftd
from harness.rounds import alternate, ratios, settle
from harness.rows_calls import Askers, front_and_back
from harness.statistics import Result

AT_LEAST_PAIRS = 10


def compare(settings, name, load):
    """Pairs (without, with the agent) of what `load` measures."""
    with nginx.running() as bystander:   # traced, idle: every hook is attached and every filter has an entry
        def on():
            with Weftd(settings.build, pids=[bystander.pid]) as agent:
                settle(agent)
                return load()
        load()
        return alternate(f"untraced ({name})", max(settings.rounds, AT_LEAST_PAIRS), load, on)


def result(what, samples):
    made = Result("untraced", what, samples, at_least=0.99, judge="interval")
    low, high = made.interval
    seen = "none seen" if low <= 1 <= high else "seen"
    made.note = f"{len(samples)} pairs, 95 % interval {low:.4f} to {high:.4f}: difference {seen}"
    # The aim is "none seen", not a number: reached when the promise holds and the interval spans 1 or lies above it.
    made.aim = made.at_least if high >= 1 else float("inf")
    return made


def untraced(settings):
    """the same programs not selected for tracing, agent running: difference with its confidence interval"""
    with nginx.running() as server:
        saturated = compare(settings, "nginx", lambda: nginx.wrk_and_cpu(server, settings.seconds))
    with front_and_back(settings.build) as (_, port, _):
        calls = compare(settings, "front-back", lambda: nginx.wrk(port, settings.seconds))
    with Askers(settings.build, 400, 0) as askers:
        client = askers.clients[0]
        count = max(400, round(settings.seconds * 1e6 / askers.block_us(client, 50, 2000)))
        pings = compare(settings, "ping-pong", lambda: 1 / askers.block_us(client, 50, count))
    per_cpu = Result("untraced", "… nginx, requests by its time on the CPU", [b[1] / a[1] for a, b in saturated])
    per_cpu.note = "95 % interval {:.4f} to {:.4f}".format(*per_cpu.interval)
    return [result("not selected, agent running: nginx saturated, rate", [b[0] / a[0] for a, b in saturated]), per_cpu,
            result("… front → back, rate", ratios(calls)),
            result("… ping-pong of 400 B, requests by time", ratios(pings))]


ROWS = {"untraced": untraced}
