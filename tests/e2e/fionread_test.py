#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fionread_test.py BUILD [unittest arguments]: programs that ask FIONREAD of the sockets they send requests on. Where the
kernel answers it for members they are changed like all others; where it does not they are left as they are. Either way
they work."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import host, payload, requests, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
ASKING = pathlib.Path(__file__).parent / "clients" / "fionread_client.py"
ROUNDS = 20


# Of Debian's kernels: these lines never had the fault, or have it mended.
ANSWERS = ("6.1", "6.12")


def answers(agent):
    mechanisms = {row["name"]: row["state"] for row in agent.status()["kernel"]["mechanisms"]}
    works = mechanisms["FIONREAD"] == "works"
    if ".".join(os.uname().release.split(".")[:2]) in ANSWERS:
        assert works, mechanisms
    return works


class Proxy(unittest.TestCase):
    """client → nginx → backend, whose answers say what context they came with."""

    @classmethod
    def setUpClass(cls):
        host.needs("/usr/sbin/nginx")
        cls.backend = cls.enterClassContext(servers.Python("threaded.py"))
        cls.proxy = cls.enterClassContext(servers.Nginx(f"""
          location /forward/ {{
            proxy_pass http://127.0.0.1:{cls.backend.port}/; proxy_http_version 1.1; proxy_set_header Connection "";
            client_max_body_size 0;
          }}"""))
        cls.agent = cls.enterClassContext(Agent(PROGRAMS, pids=[cls.proxy.pid, cls.backend.pid],
                                                config={"propagation": {"response_header": "x-trace-id"}}))

    def test_context(self):
        with requests.Connection(self.proxy.port) as connection:
            all_sent = [connection.send("GET", "/forward/context") for _ in range(ROUNDS)]
        self.assertEqual([sent.status for sent in all_sent], [200] * ROUNDS)
        changed = answers(self.agent)
        print("nginx is", "changed" if changed else "observed only")

        def by_trace(spans):
            return {sent.trace_id: [s for s in spans if s["trace_id"] == sent.trace_id] for sent in all_sent}
        # Not changed, its requests carry on what it was sent.
        found = by_trace(self.agent.wait_spans("three spans a trace", lambda spans: all(len(of) == 3 for of in by_trace(spans).values())))
        for sent in all_sent:
            call, = (s for s in found[sent.trace_id] if s["kind"] == "CLIENT")
            back, = (s for s in found[sent.trace_id] if s["attributes"].get("url.path") == "/context" and s["kind"] == "SERVER")
            parent = call["span_id"] if changed else sent.parent_id
            self.assertEqual((back["parent_span_id"], sent.body.decode()), (parent, f"00-{sent.trace_id}-{parent}-01"))

    def test_response_header(self):
        """nginx asks FIONREAD of the sockets it accepts as well."""
        def asked(path):
            with requests.Connection(self.proxy.port) as connection:
                return [connection.send("GET", path) for _ in range(ROUNDS)]

        def named(all_sent):
            return [sent.headers.get_all("X-Trace-ID") for sent in all_sent]
        if answers(self.agent):
            wait_for("nginx's first response to be named", lambda: named(asked("/hello"))[0])
        for path in ("/hello", "/forward/context", "/small.txt"):
            all_sent = asked(path)
            self.assertEqual(named(all_sent), [[sent.trace_id] if answers(self.agent) else None for sent in all_sent])

    def test_large_bodies(self):
        """What a wrong FIONREAD made hang: more than one buffer, both ways."""
        body = payload.body(2 << 20)
        with requests.Connection(self.proxy.port) as connection:
            for _ in range(3):
                self.assertEqual(connection.send("POST", "/forward/upload", body).body.decode(), payload.sha256(body))
                self.assertEqual(connection.send("GET", "/forward/large.bin").body, servers.PUBLISHED["large.bin"])


class Asking(unittest.TestCase):
    def ask(self, client, rounds):
        client.stdin.write(f"{rounds}\n")
        client.stdin.flush()
        told = json.loads(client.stdout.readline())
        return told["wrong"], [context for context in told["contexts"] if context != "none"]

    def test_right_answers(self):
        """A client that waits until FIONREAD tells it something, and compares that with what it reads then."""
        with servers.Python("threaded.py") as server, \
                subprocess.Popen(["/usr/bin/python3", ASKING, str(server.port)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True) as client, \
                Agent(PROGRAMS, pids=[client.pid, server.pid]) as agent:
            first = self.ask(client, 1)
            if answers(agent):
                self.assertEqual(first[0], 0)
                wrong, contexts = self.ask(client, ROUNDS)
                self.assertEqual((len(contexts), wrong), (ROUNDS, 0))
                return

            # The first call is what the agent notices it by; until it has let the socket go the answer is wrong.
            wait_for("the agent to let the client go", lambda: "FIONREAD" in agent.processes()[client.pid]["reason"])
            self.assertEqual(self.ask(client, ROUNDS), (0, []))


if __name__ == "__main__":
    unittest.main()
