# SPDX-License-Identifier: Apache-2.0
"""Kafka: librdkafka on the first core, its brokers in memory and the agent on the second."""
import contextlib
import dataclasses

from harness import programs
from harness.agent import InjectionTally, Weftd, injections
from harness.rounds import alternate, ratios, settle
from harness.statistics import Result, median

TOPIC, PARTITIONS = "bench", 4


@dataclasses.dataclass
class Run:
    records: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self):
        return self.records / self.seconds

    @property
    def cpu_us(self):
        return self.cpu_seconds / self.records * 1e6


class Client:
    """A process whose runs are alternately traced; each run has connections of its own."""

    def __init__(self, build, client):
        self.build, self.client, self.tally, self.lost = build, client, InjectionTally(), 0

    def run(self, *words):
        records, seconds, cpu_seconds = self.client.ask(" ".join(map(str, words))).split()
        return Run(int(records), float(seconds), float(cpu_seconds))

    def traced(self, *words):
        with Weftd(self.build, pids=[self.client.pid]) as agent:
            settle(agent)
            before = agent.metrics()
            run = self.run(*words)
            after = agent.metrics()
            self.tally.add(injections(before, after))
            self.lost += sum(value for name, value in after.items() if name[0] == "weft_bpf_events_lost_total")
        return run


@contextlib.contextmanager
def a_client(settings):
    with programs.Program(settings.build / "e2e_kafka_broker", 1, f"{TOPIC}:{PARTITIONS}", cores=programs.SECOND,
                          output=True) as broker:
        with programs.Program(settings.build / "bench_kafka", broker.line(), TOPIC, cores=programs.FIRST,
                              output=True) as client:
            yield Client(settings.build, client)


def kafka_producer(settings):
    """librdkafka producer, 100 B records, at most 1,000 in a batch: paced at half its maximum, and as fast as it goes"""
    with a_client(settings) as client:
        full = ["produce", 0, settings.seconds]
        half = int(client.run(*full).rate / 2)
        paced = ["produce", half, settings.seconds]
        cpu = alternate("kafka-producer (paced)", settings.rounds, lambda: client.run(*paced).cpu_us,
                        lambda: client.traced(*paced).cpu_us)
        rate = alternate("kafka-producer", settings.rounds, lambda: client.run(*full).rate,
                         lambda: client.traced(*full).rate)
    name = "kafka-producer"
    return [Result(name, f"librdkafka producer, {half:,} records/s of 100 B: CPU", ratios(cpu), at_least=1.12, aim=1.05, better="low",
                   note=f"{median([c[0] for c in cpu]):.2f} µs a record without, {median([c[1] for c in cpu]):.2f} with"),
            Result(name, "… at maximum rate, at most 1,000 records in a batch: rate", ratios(rate), at_least=0.85, aim=0.93,
                   note=f"{median([r[0] for r in rate]):,.0f} records/s without, {median([r[1] for r in rate]):,.0f} with"),
            Result(name, "… requests with context, of eligible ones", [client.tally.percent], unit="%", at_least=99.9,
                   aim=100.0, note=client.tally.note)]


def kafka_consumer(settings):
    """librdkafka consumer of 100 B records as fast as they come, observed"""
    with a_client(settings) as client:
        client.run("produce", 0, 2)
        run = ["consume", settings.seconds]
        rate = alternate("kafka-consumer", settings.rounds, lambda: client.run(*run).rate, lambda: client.traced(*run).rate)
    return [Result("kafka-consumer", "librdkafka consumer, 100 B records at maximum rate, observed: rate", ratios(rate),
                   at_least=0.90, aim=0.97,
                   note=f"{median([r[0] for r in rate]):,.0f} records/s without, {median([r[1] for r in rate]):,.0f} with; "
                        f"{client.lost:,.0f} events lost")]


ROWS = {"kafka-producer": kafka_producer, "kafka-consumer": kafka_consumer}
