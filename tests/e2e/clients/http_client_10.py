#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""http.client speaking HTTP/1.0, a connection for each request."""
import http.client

import common


class OldConnection(http.client.HTTPConnection):
    _http_vsn, _http_vsn_str = 10, "HTTP/1.0"


for method, path, body, framing in common.steps():
    connection = OldConnection(common.BASE.netloc)
    connection.request(method, path, body if framing == "length" else None)
    answer = connection.getresponse()
    common.tell(answer.status, answer.read())
    connection.close()
