#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What turns samples into numbers and verdicts, and the JSON and Markdown made of them."""
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import render, rounds                                              # noqa: E402
from harness.agent import InjectionTally, injections                            # noqa: E402
from harness.rows_untraced import result as untraced_result                     # noqa: E402
from harness.statistics import Result, bootstrap_median, median, quantile       # noqa: E402


class Numbers(unittest.TestCase):
    def test_quantiles_lie_between_neighbours(self):
        self.assertEqual(median([3, 1, 2]), 2)
        self.assertEqual(median([4, 1, 2, 3]), 2.5)
        self.assertEqual(quantile([0, 10, 20, 30, 40], 0.25), 10)
        self.assertEqual(quantile([7], 0.75), 7)

    def test_interval_holds_the_median_and_narrows(self):
        wide = bootstrap_median([0.9, 0.95, 1.0, 1.05, 1.1] * 2)
        narrow = bootstrap_median([0.99, 0.995, 1.0, 1.005, 1.01] * 2)
        self.assertTrue(wide[0] <= 1.0 <= wide[1])
        self.assertGreater(wide[1] - wide[0], narrow[1] - narrow[0])
        self.assertEqual(bootstrap_median([1.0] * 10), (1.0, 1.0))

    def test_every_second_pair_is_turned_round(self):
        order = []
        pairs = rounds.alternate("test", 4, lambda: order.append("off") or 2.0, lambda: order.append("on") or 1.0)
        self.assertEqual(order, ["off", "on", "on", "off", "off", "on", "on", "off"])
        self.assertEqual(rounds.ratios(pairs), [0.5] * 4)


class Verdicts(unittest.TestCase):
    def verdict(self, samples, **more):
        return Result("row", "what", samples, **more).verdict

    def test_high_is_better(self):
        for samples, expected in (([0.93], "aim"), ([0.92], "aim"), ([0.86], "pass"), ([0.84], "miss")):
            self.assertEqual(self.verdict(samples, at_least=0.85, aim=0.92), expected)

    def test_low_is_better(self):
        for samples, expected in (([1.1], "aim"), ([1.2], "pass"), ([1.3], "miss")):
            self.assertEqual(self.verdict(samples, at_least=1.25, aim=1.12, better="low"), expected)

    def test_one_bad_round_is_enough_where_the_worst_is_judged(self):
        self.assertEqual(self.verdict([0, 0, 0, 1], at_least=0, aim=0, better="low", judge="worst"), "miss")
        self.assertEqual(self.verdict([0, 0, 0, 0], at_least=0, aim=0, better="low", judge="worst"), "aim")

    def test_not_judged_without_a_promise(self):
        self.assertEqual(self.verdict([5.0]), "")

    def test_untraced_needs_the_whole_interval(self):
        self.assertEqual(untraced_result("x", [0.999, 1.0, 1.001] * 4).verdict, "aim")
        self.assertEqual(untraced_result("x", [0.994, 0.995, 0.996] * 4).verdict, "pass")     # seen, but small
        self.assertEqual(untraced_result("x", [0.97, 1.0, 1.03, 0.96, 1.02] * 2).verdict, "miss")   # nothing is known


class Injected(unittest.TestCase):
    def test_growth_between_two_scrapes(self):
        name = "weft_injections_total"
        before = {(name, "http", "done"): 5.0, (name, "http", "no_task"): 1.0}
        after = {(name, "http2", "done"): 3.0, (name, "http", "done"): 12.0, (name, "http", "no_task"): 1.0, (name, "http", "no_budget"): 2.0, ("up",): 1.0}
        self.assertEqual(injections(before, after), {"done": 10, "no_budget": 2})

    def test_no_budget_is_beside_the_share_and_no_task_within(self):
        tally = InjectionTally()
        tally.add({"done": 98, "no_budget": 50, "not_tried": 1000})
        self.assertEqual(tally.percent, 100.0)
        tally.add({"no_task": 2})
        self.assertEqual(tally.percent, 98.0)
        self.assertIn("no_budget=50", tally.note)

    def test_nothing_eligible_is_not_success(self):
        self.assertEqual(InjectionTally().percent, 0.0)
        self.assertIn("no_budget=0", InjectionTally().note)


class Rendering(unittest.TestCase):
    def report(self):
        results = [Result("nginx-kernel", "rate", [0.9, 0.91, 0.92], at_least=0.85, aim=0.92, note="100 req/s"),
                   untraced_result("not selected", [0.98, 0.981, 0.982] * 4)]
        return render.report(results, {"startup": "needs nginx"}, rounds.Settings(pathlib.Path("build"), 5, 3))

    def test_json_is_strict_and_whole(self):
        text = json.dumps(self.report(), allow_nan=False)
        again = json.loads(text)
        self.assertEqual([r["verdict"] for r in again["results"]], ["pass", "miss"])
        self.assertEqual(again["results"][0]["samples"], [0.9, 0.91, 0.92])

    def test_markdown_has_a_line_for_each_result_and_for_what_is_missing(self):
        lines = render.markdown(self.report()).splitlines()
        self.assertIn("| nginx-kernel | rate | 0.910 | 0.905–0.915 | ≥ 0.850 | ≥ 0.920 | pass | 100 req/s |", lines)
        self.assertTrue(any(line.startswith("| startup | not measured: needs nginx |") for line in lines))
        columns = {line.count("|") for line in lines if line.startswith("|")}
        self.assertEqual(len(columns), 1)


if __name__ == "__main__":
    unittest.main()
