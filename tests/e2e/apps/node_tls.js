// SPDX-License-Identifier: Apache-2.0
// node_tls.js server CERTIFICATE: HTTPS by HTTP/1.1 and HTTP/2 on one port, which it prints.
// node_tls.js client PORT…: for each line "WAY COUNT" of standard input so many requests by a connection to each port (or
// connections: `each`, `parallel`); then prints how many were answered as they should be. NODE_EXTRA_CA_CERTS says whom it trusts.
const fs = require('fs');
const http2 = require('http2');
const https = require('https');
const readline = require('readline');

const [role, ...rest] = process.argv.slice(2);

function serve(certificate) {
  const pem = fs.readFileSync(certificate);
  const server = http2.createSecureServer({key: pem, cert: pem, allowHTTP1: true}, (request, response) => {
    let bytes = 0;
    request.on('data', (part) => bytes += part.length);
    request.on('end', () => response.end(`${request.method} ${request.url} ${bytes}`));
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

function ask(port, path, agent, body = '') {
  return new Promise((resolve, reject) => {
    const method = body ? 'POST' : 'GET';
    const headers = body ? {'Content-Length': body.length} : {};
    https.request({host: 'localhost', port, path, agent, method, headers, family: 4}, (answer) => {
      let text = '';
      answer.on('data', (part) => text += part);
      answer.on('end', () => resolve(text === `${method} ${path} ${body.length}`));
    }).on('error', reject).end(body);
  });
}

function ask2(session, path) {
  return new Promise((resolve, reject) => {
    const stream = session.request({':path': path});
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (part) => text += part).on('end', () => resolve(text === `GET ${path} 0`)).on('error', reject).end();
  });
}

const in_turn = async (count, one) => {
  const good = [];
  for (let i = 0; i < count; i++) good.push(await one(i));
  return good;
};
const at_once = (count, one) => Promise.all(Array.from({length: count}, (_, i) => one(i)));

const ways = {
  async kept(port, count) {
    const agent = new https.Agent({keepAlive: true, maxSockets: 1});
    const good = await in_turn(count, (i) => ask(port, `/kept/${i}`, agent, i % 2 ? 'x'.repeat(30_000) : ''));
    agent.destroy();
    return good;
  },
  each: (port, count) => in_turn(count, (i) => ask(port, `/each/${i}`, false)),
  async parallel(port, count) {
    const agent = new https.Agent({keepAlive: true, maxSockets: 8});
    const good = await at_once(count, (i) => ask(port, `/parallel/${i}`, agent));
    agent.destroy();
    return good;
  },
  async http2(port, count) {
    const session = http2.connect(`https://localhost:${port}`);
    const good = await in_turn(count, (i) => ask2(session, `/http2/${i}`));
    good.push(...await at_once(count, (i) => ask2(session, `/http2/${count + i}`)));
    session.close();
    return good;
  },
  fetch: (port, count) => in_turn(count, async (i) => {
    const answer = await fetch(`https://localhost:${port}/fetch/${i}`);
    return answer.status === 200 && await answer.text() === `GET /fetch/${i} 0`;
  }),
};

if (role === 'server') {
  serve(rest[0]);
} else {
  require('dns').setDefaultResultOrder('ipv4first');
  readline.createInterface({input: process.stdin}).on('line', async (line) => {
    const [way, count] = line.split(' ');
    const good = await Promise.all(rest.map((port) => ways[way](Number(port), Number(count))));
    console.log(good.flat().filter(Boolean).length);
  });
}
