# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 server of our own that keeps every request head as it came, and size and hash of every body.

/bytes/N      N bytes with Content-Length        /chunked/N   N bytes in chunks
/sink         hash of the body, as text          /echo        the body back, in chunks
/redirect/N   302 to /bytes/N                    /status/N    that status, without a body where it has none
"""
import dataclasses
import hashlib
import re
import socket
import threading

from lib import payload

CONTEXT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
CHUNK = 30_000


@dataclasses.dataclass
class Request:
    connection: int
    head: bytes
    body_bytes: int = 0
    body_sha256: str = ""
    status: int = 0
    sent_bytes: int = 0    # of the response's body, without chunk framing

    @property
    def method(self):
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self):
        return self.head.split(b" ", 2)[1].decode()

    def values(self, name):
        prefix = name.lower().encode() + b":"
        return [line.split(b":", 1)[1].strip() for line in self.head.split(b"\r\n") if line.lower().startswith(prefix)]

    @property
    def contexts(self):
        return self.values("traceparent")

    @property
    def ids(self):
        """(trace id, span id) of the one well-formed traceparent."""
        assert len(self.contexts) == 1, self.head
        match = CONTEXT.fullmatch(self.contexts[0])
        assert match, self.head
        return match[1].decode(), match[2].decode()

    @property
    def plain_head(self):
        """The head without lines that an agent may add."""
        return re.sub(rb"(?im)^(traceparent|tracestate|baggage):[^\r]*\r\n", b"", self.head)


class Closed(Exception):
    pass


class Recorder:
    def __init__(self):
        self.requests, self.lock, self.connections = [], threading.Lock(), 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def take(self):
        """What came since the last call."""
        with self.lock:
            taken, self.requests = self.requests, []
        return taken

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection, self.connections), daemon=True).start()

    def serve(self, connection, number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as stream:
            try:
                while self.exchange(connection, stream, number):
                    pass
            except (OSError, Closed):
                pass

    def exchange(self, connection, stream, number):
        head = read_head(stream)
        request = Request(number, head)
        if any(value.lower() == b"100-continue" for value in request.values("expect")):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = read_body(stream, request)
        request.body_bytes, request.body_sha256 = len(body), payload.sha256(body)
        with self.lock:
            self.requests.append(request)
        old = b"HTTP/1.0" in head.split(b"\r\n")[0]
        close = old or any(b"close" in value.lower() for value in request.values("connection"))
        answer(connection, request, body, close, old)
        return not close


def read_head(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            raise Closed
        head += line
    return head


def read_body(stream, request):
    if b"chunked" in b"".join(request.values("transfer-encoding")).lower():
        body = b""
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
        while stream.readline().strip():   # trailers
            pass
        return body
    length = request.values("content-length")
    return stream.read(int(length[0])) if length else b""


def answer(connection, request, body, close, old):
    kind, _, number = request.target.split("?")[0].strip("/").partition("/")
    status, extra, content, chunked = 200, "", b"", False
    if kind in ("bytes", "chunked"):
        content, chunked = payload.body(int(number)), kind == "chunked" and not old
    elif kind == "echo":
        content, chunked = body, not old
    elif kind == "sink":
        content = hashlib.sha256(body).hexdigest().encode()
    elif kind == "redirect":
        status, extra = 302, f"Location: /bytes/{number}\r\n"
    elif kind == "status":
        status = int(number)
    else:
        status = 404
    bare = status in (204, 304)
    framing = "" if bare else "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {len(content)}\r\n"
    head = f"HTTP/1.1 {status} Recorded\r\n{extra}{framing}Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
    if request.method == "HEAD" or bare:
        content, chunked = b"", False
    request.status, request.sent_bytes = status, len(content)
    connection.sendall(head.encode())
    if not chunked:
        connection.sendall(content)
        return
    for at in range(0, len(content), CHUNK):
        piece = content[at:at + CHUNK]
        connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    connection.sendall(b"0\r\n\r\n")
