#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's front: a threaded server that asks two services at once, and puts each order into a topic of Kafka.
shop.py PORT STOCK_PORT PRICES_PORT BROKER

Knows nothing of tracing: what the waterfall shows is made by weft alone.
"""
import json
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from confluent_kafka import Producer

PORT, STOCK_PORT, PRICES_PORT = map(int, sys.argv[1:4])
ORDERS = Producer({"bootstrap.servers": sys.argv[4], "linger.ms": 0})
TIMEOUT_S = 10


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as answer:
        return json.load(answer)


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one send: as two, the second waits 40 ms for the peer's delayed ACK

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/").split("/")
        if len(path) != 2 or path[0] != "orders":
            self.answer(404, {"error": "no such page"})
            return
        try:
            self.answer(200, self.order(path[1]))
        except OSError as error:
            self.answer(502, {"error": str(error)})

    def order(self, number):
        # One at a time for each thread: who has just ended one task may be given the second, too (docs/limits.md).
        with ThreadPoolExecutor(max_workers=1) as other:
            price = other.submit(ask, PRICES_PORT, f"/prices/{number}")
            order = {"order": number, "stock": ask(STOCK_PORT, f"/stock/{number}"), "price": price.result()}
        ORDERS.produce("orders", json.dumps({"order": number, "at": time.time()}))
        ORDERS.poll(0)
        return order

    def answer(self, status, value):
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
