# SPDX-License-Identifier: Apache-2.0
"""Bodies that every client and server makes alike: byte i is (i * 7 + i / 251) mod 256, so shifts and swaps show."""
import functools
import hashlib


@functools.cache
def body(size):
    period = 251 * 256
    block = bytes((i * 7 + i // 251) & 255 for i in range(period))
    return (block * (size // period + 1))[:size]


def sha256(data):
    return hashlib.sha256(data).hexdigest()
