#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""http.client of Python's standard library."""
import http.client

import common

connection = http.client.HTTPConnection(common.BASE.netloc)


def request(method, path, body=None, chunked=False):
    connection.request(method, path, body, encode_chunked=chunked, headers={"Transfer-Encoding": "chunked"} if chunked else {})
    answer = connection.getresponse()
    return answer, answer.read()


for method, path, body, framing in common.steps():
    if framing == "chunked":
        answer, got = request(method, path, common.pieces(body), True)
    else:
        answer, got = request(method, path, body if framing == "length" else None)
    if answer.status == 302:
        answer, got = request(method, answer.headers["Location"])
    common.tell(answer.status, got)
