#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""baggage_front.py PORT FOLDER BACK_PORT HOW: each request calls the back; the answer is the back's, what baggage it got.

HOW: plain (no header of its own), forward (copies baggage and traceparent, as naive proxies do), add (forwards, with a
member of its own).
A request with `X-Hold: PATH` calls the back once that file is there.
"""
import http.client
import http.server
import os
import sys
import threading
import time

import one_send

BACK, HOW = int(sys.argv[3]), sys.argv[4]
LOCAL = threading.local()


class Handler(one_send.Handler):
    def do_GET(self):
        while (hold := self.headers.get("X-Hold")) and not os.path.exists(hold):
            time.sleep(0.01)
        if not hasattr(LOCAL, "connection"):
            LOCAL.connection = http.client.HTTPConnection("127.0.0.1", BACK)
        LOCAL.connection.putrequest("GET", "/back")
        if HOW != "plain":
            for name in ("traceparent", "baggage"):
                for value in self.headers.get_all(name, []):
                    LOCAL.connection.putheader(name, value)
        if HOW == "add":
            LOCAL.connection.putheader("baggage", "added=1,phone=%2b49")
        LOCAL.connection.endheaders()
        body = LOCAL.connection.getresponse().read()
        self.answers(body)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
