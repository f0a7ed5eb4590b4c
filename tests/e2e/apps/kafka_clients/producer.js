// SPDX-License-Identifier: Apache-2.0
// producer.js LIBRARY SERVERS TOPIC HOW: as producer.py, by kafkajs or node-rdkafka.
"use strict";
const readline = require("readline");
const { promisify } = require("util");

const [library, servers, topic, how] = process.argv.slice(2);

const data = (word) => word === "-" ? null : Buffer.from(word.slice(1), "hex");

function recordOf(line) {
  const [partition, , timestamp, key, value, ...rest] = line.split(" ");
  const headers = [];
  for (let i = 0; i < rest.length; i += 2) headers.push([data(rest[i]).toString(), data(rest[i + 1])]);
  return { partition: Number(partition), timestamp, key: data(key), value: data(value), headers };
}

// Sends what there is as one request when it is told to flush: sendings of it may overtake each other.
async function kafkajs() {
  const { Kafka, CompressionCodecs, CompressionTypes, logLevel } = require("kafkajs");
  CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
  const compression = { gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }[how] ?? CompressionTypes.None;
  const more = { idempotent: { idempotent: true }, transactional: { transactionalId: "kafkajs" } };
  const producer = new Kafka({ brokers: [servers], logLevel: logLevel.ERROR }).producer({ maxInFlightRequests: 1, ...more[how] });
  await producer.connect();
  let messages = [], delivered = 0, sender = producer;
  const flush = async () => {
    if (messages.length) await sender.send({ topic, acks: -1, compression, messages });
    delivered += messages.length;
    messages = [];
  };
  return {
    send: (record) => messages.push({ ...record, headers: Object.fromEntries(record.headers) }),
    flush,
    begin: async () => { sender = await producer.transaction(); },
    commit: async () => { await flush(); await sender.commit(); sender = producer; },
    delivered: () => delivered,
    close: () => producer.disconnect(),
  };
}

async function rdkafka() {
  const { Producer } = require("node-rdkafka");
  const more = { plain: { acks: 1 }, idempotent: { "enable.idempotence": true }, transactional: { "transactional.id": "node" } };
  const producer = new Producer({ "bootstrap.servers": servers, "message.max.bytes": 3000000, "log_level": 2, dr_cb: true,
    ...(more[how] ?? { "compression.type": how }) });
  let delivered = 0;
  producer.on("delivery-report", (error) => { if (!error) delivered++; });
  producer.setPollInterval(10);
  await new Promise((resolve, reject) => {
    producer.on("event.error", reject);
    producer.on("ready", resolve);
    producer.connect();
  });
  const call = (name, ...given) => promisify(producer[name].bind(producer))(...given);
  if (how === "transactional") await call("initTransactions", 60000);
  let sent = 0;
  return {
    send: ({ partition, timestamp, key, value, headers }) => {
      producer.produce(topic, partition, value, key, Number(timestamp), null, headers.map(([name, one]) => ({ [name]: one })));
      sent++;
    },
    flush: async () => {
      await call("flush", 60000);
      for (let i = 0; delivered < sent && i < 1000; i++) await new Promise((done) => setTimeout(done, 10));
    },
    begin: () => call("beginTransaction"),
    commit: () => call("commitTransaction", 60000),
    delivered: () => delivered,
    close: () => call("disconnect"),
  };
}

async function main() {
  const producer = await { kafkajs, "node-rdkafka": rdkafka }[library]();
  const flush = async () => {
    await producer.flush();
    console.log(producer.delivered());
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === "flush") await flush();
    else if (line === "begin" || line === "commit") await producer[line]();
    else producer.send(recordOf(line));
  }
  await flush();
  await producer.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
