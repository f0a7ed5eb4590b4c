# SPDX-License-Identifier: Apache-2.0
"""What producers read, a line each: see apps/kafka/client.h."""
import sys


def data(word):
    return None if word == "-" else bytes.fromhex(word[1:])


def each_line():
    """(command, None) or (None, (partition, timestamp, key, value, headers))"""
    for line in sys.stdin:
        words = line.split()
        if len(words) == 1:
            yield words[0], None
            continue
        partition, _, timestamp, key, value, *headers = words
        pairs = zip(headers[::2], headers[1::2])
        yield None, (int(partition), int(timestamp), data(key), data(value), [(data(name).decode(), data(each)) for name, each in pairs])


def compression_of(how):
    return None if how in ("plain", "idempotent", "transactional") else how
