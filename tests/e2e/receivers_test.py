#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""receivers_test.py BUILD: what a receiver gets over the wire from the whole agent, OTLP and Zipkin at once."""
import gzip
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import otlp, requests, scene, servers, zipkin   # noqa: E402
from lib.agent import Agent, Programs, wait_for   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")


class Receiver:
    """Keeps every POST as (path, headers, body); answers with the given status and body."""

    def __init__(self, status, answer=b"", tls=None):
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
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.server.handle_error = lambda *_: None   # handshakes that fail, as they have to
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"

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


class ZipkinOverTls(unittest.TestCase):
    """A receiver that lets in who has a certificate of its CA; three exporters, of which one does all of it right."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for ca in ("ca", "other"):
            self.openssl("req", "-x509", "-subj", f"/CN={ca}", "-days", "1", "-keyout", f"{ca}.key", "-out", f"{ca}.crt")
        self.signed("server", "subjectAltName=IP:127.0.0.1")
        self.signed("client", "extendedKeyUsage=clientAuth")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.file("server.crt"), self.file("server.key"))
        self.context.load_verify_locations(self.file("ca.crt"))
        self.context.verify_mode = ssl.CERT_REQUIRED

    def file(self, name):
        return str(self.folder / name)

    def openssl(self, command, *arguments):
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] if command == "req" else []
        subprocess.run(["openssl", command, *new_key, *arguments], cwd=self.folder, check=True, capture_output=True)

    def signed(self, name, extension):
        (self.folder / f"{name}.ext").write_text(extension)
        self.openssl("req", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1",
                     "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def test_right_ca_wrong_ca_and_no_client_certificate(self):
        own = {"cert": self.file("client.crt"), "key": self.file("client.key")}
        with Receiver(202, tls=self.context) as receiver:
            url = receiver.url + "/api/v2/spans"
            zipkin = [{"endpoint": url, "tls": {"ca": self.file("ca.crt"), **own}},
                      {"endpoint": url + "?2", "tls": {"ca": self.file("other.crt"), **own}},
                      {"endpoint": url + "?3", "tls": {"ca": self.file("ca.crt")}}]
            with servers.Python("threaded.py") as server, \
                    Agent(PROGRAMS, pids=[server.pid], config={"exporters": {"zipkin": zipkin}, "shutdown_timeout": "1s"}) as agent:
                with requests.Connection(server.port) as outside:
                    sent = [outside.send("GET", "/small.txt") for _ in range(20)]
                taken = wait_for("the spans to arrive", lambda: {span["traceId"] for _, _, body in receiver.posts for span in json.loads(body)}
                                 >= {s.trace_id for s in sent} and receiver.posts)
                wait_for("the log to tell of both", lambda: agent.output().count("fails: ") >= 2)
                exporters = {one["name"]: one for one in agent.status()["exporters"]}
                agent.stop()
                lines = [line for line in agent.output().splitlines() if "fails: " in line]
        self.assertEqual({path for path, _, _ in taken}, {"/api/v2/spans"})   # nobody else was let in
        self.assertEqual({name: one["last_error"] == "" for name, one in exporters.items()},
                         {"zipkin": True, "zipkin-2": False, "zipkin-3": False})
        self.assertEqual(len(lines), 2, lines)   # once each, however often they were tried
        self.assertRegex(" ".join(sorted(lines)), rf"exporter zipkin-2 to {url} fails: tls: .*do the two trust each other's "
                         r"certificates\? \(exporters.zipkin.tls\); tried again")
        self.assertRegex(" ".join(sorted(lines)), rf"exporter zipkin-3 to {url} fails: ")


if __name__ == "__main__":
    unittest.main()
