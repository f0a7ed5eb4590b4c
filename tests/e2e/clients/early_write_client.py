#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""early_write_client.py CERTIFICATE GREETER PORT…: one event loop that moves the encrypted bytes itself. For each line of standard
input one call by a connection of its own to each PORT, all at once; then a line with the statuses. `write`: it hands its request to
OpenSSL before the handshake is over, as Node does; meanwhile it reads greetings from another server and tries to write again.
`handshake`: it shakes hands first, as asyncio does."""
import selectors
import socket
import ssl
import sys

context = ssl.create_default_context(cafile=sys.argv[1])


class Call:
    def __init__(self, port, how):
        self.shakes = how == "handshake"
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.request = f"GET /small.txt?{how}-{port} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()
        self.answer = b""

    def write(self):
        try:
            if self.shakes:
                self.object.do_handshake()
                self.shakes = False
            self.request = self.request[self.object.write(self.request):]
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def flush(self):
        if encrypted := self.outgoing.read():
            self.socket.sendall(encrypted)

    def received(self):
        """False: it is over."""
        encrypted = self.socket.recv(65536)
        self.incoming.write(encrypted)
        if self.request:
            self.write()
        try:
            while part := self.object.read(65536):
                self.answer += part
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return False
        self.flush()
        return bool(encrypted)


greeter = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
for line in sys.stdin:
    calls = [Call(int(port), line.strip()) for port in sys.argv[3:]]
    for call in calls:
        call.write()
    for call in () if line.strip() == "handshake" else calls:
        greeter.sendall(b"PING\r\n")
        assert greeter.recv(100) == b"+PONG\r\n"
        call.write()
    with selectors.DefaultSelector() as waiting:
        for call in calls:
            waiting.register(call.socket, selectors.EVENT_READ, call)
        while waiting.get_map():
            for key, _ in waiting.select():
                if not key.data.received():
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()
    print(*(call.answer.split()[1].decode() for call in calls), flush=True)
