#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fionread_client.py PORT ROUNDS: requests on one connection, each answer read as FIONREAD says. Begins with a line on its
standard input; prints how often FIONREAD was wrong and the context that each request arrived with, as JSON."""
import array
import ctypes
import json
import select
import socket
import sys
import termios

libc = ctypes.CDLL(None, use_errno=True)
sys.stdin.readline()
PORT, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
connection = socket.create_connection(("127.0.0.1", PORT))
contexts, wrong = [], 0


def waiting():
    count = array.array("i", [0])
    if libc.ioctl(connection.fileno(), ctypes.c_ulong(termios.FIONREAD), ctypes.c_void_p(count.buffer_info()[0])):
        raise OSError(ctypes.get_errno(), "FIONREAD")
    return count[0]


for _ in range(ROUNDS):
    connection.sendall(b"GET /context HTTP/1.1\r\nHost: here\r\n\r\n")
    answer = b""
    while True:
        select.select([connection], [], [])
        told = waiting()
        got = connection.recv(1 << 16, socket.MSG_DONTWAIT)
        wrong += told > len(got) or (told == 0 and bool(got))
        answer += got
        head, blank, body = answer.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if blank and len(body) >= int(length[0]):
            break
    contexts.append(body.decode())
print(json.dumps({"wrong": wrong, "contexts": contexts}))
