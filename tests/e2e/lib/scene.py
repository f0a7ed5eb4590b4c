# SPDX-License-Identifier: Apache-2.0
"""A small traced scene for receivers: a client and a server, two errors, a context from outside, a tracestate."""
from lib import requests, servers
from lib.agent import Agent
from lib.launcher import Launcher

TRACE_STATE = "vendor=opaque,other=1"


def play(programs, config, meanwhile=None):
    """
    ({span id: span of `weft spans -o json`}, the requests from outside); everything is exported when it returns.
    `meanwhile` is called with the spans while the agent still runs.
    """
    with servers.Python("threaded.py") as server, Launcher() as launcher:
        with Agent(programs, pids=[server.pid, launcher.pid], config=config) as agent:
            with requests.Connection(server.port) as outside:
                sent = [outside.send("GET", "/small.txt", tracestate=TRACE_STATE, baggage="tenant=a%20b,env=test"),
                        outside.send("GET", "/fails"), outside.send("POST", "/upload", b"x" * 1000)]
            url = f"http://127.0.0.1:{server.port}"
            done = launcher.run("curl", "-sS", "-o", "/dev/null", f"{url}/small.txt?token=secret", "-o", "/dev/null", f"{url}/none",
                                "-o", "/dev/null", f"{url}/chunked")
            assert done.code == 0, done
            spans = agent.wait_spans("nine spans", lambda spans: len(spans) >= len(sent) + 2 * 3)
            # A client span and the server span below it share a trace.
            for span in spans:
                if span["kind"] == "CLIENT":
                    assert [s for s in spans if s["parent_span_id"] == span["span_id"] and s["kind"] == "SERVER"], span
            if meanwhile:
                meanwhile(spans)
            agent.stop()
    return {span["span_id"]: span for span in spans}, sent


def parent_is_remote(span):
    """Parents of server spans came by the wire."""
    return span["kind"] == "SERVER" and bool(span["parent_span_id"])
