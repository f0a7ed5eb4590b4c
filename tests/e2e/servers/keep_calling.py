#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""keep_calling.py PORT CONNECTIONS: threads that post over kept connections until standard input ends, and check each answer.

Prints "ready" once each connection has had an exchange, at the end one JSON line: {"ok": n, "failed": [why…]}.
"""
import hashlib
import http.client
import itertools
import json
import os
import sys
import threading

PORT, CONNECTIONS = int(sys.argv[1]), int(sys.argv[2])
done, failed, counts, ready = threading.Event(), [], [0] * CONNECTIONS, threading.Barrier(CONNECTIONS + 1)


def call(number):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    connection.connect()
    mine = connection.sock
    for n in itertools.count():
        body = os.urandom((n * 997 + number) % 20_000)
        connection.request("POST", f"/sink?{number}-{n}", body)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200 or text != hashlib.sha256(body).hexdigest():
            raise RuntimeError(f"request {n}: {answer.status} {text}")
        if connection.sock is not mine:
            raise RuntimeError(f"request {n}: the connection was lost")
        counts[number] = n + 1
        if n == 0:
            ready.wait()
        if done.is_set():
            return connection.close()


def guarded(number):
    try:
        call(number)
    except BaseException as error:
        failed.append(repr(error))
        ready.abort()


threads = [threading.Thread(target=guarded, args=(number,)) for number in range(CONNECTIONS)]
for thread in threads:
    thread.start()
try:
    ready.wait()
    print("ready", flush=True)
    sys.stdin.read()
except threading.BrokenBarrierError:
    print("broken", flush=True)
done.set()
for thread in threads:
    thread.join()
print(json.dumps({"ok": sum(counts), "failed": failed}), flush=True)
