# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 that wants to be expensive.

Usage: http2_abuse.py serve      takes connections and answers nothing but the sum of what came, at its end; prints its port
       http2_abuse.py KIND PORT  one connection; prints how many bytes were sent, their sum, and the sum that the server saw
"""
import hashlib
import socket
import struct
import sys
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def integer(first, bits, value):
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    out, value = bytearray((first | most,)), value - most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes((value,)))


def literal(name, value, first=0):
    return bytes((first,)) + integer(0, 7, len(name)) + name + integer(0, 7, len(value)) + value


def opening(number):
    """:method, :scheme, :path, and a context of its own: nothing is to be added."""
    context = b"00-%032x-%016x-01" % (number + 1, number + 1)
    return b"\x83\x86\x84" + literal(b"traceparent", context)


def settings():
    """A flood of settings, six each."""
    some = b"".join(struct.pack(">HI", n, 0x7fffffff if n != 5 else 16384) for n in (1, 2, 3, 4, 5, 6))
    for _ in range(1000):
        yield frame(SETTINGS, 0, 0, some) * 100


def bomb():
    """One long field goes into the table; every block has it thousands of times."""
    yield frame(HEADERS, END_STREAM | END_HEADERS, 1, opening(0) + literal(b"x" * 100, b"y" * 3800, 0x40))
    for number in range(1, 2000):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number) + b"\xbe" * 12000)


def tables():
    """Absurd sizes of the table, and insertions that do not fit."""
    for number in range(5000):
        size = (0, 1, 31, 4096, 1 << 20, (1 << 28) - 1)[number % 6]
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1,
                    integer(0x20, 5, size) + opening(number) + literal(b"n%d" % number, b"v" * (number % 8000), 0x40))


def insertions():
    """The table is filled over and over with the smallest entries there are."""
    for number in range(500):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number) + b"\x40\x01a\x00" * 2500)


def endless():
    """A header block that does not end."""
    yield frame(HEADERS, END_STREAM, 1, opening(0))
    for _ in range(1500):
        yield frame(CONTINUATION, 0, 1, literal(b"h", b"v" * 16000))


def empty():
    """… of frames with nothing in them."""
    yield frame(HEADERS, END_STREAM, 1, opening(0))
    for _ in range(1000):
        yield frame(CONTINUATION, 0, 1) * 200


def resets():
    """Streams that are begun and given up at once."""
    for number in range(100_000):
        yield (frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number)) +
               frame(RST_STREAM, 0, 2 * number + 1, b"\0\0\0\x08"))


def unanswered():
    """More streams at once than anybody follows."""
    for number in range(100_000):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number))


def small():
    """Frames that say nothing."""
    for _ in range(1000):
        yield (frame(PING, 0, 0, b"12345678") + frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") +
               frame(PRIORITY, 0, 1, b"\0\0\0\0\0") + frame(99, 255, 7, b"?")) * 50


def broken_frame():
    """A stream's frame on the connection, and on from there as if nothing were wrong."""
    yield frame(HEADERS, END_STREAM | END_HEADERS, 1, opening(0))
    yield frame(HEADERS, END_STREAM | END_HEADERS, 0, opening(1))
    for number in range(1, 200):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number))


def nowhere():
    """An index far beyond the table."""
    for number in range(200):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number) + b"\xff\xff\xff\xff\x7f")


def broken_block():
    """Index 0, which there is not."""
    for number in range(200):
        yield frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, opening(number) + b"\x80")


KINDS = {kind.__name__: kind for kind in (settings, bomb, tables, insertions, endless, empty, resets, unanswered, small,
                                          nowhere, broken_frame, broken_block)}


def serve_one(connection):
    connection.sendall(frame(SETTINGS, 0, 0))
    whole = hashlib.sha256()
    while piece := connection.recv(1 << 16):
        whole.update(piece)
    connection.sendall(b"sum:" + whole.hexdigest().encode())
    connection.close()


def serve():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_one, args=(connection,)).start()


def abuse(kind, port):
    sent, whole = 0, hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)   # hence non-blocking, as HTTP/2's programs are: see "blocking receive" in docs/limits.md

        def send(piece):
            nonlocal sent
            connection.sendall(piece)
            whole.update(piece)
            sent += len(piece)
        send(PREFACE + frame(SETTINGS, 0, 0))
        for piece in KINDS[kind]():
            send(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    print(sent, whole.hexdigest(), answer.partition(b"sum:")[2].decode())


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else abuse(sys.argv[1], int(sys.argv[2]))
