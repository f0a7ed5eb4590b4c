#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""open_streams_test.py BUILD [unittest arguments]: streams are seen while they are open, and may be silent for long."""
import http.client
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.golang import Server   # noqa: E402
from lib.servers import SERVERS, Python   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
WATCH = ["/usr/bin/python3", SERVERS / "grpc_watch.py"]
CONTEXT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$")


class Client:
    def __init__(self, port):
        command = [str(part) for part in (*WATCH, "call", port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def by_side(spans):
    """{(name, kind): span}; each there once."""
    found = {(span["name"].removeprefix("weft.Watched/"), span["kind"]): span for span in spans}
    assert len(found) == len(spans), spans
    return found


class OpenStreams(unittest.TestCase):
    def open_streams(self, agent, count):
        def found():
            spans = [span for span in agent.open_spans() if span["name"].startswith("weft.Watched")]
            return len(spans) == count and (by_side(spans), )
        return wait_for(f"{count} open streams", found)[0]

    def check_call(self, agent, client):
        """A call of its own: its context arrives, and both sides are named."""
        match = CONTEXT.match(client.tell("unary"))
        self.assertTrue(match)

        def both(spans):
            return {"CLIENT", "SERVER"} == {span["kind"] for span in spans if match[2] in (span["span_id"], span["parent_span_id"])}
        spans = [span for span in agent.wait_spans("both sides", both) if match[2] in (span["span_id"], span["parent_span_id"])]
        self.assertEqual({(span["name"], span["trace_id"], span["attributes"]["rpc.status_code"]) for span in spans},
                         {("weft.Watched/Unary", match[1], "OK")})

    def test_a_silent_stream_is_open_until_it_ends(self):
        """
        A request of HTTP/1.1 that is answered later than the streams were heard of is given up by capture.idle_timeout: by then they
        would have been, too.
        """
        with Server(*WATCH, "serve") as server, Client(server.port) as client, Python("threaded.py") as stuck, \
                Agent(PROGRAMS, pids=[client.pid, server.pid, stuck.pid], config={"capture": {"idle_timeout": "1s"}}) as agent:
            self.assertEqual([client.tell(word) for word in ("watch", "chat", "silence")], ["3", "2", "0"])
            before = self.open_streams(agent, 6)
            self.check_open(before, server.pid, client.pid)
            table = agent.run("spans", "--open", "--service", "grpc_watch").stdout
            self.assertRegex(table, r"(?m) CLIENT +1 +3 +[0-9a-f]{32}  [0-9a-f]{16}  weft.Watched/Watch$")

            watched = before["Watch", "SERVER"]["trace_id"]
            waterfall = agent.run("trace", watched).stdout
            self.assertRegex(waterfall, r"(?m)^trace [0-9a-f]{32} .*  2 spans  1 service  2 open$")
            self.assertRegex(waterfall, r"(?m)^grpc_watch +→ weft.Watched/Watch 127.0.0.1:[0-9]+ .*░ open$")
            self.assertRegex(waterfall, r"(?m)^grpc_watch +└ weft.Watched/Watch .*░ open$")

            waits = http.client.HTTPConnection("127.0.0.1", stuck.port)
            waits.request("GET", "/sleep/600")
            agent.wait_spans("what is stuck to be given up", lambda spans: any(
                span["attributes"].get("weft.end") == "timeout" for span in spans))
            self.assertEqual([span for span in agent.spans() if span["name"].startswith("weft.Watched")], [])
            after = self.open_streams(agent, 6)
            self.assertEqual({side: span["span_id"] for side, span in after.items()},
                             {side: span["span_id"] for side, span in before.items()})
            for side, span in after.items():
                self.assertGreater(span["open"]["for_nano"], before[side]["open"]["for_nano"])
            self.check_call(agent, client)

            self.assertEqual([client.tell(word) for word in ("release", "hang_up", "cancel")], ["OK 4", "OK 2", "CANCELLED"])
            wanted = {span["span_id"] for span in before.values()}
            ended = by_side([span for id, span in agent.wait_span_ids(wanted).items() if id in wanted])
            self.assertNotIn("open", agent.run("trace", watched).stdout)
            for side, span in ended.items():
                self.assertEqual({key: span[key] for key in ("trace_id", "parent_span_id", "start_unix_nano")},
                                 {key: before[side][key] for key in ("trace_id", "parent_span_id", "start_unix_nano")})
                self.assertGreaterEqual(span["end_unix_nano"] - span["start_unix_nano"], after[side]["open"]["for_nano"])
                self.assertEqual(span["attributes"].get("weft.end"), "reset" if side[0] == "Silence" else None)
                self.assertEqual(span["attributes"].get("rpc.status_code"), "CANCELLED" if side[0] == "Silence" else "OK")
            self.assertEqual([ended[name, kind]["attributes"]["weft.rpc.response.messages"]
                              for name in ("Watch", "Chat") for kind in ("CLIENT", "SERVER")], [4, 4, 2, 2])
            self.open_streams(agent, 0)
            waits.close()
            # Each stream has one span, and the connection is the one that it was.
            names = [span["name"] for span in agent.spans() if span["name"].startswith("weft.Watched")]
            self.assertEqual({name: names.count(name) for name in names},
                             {f"weft.Watched/{name}": 2 for name in ("Watch", "Chat", "Silence", "Release", "Unary")})
            self.check_call(agent, client)
            self.assertEqual(len({span["attributes"]["network.peer.port"] for span in agent.spans()
                                  if span["kind"] == "SERVER" and span["name"].startswith("weft.Watched")}), 1)

    def check_open(self, spans, server, client):
        self.assertEqual(set(spans), {(name, kind) for name in ("Watch", "Chat", "Silence") for kind in ("CLIENT", "SERVER")})
        for name, messages in (("Watch", (1, 3)), ("Chat", (2, 2)), ("Silence", (1, 0))):
            calls, serves = spans[name, "CLIENT"], spans[name, "SERVER"]
            self.assertEqual((serves["trace_id"], serves["parent_span_id"]), (calls["trace_id"], calls["span_id"]))
            for span, pid in ((calls, client), (serves, server)):
                self.assertEqual((span["open"]["request_messages"], span["open"]["response_messages"]), messages)
                self.assertEqual((span["open"]["pid"], span["end_unix_nano"], span["status"]["code"]), (pid, 0, "UNSET"))
                self.assertEqual(span["attributes"]["rpc.method"], f"weft.Watched/{name}")
                self.assertNotIn("rpc.status_code", span["attributes"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
