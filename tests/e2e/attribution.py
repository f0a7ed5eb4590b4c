# SPDX-License-Identifier: Apache-2.0
"""Judges what the leaf recorded. The trace id of request N spells N (apps/load.cc), so each call's truth is in its path."""
import collections
import dataclasses
import json
import re

CONTEXT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
OURS = "7e57" + "0" * 12   # long enough for no trace id that somebody invents to begin so


@dataclasses.dataclass
class Counts:
    right: int = 0       # the trace of its own request, with a parent that is not the one the load generator sent
    wrong: int = 0       # the trace of another request: the worst that can happen
    forwarded: int = 0   # what the application copied, unchanged
    invented: int = 0    # a trace of its own, although a request was being served
    none: int = 0        # no context
    malformed: int = 0

    @property
    def calls(self):
        return self.right + self.wrong + self.forwarded + self.invented + self.none + self.malformed

    @property
    def right_share(self):
        return self.right / self.calls if self.calls else 0.0


def trace_of(request_id):
    return f"{OURS}{int(request_id):016x}"


def parent_of(request_id):
    return f"00f0{int(request_id):012x}"


def judge(record):
    """Name of the field of Counts that this record belongs to."""
    text = record["traceparent"]
    if not text:
        return "none"
    match = CONTEXT.fullmatch(text)
    if not match or int(match[1], 16) == 0 or int(match[2], 16) == 0:
        return "malformed"
    trace, parent = match.groups()
    if not trace.startswith(OURS):
        return "invented"
    if not record["id"].isdigit() or trace != trace_of(record["id"]):
        return "wrong"
    return "forwarded" if parent == parent_of(record["id"]) else "right"


def count(lines, keep=lambda record: True):
    counts = Counts()
    spans = collections.Counter()
    for line in lines:
        record = json.loads(line)
        if not keep(record):
            continue
        verdict = judge(record)
        setattr(counts, verdict, getattr(counts, verdict) + 1)
        spans[record["traceparent"]] += verdict == "right"
    # Two calls are two client spans: one parent id twice is as wrong as a wrong trace.
    counts.wrong += sum(n - 1 for n in spans.values() if n > 1)
    return counts


def judge_spans(spans, lines):
    """(client spans whose parent is the server span of their own request, others).

    What a span is for is told by its path, or else by who brought its id; one that says it was not injected and has no
    path (gRPC) may only stand for a call of its request that came without a context. Spans whose parent is not among the
    given ones (the store is bounded) are not judged.
    """
    by_id = {span["span_id"]: span for span in spans}
    records = [json.loads(line) for line in lines]
    on_wire = {match[2]: record["id"] for record in records if (match := CONTEXT.fullmatch(record["traceparent"]))}
    without = collections.Counter(trace_of(record["id"]) for record in records
                                  if not record["traceparent"] and record["id"].isdigit())
    right = wrong = 0
    for span in spans:
        parent = by_id.get(span["parent_span_id"])
        if span["kind"] != "CLIENT" or parent is None:
            continue
        query = re.search(r"[?&]id=(\w+)", span["attributes"].get("url.full", ""))
        brought = on_wire.get(span["span_id"])
        own = parent["kind"] == "SERVER" and parent["trace_id"] == span["trace_id"]
        if "weft.injection" not in span["attributes"]:
            own = own and brought is not None
        elif brought is None and not query:
            without[span["trace_id"]] -= 1
            own = own and without[span["trace_id"]] >= 0
        for request_id in ([query[1]] if query else []) + ([brought] if brought is not None else []):
            said = re.search(r"(?:^|&)id=(\w+)", parent["attributes"].get("url.query", ""))
            own = own and (said[1] == request_id if said else parent["trace_id"] == trace_of(request_id))
        right, wrong = right + own, wrong + (not own)
    return right, wrong
