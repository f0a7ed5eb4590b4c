#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo's Kafka: a broker in memory, as librdkafka brings one for tests. broker.py FILE

Writes the broker's address to FILE when it listens.
"""
import os
import signal
import sys

from confluent_kafka import Producer

FILE = sys.argv[1]

cluster = Producer({"test.mock.num.brokers": 1})
(broker,) = cluster.list_topics(timeout=10).brokers.values()
with open(FILE + ".new", "w", encoding="ascii") as file:
    file.write(f"{broker.host}:{broker.port}\n")
os.rename(FILE + ".new", FILE)
signal.pause()
