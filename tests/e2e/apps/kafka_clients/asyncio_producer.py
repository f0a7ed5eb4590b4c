# SPDX-License-Identifier: Apache-2.0
"""asyncio_producer.py SERVERS TOPIC HOW: as producer.py, by aiokafka."""
import asyncio
import sys

import aiokafka
from lines import compression_of, each_line

SERVERS, TOPIC, HOW = sys.argv[1:]


async def main():
    more = {"plain": {"acks": 1}, "idempotent": {"enable_idempotence": True}, "transactional": {"transactional_id": "aiokafka"}}
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=SERVERS, max_request_size=3_000_000, **more.get(
        HOW, {"compression_type": compression_of(HOW)}))
    await producer.start()
    waiting, delivered = [], 0

    async def flush():
        nonlocal delivered
        delivered += len(await asyncio.gather(*waiting))
        waiting.clear()
        print(delivered, flush=True)
    commands = {"begin": producer.begin_transaction, "commit": producer.commit_transaction, "flush": flush}
    for command, record in each_line():
        if command:
            await commands[command]()
        else:
            partition, timestamp, key, value, headers = record
            waiting.append(await producer.send(TOPIC, value, key, partition, timestamp, headers))
    await flush()
    await producer.stop()


asyncio.run(main())
