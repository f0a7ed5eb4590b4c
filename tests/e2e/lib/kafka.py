# SPDX-License-Identifier: Apache-2.0
"""Kafka records as the programs of apps/kafka write and read them, and what an agent may do to them."""
import dataclasses
import pathlib
import random
import re
import subprocess

TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]")
OWN = ("traceparent", "tracestate", "baggage")


def to_text(data):
    return "-" if data is None else "x" + data.hex()


def from_text(word):
    return None if word == "-" else bytes.fromhex(word[1:])


@dataclasses.dataclass
class Record:
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list = dataclasses.field(default_factory=list)   # (name, bytes or None)
    offset: int = -1

    @classmethod
    def read(cls, line):
        partition, offset, timestamp, key, value, *headers = line.split(" ")
        pairs = zip(headers[::2], headers[1::2])
        return cls(int(partition), int(timestamp), from_text(key), from_text(value),
                   [(from_text(name).decode(), from_text(data)) for name, data in pairs], int(offset))

    def line(self):
        headers = "".join(f" {to_text(name.encode())} {to_text(data)}" for name, data in self.headers)
        return f"{self.partition} {self.offset} {self.timestamp} {to_text(self.key)} {to_text(self.value)}{headers}"

    def content(self):
        return self.timestamp, self.key, self.value, self.headers


def some_records(count, partitions=1, seed=1, most=300, headers=None):
    """Of all kinds: null and empty keys and values, with and without headers (or with those that headers() gives)."""
    source = random.Random(seed)

    def data(limit):
        kind = source.random()
        return None if kind < 0.1 else b"" if kind < 0.15 else source.randbytes(source.randint(1, limit))

    def own():
        # A name twice, and one that is nearly that of a header which weft writes.
        names = [source.choice(("a", "type", "type", "Traceparent", "baggage-x")) for _ in range(source.choice((0, 0, 1, 3)))]
        return [(name, data(40)) for name in names]
    return [Record(source.randrange(partitions), 1_700_000_000_000 + index * 7, data(30), data(most), (headers or own)())
            for index in range(count)]


def by_partition(records):
    result = {}
    for record in records:
        result.setdefault(record.partition, []).append(record)
    return result


def added(sent, got):
    """What headers `got` has beyond those of `sent`, {name: [bytes]}; fails when anything else differs."""
    before, after = sent.content(), got.content()
    assert before[:3] == after[:3], f"sent {before[:3]}, came {after[:3]}"
    assert after[3][:len(before[3])] == before[3], f"sent {before[3]}, came {after[3]}"
    result = {}
    for name, data in after[3][len(before[3]):]:
        assert name in OWN, f"nobody sent {name}"
        result.setdefault(name, []).append(data)
    return result


def compare(sent, arrived):
    """Every record once, in order and as it was sent: what was added to each, in the order of `sent`."""
    got = by_partition(arrived)
    want = by_partition(sent)
    assert {p: len(r) for p, r in got.items()} == {p: len(r) for p, r in want.items()}
    for partition in got.values():
        offsets = [record.offset for record in partition]
        assert offsets == sorted(set(offsets)), "not in order"
    following = {partition: iter(records) for partition, records in got.items()}
    return [added(record, next(following[record.partition])) for record in sent]


def contexts(changes, others=()):
    """(trace id, span id) of what was added to each record: one traceparent, and each of `others` {name: bytes} once."""
    found = []
    for change in changes:
        match = TRACEPARENT.fullmatch(change["traceparent"][0]) if len(change.get("traceparent", [])) == 1 else None
        assert match, f"no context: {change}"
        rest = {name: data for name, data in change.items() if name != "traceparent"}
        assert rest == {name: [data] for name, data in dict(others).items()}, rest
        found.append((match[1].decode(), match[2].decode()))
    return found


class Broker:
    """librdkafka's brokers in memory, in a process of their own."""

    def __init__(self, build, topics, brokers=1):
        self.command = [pathlib.Path(build) / "e2e_kafka_broker", str(brokers),
                        *(f"{name}:{partitions}" for name, partitions in topics.items())]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.servers = self.process.stdout.readline().strip()
        assert self.servers, "no broker"
        return self

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


class Producer:
    """`command` reads records, and writes how many it has delivered when it is told to flush."""

    def __init__(self, command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def say(self, *lines):
        self.process.stdin.writelines(line + "\n" for line in lines)

    def produce(self, records):
        self.say(*(record.line() for record in records))

    def flush(self):
        self.say("flush")
        self.process.stdin.flush()
        return int(self.process.stdout.readline() or "-1")

    def finish(self, failed=0):
        """Records that were delivered, all together; so many were not."""
        self.process.stdin.close()
        said = self.process.stdout.read().split()
        code = self.process.wait(timeout=120)
        assert code == (1 if failed else 0), f"the producer ended with {code}"
        return int(said[-1])

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def read_all(text):
    return [Record.read(line) for line in text.splitlines()]


def consume(command):
    """The records that `command` prints, which is no traced program."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, timeout=180)
    if done.returncode:
        raise AssertionError(f"the consumer ended with {done.returncode} after {len(done.stdout.splitlines())} records")
    return read_all(done.stdout)
