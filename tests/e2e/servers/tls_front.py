#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tls_front.py PORT FOLDER CERTIFICATE TLS_BACK PLAIN_BACK: HTTPS with a thread a connection, which calls both for each request.

Its answer is what the plain one answers to /context. The thread's connections to them are kept.
"""
import http.client
import http.server
import ssl
import sys
import threading

PORT, CERTIFICATE, TLS_BACK, PLAIN_BACK = int(sys.argv[1]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
TRUST = ssl.create_default_context(cafile=CERTIFICATE)
KEPT = threading.local()


def get(connection, path):
    connection.request("GET", path)
    return connection.getresponse().read()


class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if not hasattr(KEPT, "plain"):
            KEPT.plain = http.client.HTTPConnection("127.0.0.1", PLAIN_BACK)
            KEPT.tls = http.client.HTTPSConnection("localhost", TLS_BACK, context=TRUST)
        get(KEPT.tls, f"/small.txt?id={self.path.rpartition('/')[2]}")
        body = get(KEPT.plain, "/context")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE)
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
