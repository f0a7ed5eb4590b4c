#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""threshold_test.py BUILD [unittest arguments]: sampling.write_threshold, which tells in tracestate with what probability a
trace was sampled."""
import json
import pathlib
import re
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import front_back, kafka, servers   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402
from lib.launcher import Launcher   # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()
PROGRAMS = Programs.of(BUILD)
HALF, QUARTER = "ot=th:8", "ot=th:c"
LOW, HIGH = "00-0af7651916cd43dd8400000000000001-b7ad6b7169203331", "00-0af7651916cd43dd84ffffffffffffff-b7ad6b7169203331"


def scene(**sampling):
    return front_back.scene(PROGRAMS, {"sampling": {"write_threshold": True, **sampling}})


class Threshold(unittest.TestCase):
    def client(self, front, back):
        client = front_back.Client(front, back)
        self.addCleanup(client.http.close)
        return client

    def went_on(self, client, **headers):
        """(flags, tracestate) as they arrived at the back."""
        arrived = client.call(**headers)[1]
        return arrived["traceparent"].split("-")[3], arrived.get("tracestate")

    def test_new_traces_tell_it(self):
        with scene(arg=0.5) as (agent, front, back):
            client = self.client(front, back)
            seen = [self.went_on(client) for _ in range(60)]
            self.assertEqual(set(seen), {("03", HALF), ("02", None)})
            count = 2 * seen.count(("03", HALF))
            spans = agent.wait_spans("all spans", lambda spans: len(spans) >= count)
            self.assertEqual([s["trace_state"] for s in spans], [HALF] * count)

    def test_beside_baggage(self):
        with scene() as (_, front, back):
            arrived = self.client(front, back).call(baggage="a=1")[1]
            self.assertEqual((arrived["tracestate"], arrived["baggage"]), ("ot=th:0", "a=1"))

    def test_what_a_caller_decided_goes_on_as_it_came(self):
        with scene(arg=0.5) as (agent, front, back):
            client = self.client(front, back)
            for flags in ("00", "01"):
                for state in ("a=1,ot=th:c;rv:0123456789abcd", None):
                    headers = {"tracestate": state} if state else {}
                    self.assertEqual(self.went_on(client, traceparent=f"{LOW}-{flags}", **headers), (flags, state))
            spans = agent.wait_spans("spans", lambda spans: len(spans) >= 4)
            self.assertEqual(sorted(s["trace_state"] for s in spans), ["", ""] + ["a=1,ot=th:c;rv:0123456789abcd"] * 2)

    def test_what_is_decided_again_tells_anew(self):
        with scene(sampler="traceidratio", arg=0.25) as (agent, front, back):
            client = self.client(front, back)
            for flags in ("00", "01"):
                for state, rest in (("a=1,ot=th:0,b=2", "a=1,b=2"), ("ot=th:0", None), (None, None)):
                    headers = {"tracestate": state} if state else {}
                    self.assertEqual(self.went_on(client, traceparent=f"{LOW}-{flags}", **headers), ("00", rest))
                    self.assertEqual(self.went_on(client, traceparent=f"{HIGH}-{flags}", **headers),
                                     ("01", QUARTER + (f",{rest}" if rest else "")))
            spans = agent.wait_spans("spans", lambda spans: len(spans) >= 12)
            self.assertEqual(sorted(s["trace_state"] for s in spans), [QUARTER] * 8 + [QUARTER + ",a=1,b=2"] * 4)

    def test_off_until_it_is_asked_for(self):
        with front_back.scene(PROGRAMS, {"sampling": {"sampler": "traceidratio", "write_threshold": False}}) as (agent, front, back):
            client = self.client(front, back)
            self.assertEqual(self.went_on(client), ("03", None))
            self.assertEqual(self.went_on(client, traceparent=f"{HIGH}-01", tracestate="ot=th:8,a=1"), ("01", "a=1"))
            file = agent.folder / "weft.yaml"
            content = json.loads(file.read_text())
            content["sampling"] = {"write_threshold": True}
            file.write_text(json.dumps(content))
            agent.process.send_signal(signal.SIGHUP)
            wait_for("it to be told", lambda: self.went_on(client) == ("03", "ot=th:0"))

    def test_calls_that_begin_a_trace(self):
        with servers.Nghttpd() as http2, Launcher() as launcher, kafka.Broker(BUILD, {"t": 1}) as broker:
            back = front_back.Back()
            self.addCleanup(back.server_close)
            self.addCleanup(back.shutdown)
            with Agent(PROGRAMS, pids=[launcher.pid], config={"sampling": {"write_threshold": True}}) as agent:
                wait_for("the launcher", lambda: launcher.pid in agent.traced())
                done = launcher.run("curl", "-sS", f"http://127.0.0.1:{back.server_address[1]}/one")
                self.assertEqual((done.code, back.seen[-1][1]["tracestate"]), (0, "ot=th:0"), done)
                done = launcher.run("curl", "-sS", f"http://127.0.0.1:{back.server_address[1]}/", "-H", "tracestate: a=1")
                self.assertEqual((done.code, back.seen[-1][1]["tracestate"]), (0, "a=1"), done)
                done = launcher.run("curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{http2.port}/empty")
                self.assertEqual(done.code, 0, done)
                received = re.sub(r"\x1b\[[0-9;]*m", "", (http2.folder / "output").read_text(errors="replace"))
                self.assertEqual(re.findall(r"\) tracestate: (.*)", received), ["ot=th:0"])
                records = kafka.some_records(20)
                done = launcher.run(BUILD / "e2e_kafka_producer", "t", f"bootstrap.servers={broker.servers}",
                                    stdin="".join(record.line() + "\n" for record in records))
                self.assertEqual(done.code, 0, done)
                arrived = kafka.consume([BUILD / "e2e_kafka_consumer", "t", 1, 20, f"bootstrap.servers={broker.servers}", "group.id=g"])
                kafka.contexts(kafka.compare(records, arrived), {"tracestate": b"ot=th:0"})
                spans = agent.wait_spans("all", lambda spans: sum(s["attributes"].get("messaging.batch.message_count", 1)
                                                                  for s in spans) >= 22)
                self.assertEqual({s["trace_state"] for s in spans}, {"ot=th:0"})


if __name__ == "__main__":
    unittest.main()
