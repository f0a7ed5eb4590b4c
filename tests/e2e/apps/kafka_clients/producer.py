# SPDX-License-Identifier: Apache-2.0
"""producer.py LIBRARY SERVERS TOPIC HOW: as apps/kafka/producer.cc, by confluent_kafka or kafka-python. HOW: plain,
idempotent, transactional, or a compression."""
import sys

from lines import compression_of, each_line

LIBRARY, SERVERS, TOPIC, HOW = sys.argv[1:]


class Confluent:
    def __init__(self):
        import confluent_kafka
        more = {"plain": {"acks": 1}, "idempotent": {"enable.idempotence": True}, "transactional": {"transactional.id": "confluent"}}
        self.client = confluent_kafka.Producer({"bootstrap.servers": SERVERS, "message.max.bytes": 3_000_000, "log_level": 2,
                                                **more.get(HOW, {"compression.type": HOW})})
        self.delivered = self.failed = 0

    def told(self, error, _):
        self.delivered += not error
        self.failed += bool(error)

    def send(self, partition, timestamp, key, value, headers):
        self.client.produce(TOPIC, value, key, partition, self.told, timestamp=timestamp, headers=headers)
        self.client.poll(0)

    def flush(self):
        assert self.client.flush(60) == 0
        return self.delivered


class KafkaPython:
    def __init__(self):
        import kafka
        more = {"plain": {"enable_idempotence": False}, "idempotent": {"enable_idempotence": True},
                "transactional": {"transactional_id": "kafka-python"}}
        self.client = kafka.KafkaProducer(bootstrap_servers=SERVERS, max_request_size=3_000_000, linger_ms=5, **more.get(
            HOW, {"compression_type": compression_of(HOW)}))
        self.delivered = self.failed = 0

    def send(self, partition, timestamp, key, value, headers):
        sent = self.client.send(TOPIC, value, key, headers, partition, timestamp)
        sent.add_callback(lambda _: setattr(self, "delivered", self.delivered + 1))
        sent.add_errback(lambda _: setattr(self, "failed", self.failed + 1))

    def flush(self):
        self.client.flush(60)
        return self.delivered


producer = {"confluent": Confluent, "kafka-python": KafkaPython}[LIBRARY]()
if HOW == "transactional":
    producer.client.init_transactions()
commands = {"begin": lambda: producer.client.begin_transaction(), "commit": lambda: producer.client.commit_transaction(),
            "flush": lambda: print(producer.flush(), flush=True)}
for command, record in each_line():
    if command:
        commands[command]()
    else:
        producer.send(*record)
print(producer.flush(), flush=True)
sys.exit(1 if producer.failed else 0)
