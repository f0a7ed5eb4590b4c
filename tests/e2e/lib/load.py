# SPDX-License-Identifier: Apache-2.0
"""A program that keeps calling over open connections while a test does something to the agent."""
import json
import subprocess

from lib.servers import SERVERS


class Load:
    def __init__(self, port, connections=4):
        self.command = ["/usr/bin/python3", str(SERVERS / "keep_calling.py"), str(port), str(connections)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline().strip() == "ready"
        return self

    def finish(self):
        """{"ok": exchanges, "failed": reasons}"""
        self.process.stdin.close()
        result = json.loads(self.process.stdout.readline())
        self.process.wait(timeout=60)
        return result

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
