#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""threaded.py PORT FOLDER [CERTIFICATE]: http.server with a thread a connection; files, chunked answers, slow ones, uploads.

Its answer to /context is what it received as traceparent, so that a caller sees what came through a proxy.
"""
import hashlib
import http.server
import os
import ssl
import sys
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    disable_nagle_algorithm = True   # or every answer waits 40 ms for an acknowledgement
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send_text(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/context":
            return self.send_text(200, self.headers.get("traceparent", "none").encode())
        if self.path == "/chunked":
            return self.send_chunked()
        if self.path.startswith("/sleep/"):
            time.sleep(float(self.path.rpartition("/")[2]))
            return self.send_text(200, b"slept")
        if self.path == "/empty":
            self.send_response(204)
            return self.end_headers()
        if self.path == "/fails":
            return self.send_text(503, b"no")
        if self.path == "/close":
            return self.send_text(200, b"bye", Connection="close")
        if self.path.endswith("large.bin"):
            return self.send_by_sendfile()
        return super().do_GET()

    def send_chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for n in range(1, 51):
            self.wfile.write(b"%x;n=%d\r\n" % (n * 100, n) + b"c" * (n * 100) + b"\r\n")
        self.wfile.write(b"0\r\nTrailer-Of: chunks\r\n\r\n")

    def send_by_sendfile(self):
        with open(self.translate_path(self.path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.flush()
            if isinstance(self.connection, ssl.SSLSocket):
                return self.copyfile(file, self.wfile)
            sent = 0
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, size - sent)

    def read_body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():   # trailers
            pass
        return body

    def send_echo(self, body):
        """What came, in chunks."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(body), 50_000):
            piece = body[at:at + 50_000]
            self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        body = self.read_body()
        if self.path == "/echo":
            return self.send_echo(body)
        self.send_text(200, hashlib.sha256(body).hexdigest().encode())


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
