#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""late_tls_client.py CERTIFICATE: loads OpenSSL only when it is first told to call. Each line of standard input is a URL; its
status goes to standard output. One connection for all."""
import sys
import urllib.parse

connection = None
for line in sys.stdin:
    url = urllib.parse.urlsplit(line.strip())
    if connection is None:
        import http.client
        import ssl
        connection = http.client.HTTPSConnection(url.hostname, url.port, context=ssl.create_default_context(cafile=sys.argv[1]))
    connection.request("GET", url.path + "?" + url.query)
    answer = connection.getresponse()
    answer.read()
    print(answer.status, flush=True)
