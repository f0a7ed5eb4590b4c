#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""forwarder.py PORT FOLDER BACK: sends each GET on to a port of this machine with the headers that came, line by line, and
one more baggage line of its own: a member, and something that is none.
"""
import http.client
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        back = http.client.HTTPConnection("127.0.0.1", int(sys.argv[3]))
        back.putrequest("GET", self.path.removeprefix("/forward"), skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() != "connection":
                back.putheader(name, value)
        back.putheader("Baggage", "added=1,ownjunk")
        back.putheader("Connection", "close")
        back.endheaders()
        body = back.getresponse().read()
        back.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
