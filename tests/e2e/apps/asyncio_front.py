#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""asyncio_front.py BACK_PORT HOW: aiohttp, everything on one event loop.

HOW: direct (each request calls the back), timer (a task of the loop calls the back every few ms as id "timer",
whatever request is being worked on), proxy (copies the incoming traceparent).
"""
import asyncio
import sys

import aiohttp
from aiohttp import web

BACK, HOW = int(sys.argv[1]), sys.argv[2]


async def call_back(session, request_id, headers=None):
    url = f"http://127.0.0.1:{BACK}/leaf?id={request_id}&call=0"
    async with session.get(url, headers=headers) as answer:
        return await answer.read()


async def work(request):
    headers = None
    if HOW == "proxy" and "traceparent" in request.headers:
        headers = {"traceparent": request.headers["traceparent"]}
    await asyncio.sleep(0.001)
    await call_back(request.app["session"], request.query["id"], headers)
    return web.Response(text="front")


async def timer(session):
    while True:
        await asyncio.sleep(0.003)
        await call_back(session, "timer")


async def main():
    app = web.Application()
    app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
    app.router.add_get("/work", work)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    if HOW == "timer":
        asyncio.ensure_future(timer(app["session"]))
    await asyncio.Event().wait()


asyncio.run(main())
