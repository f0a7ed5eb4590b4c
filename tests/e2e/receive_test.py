#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""receive_test.py BUILD: what a blocking receive of a traced client returns. A member socket receives by other kernel code
(net/ipv4/tcp_bpf.c) than a plain one; EAGAIN on a socket without time-out would be an answer no program is ready for."""
import pathlib
import socket
import struct
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lib.agent import Agent, Programs, SLOW   # noqa: E402
from lib.launcher import Launcher   # noqa: E402
from lib.recorder import Recorder   # noqa: E402

PROGRAMS = Programs.of(sys.argv.pop(1) if len(sys.argv) > 1 else "build")
CLIENT = """
import socket, sys
port, size, times = map(int, sys.argv[1:])
for _ in range(times):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"POST /sink HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
        s.sendall(bytes(size))
        try:
            answer = s.recv(4096)
            print(answer[9:12].decode() if answer else "end")
        except BlockingIOError:
            try:
                print("BlockingIOError+" + ("end" if not s.recv(4096) else "answer"))
            except OSError as error:
                print("BlockingIOError+" + type(error).__name__)
        except OSError as error:
            print(type(error).__name__)
"""


class Unanswering:
    """Reads what there is, then closes or resets the connection while the client waits for its answer."""

    def __init__(self, reset):
        self.reset = reset

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            got = b""
            while not got.endswith(b"\r\n\r\n" + bytes(10)):
                got += connection.recv(4096)
            threading.Event().wait(0.05)   # the client is in its receive call by then, and it does not matter if it is not
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class BlockingReceive(unittest.TestCase):
    def answers(self, port, size, times):
        with Launcher() as plain, Launcher() as launcher:
            without = plain.run("/usr/bin/python3", "-c", CLIENT, port, size, times)
            with Agent(PROGRAMS, pids=[launcher.pid]):
                done = launcher.run("/usr/bin/python3", "-c", CLIENT, port, size, times)
        self.assertEqual((without.code, done.code), (0, 0), done)
        return without.stdout.split(), done.stdout.split()

    def test_after_uploads_that_fill_the_send_buffer(self):
        with Recorder() as recorder:
            without, got = self.answers(recorder.port, 4 << 20, 100 if SLOW == 1 else 5)
        self.assertEqual(set(without), {"200"})
        self.assertEqual(set(got), {"200"}, got)

    def test_closed_while_waiting(self):
        with Unanswering(reset=False) as server:
            without, got = self.answers(server.port, 10, 5)
        self.assertEqual((set(without), set(got)), ({"end"}, {"end"}))

    def test_reset_while_waiting(self):
        """An error, and the connection is gone. Which error is the kernel's: tcp_bpf_recvmsg() has EAGAIN when it is woken by a
        reset, and ECONNRESET only for the call after that."""
        with Unanswering(reset=True) as server:
            without, got = self.answers(server.port, 10, 5)
        self.assertEqual(set(without), {"ConnectionResetError"})
        self.assertLessEqual(set(got), {"ConnectionResetError", "BlockingIOError+ConnectionResetError"}, got)


if __name__ == "__main__":
    unittest.main()
