// SPDX-License-Identifier: Apache-2.0
// Node's http with a kept connection: BASE-URL STEP…
const crypto = require('crypto');
const http = require('http');

const [base, ...steps] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});

function body(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 7 + Math.floor((i % 64256) / 251) - 7 * (i - i % 64256);
  return bytes;
}

function request(method, path, size, framing) {
  return new Promise((resolve, reject) => {
    const headers = framing === 'length' ? {'Content-Length': size} : {};
    const outgoing = http.request(base + path, {method, agent, headers}, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve([answer, Buffer.concat(parts)]));
    });
    outgoing.on('error', reject);
    const data = body(size);
    for (let at = 0; framing !== 'none' && at < size; at += 16000) outgoing.write(data.subarray(at, at + 16000));
    outgoing.end();
  });
}

(async () => {
  for (const step of steps) {
    const [method, path, size, framing] = step.split(' ');
    let [answer, got] = await request(method, path, Number(size), framing);
    if (answer.statusCode === 302) [answer, got] = await request(method, answer.headers.location, 0, 'none');
    console.log(answer.statusCode, got.length, crypto.createHash('sha256').update(got).digest('hex'));
  }
  agent.destroy();
})();
