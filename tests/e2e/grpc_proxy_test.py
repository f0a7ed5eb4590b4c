#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_proxy_test.py BUILD [unittest arguments]: gRPC through nginx (grpc_pass), which is traced as both sides are.

nginx forwards what it receives, in Huffman code where that is shorter: its calls are children of what they are for, and what
the server gets is the context of the first client, as it came.
"""
import collections
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from grpc_cases import CANCELLED, CPP_AND_PYTHON, INVALID_ARGUMENT, MESSAGES, PROGRAMS, Case   # noqa: E402
from lib import host   # noqa: E402
from lib.agent import Agent   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.servers import Server   # noqa: E402


class Proxy(Server):
    def __init__(self, back):
        self.back = back

    def command(self):
        (self.folder / "conf").write_text(f"""
daemon off; worker_processes 1; user root; pid {self.folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2; fastcgi_temp_path {self.folder}/t3;
  uwsgi_temp_path {self.folder}/t4; scgi_temp_path {self.folder}/t5;
  upstream back {{ server 127.0.0.1:{self.back}; keepalive 4; }}
  server {{ listen 127.0.0.1:{self.port} http2; location / {{ grpc_pass grpc://back; }} }}
}}
""")
        return ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "conf"]


class Nginx(Case):
    clients, serves = CPP_AND_PYTHON

    @classmethod
    def setUpClass(cls):
        host.needs("/usr/sbin/nginx")
        cls.launcher = cls.enterClassContext(Launcher())
        cls.back = cls.enterClassContext(cls.server(cls, "sync"))
        cls.proxy = cls.enterClassContext(Proxy(cls.back.port))
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.launcher.pid, cls.proxy.pid, cls.back.pid]))

    def around(self, trace_ids, found):
        """{trace id: its spans}, once found(spans) is true of each."""
        def by_trace(spans):
            traces = {trace: [] for trace in trace_ids}
            for span in spans:
                if span["trace_id"] in traces:
                    traces[span["trace_id"]].append(span)
            return traces
        return by_trace(self.agent.wait_spans("each trace's spans", lambda spans: all(map(found, by_trace(spans).values()))))

    def check_trace(self, spans, own, kind, **attributes):
        """Client, nginx on both sides, server. own: the client's span."""
        first, = (span for span in spans if span["span_id"] == own)
        self.assertEqual((first["kind"], first["parent_span_id"], first["attributes"]["server.port"]),
                         ("CLIENT", "", self.proxy.port))
        received, = (span for span in spans if span["parent_span_id"] == own and span["resource"]["service.name"] == "nginx")
        forwarded, = (span for span in spans if span["parent_span_id"] == received["span_id"])
        served, = (span for span in spans if span["parent_span_id"] == own and span is not received)
        self.assertEqual([span["kind"] for span in (received, forwarded, served)], ["SERVER", "CLIENT", "SERVER"])
        self.assertIn(forwarded["attributes"].get("weft.injection"), ("not_member", "indexed"))
        for span in spans:
            self.assertEqual(span["name"], f"weft.test.Peer/{kind}")
            self.assertEqual({key: span["attributes"].get(key) for key in attributes}, attributes, span)

    def test_every_kind(self):
        for client in ("sync", "python"):
            for kind, (sent, got) in MESSAGES.items():
                with self.subTest(client=client, kind=kind):
                    calls = self.calls(self.launcher, client, self.proxy.port, 8, at_once=4, kind=kind)
                    self.assertEqual({call["messages"] for call in calls}, {got})
                    brought = self.one_context_each(calls)
                    traces = {span_id: span["trace_id"] for span_id, span in self.agent.wait_span_ids(brought).items()
                              if span_id in brought}
                    spans = self.around(traces.values(), lambda spans: len(spans) >= 4)
                    attributes = {"rpc.status_code": "OK", "network.protocol.version": "2"}
                    if max(sent, got) > 1:
                        attributes |= {"weft.rpc.request.messages": sent, "weft.rpc.response.messages": got}
                    for own, trace in traces.items():
                        self.assertEqual(len(spans[trace]), 4)
                        self.check_trace(spans[trace], own, kind, **attributes)

    def ends_badly(self, kind, code, wanted, **options):
        """Four calls; wanted: {(service, side): status code} of their spans."""
        before = {span["trace_id"] for span in self.agent.spans()}
        self.calls(self.launcher, "sync", self.proxy.port, 4, code=code, at_once=2, kind=kind, **options)

        def told(spans):
            found = collections.Counter((span["resource"]["service.name"], span["kind"], span["attributes"]["rpc.status_code"])
                                        for span in spans if span["trace_id"] not in before and span["name"].endswith(kind))
            return found == {(*side, name): 4 for side, name in wanted.items()}
        self.agent.wait_spans(wanted, told)

    def test_calls_that_are_refused(self):
        name = "INVALID_ARGUMENT"
        self.ends_badly("Unary", INVALID_ARGUMENT, {("e2e_grpc_peer", "CLIENT"): name, ("nginx", "SERVER"): name,
                                                    ("nginx", "CLIENT"): name, ("e2e_grpc_peer", "SERVER"): name}, work="fail")

    def test_calls_that_are_cancelled(self):
        """By the client, when it has the first answer of a stream: nginx closes its own connection for that."""
        self.ends_badly("Down", CANCELLED, {("e2e_grpc_peer", "CLIENT"): "CANCELLED", ("nginx", "SERVER"): "CANCELLED",
                                            ("nginx", "CLIENT"): "UNAVAILABLE", ("e2e_grpc_peer", "SERVER"): "UNAVAILABLE"},
                        work="sleep", cancel=1)


if __name__ == "__main__":
    unittest.main(verbosity=1)
