#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The judge judged: each kind of answer is seen as what it is."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import attribution   # noqa: E402


def context(request_id, parent="b7ad6b7169203331"):
    return f"00-{attribution.trace_of(request_id)}-{parent}-01"


class Judge(unittest.TestCase):
    def verdict(self, request_id, traceparent):
        return attribution.judge({"id": request_id, "call": "0", "traceparent": traceparent})

    def test_each_verdict(self):
        self.assertEqual(self.verdict("7", context(7)), "right")
        self.assertEqual(self.verdict("7", context(8)), "wrong")
        self.assertEqual(self.verdict("timer", context(8)), "wrong")
        self.assertEqual(self.verdict("7", context(7, attribution.parent_of(7))), "forwarded")
        self.assertEqual(self.verdict("7", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "invented")
        # One of 65,536 invented ids begins with the same two bytes.
        self.assertEqual(self.verdict("7", "00-7e5716cd43dd8448eb211c80319c0af7-b7ad6b7169203331-01"), "invented")
        self.assertEqual(self.verdict("7", ""), "none")
        self.assertEqual(self.verdict("7", context(7, "0" * 16)), "malformed")
        self.assertEqual(self.verdict("7", context(7)[:-1]), "malformed")

    def test_one_parent_for_two_calls_is_wrong(self):
        lines = [json.dumps({"id": "7", "call": c, "traceparent": context(7)}) for c in "01"]
        self.assertEqual(attribution.count(lines).wrong, 1)

    def test_parents_of_spans(self):
        def span(kind, own, parent, **attributes):
            return {"kind": kind, "span_id": own, "parent_span_id": parent, "trace_id": "t", "attributes": attributes}
        server7 = span("SERVER", "s7", "x", **{"url.query": "id=7"})
        server8 = span("SERVER", "s8", "x", **{"url.query": "id=8"})
        call = {"url.full": "http://back/leaf?id=7&call=0"}
        client = "b7ad6b7169203331"
        lines = [json.dumps({"id": "7", "call": "0", "traceparent": context(7, client)})]
        judge = attribution.judge_spans
        self.assertEqual(judge([server7, server8, span("CLIENT", client, "s7", **call)], lines), (1, 0))
        self.assertEqual(judge([server7, server8, span("CLIENT", client, "s8", **call)], lines), (0, 1))
        self.assertEqual(judge([server7, span("CLIENT", "not-on-wire", "s7", **call)], lines), (0, 1))
        self.assertEqual(judge([server8, span("CLIENT", client, "s7", **call)], lines), (0, 0))
        leaf = {"weft.injection": "no_budget", **call}
        self.assertEqual(judge([server7, server8, span("CLIENT", "leaf", "s7", **leaf)], lines), (1, 0))
        self.assertEqual(judge([server7, server8, span("CLIENT", "leaf", "s8", **leaf)], lines), (0, 1))

    def test_parents_of_spans_without_a_path(self):
        def span(kind, own, parent, request_id, **attributes):
            return {"kind": kind, "span_id": own, "parent_span_id": parent, "trace_id": attribution.trace_of(request_id),
                    "attributes": attributes}
        servers = [span("SERVER", "s7", "x", 7), span("SERVER", "s8", "x", 8)]
        client, leaf = "b7ad6b7169203331", {"weft.injection": "joining"}
        lines = [json.dumps({"id": "7", "call": "0", "traceparent": context(7, client)}),
                 json.dumps({"id": "8", "call": "0", "traceparent": ""})]
        judge = attribution.judge_spans
        self.assertEqual(judge([*servers, span("CLIENT", client, "s7", 7)], lines), (1, 0))
        self.assertEqual(judge([*servers, span("CLIENT", client, "s8", 8)], lines), (0, 1))
        self.assertEqual(judge([*servers, span("CLIENT", "other", "s7", 7)], lines), (0, 1))
        self.assertEqual(judge([*servers, span("CLIENT", "leaf", "s8", 8, **leaf)], lines), (1, 0))
        self.assertEqual(judge([*servers, span("CLIENT", "leaf", "s7", 7, **leaf)], lines), (0, 1))
        self.assertEqual(judge([*servers, span("CLIENT", "leaf", "s7", 8, **leaf)], lines), (0, 1))
        self.assertEqual(judge([*servers, *(span("CLIENT", own, "s8", 8, **leaf) for own in "ab")], lines), (1, 1))


if __name__ == "__main__":
    unittest.main()
