# SPDX-License-Identifier: Apache-2.0
"""worker.py WAY SERVERS TOPIC SINK: takes records by confluent_kafka and, for each, asks the HTTP server at port SINK for
/work?id=ID, the record's value. WAY: poll, or consume, which asks for one at a time. As apps/kafka/worker.cc."""
import http.client
import sys

import confluent_kafka

WAY, SERVERS, TOPIC, SINK = sys.argv[1:]

print(0, flush=True)   # listens nowhere
sys.stdin.readline()
sink = http.client.HTTPConnection("127.0.0.1", int(SINK))
consumer = confluent_kafka.Consumer({"bootstrap.servers": SERVERS, "group.id": "w", "auto.offset.reset": "earliest",
                                     "fetch.wait.max.ms": 50})
consumer.subscribe([TOPIC])


def given():
    if WAY == "poll":
        record = consumer.poll(0.5)
        return [record] if record else []
    return consumer.consume(1, 0.5)


while True:
    for one in given():
        assert not one.error(), one.error()
        sink.request("GET", f"/work?id={one.value().decode()}")
        sink.getresponse().read()
