#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exporting.py PORT FOLDER BACK: a thread a connection, and one more that exports, as tracing libraries have it.

GET /work            calls the back
GET /export/TARGET   the exporting thread posts to TARGET at the back; the answer comes when that is done
POST …               goes on to the back with the headers and the body that came
"""
import http.client
import http.server
import queue
import sys
import threading

import one_send

BACK = int(sys.argv[3])
EXPORTS = queue.Queue()


def ask(method, target, body=None, headers=None):
    back = http.client.HTTPConnection("127.0.0.1", BACK)
    back.request(method, target, body, headers or {})
    answer = back.getresponse().read()
    back.close()
    return answer


def export():
    while True:
        target, done = EXPORTS.get()
        ask("POST", target, b"spans", {"Content-Type": "application/x-protobuf"})
        done.set()


class Handler(one_send.Handler):
    def do_GET(self):
        if self.path == "/work":
            return self.answers(ask("GET", "/bytes/10"))
        done = threading.Event()
        EXPORTS.put((self.path.removeprefix("/export/"), done))
        done.wait()
        return self.answers(b"exported")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        named = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        return self.answers(ask("POST", self.path, body, named))


threading.Thread(target=export, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
