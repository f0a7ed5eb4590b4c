# SPDX-License-Identifier: Apache-2.0
"""For the Python clients: the plan from the command line (BASE-URL STEP…), bodies, and the line that tells what came."""
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from lib import payload   # noqa: E402

PIECE = 16_000
BASE = urllib.parse.urlsplit(sys.argv[1])


def steps():
    for text in sys.argv[2:]:
        method, path, size, framing = text.split()
        yield method, path, payload.body(int(size)), framing


def pieces(body):
    for at in range(0, len(body), PIECE):
        yield body[at:at + PIECE]


def tell(status, body):
    print(status, len(body), payload.sha256(body), flush=True)
