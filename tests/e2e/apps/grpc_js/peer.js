// SPDX-License-Identifier: Apache-2.0
// gRPC of Node, both sides; the same service and options as grpc_peer, which says what they mean.
//
//   peer.js serve | call port=PORT …
"use strict";
const grpc = require("@grpc/grpc-js");

const SLEEP_MS = 3000;
const KINDS = { Unary: [false, false], Up: [true, false], Down: [false, true], Both: [true, true] };

// Messages are bytes: field 1 of Bytes, with a length.
function encode(bytes) {
  const head = [0x0a];
  let length = bytes.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  head.push(length);
  return Buffer.concat([Buffer.from(head), bytes]);
}

function decode(message) {
  if (!message.length) return Buffer.alloc(0);
  let at = 1;
  while (message[at] & 128) at++;
  return message.subarray(at + 1);
}

function metadataText(metadata) {
  const values = metadata.toJSON();
  return Object.keys(values).filter((name) => name !== "user-agent" && name !== "accept-encoding" && !name.startsWith("grpc-") && name !== "content-type").sort()
    .flatMap((name) => values[name].map((value) => `${name}=${Buffer.from(value).toString("hex")}\n`)).join("");
}

function definition(kind) {
  return { path: `/weft.test.Peer/${kind}`, requestStream: KINDS[kind][0], responseStream: KINDS[kind][1],
           requestSerialize: encode, requestDeserialize: decode, responseSerialize: encode, responseDeserialize: decode };
}

function serve() {
  function trailer(call, then) {
    const work = call.metadata.get("work")[0];
    const said = new grpc.Metadata();
    said.set("seen-bin", Buffer.from(metadataText(call.metadata)));
    said.set("peer", call.getPeer());
    const error = work === "fail" ? { code: grpc.status.INVALID_ARGUMENT, details: "not this", metadata: said } : null;
    setTimeout(() => then(error, said), work === "sleep" ? SLEEP_MS : 0);
  }
  function end(call) {
    trailer(call, (error, said) => (error ? call.emit("error", error) : call.end(said)));
  }
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService({ Unary: definition("Unary"), Up: definition("Up"), Down: definition("Down"), Both: definition("Both") }, {
    Unary: (call, done) => trailer(call, (error, said) => done(error, call.request, said)),
    Up: (call, done) => {
      let bytes = 0;
      call.on("data", (message) => { bytes += message.length; });
      call.on("end", () => trailer(call, (error, said) => done(error, Buffer.from(String(bytes)), said)));
    },
    Down: (call) => {
      for (let i = 0; i < 10; i++) call.write(call.request);
      end(call);
    },
    Both: (call) => {
      call.on("data", (message) => call.write(message));
      call.on("end", () => end(call));
    },
  });
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
  });
}

function sent(options, id) {
  const metadata = new grpc.Metadata();
  metadata.add("call-id", String(id));
  metadata.add("zz-text", "z".repeat(id % 97) + String(id * 7));
  metadata.add("two", "first");
  metadata.add("two", "second");
  metadata.add("data-bin", Buffer.from(Array.from({ length: id % 50 }, (_, i) => (i * id) & 255)));
  if (options.work) metadata.add("work", options.work);
  if (options.own === "1") {
    const spelt = (digits) => id.toString(16).padStart(digits, "0");
    metadata.add("traceparent", `00-7e57${spelt(28)}-00f0${spelt(12)}-01`);
  }
  return metadata;
}

function one(client, options, id) {
  const kind = options.kind || "Unary", [up, down] = KINDS[kind], shape = definition(kind);
  const metadata = sent(options, id), message = Buffer.alloc(Number(options.bytes || 10), 97 + (id % 26));
  const more = options.deadline_ms ? { deadline: Date.now() + Number(options.deadline_ms) } : {};
  return new Promise((resolve) => {
    let messages = 0, bytes = 0;
    const took = (answer) => {
      messages++;
      bytes += answer.length;
      if (options.cancel === "1") call.cancel();
    };
    const done = (error, answer) => { if (answer) took(answer); };
    const make = { Unary: "makeUnaryRequest", Up: "makeClientStreamRequest", Down: "makeServerStreamRequest", Both: "makeBidiStreamRequest" };
    const given = [shape.path, encode, decode, ...(up ? [] : [message]), metadata, more, ...(down ? [] : [done])];
    const call = client[make[kind]](...given);
    if (down) call.on("data", took).on("error", () => {});
    if (up) {
      for (let i = 0; i < Number(options.messages || 10); i++) call.write(message);
      call.end();
    }
    call.on("status", (status) => setImmediate(() => {
      const value = (name) => String(status.metadata.get(name)[0] || "");
      if (id) console.log(JSON.stringify({ id: String(id), code: status.code, why: status.details, sent: metadataText(metadata),
                                   seen: value("seen-bin"), back_seen: "", peer: value("peer"), messages, bytes }));
      resolve();
    }));
  });
}

async function call(options) {
  const client = new grpc.Client(`127.0.0.1:${options.port}`, grpc.credentials.createInsecure(),
                                 { "grpc.max_receive_message_length": -1, "grpc.use_local_subchannel_pool": 1 });
  let next = Number(options.first || 1);
  const end = next + Number(options.count || 1);
  await Promise.all(Array.from({ length: Number(options.at_once || 1) }, async () => {
    while (next < end) {
      await one(client, options, next++);
      if (options.pause_ms) await new Promise((go) => setTimeout(go, Number(options.pause_ms)));
    }
  }));
  // A call that is given up is over for its caller before that has been sent: it has when a later one is answered.
  await one(client, {}, 0);
  client.close();
}

const options = Object.fromEntries(process.argv.slice(3).map((argument) => argument.split(/=(.*)/s).slice(0, 2)));
if (process.argv[2] === "serve") serve();
else call(options);
