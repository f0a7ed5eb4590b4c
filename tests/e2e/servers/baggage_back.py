#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""baggage_back.py PORT FOLDER: answers with the baggage lines that came, one a line."""
import http.server
import sys

import one_send


class Handler(one_send.Handler):
    def do_GET(self):
        body = "\n".join(self.headers.get_all("baggage", [])).encode()
        self.answers(body)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
