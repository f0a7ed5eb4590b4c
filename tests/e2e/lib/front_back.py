# SPDX-License-Identifier: Apache-2.0
"""A traced front that calls a back once for each request, and what arrives there."""
import contextlib
import http.client
import http.server
import socketserver
import threading

from servers import one_send

from . import servers
from .agent import Agent


class Back(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Keeps the headers of each request: (connection, headers)."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(one_send.Handler):
        def do_GET(self):
            self.server.seen.append((self.client_address, {name.lower(): value for name, value in self.headers.items()}))
            self.answers()


@contextlib.contextmanager
def scene(programs, config):
    back = Back()
    try:
        with servers.Python("baggage_front.py", back.server_address[1], "plain") as front:
            with Agent(programs, pids=[front.pid], config=config) as agent:
                yield agent, front, back
    finally:
        back.shutdown()
        back.server_close()


class Client:
    """One connection, and so one thread of the front, and one connection of its to the back."""

    def __init__(self, front, back):
        self.http, self.back = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30), back

    def call(self, **headers):
        """(the back's connection, the headers that arrived there)"""
        self.http.request("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.http.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        return self.back.seen[-1]
