# SPDX-License-Identifier: Apache-2.0
"""Requests with a context of their own, so that the span of each is found by its trace id."""
import http.client
import os
import socket

from lib import payload


TLS = None   # an ssl.SSLContext: all connections are encrypted


def connect(port):
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return TLS.wrap_socket(plain, server_hostname="localhost") if TLS else plain


class Sent:
    """What a client knows of one exchange, to be compared with the server's span."""

    def __init__(self, method, path):
        self.method, self.path = method, path
        self.trace_id, self.parent_id = os.urandom(16).hex(), os.urandom(8).hex()
        self.status, self.body, self.client_port = 0, b"", 0

    @property
    def traceparent(self):
        return f"00-{self.trace_id}-{self.parent_id}-01"


class Connection:
    """A kept connection through http.client; each request is a Sent."""

    def __init__(self, port):
        self.port = port
        self.http = (http.client.HTTPSConnection("localhost", port, timeout=30, context=TLS) if TLS else
                     http.client.HTTPConnection("127.0.0.1", port, timeout=30))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def send(self, method, path, body=None, **headers):
        sent = Sent(method, path)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request(method, path, body, headers={"traceparent": sent.traceparent, "User-Agent": "weft-test", **named})
        sent.client_port = self.http.sock.getsockname()[1]
        answer = self.http.getresponse()
        sent.status, sent.body, sent.headers = answer.status, answer.read(), answer.headers
        return sent


def head_of(sent, *lines):
    return "\r\n".join([f"{sent.method} {sent.path} HTTP/1.1", "Host: 127.0.0.1", f"traceparent: {sent.traceparent}", *lines, "", ""]).encode()


def pipelined(port, paths):
    """All requests in one send, the last asks for the end; gives the requests and all bytes that came back."""
    all_sent = [Sent("GET", path) for path in paths]
    with connect(port) as connection:
        heads = [head_of(sent) for sent in all_sent[:-1]] + [head_of(all_sent[-1], "Connection: close")]
        connection.sendall(b"".join(heads))
        got = b""
        while part := connection.recv(65536):
            got += part
    return all_sent, got


def aborted(port, path, read_bytes):
    """Reads the beginning of the answer and goes away."""
    sent = Sent("GET", path)
    with connect(port) as connection:
        connection.sendall(head_of(sent))
        got = 0
        while got < read_bytes:
            got += len(connection.recv(read_bytes - got))
    return sent


def expect_body(sent, name, published):
    assert payload.sha256(sent.body) == payload.sha256(published[name]), f"{sent.path}: {len(sent.body)} bytes"
