#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the id of the newest complete trace: complete_trace.py WEFT [PATH]

Complete: spans of all six services, of every span but the root the parent is there too, what the worker behind the topic
calls is among them, and how long it worked is known. With PATH, only a trace whose root asked for it. Exit code 1: none yet; 3: no agent.
"""
import json
import subprocess
import sys

SERVICES = {"apache2", "shop", "stock", "prices", "nginx", "shipping"}


def ask(weft, *words):
    answer = subprocess.run([weft, *words, "-o", "json"], capture_output=True, text=True)
    if answer.returncode == 3:
        sys.stderr.write(answer.stderr)
        sys.exit(3)
    return json.loads(answer.stdout) if answer.returncode == 0 else {}


def complete(spans):
    ids = {span["span_id"] for span in spans}
    roots = [span for span in spans if not span["parent_span_id"]]
    calls = {span["resource"]["service.name"] for span in spans if span["kind"] == "CLIENT"}
    worked = all("weft.messaging.queued_ms" in span["attributes"] for span in spans if span["kind"] == "CONSUMER")
    return (len(roots) == 1 and "shipping" in calls and worked and
            all(span["parent_span_id"] in ids for span in spans if span not in roots))


def main():
    weft, path = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    for trace in ask(weft, "traces").get("traces", []):
        if not SERVICES <= set(trace["services"]):
            continue
        spans = ask(weft, "trace", trace["trace_id"]).get("spans", [])
        asked = {span["attributes"].get("url.path") for span in spans if not span["parent_span_id"]}
        if complete(spans) and (path is None or path in asked):
            print(trace["trace_id"])
            return 0
    return 1


sys.exit(main())
