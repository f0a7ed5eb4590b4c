#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""peers_test.py BUILD Zipkin|OpenTelemetryCollector: real receivers (tests/peers) take what is exported as it was meant."""
import json
import pathlib
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import otlp, scene, zipkin   # noqa: E402
from lib.agent import Programs, wait_for   # noqa: E402
from lib.peers import Peer   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Zipkin(unittest.TestCase):
    maxDiff = None

    def test_field_by_field(self):
        with Peer("zipkin", 1) as peer:
            api = f"http://127.0.0.1:{peer.ports[0]}/api/v2"
            spans, _ = scene.play(PROGRAMS, {"exporters": {"zipkin": {"endpoint": api + "/spans"}}})

            def get(path):
                with urllib.request.urlopen(api + path) as answer:
                    return json.load(answer)

            def stored():
                found = {}
                for trace_id in {span["trace_id"] for span in spans.values()}:
                    try:
                        found |= {(s["id"], s["kind"]): s for s in get(f"/trace/{trace_id}")}
                    except urllib.error.HTTPError:
                        pass
                return found if len(found) == len(spans) else None
            for (span_id, _), got in wait_for("all spans in Zipkin", stored).items():
                zipkin.check(self, spans[span_id], got)
            self.assertEqual(set(get("/services")), {"curl", "threaded"})


class OpenTelemetryCollector(unittest.TestCase):
    maxDiff = None

    def test_field_by_field(self):
        with Peer("otelcol", 2) as peer:
            spans, _ = scene.play(PROGRAMS, {"exporters": {"otlp": {"endpoint": f"http://127.0.0.1:{peer.ports[1]}"}}})

            def accepted():
                lines = (peer.run / "otlp.jsonl").read_text().splitlines()
                got = [span for line in lines for span in otlp.from_json(json.loads(line))]
                return got if len(got) >= len(spans) else None
            got = wait_for("all spans in the collector", accepted)
        self.assertEqual(len(got), len(spans))
        for span in got:
            ours = spans[span["span_id"]]
            self.assertEqual(span, otlp.expected(ours, scene.parent_is_remote(ours)))


if __name__ == "__main__":
    unittest.main()
