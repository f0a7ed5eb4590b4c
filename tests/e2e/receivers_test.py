#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""receivers_test.py BUILD: what a receiver gets over the wire from the whole agent, OTLP and Zipkin at once."""
import gzip
import http.server
import json
import pathlib
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import otlp, scene, zipkin   # noqa: E402
from lib.agent import Programs   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Receiver:
    """Keeps every POST as (path, headers, body); answers with the given status and body."""

    def __init__(self, status, answer=b""):
        posts = self.posts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                posts.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Receivers(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        with Receiver(200) as first, Receiver(200) as second, Receiver(202) as third:
            config = {"exporters": {"otlp": [{"endpoint": first.url, "headers": {"x-access-token": "t0ken"}},
                                             {"endpoint": second.url + "/base", "compression": "none", "batch": 1}],
                                    "zipkin": {"endpoint": third.url + "/api/v2/spans"}}}
            cls.spans, cls.sent = scene.play(PROGRAMS, config)
        cls.first, cls.second, cls.third = first.posts, second.posts, third.posts

    def check_otlp(self, got):
        self.assertEqual(len(got), len(self.spans))
        for span in got:
            ours = self.spans[span["span_id"]]
            self.assertEqual(span, otlp.expected(ours, scene.parent_is_remote(ours)))

    def test_otlp_with_gzip_and_headers(self):
        for path, headers, _ in self.first:
            self.assertEqual((path, headers["Content-Type"], headers["Content-Encoding"], headers["x-access-token"]),
                             ("/v1/traces", "application/x-protobuf", "gzip", "t0ken"))
        self.check_otlp([span for _, _, body in self.first for span in otlp.decode(gzip.decompress(body))])

    def test_otlp_plain_one_by_one_below_a_base_path(self):
        self.assertEqual({path for path, _, _ in self.second}, {"/base/v1/traces"})
        self.assertEqual({headers["Content-Encoding"] for _, headers, _ in self.second}, {None})
        batches = [otlp.decode(body) for _, _, body in self.second]
        self.assertEqual({len(batch) for batch in batches}, {1})
        self.check_otlp([span for batch in batches for span in batch])

    def test_zipkin(self):
        got = [span for _, _, body in self.third for span in json.loads(body)]
        self.assertEqual({(path, headers["Content-Type"]) for path, headers, _ in self.third}, {("/api/v2/spans", "application/json")})
        self.assertEqual(len(got), len(self.spans))
        for span in got:
            zipkin.check(self, self.spans[span["id"]], span)
            self.assertEqual(span["name"], self.spans[span["id"]]["name"])

    def test_what_the_scene_has_to_give(self):
        """The spans themselves, so that the comparisons above do not compare two equal mistakes."""
        by_trace = {span["trace_id"]: span for span in self.spans.values()}
        first, fails, upload = (by_trace[sent.trace_id] for sent in self.sent)
        self.assertEqual((first["trace_state"], first["baggage"]), (scene.TRACE_STATE, {"tenant": "", "env": ""}))   # values are masked
        self.assertEqual((fails["status"]["code"], fails["attributes"]["error.type"]), ("ERROR", "503"))
        self.assertEqual(upload["attributes"]["http.request.body.size"], 1000)
        self.assertEqual([span["parent_span_id"] for span in (first, fails, upload)], [sent.parent_id for sent in self.sent])
        clients = sorted((s for s in self.spans.values() if s["kind"] == "CLIENT"), key=lambda s: s["start_unix_nano"])
        self.assertEqual([s["attributes"]["http.response.status_code"] for s in clients], [200, 404, 200])
        self.assertEqual([s["status"]["code"] for s in clients], ["UNSET", "ERROR", "UNSET"])
        self.assertTrue(clients[0]["attributes"]["url.full"].endswith("/small.txt?token=REDACTED"))
        self.assertEqual({s["resource"]["service.name"] for s in self.spans.values()}, {"threaded", "curl"})

    def test_no_trace_of_the_export_itself(self):
        self.assertEqual([s for s in self.spans.values() if "/v1/traces" in str(s["attributes"])], [])


if __name__ == "__main__":
    unittest.main()
