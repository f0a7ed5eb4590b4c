#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""urllib3 with its connection pool."""
import urllib3

import common

pool = urllib3.HTTPConnectionPool(common.BASE.hostname, common.BASE.port, maxsize=1, block=True)
for method, path, body, framing in common.steps():
    if framing == "chunked":
        answer = pool.request(method, path, body=common.pieces(body), headers={"Transfer-Encoding": "chunked"}, chunked=True)
    else:
        answer = pool.request(method, path, body=body if framing == "length" else None)
    common.tell(answer.status, answer.data)
