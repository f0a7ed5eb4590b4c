# SPDX-License-Identifier: Apache-2.0
"""A server that produces Kafka records for its requests, and whose they were said to be."""
import collections
import concurrent.futures
import contextlib
import http.client
import secrets
import subprocess

from . import kafka
from .agent import Agent, Programs, wait_for

STORE = {"traces": 20000, "bytes": "64MiB"}
PARTITIONS = 4
Verdict = collections.namedtuple("Verdict", "right silent wrong strange")   # strange: a trace that nobody began


class Caller:
    """Requests on one connection, each in a trace of its own."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self):
        self.connection.close()

    def get(self, path, headers=(), **query):
        trace = secrets.token_hex(16)
        query = {name: trace if value == "TRACE" else value for name, value in query.items()}
        self.connection.request("GET", f"/{path}?" + "&".join(f"{name}={value}" for name, value in query.items()),
                                headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", **dict(headers)})
        answer = self.connection.getresponse().read()
        assert answer == b"done", answer
        return trace


class Scene:
    """`command` of the brokers' address: the server, which prints its port. `probes`: what `weft ps` shows of its library.
    `broker`: another than one in memory, with `servers`."""

    def __init__(self, test, build, command, probes, config=None, broker=None):
        self.build, self.probes = build, probes
        self.broker = broker or test.enterContext(kafka.Broker(build, {"t": PARTITIONS}))
        self.server = subprocess.Popen([str(part) for part in command(self.broker.servers)], stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.server.stdout.close)
        test.addCleanup(self.server.wait)
        test.addCleanup(self.server.kill)
        self.port = int(self.server.stdout.readline())
        self.agent = test.enterContext(Agent(Programs.of(build), pids=[self.server.pid], config={"store": STORE, **(config or {})}))
        self.caller = Caller(self.port)
        test.addCleanup(self.caller.close)
        self.traces, self.records, self.warm = set(), 0, 0

    def row(self):
        return self.agent.processes()[self.server.pid]

    def known(self):
        """Produces until it is noted who does."""
        def noted():
            self.get(self.caller, "produce", value="TRACE")
            self.caller.get("flush")
            return self.probes in self.row()["probes"]
        wait_for("probes in the library", noted)
        self.warm = self.records
        return self

    def get(self, caller, call, **query):
        trace = caller.get(call, **query)
        self.traces.add(trace)
        self.records += 1
        return trace

    def many(self, call, threads, each, **query):
        def work(_):
            with contextlib.closing(Caller(self.port)) as caller:
                for _ in range(each):
                    self.get(caller, call, **query)
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))

    def arrived(self, more=0):
        """All records but those that found out; `more` of them nobody asked for."""
        self.caller.get("flush")
        arrived = kafka.consume([self.build / "e2e_kafka_consumer", "t", PARTITIONS, self.records + more,
                                 f"bootstrap.servers={self.broker.servers}", "group.id=r", "check.crcs=true"])
        return sorted(arrived, key=lambda record: record.timestamp)[self.warm:]

    def judged(self, more=0):
        count = collections.Counter(map(self.judge, self.arrived(more)))
        return Verdict(*(count[name] for name in Verdict._fields))

    def beside_background(self, call):
        """400 records for requests, beside 600 of a task of the server that serves nobody; some are equal to those."""
        for value in ("background", "both"):
            self.traces.add(self.caller.get("background", value=value, count=300))
            self.many(call, 4, 50, value=value if value == "both" else "TRACE", id="TRACE")
        wait_for("all records", lambda: self.caller.get("flush") and self.row()["live_exchanges"] == 0)
        return self.judged(more=600)

    def judge(self, record):
        headers = dict(record.headers)
        whose = headers.get("id", record.value).decode()
        if "traceparent" not in headers:
            return "silent"
        trace = headers["traceparent"].decode().split("-")[1]
        if trace == whose:
            return "right"
        return "wrong" if trace in self.traces else "strange"
