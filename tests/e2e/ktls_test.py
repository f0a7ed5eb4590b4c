#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ktls_test.py BUILD: a connection whose records the kernel makes (kTLS) is left alone: the kernel takes the keys the moment
the handshake's answer is in, and what arrives is what was sent, also where it looks like a request. Needs a kernel with the
tls module and AES-GCM."""
import http.client
import os
import pathlib
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib import payload, servers   # noqa: E402
from lib.agent import Agent, Programs   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].isdigit() else "build")
# linux/tcp.h, linux/tls.h
TCP_ULP, SOL_TLS, TLS_TX, TLS_RX = 31, 282, 1, 2
KEYS = struct.pack("<HH8s16s4s8s", 0x0303, 51, b"i" * 8, b"k" * 16, b"salt", bytes(8))  # TLS 1.2, AES-GCM-128
REQUEST = b"POST /in-a-record HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n" + payload.body(100_000)
CONNECTIONS = 20
BEFORE = b"\x16\x03\x01\x00\x05hello"  # as a handshake begins


def upper_layer(connection, direction):
    connection.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    connection.setsockopt(SOL_TLS, direction, KEYS)


def client(port):
    """The traced process. Begins with a line: then it is traced."""
    sys.stdin.readline()
    for _ in range(CONNECTIONS):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(BEFORE)
            connection.recv(1)
            upper_layer(connection, TLS_TX)
            for _ in range(3):
                connection.sendall(REQUEST)
            connection.recv(1)
    plain = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
    plain.request("GET", "/context")
    print(plain.getresponse().status)


class Ktls(unittest.TestCase):
    def receive(self, connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            self.assertTrue(more, f"ended after {len(data)} bytes")
            data += more
        return data

    def test_left_alone(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, servers.Python("threaded.py") as plain:
            process = subprocess.Popen(["/usr/bin/python3", __file__, str(listener.getsockname()[1]), str(plain.port)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       env=os.environ | {"WEFT_KTLS_CLIENT": "1"})
            try:
                with Agent(PROGRAMS, pids=[process.pid]) as agent:
                    process.stdin.write("go\n")
                    process.stdin.flush()
                    for _ in range(CONNECTIONS):
                        connection, _ = listener.accept()
                        with connection:
                            self.assertEqual(self.receive(connection, len(BEFORE)), BEFORE)
                            upper_layer(connection, TLS_RX)
                            connection.send(b"1")
                            self.assertEqual(self.receive(connection, 3 * len(REQUEST)), 3 * REQUEST)
                            connection.send(b"2")
                    told = process.communicate()[0]
                    self.assertEqual((process.returncode, told), (0, "200\n"))
                    # The plain one behind them is seen; of the others nothing is reported.
                    spans = agent.wait_spans("the plain request", len)
                    self.assertEqual([span["attributes"]["url.full"].rpartition("/")[2] for span in spans], ["context"])
            finally:
                process.kill()


if __name__ == "__main__":
    if os.environ.get("WEFT_KTLS_CLIENT"):
        client(int(sys.argv[1]))
    else:
        unittest.main()
