# SPDX-License-Identifier: Apache-2.0
"""Rows about a saturated and a paced nginx."""
from harness import nginx, programs
from harness.agent import KernelSide, Weftd, counted
from harness.rounds import alternate, ratios, say, settle
from harness.statistics import Result, median

PACED_RATE = 20_000


def rates_note(pairs):
    return f"{median([p[0] for p in pairs]):,.0f} req/s without, {median([p[1] for p in pairs]):,.0f} with"


def nginx_kernel(settings):
    """nginx `return 200` saturated, kernel side on, events thrown away"""
    with nginx.running() as server:
        def load():
            return nginx.wrk(server.port, settings.seconds)

        def on():
            with KernelSide(settings.build, server.pid) as kernel:
                settle(kernel)
                rate = load()
                counts = kernel.finish()
            seen = counts["events"].get("request", 0)
            if seen < rate:   # a kernel side that saw nothing costs nothing
                raise programs.CannotRun(f"the kernel side saw only {seen} requests")
            return rate
        load()
        pairs = alternate("nginx-kernel", settings.rounds, load, on)
    return [Result("nginx-kernel", "nginx saturated, kernel side on, events thrown away: rate", ratios(pairs),
                   at_least=0.85, aim=0.92, note=rates_note(pairs))]


def saturated(name, settings, more_config=""):
    """Pairs of rates without and with all of weftd on the same cores, and such pairs while the load's core is kept from
    halting; (share lost, given up) of each round."""
    losses = []
    with nginx.running() as server:
        def load():
            return nginx.wrk(server.port, settings.seconds)

        def on():
            with Weftd(settings.build, pids=[server.pid], cores=programs.BOTH, more_config=more_config) as agent:
                settle(agent)
                before = agent.metrics()
                rate = load()
                after = agent.metrics()
            events, lost, given_up = (counted(after, name) - counted(before, name) for name in
                                      ("weft_bpf_events_total", "weft_bpf_events_lost_total", "weft_losses_total"))
            if events + lost < rate:
                raise programs.CannotRun(f"weftd saw only {events + lost:.0f} events")
            losses.append((100 * lost / (events + lost), given_up))
            return rate
        load()
        pairs = alternate(name, settings.rounds, load, on)
        with programs.awake(programs.SECOND):
            awake = alternate(f"{name} (awake)", settings.rounds, load, on)
    return pairs, awake, losses


def kept_awake(name, pairs):
    return Result(name, "… with the second core kept from halting", ratios(pairs), note=rates_note(pairs))


def lost_events(name, losses):
    return Result(name, "… events lost for want of room in the ring, counted", [loss for loss, _ in losses], unit="%",
                  better="low", note=f"given up in user space, most in one round: {max(n for _, n in losses):.0f}")


def nginx_full(settings):
    """the same with all of weftd: spans, metrics, null exporter; both cores shared with the agent"""
    pairs, awake, losses = saturated("nginx-full", settings)
    return [Result("nginx-full", "nginx saturated, weftd with spans and metrics on the same cores: rate", ratios(pairs),
                   at_least=0.60, aim=0.75, note=rates_note(pairs)), kept_awake("nginx-full", awake),
            lost_events("nginx-full", losses)]


def nginx_sampled(settings):
    """the same with one trace in a hundred sampled: the others count in metrics alone"""
    pairs, awake, losses = saturated("nginx-sampled", settings, "sampling: {arg: 0.01}\n")
    return [Result("nginx-sampled", "nginx saturated, weftd at ratio 0.01 on the same cores: rate", ratios(pairs),
                   at_least=0.82, aim=0.90, note=rates_note(pairs)), kept_awake("nginx-sampled", awake),
            lost_events("nginx-sampled", losses)]


def nginx_paced(settings):
    """nginx at a fixed 20,000 req/s: CPU per request, P99, agent CPU per span, events lost"""
    agent_side = []
    with nginx.running() as server:
        def load(agent=None):
            agent_before, spans_before = (programs.cpu_ns(agent.pid), spans_of(agent)) if agent else (0, 0)
            before = programs.cpu_ns(server.pid)
            answer = nginx.paced(settings.build, server.port, PACED_RATE, settings.seconds)
            used = programs.cpu_ns(server.pid) - before
            if agent:
                settle()   # the last events are still on their way
                spans = spans_of(agent) - spans_before
                agent_side.append((programs.cpu_ns(agent.pid) - agent_before) / max(spans, 1))
            if answer["rate"] < 0.95 * PACED_RATE:
                say(f"  nginx-paced: only {answer['rate']:,.0f} req/s were reached")
            return used / answer["ok"] / 1e3, answer["p99_us"], answer["rate"]

        lost = []

        def on():
            with Weftd(settings.build, pids=[server.pid]) as agent:
                settle(agent)
                before = counted(agent.metrics(), "weft_bpf_events_lost_total")
                measured = load(agent)
                lost.append(counted(agent.metrics(), "weft_bpf_events_lost_total") - before)
            return measured
        load()
        pairs = alternate("nginx-paced", settings.rounds, load, on)
    reached = f"{min(rate for pair in pairs for _, _, rate in pair):,.0f} req/s reached in the slowest run"
    return [Result("nginx-paced", "nginx at 20,000 req/s: nginx CPU per request, more by", [b[0] - a[0] for a, b in pairs],
                   unit="µs", at_least=1.5, aim=0.8, better="low",
                   note=f"{median([a[0] for a, _ in pairs]):.2f} µs without; {reached}"),
            Result("nginx-paced", "… P99, times", [b[1] / a[1] for a, b in pairs], at_least=1.10, aim=1.03, better="low",
                   note=f"{median([a[1] for a, _ in pairs]):.0f} µs without"),
            Result("nginx-paced", "… agent CPU per span", [ns / 1e3 for ns in agent_side], unit="µs", at_least=5, aim=2.5,
                   better="low"),
            Result("nginx-paced", "… events lost", lost, unit="events", at_least=0, aim=0, better="low", judge="worst")]


def spans_of(agent):
    return agent.get("/v1/status")["spans"]["total"]


ROWS = {"nginx-kernel": nginx_kernel, "nginx-full": nginx_full, "nginx-sampled": nginx_sampled, "nginx-paced": nginx_paced}
