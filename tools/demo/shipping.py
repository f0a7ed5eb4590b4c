#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's worker: looks for each order of the topic whether it is in stock. shipping.py BROKER STOCK_PORT

Knows nothing of tracing: what the waterfall shows is made by weft alone.
"""
import json
import sys
import urllib.request

from confluent_kafka import Consumer

BROKER, STOCK_PORT = sys.argv[1], int(sys.argv[2])

orders = Consumer({"bootstrap.servers": BROKER, "group.id": "shipping", "auto.offset.reset": "earliest",
                   "allow.auto.create.topics": True, "fetch.wait.max.ms": 50})
orders.subscribe(["orders"])
while True:
    record = orders.poll(1)
    if record is None or record.error():
        continue
    number = json.loads(record.value())["order"]
    with urllib.request.urlopen(f"http://127.0.0.1:{STOCK_PORT}/stock/{number}", timeout=10) as answer:
        answer.read()
