#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""loop.py PORT FOLDER [CERTIFICATE]: aiohttp, everything on one event loop."""
import asyncio
import hashlib
import ssl
import sys

from aiohttp import web


async def chunked(request):
    answer = web.StreamResponse()
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    for n in range(1, 51):
        await answer.write(b"c" * (n * 100))
    return answer


async def upload(request):
    return web.Response(text=hashlib.sha256(await request.read()).hexdigest())


async def sleep(request):
    await asyncio.sleep(float(request.match_info["seconds"]))
    return web.Response(text="slept")


async def status(request):
    return web.Response(status={"/empty": 204, "/fails": 503}[request.path])


application = web.Application(client_max_size=64 << 20)
application.add_routes([web.get("/chunked", chunked), web.post("/upload", upload), web.get("/sleep/{seconds}", sleep),
                        web.get("/empty", status), web.get("/fails", status), web.static("/", sys.argv[2])])
tls = None
if len(sys.argv) > 3:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[3])
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), ssl_context=tls, print=None, access_log=None)
