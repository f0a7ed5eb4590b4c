# SPDX-License-Identifier: Apache-2.0
"""Medians, quartiles, confidence intervals and verdicts."""
import dataclasses
import random


def quantile(values, share):
    """Linear between neighbours; share 0 to 1."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def median(values):
    return quantile(values, 0.5)


def bootstrap_median(values, confidence=0.95, draws=10_000, seed=1):
    """Confidence interval of the median: percentiles of the medians of resampled values. Same values, same answer."""
    chance = random.Random(seed)
    medians = [median(chance.choices(values, k=len(values))) for _ in range(draws)]
    tail = (1 - confidence) / 2
    return quantile(medians, tail), quantile(medians, 1 - tail)


@dataclasses.dataclass
class Result:
    """One line of the table."""
    row: str
    what: str
    samples: list                  # one a round
    unit: str = "ratio"
    at_least: float | None = None  # the promise; None = shown beside, not judged
    aim: float | None = None
    better: str = "high"           # high | low
    judge: str = "median"          # median | interval (the worse end of the confidence interval) | worst (of all samples)
    note: str = ""

    @property
    def interval(self):
        return bootstrap_median(self.samples)

    @property
    def judged(self):
        worse_first = self.better == "high"
        if self.judge == "interval":
            return self.interval[0 if worse_first else 1]
        if self.judge == "worst":
            return min(self.samples) if worse_first else max(self.samples)
        return median(self.samples)

    def reaches(self, bound):
        return self.judged >= bound if self.better == "high" else self.judged <= bound

    @property
    def verdict(self):
        if self.at_least is None:
            return ""
        if self.aim is not None and self.reaches(self.aim):
            return "aim"
        return "pass" if self.reaches(self.at_least) else "miss"

    def as_dict(self):
        low, high = self.interval
        return {"row": self.row, "what": self.what, "unit": self.unit, "median": median(self.samples),
                "p25": quantile(self.samples, 0.25), "p75": quantile(self.samples, 0.75), "ci95": [low, high],
                "samples": self.samples, "judged": self.judged, "judged_by": self.judge, "better": self.better,
                "at_least": self.at_least, "aim": self.aim, "verdict": self.verdict, "note": self.note}
