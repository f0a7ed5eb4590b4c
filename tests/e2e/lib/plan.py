# SPDX-License-Identifier: Apache-2.0
"""What a client is asked to do: requests in order, over one kept connection. As text: METHOD PATH BYTES FRAMING a line.

FRAMING is length, chunked or none. Each client prints STATUS BYTES SHA256 of what it got, a line for each request;
it follows redirects and uploads payload.body(BYTES).
"""
import dataclasses

from lib import payload

MEGABYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Step:
    method: str
    path: str
    upload: int = 0
    framing: str = "none"

    def text(self):
        return f"{self.method} {self.path} {self.upload} {self.framing}"

    def expected(self):
        """The line that a client has to print."""
        kind, _, number = self.path.strip("/").partition("/")
        status, body = 200, b""
        if kind in ("bytes", "chunked", "redirect"):
            body = payload.body(int(number))
        elif kind == "sink":
            body = payload.sha256(payload.body(self.upload)).encode()
        elif kind == "echo":
            body = payload.body(self.upload)
        elif kind == "status":
            status = int(number)
        if self.method == "HEAD":
            body = b""
        return f"{status} {len(body)} {payload.sha256(body)}"


GET = Step("GET", "/bytes/100")
KEEP_ALIVE = [Step("GET", f"/bytes/{n}") for n in (1, 0, 100, 20_000, 3)]
DOWNLOAD = [GET, Step("GET", f"/bytes/{8 * MEGABYTE}"), GET]
UPLOAD = [GET, Step("POST", "/sink", 6 * MEGABYTE, "length")]
CHUNKED = [Step("POST", "/echo", 300_000, "chunked"), Step("GET", "/chunked/700000"), Step("POST", "/sink", 10, "chunked"),
           Step("POST", "/echo", 1, "chunked"), GET]
OTHERS = [Step("HEAD", "/bytes/5000"), GET, Step("GET", "/redirect/70"), Step("GET", "/status/204"), Step("GET", "/status/404"),
          Step("PUT", "/sink", 30, "length"), Step("DELETE", "/bytes/2"), GET]
ALL = {"keep-alive": KEEP_ALIVE, "download": DOWNLOAD, "upload": UPLOAD, "chunked": CHUNKED, "others": OTHERS}
