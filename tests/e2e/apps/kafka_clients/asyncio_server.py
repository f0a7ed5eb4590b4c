# SPDX-License-Identifier: Apache-2.0
"""asyncio_server.py SERVERS TOPIC: as server.py, one event loop with aiokafka."""
import asyncio
import sys
import urllib.parse

import aiokafka

SERVERS, TOPIC = sys.argv[1:]


async def main():
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=SERVERS)
    await producer.start()

    async def answer(target):
        path, _, text = target.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        if path == "/produce":
            await producer.send(TOPIC, query["value"].encode(), b"key", headers=[("id", query.get("id", "").encode())])
        if path == "/flush" or "wait" in query:
            await producer.flush()

    async def serve(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await answer(head.split(" ")[1])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
