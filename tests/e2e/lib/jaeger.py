# SPDX-License-Identifier: Apache-2.0
"""Spans as Jaeger's query API gives them that have to come of spans of `weft spans -o json`."""


def tags_of(tags):
    return {tag["key"]: tag["value"] for tag in tags}


def check(test, span, got, process):
    test.assertEqual((got["traceID"], got["spanID"], got["operationName"]), (span["trace_id"], span["span_id"], span["name"]))
    parents = [(one["traceID"], one["spanID"]) for one in got["references"] if one["refType"] == "CHILD_OF"]
    test.assertEqual(parents, [(span["trace_id"], span["parent_span_id"])] if span["parent_span_id"] else [])
    test.assertEqual(got["startTime"], span["start_unix_nano"] // 1000)
    test.assertAlmostEqual(got["duration"], (span["end_unix_nano"] - span["start_unix_nano"]) // 1000, delta=1)
    test.assertEqual(process["serviceName"], span["resource"]["service.name"])
    tags = tags_of(got["tags"])
    test.assertEqual({key: tags.get(key) for key in span["attributes"]}, span["attributes"])
    test.assertEqual(tags["span.kind"], span["kind"].lower())
    test.assertEqual(tags.get("w3c.tracestate", ""), span["trace_state"])
    test.assertEqual(tags.get("otel.status_code", "UNSET"), span["status"]["code"])
    wanted = {key: value for key, value in span["resource"].items() if key != "service.name"}
    test.assertEqual({key: tags_of(process["tags"]).get(key) for key in wanted}, wanted)
