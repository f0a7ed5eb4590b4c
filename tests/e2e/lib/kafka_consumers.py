# SPDX-License-Identifier: Apache-2.0
"""A program that does something for each Kafka record it is given, and with whose trace that went on."""
import collections
import http.server
import secrets
import subprocess
import threading
import urllib.parse

from . import kafka
from .agent import Agent, Programs, wait_for

STORE = {"traces": 20000, "bytes": "64MiB"}
FOLLOW = {"follow_consumers": True}
PARTITIONS = 4
PROVEN = 16   # records in a row to one thread, before what it does is theirs
Asked = collections.namedtuple("Asked", "path id headers")
Verdict = collections.namedtuple("Verdict", "right other none wrong")   # other: a trace of no record


class Sink:
    """Who the workers call, and what they were asked."""

    def __init__(self):
        self.asked, sink = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                sink.asked.append(Asked(path[1:], urllib.parse.parse_qs(query)["id"][0],
                                        {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Scene:
    """`command` of the brokers' address and the sink's port: a worker, which prints a port and begins when there is input."""

    def __init__(self, test, build, command, topics=("t",), config=None, partitions=PARTITIONS, probes="librdkafka consumer"):
        self.probes, self.test, self.build, self.topics, self.partitions = probes, test, build, topics, partitions
        self.broker = test.enterContext(kafka.Broker(build, {**dict.fromkeys(topics, partitions), "out": 1}))
        self.sink = test.enterContext(Sink())
        self.worker = subprocess.Popen(list(map(str, command(self.broker.servers, self.sink.port))), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.worker.stdin.close)
        test.addCleanup(self.worker.stdout.close)
        test.addCleanup(self.worker.wait)
        test.addCleanup(self.worker.kill)
        self.port = int(self.worker.stdout.readline())
        self.agent = test.enterContext(Agent(Programs.of(build), pids=[self.worker.pid],
                                             config={"store": STORE, "kafka": FOLLOW, **(config or {})}))
        begin(self.worker)
        self.traces = {}   # of each record

    def row(self):
        return self.agent.processes()[self.worker.pid]

    def record(self, context=True, headers=(), partition=None, key=None):
        value, trace, span = secrets.token_hex(8), secrets.token_hex(16), secrets.token_hex(8)
        own = [("traceparent", f"00-{trace}-{span}-01".encode())] if context else []
        self.traces[value] = trace if context else None
        return kafka.Record(len(self.traces) % self.partitions if partition is None else partition, 1_700_000_000_000,
                            key, value.encode(), [*own, *headers])

    def produce(self, records, topic=None):
        with kafka.Producer([self.build / "e2e_kafka_producer", topic or self.topics[0],
                             f"bootstrap.servers={self.broker.servers}", "linger.ms=0"]) as producer:
            producer.produce(records)
            assert producer.finish() == len(records)
        return {record.value.decode() for record in records}

    def probed(self):
        """Gives work until weft looks at what the worker is given."""
        def followed():
            self.settled(self.produce([self.record(headers=[("warm", b"up")]) for _ in range(self.partitions)]))
            return self.probes in self.row()["probes"]
        wait_for(f"probes: {self.probes}", followed)
        return self

    def known(self):
        """Gives work until it is known for which record it is done."""
        self.probed()
        # And one more each: whoever was waiting in a call is seen from the next one on.
        self.settled(self.produce([self.record() for _ in range(self.partitions * (PROVEN + 1))]))
        self.sink.asked.clear()
        return self

    def timed(self):
        """Gives work until weft waits for its end, in each partition."""
        def waited_for():
            records = [self.record(partition=number) for number in range(self.partitions)]
            self.settled(self.produce(records))
            spans = spans_of(self.agent, "CONSUMER", {self.traces[record.value.decode()] for record in records})
            return len([span for span in spans if "weft.messaging.queued_ms" in span["attributes"]]) == len(records)
        wait_for("the ends of records' processing", waited_for)
        self.sink.asked.clear()
        return self

    def last(self, partition=0):
        """A record that ends the worker's ways "close" and "waits"."""
        self.traces["last"] = secrets.token_hex(16)
        context = f"00-{self.traces['last']}-{secrets.token_hex(8)}-01".encode()
        self.produce([kafka.Record(partition, 1_700_000_000_000, None, b"last", [("traceparent", context)])])
        self.test.assertEqual(self.judge(self.settled({"last"})[0]), "right")

    def settled(self, ids, path="work"):
        """What was asked for these records, in order."""
        def all_of_them():
            mine = [asked for asked in list(self.sink.asked) if asked.path == path and asked.id in ids]
            return mine if len(mine) >= len(ids) else None
        mine = wait_for(f"{len(ids)} calls of {path}", all_of_them)
        self.test.assertEqual(collections.Counter(asked.id for asked in mine), collections.Counter(ids))
        return mine

    def judged(self, records, topic=None):
        ids = self.produce(records, topic)
        return self.verdict(self.settled(ids))

    def check_parents(self, records):
        """Each call is a child of its record's span, and made within it, which is a child of the record's producer.
        REQUIRES: timed()"""
        traces = {self.traces[record.value.decode()] for record in records}
        self.wait_spans(traces)
        parents = {span["trace_id"]: span for span in spans_of(self.agent, "CONSUMER", traces)}
        self.test.assertEqual(set(parents), traces)
        for span in spans_of(self.agent, "CLIENT", traces):
            parent = parents[span["trace_id"]]
            self.test.assertEqual(span["parent_span_id"], parent["span_id"])
            self.test.assertIn("weft.messaging.queued_ms", parent["attributes"])
            # But for what the clock was set by between the two.
            self.test.assertLess(parent["start_unix_nano"], span["start_unix_nano"] + 1_000_000)
            self.test.assertGreater(parent["end_unix_nano"] + 1_000_000, span["end_unix_nano"])

    def wait_spans(self, traces):
        """Of each record and of each call."""
        wait_for("all spans", lambda: all(len(spans_of(self.agent, kind, traces)) >= len(traces) for kind in ("CLIENT", "CONSUMER")))

    def verdict(self, asked):
        count = collections.Counter(map(self.judge, asked))
        return Verdict(*(count[name] for name in Verdict._fields))

    def judge(self, asked):
        trace = trace_of(asked)
        if trace is None:
            return "none"
        if trace == self.traces[asked.id]:
            return "right"
        return "wrong" if trace in self.traces.values() else "other"


def begin(worker):
    worker.stdin.write("\n")
    worker.stdin.flush()


def trace_of(asked):
    return asked.headers["traceparent"].split("-")[1] if "traceparent" in asked.headers else None


def spans_of(agent, kind, traces):
    return [span for span in agent.spans() if span["kind"] == kind and span["trace_id"] in traces]
