#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clients_test.py BUILD [unittest arguments]: clients of Debian packages, unmodified, against a server that records."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from client_cases import CLIENTS, ClientCase, PlanCase   # noqa: E402
from lib import payload, plan   # noqa: E402
from lib.agent import Programs   # noqa: E402

ClientCase.programs = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
PYTHON = "/usr/bin/python3"


class PythonHttpClient(PlanCase, ClientCase):
    command = (PYTHON, CLIENTS / "http_client.py")


class PythonUrllib3(PlanCase, ClientCase):
    command = (PYTHON, CLIENTS / "urllib3_client.py")


class PythonAiohttp(PlanCase, ClientCase):
    command = (PYTHON, CLIENTS / "aiohttp_client.py")


class PerlLwp(PlanCase, ClientCase):
    command = ("/usr/bin/perl", CLIENTS / "lwp.pl")


class PythonHttp10(ClientCase):
    def test_all(self):
        steps = [plan.GET, plan.Step("GET", f"/bytes/{plan.MEGABYTE}"), plan.Step("POST", "/sink", 4 * plan.MEGABYTE, "length"),
                 plan.Step("HEAD", "/bytes/7"), plan.Step("GET", "/chunked/900")]
        _, done = self.check(PYTHON, CLIENTS / "http_client_10.py", self.recorder.url, *(step.text() for step in steps),
                             connections=len(steps))
        self.assertEqual(done.stdout.splitlines(), [step.expected() for step in steps])


class WithFiles(ClientCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.upload, cls.download = folder / "up", folder / "down"
        cls.upload.write_bytes(payload.body(5 * plan.MEGABYTE))

    def assert_downloaded(self, size):
        self.assertEqual(payload.sha256(self.download.read_bytes()), payload.sha256(payload.body(size)))


class Curl(WithFiles):
    def curl(self, *arguments, **more):
        return self.check("curl", "-sS", "--no-progress-meter", *arguments, **more)

    def url(self, path):
        return self.recorder.url + path

    def test_keep_alive(self):
        self.curl(*(self.url(f"/bytes/{n}") for n in (1, 2, 30_000, 4, 0)), "-o", self.download, connections=1)

    def test_large_download(self):
        self.curl(self.url("/bytes/9000000"), "-o", self.download)
        self.assert_downloaded(9_000_000)

    def test_large_upload_with_expect(self):
        for method in (("-T", self.upload), ("--data-binary", f"@{self.upload}")):
            requests, done = self.curl(*method, "-H", "Expect: 100-continue", self.url("/sink"))
            self.assertEqual(requests[0].values("expect"), [b"100-continue"])
            self.assertEqual(done.stdout, payload.sha256(self.upload.read_bytes()))

    def test_large_upload_without_expect(self):
        _, done = self.curl("-T", self.upload, "-H", "Expect:", self.url("/sink"))
        self.assertEqual(done.stdout, payload.sha256(self.upload.read_bytes()))

    def test_chunked_both_ways(self):
        requests, _ = self.curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{self.upload}", self.url("/echo"),
                                "-o", self.download)
        self.assertEqual(requests[0].values("transfer-encoding"), [b"chunked"])
        self.assert_downloaded(5 * plan.MEGABYTE)

    def test_http_1_0(self):
        self.curl("-0", self.url("/bytes/50000"), self.url("/chunked/7"), "-o", self.download, "-o", "/dev/null", connections=2)
        self.assert_downloaded(50_000)

    def test_head(self):
        self.curl("-I", self.url("/bytes/1000000"), self.url("/chunked/5"), connections=1)

    def test_redirect(self):
        requests, _ = self.curl("-L", self.url("/redirect/400"), "-o", self.download, connections=1)
        self.assertEqual([r.status for r in requests], [302, 200])
        self.assert_downloaded(400)

    def test_no_content_and_errors(self):
        self.curl(*(self.url(f"/status/{n}") for n in (204, 304, 404, 500)), self.url("/bytes/1"), "-o", "/dev/null", connections=1)

    def test_own_context_stays(self):
        own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.recorder.take()
        done = self.launcher.run("curl", "-sS", "-H", f"Traceparent: {own}", self.url("/bytes/1"))
        self.assertEqual(done.code, 0, done)
        self.assertEqual([r.contexts for r in self.recorder.take()], [[own.encode()]])

    def test_name_and_query_in_the_span(self):
        requests, _ = self.check("curl", "-sS", "--connect-to", f"example.test:80:127.0.0.1:{self.recorder.port}",
                                 "http://example.test/bytes/5?a=b&token=secret", "-o", "/dev/null")
        self.assertEqual(len(requests), 1)

    def check_span(self, span, request):
        if request.values("host") != [b"example.test"]:
            return super().check_span(span, request)
        self.assertEqual(span["attributes"]["server.address"], "example.test")
        self.assertEqual(span["attributes"]["url.full"], "http://example.test/bytes/5?a=b&token=REDACTED")


class Wget(WithFiles):
    def wget(self, *arguments, **more):
        return self.check("wget", "-q", "--no-config", "-O", self.download, *arguments, **more)

    def test_keep_alive(self):
        self.wget(*(f"{self.recorder.url}/bytes/{n}" for n in (1, 30_000, 4)), connections=1)

    def test_large_download(self):
        self.wget(f"{self.recorder.url}/bytes/9000000")
        self.assert_downloaded(9_000_000)

    def test_large_upload(self):
        self.wget(f"--post-file={self.upload}", f"{self.recorder.url}/sink")
        self.assertEqual(self.download.read_text(), payload.sha256(self.upload.read_bytes()))

    def test_chunked_download_and_redirect(self):
        self.wget(f"{self.recorder.url}/chunked/800000")
        self.assert_downloaded(800_000)
        self.wget(f"{self.recorder.url}/redirect/33")
        self.assert_downloaded(33)

    def test_head(self):
        self.wget("--spider", f"{self.recorder.url}/bytes/123")


if __name__ == "__main__":
    unittest.main()
