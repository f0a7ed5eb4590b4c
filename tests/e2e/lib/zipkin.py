# SPDX-License-Identifier: Apache-2.0
"""Zipkin v2 spans that have to come of spans of `weft spans -o json`."""


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def check(test, span, got):
    """got: a v2 span as a receiver has it. Names are compared without case: Zipkin keeps them in lower case."""
    test.assertEqual((got["traceId"], got["id"], got.get("parentId", "")),
                     (span["trace_id"], span["span_id"], span["parent_span_id"]))
    test.assertEqual((got["name"].lower(), got["kind"]), (span["name"].lower(), span["kind"]))
    test.assertEqual(got["timestamp"], span["start_unix_nano"] // 1000)
    test.assertEqual(got["duration"], max((span["end_unix_nano"] - span["start_unix_nano"]) // 1000, 1))
    test.assertEqual(got["localEndpoint"]["serviceName"].lower(), span["resource"]["service.name"].lower())
    wanted = {key: text(value) for key, value in span["attributes"].items()}
    wanted |= {"service.instance.id": span["resource"]["service.instance.id"], "host.name": span["resource"]["host.name"],
               "process.pid": str(span["resource"]["process.pid"]), "otel.scope.name": "weft"}
    if span["trace_state"]:
        wanted["w3c.tracestate"] = span["trace_state"]
    if span["status"]["code"] == "ERROR":
        wanted |= {"otel.status_code": "ERROR", "error": span["status"]["message"] or span["attributes"]["error.type"]}
    else:
        test.assertNotIn("error", got["tags"])
    test.assertEqual({key: got["tags"].get(key) for key in wanted}, wanted)
    if span["kind"] == "CLIENT":
        test.assertEqual((got["remoteEndpoint"]["ipv4"], got["remoteEndpoint"]["port"]),
                         (span["attributes"]["network.peer.address"], span["attributes"]["network.peer.port"]))
