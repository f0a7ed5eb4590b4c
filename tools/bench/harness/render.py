# SPDX-License-Identifier: Apache-2.0
"""Results as a table for people, as JSON, and as Markdown made from that JSON."""
import json
import os
import pathlib
import platform
import time


def number(value, unit):
    if value is None:
        return ""
    if unit in ("events", "requests"):
        return f"{value:,.0f}"
    return f"{value:.3f}" if unit == "ratio" or abs(value) < 10 else f"{value:.2f}"


def cells(result):
    unit = result["unit"]
    mark = {"high": "≥ ", "low": "≤ "}[result["better"]]
    bound = {key: "" if result[key] is None else mark + number(result[key], unit) for key in ("at_least", "aim")}
    if result["judged_by"] == "interval":
        bound["aim"] = "none seen"
    shown = "" if unit == "ratio" else f" {unit}"
    return [result["row"], result["what"], number(result["median"], unit) + shown,
            f"{number(result['p25'], unit)}–{number(result['p75'], unit)}", bound["at_least"], bound["aim"], result["verdict"]]


HEADINGS = ["row", "what", "median", "p25–p75", "at least", "aim", "verdict"]


def table(results):
    rows = [HEADINGS] + [cells(result) for result in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = []
    for row, result in zip(rows, [None, *results]):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if result and result["note"]:
            lines.append(" " * (widths[0] + 4) + result["note"])
    return "\n".join(lines)


def markdown(report):
    machine = report["machine"]
    lines = [f"Linux {machine['release']}, {machine['processor']}, {machine['cores']} cores; {report['rounds']} rounds of "
             f"{report['seconds']} s; {report['date']}.", "", "| " + " | ".join(HEADINGS) + " | beside it |",
             "|" + "---|" * (len(HEADINGS) + 1)]
    for result in report["results"]:
        lines.append("| " + " | ".join([*cells(result), result["note"]]).replace("\n", " ") + " |")
    for row, reason in report["not_measured"].items():
        lines.append(f"| {row} | not measured: {reason} |" + " |" * (len(HEADINGS) - 1))
    return "\n".join(lines)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def report(results, not_measured, settings):
    # Strict JSON knows no infinity: an aim that cannot be reached is absent there and the verdict says the rest.
    plain = [{key: None if value == float("inf") else value for key, value in result.as_dict().items()} for result in results]
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "rounds": settings.rounds, "seconds": settings.seconds,
            "machine": {"release": platform.release(), "processor": processor(), "cores": os.cpu_count(),
                        "load_1min": os.getloadavg()[0]},
            "results": plain, "not_measured": not_measured}


def load(path):
    return json.loads(pathlib.Path(path).read_text())
