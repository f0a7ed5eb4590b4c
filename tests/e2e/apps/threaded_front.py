#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""threaded_front.py BACK_PORT HOW: http.server with a thread for each connection, http.client towards the back.

HOW: direct (on the handler's thread), pool (concurrent.futures, grows inside handlers),
proxy (copies the incoming headers, as naive proxies do).
"""
import concurrent.futures
import http.client
import http.server
import sys
import threading
import urllib.parse

BACK, HOW = int(sys.argv[1]), sys.argv[2]
LOCAL = threading.local()
POOL = concurrent.futures.ThreadPoolExecutor(max_workers=64)


def call_back(request_id, headers):
    if not hasattr(LOCAL, "connection"):
        LOCAL.connection = http.client.HTTPConnection("127.0.0.1", BACK)
    LOCAL.connection.request("GET", f"/leaf?id={request_id}&call=0", headers=headers)
    return LOCAL.connection.getresponse().read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1                   # one write for the whole answer
    disable_nagle_algorithm = True

    def do_GET(self):
        request_id = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["id"][0]
        headers = dict(self.headers.items()) if HOW == "proxy" else {}
        if HOW == "pool":
            POOL.submit(call_back, request_id, headers).result()
        else:
            call_back(request_id, headers)
        self.send_response(200, "OK")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"front")

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
