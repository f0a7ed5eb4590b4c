#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""flavours_test.py BUILD: the same traffic under each flavour of the receive and send hooks gives the same spans. A flavour
that the kernel refuses is refused with one line and exit code 3; the one that is chosen without being named is there."""
import collections
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import payload, requests, servers   # noqa: E402
from lib.agent import Agent, Programs, SLOW   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
FLAVOURS = ("tp_btf", "fentry", "kprobe")
# Of Debian's kernels it is known which ones they take.
TAKEN = {"6.1": ["fentry", "kprobe"], "6.12": ["tp_btf", "fentry", "kprobe"]}.get(".".join(os.uname().release.split(".")[:2]))
UNSUPPORTED = 3
OWN_OF_A_RUN = ("client.port", "network.peer.port", "process.pid", "weft.connection")


def comparable(spans):
    """Everything but times, ids and ports of clients; of the parent, what it is called."""
    by_id = {span["span_id"]: span for span in spans}

    def one(span):
        parent = by_id.get(span.get("parent_span_id"))
        attributes = {k: v for k, v in span["attributes"].items() if k not in OWN_OF_A_RUN}
        return json.dumps([span["kind"], span["name"], span.get("status"), parent and parent["kind"], attributes], sort_keys=True)
    return collections.Counter(one(span) for span in spans)


class Flavours(unittest.TestCase):
    maxDiff = None

    def refusal(self, flavour, error):
        """The line in which this kernel refuses a flavour. Anything else that kept the agent from starting is an error."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "weft.yaml"
            file.write_text(json.dumps({"control": {"socket": f"{folder}/s"}, "exporters": {"prometheus": {"listen": "off"}}}))
            done = subprocess.run([PROGRAMS.weftd, "--config", file, f"--capture={flavour}"], capture_output=True, text=True,
                                  timeout=60 * SLOW)
        lines = done.stderr.splitlines()
        self.assertEqual((done.returncode, len(lines)), (UNSUPPORTED, 1), error)
        self.assertRegex(lines[0], rf"\({flavour}: .*leave capture.hook to auto")
        return lines[0]

    def traffic(self, server, http2, launcher, upload):
        # Nothing that the server answers before it has read it: how much of that is sent is chance.
        url = f"http://127.0.0.1:{server.port}"
        for arguments in ([url + "/small.txt", url + "/small.txt?q=1", url + "/large.bin"], ["-I", url + "/small.txt"],
                          ["--data-binary", f"@{upload}", url + "/upload"], [url + "/fails"]):
            sinks = [part for argument in arguments if argument.startswith("http") for part in ("-o", "/dev/null")]
            done = launcher.run("curl", "-sS", *arguments, *sinks)
            self.assertEqual(done.code, 0, done)
        for path in ("/small.txt", "/small.txt?q=2"):  # curl 7.88 cannot ask twice on one connection
            done = launcher.run("curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{http2.port}{path}", "-o", "/dev/null")
            self.assertEqual(done.code, 0, done)

    def spans(self, agent, *traffic):
        self.traffic(*traffic)
        return comparable(agent.wait_spans("both spans of eight requests", lambda spans: len(spans) >= 16))

    def many_wait(self, agent):
        """More calls that wait for bytes at once than a kernel has instances of a return probe; and bytes that come in
        pieces, so that one call takes several of them."""
        with servers.Python("threaded.py") as server, contextlib.ExitStack() as stack:
            attached = agent.run("attach", server.pid)
            self.assertEqual(attached.returncode, 0, attached)
            connections = [stack.enter_context(requests.Connection(server.port)) for _ in range(64)]
            all_sent = [connection.send("GET", "/small.txt") for connection in connections * 2]
            body = payload.body(400_000)
            all_sent += [connection.send("POST", "/upload", body) for connection in connections[:4]]
            wanted = collections.Counter((sent.trace_id, sent.parent_id) for sent in all_sent)

            def of_them(spans):
                return [span for span in spans if span["trace_id"] in {sent.trace_id for sent in all_sent}]
            spans = of_them(agent.wait_spans("a span a request", lambda spans: len(of_them(spans)) >= len(all_sent)))
            self.assertEqual(collections.Counter((s["trace_id"], s["parent_span_id"]) for s in spans), wanted)
            sizes = [s["attributes"]["http.request.body.size"] for s in spans if s["name"].startswith("POST")]
            self.assertEqual(sizes, [len(body)] * 4)

    def test_same_spans(self):
        refused, seen = {}, {}
        with tempfile.TemporaryDirectory() as folder, servers.Python("threaded.py") as server, \
                servers.Nghttpd() as http2, Launcher() as launcher:
            upload = pathlib.Path(folder) / "up"
            upload.write_bytes(payload.body(300_000))
            for flavour in FLAVOURS:
                agent = Agent(PROGRAMS, f"--capture={flavour}", pids=[server.pid, http2.pid, launcher.pid])
                try:
                    agent.__enter__()
                except AssertionError as error:
                    refused[flavour] = self.refusal(flavour, error)
                    continue
                with contextlib.ExitStack() as ends:
                    ends.push(agent)
                    capture = next(m for m in agent.status()["kernel"]["mechanisms"] if m["name"] == "capture")
                    self.assertIn(f"by {flavour}", capture["effect"])
                    seen[flavour] = self.spans(agent, server, http2, launcher, upload)
                    self.many_wait(agent)
        works = list(seen)
        print("flavours here:", *works)
        self.assertTrue(works, refused)
        if TAKEN:
            self.assertEqual(works, TAKEN, refused)
        for flavour in works[1:]:
            only = (seen[works[0]] - seen[flavour], seen[flavour] - seen[works[0]])
            self.assertEqual([sorted(spans) for spans in only], [[], []], f"only by {works[0]}, only by {flavour}")
        self.assertEqual(sum(seen[works[0]].values()), 16)


if __name__ == "__main__":
    unittest.main()
