#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""slow_preface_client.py CERTIFICATE PORT: for each line of standard input, `bytes` or `whole`, a request of HTTP/2 on a connection
of its own whose preface leaves byte by byte, or in one piece; its status goes to standard output."""
import socket
import ssl
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
context = ssl.create_default_context(cafile=sys.argv[1])
context.set_alpn_protocols(["h2"])


def frames(connection):
    """(type, flags, payload)"""
    kept = b""
    while part := connection.recv(65536):
        kept += part
        while len(kept) >= 9 and len(kept) >= 9 + (length := int.from_bytes(kept[:3], "big")):
            yield kept[3], kept[4], kept[9:9 + length]
            kept = kept[9 + length:]


for line in sys.stdin:
    path = f"/small.txt?{line.strip()}".encode()
    block = b"\x82\x87\x41\x09localhost\x04" + bytes((len(path),)) + path
    with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[2]))), server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() == "h2"
        if line.strip() == "bytes":
            for byte in PREFACE:
                connection.sendall(bytes((byte,)))
        else:
            connection.sendall(PREFACE)
        connection.sendall(SETTINGS + len(block).to_bytes(3, "big") + bytes((1, 5, 0, 0, 0, 1)) + block)
        status = None
        for kind, flags, payload in frames(connection):
            if kind == 1:
                status = {0x88: 200}.get(payload[0])
            if kind in (0, 1) and flags & 1:
                break
    print(status, flush=True)
