# SPDX-License-Identifier: Apache-2.0
"""reader.py TOPIC RECORDS NAME=VALUE…: as clients/KafkaReader.java, by confluent_kafka."""
import sys

import confluent_kafka

topic, records, *settings = sys.argv[1:]
consumer = confluent_kafka.Consumer({"auto.offset.reset": "earliest", **dict(setting.split("=", 1) for setting in settings)})
consumer.subscribe([topic])
left = int(records)
while left > 0:
    record = consumer.poll(1)
    if record is not None:
        assert not record.error(), record.error()
        left -= 1
consumer.close()
