# SPDX-License-Identifier: Apache-2.0
"""The control API without a process for each request."""
import http.client
import socket


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weft", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(socket_path, method, target, body=None):
    """(status, body)"""
    connection = _Connection(socket_path)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
