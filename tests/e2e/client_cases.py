# SPDX-License-Identifier: Apache-2.0
"""A real client, run once without and once with the agent: same results, same bytes but for one context a request."""
import pathlib
import unittest

from lib import host, plan
from lib.agent import Agent
from lib.launcher import Launcher
from lib.recorder import Recorder

CLIENTS = pathlib.Path(__file__).parent / "clients"


def seen(request, requests):
    """What has to be the same with and without the agent."""
    return (request.connection - requests[0].connection, request.plain_head, request.body_bytes, request.body_sha256, request.status)


class ClientCase(unittest.TestCase):
    """One agent for all tests of a class; a class names its programs."""
    programs = None    # set by the test script

    @classmethod
    def setUpClass(cls):
        cls.plain = cls.enterClassContext(Launcher())
        cls.launcher = cls.enterClassContext(Launcher())
        cls.recorder = cls.enterClassContext(Recorder())
        cls.agent = cls.enterClassContext(Agent(cls.programs, pids=[cls.launcher.pid]))

    def compare(self, *command):
        """The requests of the traced run, checked against those of a run that nothing watches."""
        self.recorder.take()
        without = self.plain.run(*command)
        wanted = self.recorder.take()
        self.assertEqual(without.code, 0, without)
        done = self.launcher.run(*command)
        self.assertEqual((done.code, done.stdout), (0, without.stdout), done)
        requests = self.recorder.take()
        self.assertEqual([sum(1 for r in wanted if r.contexts), [len(r.contexts) for r in requests if len(r.contexts) > 1]], [0, []])
        self.assertEqual([seen(r, requests) for r in requests], [seen(r, wanted) for r in wanted])
        return requests, done

    def check(self, *command, connections=None, may_lack=()):
        """Every request carries one context, and its span says what the server saw. may_lack: reasons, told by the span,
        for which a request of this client may go out as it is."""
        before = {span["span_id"] for span in self.agent.spans()}
        requests, done = self.compare(*command)
        self.assertGreater(len(requests), 0)
        if connections is not None:
            self.assertEqual(len({r.connection for r in requests}), connections)
        with_context = [r for r in requests if r.contexts]
        self.check_skipped([r for r in requests if not r.contexts], may_lack, before)
        spans = self.agent.wait_span_ids(r.ids[1] for r in with_context)
        self.assertEqual(len({r.ids for r in with_context}), len(with_context))
        for request in with_context:
            self.check_span(spans[request.ids[1]], request)
        return requests, done

    def check_skipped(self, skipped, may_lack, before):
        if not may_lack:
            return self.assertEqual([r.head for r in skipped], [])

        def reasons(spans):
            return [s["attributes"].get("weft.injection") for s in spans if s["span_id"] not in before and
                    s["attributes"].get("url.full") in [self.recorder.url + r.target for r in skipped]]
        if skipped:
            spans = self.agent.wait_spans("spans of what was skipped", lambda spans: len(reasons(spans)) >= len(skipped))
            self.assertLessEqual(set(reasons(spans)), set(may_lack))

    def check_span(self, span, request):
        trace_id, span_id = request.ids
        self.assertEqual((span["trace_id"], span["span_id"], span["kind"], span["name"]), (trace_id, span_id, "CLIENT", request.method))
        attributes = span["attributes"]
        wanted = {"http.request.method": request.method, "url.full": self.recorder.url + request.target,
                  "http.response.status_code": request.status, "http.response.body.size": request.sent_bytes,
                  "server.address": "127.0.0.1", "server.port": self.recorder.port,
                  "network.protocol.version": "1.0" if b"HTTP/1.0\r\n" in request.head else "1.1"}
        if request.body_bytes:
            wanted["http.request.body.size"] = request.body_bytes
        self.assertEqual({key: attributes.get(key) for key in wanted}, wanted)
        self.assertEqual(span["status"]["code"], "ERROR" if request.status >= 400 else "UNSET")
        self.assertNotIn("weft.end", attributes)
        self.assertLess(span["start_unix_nano"], span["end_unix_nano"])


class PlanCase:
    """Mixed into ClientCase: a client that takes a plan. skip names plans that its library cannot do."""
    command = ()
    need = ()
    connections = {}
    may_lack = {}

    def run_plan(self, name):
        host.needs(*self.need)
        steps = plan.ALL[name]
        requests, done = self.check(*self.command, self.recorder.url, *(step.text() for step in steps),
                                    connections=self.connections.get(name, 1), may_lack=self.may_lack.get(name, ()))
        self.assertEqual(done.stdout.splitlines(), [step.expected() for step in steps])
        redirects = sum(step.path.startswith("/redirect") for step in steps)
        self.assertEqual(len(requests), len(steps) + redirects)

    def test_keep_alive(self):
        self.run_plan("keep-alive")

    def test_large_download(self):
        self.run_plan("download")

    def test_large_upload(self):
        self.run_plan("upload")

    def test_chunked_both_ways(self):
        self.run_plan("chunked")

    def test_head_redirect_and_statuses(self):
        self.run_plan("others")
