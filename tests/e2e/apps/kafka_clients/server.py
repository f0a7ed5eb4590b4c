# SPDX-License-Identifier: Apache-2.0
"""server.py LIBRARY SERVERS TOPIC: http.server with a thread for each connection, whose requests produce records by
confluent_kafka or kafka-python. /produce?value=TEXT&id=ID, with &wait=yes until it is delivered; /flush. Prints its port."""
import http.server
import sys
import threading
import urllib.parse

LIBRARY, SERVERS, TOPIC = sys.argv[1:]


class Confluent:
    def __init__(self):
        import confluent_kafka
        self.producer = confluent_kafka.Producer({"bootstrap.servers": SERVERS, "linger.ms": 0, "batch.num.messages": 1})
        threading.Thread(target=self.poll, daemon=True).start()

    def poll(self):
        while True:
            self.producer.poll(0.1)

    def produce(self, value, id):
        self.producer.produce(TOPIC, value.encode(), "key", headers=[("id", id.encode())])

    def flush(self):
        self.producer.flush()


class ConfluentBatch(Confluent):
    def produce(self, value, id):
        assert self.producer.produce_batch(TOPIC, [{"value": value.encode(), "key": b"key"}]) == 1


class KafkaPython:
    def __init__(self):
        import kafka
        # Brokers in memory say that they know less than that.
        self.producer = kafka.KafkaProducer(bootstrap_servers=SERVERS, api_version=(2, 3))

    def produce(self, value, id):
        self.producer.send(TOPIC, value.encode(), b"key", headers=[("id", id.encode())])

    def flush(self):
        self.producer.flush()


producer = {"confluent": Confluent, "confluent-batch": ConfluentBatch, "kafka-python": KafkaPython}[LIBRARY]()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1   # one write for the whole answer
    disable_nagle_algorithm = True

    def do_GET(self):
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        if path == "/produce":
            producer.produce(query["value"], query.get("id", ""))
        if path == "/flush" or "wait" in query:
            producer.flush()
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
