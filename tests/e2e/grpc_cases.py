# SPDX-License-Identifier: Apache-2.0
"""What is asked of gRPC in whatever language: the test says of which.

Each call carries metadata of its own and brings back what the server saw: exactly that and one traceparent more.
"""
import json
import pathlib
import re
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.servers import SERVERS   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
PEER = BUILD / "e2e_grpc_peer"
PYTHON = ["/usr/bin/python3", SERVERS / "grpc_peer.py"]
# What to start, by name: clients, servers.
CPP_AND_PYTHON = ({"sync": [PEER, "call", "mode=sync"], "async": [PEER, "call", "mode=async"], "python": [*PYTHON, "call"]},
                  {"sync": [PEER, "serve", "mode=sync"], "async": [PEER, "serve", "mode=async"], "python": [*PYTHON, "serve"]})
MESSAGES = {"Unary": (1, 1), "Up": (10, 1), "Down": (1, 10), "Both": (10, 10)}
OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED = 0, 1, 3, 4
CONTEXT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]")


def contexts(text):
    """The values of traceparent in metadata as text, and the rest."""
    found, rest = [], []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "traceparent":
            found.append(bytes.fromhex(value).decode())
        else:
            rest.append(line)
    return found, rest


def metadata(text):
    """{name: values, joined}"""
    found = {}
    for line in text.splitlines() if isinstance(text, str) else text:
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(bytes.fromhex(value))
    return {name: b", ".join(values) for name, values in found.items()}


def changes_who_asks(agent):
    """Whether the kernel answers FIONREAD on changed sockets, so that programs that ask for it are changed, too."""
    return {row["name"]: row["state"] for row in agent.status()["kernel"]["mechanisms"]}["FIONREAD"] == "works"


class Case(unittest.TestCase):
    clients, serves = {}, {}

    def server(self, which, *more):
        return Server(*self.serves[which], *more)

    def calls(self, launcher, client, port, count, code=OK, **options):
        """What the client says of its calls, all of which ended as they should."""
        done = launcher.run(*self.clients[client], f"port={port}", f"count={count}", *(f"{k}={v}" for k, v in options.items()))
        self.assertEqual(done.code, 0, done)
        calls = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len({call["id"] for call in calls}), count, done)
        self.assertEqual([call for call in calls if call["code"] != code], [])
        return calls

    def one_context_each(self, calls):
        """{span id: call}: the server saw what was sent and one context more, another one each time."""
        brought = {}
        for call in calls:
            seen, rest = contexts(call["seen"])
            self.assertEqual(metadata(rest), metadata(call["sent"]))
            self.assertEqual(len(seen), 1, call)
            match = CONTEXT.fullmatch(seen[0])
            self.assertTrue(match, seen)
            brought[match[2]] = call
        self.assertEqual(len(brought), len(calls))
        return brought


class Pairs(Case):
    """Each client against each server."""
    many = ["async"]   # clients that make a thousand calls at once without a thread for each
    punctual = None    # clients that say of a late call that it was late, whatever the server does; None: all
    asking = []        # clients that ask FIONREAD: observed only, where the kernel does not answer that for changed sockets
    traces = 1500      # what one case makes: all that is stored is read again and again

    @classmethod
    def setUpClass(cls):
        cls.launcher = cls.enterClassContext(Launcher())
        cls.servers = {which: cls.enterClassContext(Server(*command)) for which, command in cls.serves.items()}
        pids = [cls.launcher.pid, *(server.pid for server in cls.servers.values())]
        cls.metrics = f"127.0.0.1:{host.free_port()}"
        config = {"store": {"traces": cls.traces}, "exporters": {"prometheus": {"listen": cls.metrics}}}
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=pids, config=config))
        cls.observed = [] if changes_who_asks(cls.agent) else cls.asking

    def samples(self, name):
        with urllib.request.urlopen(f"http://{self.metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return [line for line in lines if line.startswith(name + "{") and not line.endswith(" 0")]

    def left_out(self, *reasons):
        return sum(int(line.split()[-1]) for line in self.samples("weft_injections_total")
                   if any(f'"{reason}"' in line for reason in reasons))

    def each_pair(self, check, clients=None):
        """No connection is parked and no helper of the kernel fails meanwhile."""
        for client in clients or self.clients:
            for which in self.servers:
                with self.subTest(client=client, server=which):
                    before = self.samples("weft_bpf_errors_total")
                    check(client, self.servers[which].port)
                    self.assertEqual(self.samples("weft_bpf_errors_total"), before)

    def spans_of(self, brought):
        """{span id: (client's span, server's span)}"""
        clients = self.agent.wait_span_ids(brought)
        servers = {}

        def all_there():
            servers.update((span["parent_span_id"], span) for span in self.agent.spans() if span["kind"] == "SERVER")
            return set(brought) <= set(servers)
        wait_for("server spans", all_there)
        return {own: (clients[own], servers[own]) for own in brought}

    def with_context(self, calls, before, *reasons):
        """Those that brought one; the others are counted for these reasons."""
        have = [call for call in calls if contexts(call["seen"])[0]]
        self.assertEqual(self.left_out(*reasons) - before, len(calls) - len(have))
        return have

    def check_span(self, span, side, kind, port):
        sent, got = MESSAGES[kind]
        self.assertEqual((span["name"], span["kind"], span["status"]["code"]), (f"weft.test.Peer/{kind}", side, "UNSET"))
        wanted = {"rpc.system.name": "grpc", "rpc.method": f"weft.test.Peer/{kind}", "rpc.status_code": "OK",
                  "server.port": port, "network.protocol.version": "2"}
        if sent > 1 or got > 1:
            wanted |= {"weft.rpc.request.messages": sent, "weft.rpc.response.messages": got}
        self.assertEqual({key: span["attributes"].get(key) for key in wanted}, wanted)

    def check_spans(self, kind, port, brought):
        for both in self.spans_of(brought).values():
            self.assertEqual(len({span["trace_id"] for span in both}), 1)
            self.assertEqual(both[0]["parent_span_id"], "")
            for span, side in zip(both, ("CLIENT", "SERVER")):
                self.check_span(span, side, kind, port)

    def check_observed(self, kind, port, calls, before):
        """They arrived as they were sent; both sides have a span all the same, in traces of their own. before: ids."""
        for call in calls:
            self.assertEqual((metadata(call["seen"]), contexts(call["seen"])[0]), (metadata(call["sent"]), []))

        def new(spans, side):
            return [span for span in spans if span["span_id"] not in before and span["kind"] == side]
        sides = ("CLIENT", "SERVER")
        spans = self.agent.wait_spans("spans of both sides",
                                      lambda spans: all(len(new(spans, side)) >= len(calls) for side in sides))
        for side in sides:
            self.assertEqual(len(new(spans, side)), len(calls))
            for span in new(spans, side):
                self.check_span(span, side, kind, port)
                self.assertEqual((span["parent_span_id"], span["attributes"].get("weft.injection")),
                                 ("", "not_member" if side == "CLIENT" else None))
        self.assertEqual(len({span["trace_id"] for side in sides for span in new(spans, side)}), 2 * len(calls))

    def span_ids(self):
        return {span["span_id"] for span in self.agent.spans()}

    def calls_of(self, client, port, kind, count, size=10, **options):
        sent, got = MESSAGES[kind]
        calls = self.calls(self.launcher, client, port, count, kind=kind, bytes=size, **options)
        answer = len(str(sent * size)) if kind == "Up" else got * size
        self.assertEqual({(call["messages"], call["bytes"]) for call in calls}, {(got, answer)})
        return calls

    def one_kind(self, kind, count, **options):
        def check(client, port):
            before = self.span_ids()
            calls = self.calls_of(client, port, kind, count, **options)
            if client in self.observed:
                self.check_observed(kind, port, calls, before)
            else:
                self.check_spans(kind, port, self.one_context_each(calls))
        self.each_pair(check)

    def test_unary(self):
        self.one_kind("Unary", 24, at_once=8)

    def test_client_streaming(self):
        self.one_kind("Up", 16, at_once=8)

    def test_server_streaming(self):
        self.one_kind("Down", 16, at_once=8)

    def test_both_ways(self):
        self.one_kind("Both", 16, at_once=8)

    def test_four_megabytes(self):
        """The call that finds an empty send buffer: it leaves in as many pieces as the kernel takes at once."""
        self.one_kind("Unary", 4, at_once=1, size=4 << 20)

    def test_four_megabytes_at_once(self):
        """Full buffers: what they cannot take passes untouched, and is counted."""
        def check(client, port):
            before, ids = self.left_out("no_budget", "split_head"), self.span_ids()
            calls = self.calls_of(client, port, "Unary", 8, at_once=8, size=4 << 20)
            if client in self.observed:
                return self.check_observed("Unary", port, calls, ids)
            calls = self.with_context(calls, before, "no_budget", "split_head")
            self.assertGreater(len(calls), 0)
            self.check_spans("Unary", port, self.one_context_each(calls))
        self.each_pair(check)

    def test_own_context_stays(self):
        def check(client, port):
            for call in self.calls(self.launcher, client, port, 16, at_once=8, own=1):
                self.assertEqual(metadata(call["seen"]), metadata(call["sent"]))
                self.assertEqual(len(contexts(call["seen"])[0]), 1)
        self.each_pair(check)

    def ends_badly(self, kind, code, name, clients=None, **options):
        """Five calls, of which each has a span that says so."""
        def check(client, port):
            before = self.span_ids()
            self.calls(self.launcher, client, port, 5, code=code, at_once=5, kind=kind, **options)

            def new(spans):
                return [span for span in spans if span["kind"] == "CLIENT" and span["span_id"] not in before
                        and span["attributes"]["rpc.status_code"] != "OK"]
            spans = new(self.agent.wait_spans(f"five that end with {name}", lambda spans: len(new(spans)) >= 5))
            self.assertEqual([(span["name"], span["attributes"]["rpc.status_code"], span["status"]["code"])
                              for span in spans], [(f"weft.test.Peer/{kind}", name, "ERROR")] * 5)
        self.each_pair(check, clients)

    def test_refusals(self):
        self.ends_badly("Unary", INVALID_ARGUMENT, "INVALID_ARGUMENT", work="fail")

    def test_deadlines(self):
        self.ends_badly("Unary", DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", self.punctual, work="sleep", deadline_ms=600)

    def test_cancelled(self):
        """By the client, when it has the first answer of a stream."""
        self.ends_badly("Down", CANCELLED, "CANCELLED", work="sleep", cancel=1)

    def test_a_thousand_streams(self):
        """A burst leaves in few sends, and a frame whose header left with the one before cannot grow: counted."""
        def check(client, port):
            before, ids = self.left_out("split_head"), self.span_ids()
            calls = self.calls_of(client, port, "Up", 1000, at_once=1000, hold=1)
            if client in self.observed:
                return self.check_observed("Up", port, calls, ids)
            calls = self.with_context(calls, before, "split_head")
            self.assertGreater(len(calls), 900)
            self.spans_of(self.one_context_each(calls))
        self.each_pair(check, clients=self.many)
