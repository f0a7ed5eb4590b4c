# SPDX-License-Identifier: Apache-2.0
"""OTLP trace requests, read by the numbers of the public specification (opentelemetry-proto 1.x), nothing of weft's.

decode(bytes) and from_json(object) give the same: one flat dictionary a span, values as Python values.
"""
import struct

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}


def fields(data):
    """(number, wire type, value) of each field of a message (protobuf.dev, "Encoding")."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            assert kind in (1, 2, 5) and at + size <= len(data), "broken message"
            value = data[at:at + size]
            at += size
        yield tag >> 3, kind, value


def first(message, number, default=b""):
    return next((value for n, _, value in fields(message) if n == number), default)


def every(message, number):
    return [value for n, _, value in fields(message) if n == number]


def any_value(message):
    for number, _, value in fields(message):
        if number == 1:
            return value.decode()
        if number == 2:
            return bool(value)
        if number == 3:
            return value - (1 << 64) if value >> 63 else value
        if number == 4:
            return struct.unpack("<d", value)[0]
        raise AssertionError(f"value of kind {number}")


def attributes(messages):
    return {first(m, 1).decode(): any_value(first(m, 2)) for m in messages}


def decode(data):
    spans = []
    for resource_spans in every(data, 1):
        resource = attributes(every(first(resource_spans, 1), 1))
        for scope_spans in every(resource_spans, 2):
            scope = first(first(scope_spans, 1), 1).decode()
            spans += [decode_span(span, resource, scope) for span in every(scope_spans, 2)]
    return spans


def decode_span(span, resource, scope):
    def u64(number):
        return struct.unpack("<Q", first(span, number))[0]
    status = first(span, 15)
    return {"trace_id": first(span, 1).hex(), "span_id": first(span, 2).hex(), "trace_state": first(span, 3).decode(),
            "parent_span_id": first(span, 4).hex(), "flags": struct.unpack("<I", first(span, 16))[0], "name": first(span, 5).decode(),
            "kind": KINDS[first(span, 6, 0)], "start": u64(7), "end": u64(8), "attributes": attributes(every(span, 9)),
            "links": [(first(link, 1).hex(), first(link, 2).hex()) for link in every(span, 13)],
            "status": STATUS[first(status, 3, 0)], "message": first(status, 2).decode(), "resource": resource, "scope": scope}


def json_attributes(items):
    """From OTLP/JSON: 64-bit integers are strings there."""
    def value(v):
        (kind, content), = v.items()
        return int(content) if kind == "intValue" else content
    return {item["key"]: value(item["value"]) for item in items}


def from_json(request):
    spans = []
    for resource_spans in request["resourceSpans"]:
        resource = json_attributes(resource_spans["resource"]["attributes"])
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                status = span.get("status", {})
                spans.append({
                    "trace_id": span["traceId"], "span_id": span["spanId"], "trace_state": span.get("traceState", ""),
                    "parent_span_id": span.get("parentSpanId", ""), "flags": span.get("flags", 0), "name": span["name"],
                    "kind": KINDS[span["kind"]], "start": int(span["startTimeUnixNano"]), "end": int(span["endTimeUnixNano"]),
                    "attributes": json_attributes(span.get("attributes", [])),
                    "links": [(link["traceId"], link["spanId"]) for link in span.get("links", [])],
                    "status": STATUS[status.get("code", 0)], "message": status.get("message", ""), "resource": resource,
                    "scope": scope_spans["scope"]["name"]})
    return spans


def expected(span, parent_is_remote):
    """What a span of `weft spans -o json` has to be in OTLP."""
    return {"trace_id": span["trace_id"], "span_id": span["span_id"], "trace_state": span["trace_state"],
            "parent_span_id": span["parent_span_id"], "flags": span["flags"] | 0x100 | (0x200 if parent_is_remote else 0),
            "name": span["name"], "kind": span["kind"], "start": span["start_unix_nano"], "end": span["end_unix_nano"],
            "attributes": span["attributes"], "links": [(link["trace_id"], link["span_id"]) for link in span["links"]],
            "status": span["status"]["code"], "message": span["status"]["message"], "resource": span["resource"], "scope": "weft"}
