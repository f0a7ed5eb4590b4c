// SPDX-License-Identifier: Apache-2.0
// server.js LIBRARY SERVERS TOPIC: as server.py, one event loop with kafkajs or node-rdkafka.
"use strict";
const http = require("http");

const [library, servers, topic] = process.argv.slice(2);

async function kafkajs() {
  const { Kafka, logLevel } = require("kafkajs");
  const producer = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR }).producer();
  await producer.connect();
  const waiting = new Set();
  return {
    produce(value, id) {
      const sent = producer.send({ topic, acks: 1, messages: [{ key: "key", value, headers: { id } }] });
      waiting.add(sent);
      sent.finally(() => waiting.delete(sent));
    },
    flush: () => Promise.all(waiting),
  };
}

function rdkafka(name) {
  const { Producer } = require(name);
  const producer = new Producer({ "bootstrap.servers": servers, "linger.ms": 0, "batch.num.messages": 1 });
  producer.setPollInterval(50);
  return new Promise((resolve, reject) => {
    producer.on("event.error", reject);
    producer.on("ready", () => resolve({
      produce(value, id) { producer.produce(topic, null, Buffer.from(value), "key", null, null, [{ id }]); },
      flush: () => new Promise((done, failed) => producer.flush(60000, (error) => error ? failed(error) : done())),
    }));
    producer.connect();
  });
}

async function main() {
  const producer = await (library === "kafkajs" ? kafkajs() : rdkafka(library));
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url, "http://server");
    if (pathname === "/produce") producer.produce(query.get("value"), query.get("id") ?? "");
    if (pathname === "/flush" || query.has("wait")) await producer.flush();
    response.end("done");
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

main();
