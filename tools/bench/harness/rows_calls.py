# SPDX-License-Identifier: Apache-2.0
"""Rows about programs that call others: what injection costs, and how often it happens."""
import contextlib

from harness import nginx, programs
from harness.agent import InjectionTally, KernelSide, Weftd, injections
from harness.rounds import alternate, ratios, say, settle
from harness.statistics import Result, median


@contextlib.contextmanager
def front_and_back(build):
    """Two threaded servers on the first core; the front calls the back once for each request."""
    with programs.Program(build / "bench_hop", cores=programs.FIRST, output=True) as back:
        back_port = back.line()
        with programs.Program(build / "bench_hop", back_port, cores=programs.FIRST, output=True) as front:
            yield front, int(front.line()), back


def front_back(settings):
    """threaded C++ front → back over keep-alive, context injected on every call; and with the load's core kept awake"""
    tally = InjectionTally()
    with front_and_back(settings.build) as (front, port, back):
        def load():
            return nginx.wrk(port, settings.seconds)

        def kernel():
            with KernelSide(settings.build, front.pid, back.pid) as kernel:
                settle(kernel)
                return load()

        def on():
            with Weftd(settings.build, pids=[front.pid, back.pid]) as agent:
                settle(agent)
                before = agent.metrics()
                rate = load()
                tally.add(injections(before, agent.metrics()))
            return rate
        load()
        pairs = alternate("front-back", settings.rounds, load, on)
        with programs.awake(programs.SECOND):
            awake = alternate("front-back (awake)", settings.rounds, load, on)
            alone = alternate("front-back (awake, kernel)", settings.rounds, load, kernel)
    rates = f"{median([p[0] for p in pairs]):,.0f} req/s without, {median([p[1] for p in pairs]):,.0f} with"
    return [Result("front-back", "threaded C++ front → back, context on every call: rate", ratios(pairs), at_least=0.85,
                   aim=0.93, note=rates),
            Result("front-back", "… with the second core kept from halting", ratios(awake)),
            Result("front-back", "… and the kernel side alone, events thrown away", ratios(alone)),
            injected("front-back", tally)]


def injected(row, tally):
    return Result(row, "… injected, of eligible requests", [tally.percent], unit="%", at_least=99.9, aim=100.0,
                  note=tally.note)


class Askers:
    """Two equal clients of one server, all on the first core. The agent traces one of them, another one each round, so
    that what differs between two processes by chance is not taken for its cost."""

    def __init__(self, build, head_bytes, body_bytes):
        self.build, self.sizes = build, (head_bytes, body_bytes)

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(self.start("serve"))
            port = server.line()
            self.clients = [stack.enter_context(self.start("ask", port, *self.sizes)) for _ in range(2)]
            self.stack = stack.pop_all()
        return self

    def start(self, *arguments):
        return programs.Program(self.build / "bench_exchange", *arguments, cores=programs.FIRST, output=True)

    def __exit__(self, *_):
        self.stack.close()

    def block_us(self, client, warm, count):
        """Time of one request, over a new connection."""
        return int(client.ask(f"{warm} {count}")) / count / 1e3

    def blocks(self, traced, plain, warm, count, seconds):
        """Median time ratio of neighbouring blocks, and the median without."""
        once = self.block_us(plain, warm, count) * count / 1e6
        number = max(3, round(seconds / max(2 * once, 1e-6)))
        pairs = alternate_quietly(number, lambda: self.block_us(plain, warm, count), lambda: self.block_us(traced, warm, count))
        return median(ratios(pairs)), median([plain_us for plain_us, _ in pairs])


def alternate_quietly(number, off, on):
    pairs = []
    for i in range(number):
        first = off() if i % 2 == 0 else on()
        second = on() if i % 2 == 0 else off()
        pairs.append((first, second) if i % 2 == 0 else (second, first))
    return pairs


def time_ratios(name, settings, sizes, warm, count, whole_agent=True):
    """One time ratio a round, time without in µs, and what was injected."""
    tally, found, without = InjectionTally(), [], []
    with Askers(settings.build, *sizes) as askers:
        for number in range(settings.rounds):
            traced, plain = askers.clients[number % 2], askers.clients[1 - number % 2]
            agent = Weftd(settings.build, pids=[traced.pid]) if whole_agent else KernelSide(settings.build, traced.pid)
            with agent:
                settle(agent)
                before = agent.metrics() if whole_agent else {}
                ratio, plain_us = askers.blocks(traced, plain, warm, count, settings.seconds)
                tally.add(injections(before, agent.metrics()) if whole_agent else agent.finish()["injections"])
            found.append(ratio)
            without.append(plain_us)
            say(f"  {name}: round {number + 1} of {settings.rounds}")
    return found, median(without), tally


def ping_pong(settings):
    """ping-pong of one 400 B GET on one core, injected, with and without the agent's user side"""
    whole, without_us, tally = time_ratios("ping-pong", settings, (400, 0), 50, 400)
    kernel, _, kernel_tally = time_ratios("ping-pong (kernel)", settings, (400, 0), 50, 400, whole_agent=False)
    return [Result("ping-pong", "ping-pong of one 400 B GET on one core, injected: time", whole, at_least=1.25, aim=1.12,
                   better="low", note=f"{without_us:.2f} µs without"),
            Result("ping-pong", "… kernel side alone, events thrown away: time", kernel, better="low", note=kernel_tally.note),
            injected("ping-pong", tally)]


def upload_1mb(settings):
    """1 MB uploads by a traced client over one connection; and over connections too short to be let go as bulk"""
    long_ones, without_us, tally = time_ratios("upload-1mb", settings, (400, 1 << 20), 1, 100)
    short_ones, _, short_tally = time_ratios("upload-1mb (short)", settings, (400, 1 << 20), 1, 6)
    return [Result("upload-1mb", "1 MB uploads by a traced client, 100 on a connection: rate", [1 / r for r in long_ones],
                   at_least=0.80, aim=0.95, note=f"{without_us:.0f} µs without; {tally.note}"),
            Result("upload-1mb", "… 7 on a connection, not yet let go as bulk: rate", [1 / r for r in short_ones],
                   note=short_tally.note),
            injected("upload-1mb", tally)]


ROWS = {"front-back": front_back, "ping-pong": ping_pong, "upload-1mb": upload_1mb}
