#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fionread_client.py PORT: requests on one connection, each answer read as FIONREAD says. A line on its standard input is
the number of requests to send now; answered by a line of JSON: how often FIONREAD was wrong among them, and the context
that each of them arrived with."""
import array
import ctypes
import json
import select
import socket
import sys
import termios

libc = ctypes.CDLL(None, use_errno=True)
PORT = int(sys.argv[1])
connection = None


def waiting():
    count = array.array("i", [0])
    if libc.ioctl(connection.fileno(), ctypes.c_ulong(termios.FIONREAD), ctypes.c_void_p(count.buffer_info()[0])):
        raise OSError(ctypes.get_errno(), "FIONREAD")
    return count[0]


def request():
    """How often FIONREAD was wrong, and the context that arrived."""
    connection.sendall(b"GET /context HTTP/1.1\r\nHost: here\r\n\r\n")
    answer, wrong = b"", 0
    while True:
        select.select([connection], [], [])
        told = waiting()
        got = connection.recv(1 << 16, socket.MSG_DONTWAIT)
        wrong += told > len(got) or (told == 0 and bool(got))
        answer += got
        head, blank, body = answer.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if blank and len(body) >= int(length[0]):
            return wrong, body.decode()


for line in sys.stdin:
    connection = connection or socket.create_connection(("127.0.0.1", PORT))
    wrong, contexts = zip(*(request() for _ in range(int(line))))
    print(json.dumps({"wrong": sum(wrong), "contexts": contexts}), flush=True)
