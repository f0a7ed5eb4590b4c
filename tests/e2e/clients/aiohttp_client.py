#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""aiohttp: one event loop, non-blocking sockets."""
import asyncio

import aiohttp

import common


async def in_pieces(body):
    for piece in common.pieces(body):
        yield piece


async def main():
    async with aiohttp.ClientSession(common.BASE.geturl(), connector=aiohttp.TCPConnector(limit=1)) as session:
        for method, path, body, framing in common.steps():
            data = in_pieces(body) if framing == "chunked" else body if framing == "length" else None
            async with session.request(method, path, data=data) as answer:
                common.tell(answer.status, await answer.read())


asyncio.run(main())
