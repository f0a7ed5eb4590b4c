#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the verifier report lets pass and what not: verifier_report_test.py PATH_OF_TOOLS_VERIFIER_REPORT"""
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("verifier_report", sys.argv.pop(1))
report = importlib.util.module_from_spec(importlib.util.spec_from_loader("verifier_report", loader))
loader.exec_module(report)


class VerifierReport(unittest.TestCase):
    def failures(self, now, before):
        return report.report(now, {}, before, out=lambda line: None)

    def test_five_per_cent_upward_passes_and_more_does_not(self):
        self.assertEqual(self.failures({"a/x": 1050}, {"a/x": 1000}), 0)
        self.assertEqual(self.failures({"a/x": 1051}, {"a/x": 1000}), 1)
        self.assertEqual(self.failures({"a/x": 10}, {"a/x": 1000}), 0)

    def test_new_and_gone_programs_must_be_accepted(self):
        self.assertEqual(self.failures({"a/x": 1, "a/y": 1}, {"a/x": 1}), 1)
        self.assertEqual(self.failures({}, {"a/x": 1}), 1)

    def test_a_refusal_is_a_failure_unless_accepted(self):
        self.assertEqual(self.failures({"a/x": report.REFUSED}, {"a/x": 1}), 1)
        self.assertEqual(self.failures({"a/x": report.REFUSED}, {"a/x": report.REFUSED}), 0)
        self.assertEqual(self.failures({"a/x": 5}, {"a/x": report.REFUSED}), 1)

    def test_what_is_refused_now_is_not_accepted_with_the_rest(self):
        rows = report.accepted({"a/x": report.REFUSED, "a/y": 7, "a/z": report.REFUSED, "a/new": report.REFUSED},
                               {"a/x": 5, "a/y": 6, "a/z": report.REFUSED})
        self.assertEqual(report.refused_anew(rows, {"a/x": 5, "a/y": 6, "a/z": report.REFUSED}), {"a/new"})
        self.assertEqual(rows, {"a/x": 5, "a/y": 7, "a/z": report.REFUSED, "a/new": report.REFUSED})

    def test_the_ceiling_holds_whatever_was_accepted(self):
        self.assertEqual(self.failures({"a/x": report.CEILING + 1}, {"a/x": report.CEILING + 1}), 1)

    def test_on_an_unknown_kernel_only_the_ceiling_holds(self):
        self.assertEqual(self.failures({"a/x": 5, "a/y": report.REFUSED}, {"a/x": report.UNKNOWN, "a/y": report.UNKNOWN}), 0)
        self.assertEqual(self.failures({"a/x": report.CEILING + 1}, {"a/x": report.UNKNOWN}), 1)

    def test_the_reason_of_a_refusal_is_shown(self):
        lines = []
        report.report({"a/x": report.REFUSED}, {"a/x": "R1 invalid mem access"}, {"a/x": 1}, out=lines.append)
        self.assertIn("R1 invalid mem access", "\n".join(lines))

    def test_the_baseline_survives_the_file(self):
        rows = {"6.1": {"a/x": 7, "a/y": report.REFUSED}, "6.18": {"a/x": 8}}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "baseline.tsv")
            report.write_baseline(path, rows)
            self.assertEqual(report.read_baseline(path), rows)

    def test_numbers_as_printed(self):
        numbers, reasons = report.parse_numbers("a/x\t12\na/y\trefused\tOperation not permitted: \n")
        self.assertEqual(numbers, {"a/x": 12, "a/y": report.REFUSED})
        self.assertEqual(list(reasons), ["a/y"])
        self.assertEqual(report.kernel_line("6.18.44-custom"), "6.18")


if __name__ == "__main__":
    unittest.main()
