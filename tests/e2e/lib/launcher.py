#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process that starts others: traced, it makes its short-lived children traced from their first instruction.

As a program it reads one JSON command a line ({"argv": […], "limit_s": n, "stdin": text}) and answers with one a line.
"""
import json
import os
import subprocess
import sys

LIMIT_S = 120 * float(os.environ.get("WEFT_TEST_SLOW", "1"))


class Done:
    def __init__(self, answer):
        self.code, self.stdout, self.stderr = answer["code"], answer["stdout"], answer["stderr"]

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.stdout[-2000:]}\nstderr: {self.stderr[-2000:]}"


class Launcher:
    def __enter__(self):
        self.process = subprocess.Popen(["/usr/bin/python3", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        return self

    def run(self, *argv, limit_s=LIMIT_S, stdin=""):
        command = {"argv": [str(a) for a in argv], "limit_s": limit_s, "stdin": stdin}
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return Done(json.loads(self.process.stdout.readline()))

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=LIMIT_S)
        self.process.stdout.close()


def serve():
    for line in sys.stdin:
        command = json.loads(line)
        try:
            done = subprocess.run(command["argv"], capture_output=True, input=command["stdin"].encode("latin-1"),
                                  timeout=command["limit_s"])
            answer = {"code": done.returncode, "stdout": done.stdout.decode("latin-1"), "stderr": done.stderr.decode("latin-1")}
        except subprocess.TimeoutExpired as late:
            answer = {"code": -1, "stdout": "", "stderr": str(late)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
