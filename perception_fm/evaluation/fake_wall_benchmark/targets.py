"""What the method should reach, beside what it did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

ODOMETRY_LABELS = ("speed5", "speed_minus5", "turn1", "heading2", "all_three")


def targets(summary: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Rows of what is asked, the figure, its interval where it has one, and whether it is reached (None: not measured).
    """
    figures = summary["detectors"][name]
    slow, fast = figures["walls_slow"], figures["walls_fast_large"]
    ranges, streets, real = figures["range_10_to_12_mps_match_m"], figures["streets"], figures["real"]
    error = figures["walls"]["error_2.5_s_median"]
    return [
        _share("walls in time, up to 20 m/s", slow, 0.99),
        _share("walls of 6 x 4 m and more in time, 30 m/s", fast, 0.95),
        _row("median range at 10 to 12 m/s, seamless print", 60.0, ranges["median"], "m", at_least=True),
        _row("AUROC of the drives", 0.999, figures["evidence"]["auroc"], "", at_least=True),
        _row("|dZ|/Z at 2.5 s, median", 2.0, 100.0 * error, "%", at_least=False),
        _row(
            "range lost to odometry errors, worst of them", 5.0, _lost(summary, name, ranges["median"]), "%",
            at_least=False,
        ),
        _row(
            "alarms on real drives as they are", 0.0,
            float(real["false_events"]) if real["drives"] else math.nan, "", at_least=False,
        ),
        _row(
            "false alarms on streets, 95% sure to be below", 0.0,
            streets["per_km_upper"] if streets["drives"] else math.nan, "per km", at_least=None,
        ),
    ]  # fmt: skip


def _lost(summary: Mapping[str, Any], name: str, usual_m: float) -> float:
    """Per cent of the median range with usual odometry, `usual_m`; NaN where either is missing."""
    rows: Sequence[Mapping[str, Any]] = [
        row for row in summary["conditions"][name] if row["suite"] == "odometry" and row["label"] in ODOMETRY_LABELS
    ]
    disturbed = [row["range_median_m"] if row["confirmed"] else 0.0 for row in rows]
    return 100.0 * (1.0 - min(disturbed) / usual_m) if disturbed and usual_m > 0.0 else math.nan


def _share(what: str, figures: Mapping[str, Any], target: float) -> dict[str, Any]:
    count = figures["drives"]
    share = figures["in_time"] / count if count else math.nan
    low, high = figures["in_time_interval"]
    row = _row(what, 100.0 * target, 100.0 * share, "%", at_least=True)
    return {**row, "interval": [100.0 * low, 100.0 * high] if count else None, "of": count}


def _row(what: str, target: float, value: float, unit: str, *, at_least: bool | None) -> dict[str, Any]:
    """`at_least`: None where the figure has no target of its own."""
    is_met = None
    if at_least is not None and not math.isnan(value):
        is_met = value >= target if at_least else value <= target
    return {
        "what": what, "target": None if at_least is None else target, "at_least": at_least, "value": value,
        "unit": unit, "is_met": is_met, "interval": None, "of": None,
    }  # fmt: skip
