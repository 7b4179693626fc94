"""Many scored scenarios: the figures of all together, lines for a terminal, and `scenarios.json`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from perception_fm.evaluation.driven_truth import MARGIN_M
from perception_fm.evaluation.rates import CONFIDENCE, clopper_pearson, poisson_upper
from perception_fm.evaluation.scenario_score import AGREEMENT_SHARE, BRAKING_MPS2, REACTION_S, SPARE_S, ScenarioScore

SCHEMA_VERSION = 1
NAME = "scenarios.json"


def summarise_scenarios(scores: Sequence[ScenarioScore]) -> dict[str, Any]:
    """Walls found in time with their interval, false alarms with their upper bounds, unsafe claims of free road."""
    walls = [score for score in scores if score.wall is not None]
    in_time = sum(score.alarm is not None and score.alarm.is_in_time for score in walls)
    length_km = sum(score.drive.length_m for score in scores) / 1e3
    hours = sum(score.drive.duration_s for score in scores) / 3600.0
    events = sum(score.false_events for score in scores)
    return {
        "cases": len(scores),
        "length_km": length_km,
        "hours": hours,
        "walls": len(walls),
        "walls_confirmed": sum(score.alarm is not None for score in walls),
        "walls_in_time": in_time,
        "confidence": CONFIDENCE,
        "in_time_interval": clopper_pearson(in_time, len(walls)),
        "false_events": events,
        "false_frames": sum(score.false_frames for score in scores),
        "false_events_per_km_upper": poisson_upper(events) / length_km if length_km > 0.0 else math.inf,
        "false_events_per_hour_upper": poisson_upper(events) / hours if hours > 0.0 else math.inf,
        "verified_beyond_frames": sum(len(score.verified_beyond) for score in scores),
        "cases_verified_beyond": sum(bool(score.verified_beyond) for score in scores),
    }


def scenarios_document(scores: Sequence[ScenarioScore]) -> dict[str, Any]:
    """`scenarios.json`, with the rules that it was judged by."""
    return {
        "schema_version": SCHEMA_VERSION,
        "rules": {
            "agreement_share": AGREEMENT_SHARE,
            "margin_m": MARGIN_M,
            "braking_mps2": BRAKING_MPS2,
            "reaction_s": REACTION_S,
            "spare_s": SPARE_S,
        },
        "summary": summarise_scenarios(scores),
        "cases": [score.document() for score in scores],
    }


def score_line(score: ScenarioScore) -> str:
    """One case in one line."""
    if score.wall is None:
        parts = [f"{score.drive.length_m / 1e3:.2f} km free"]
    elif score.alarm is None:
        parts = [f"wall from {score.wall.farthest_m:.0f} m: NEVER CONFIRMED"]
    else:
        alarm = score.alarm
        verdict = "in time" if alarm.is_in_time else "TOO LATE"
        parts = [
            f"wall confirmed at {alarm.wall_m:.1f} m, {alarm.ttc_s:.1f} s, to brake {alarm.braking_s:.1f} s: {verdict}"
        ]
        if score.wall.held_frames:
            parts.append(f"held {100.0 * score.wall.held_share:.0f}%")
            parts.append(f"|dZ|/Z {100.0 * score.wall.error_median:.1f}%, max {100.0 * score.wall.error_max:.1f}%")
    parts.append(f"false alarms {score.false_events} ({score.false_frames} frames)")
    if score.misplaced:
        parts.append(f"wall misplaced before {len(score.misplaced)} times")
    parts.append(f"verified median {score.drive.median_verified_m:.1f} m, max {score.drive.max_verified_m:.1f} m")
    parts.append(f"beyond the truth {len(score.verified_beyond)} frames")
    return f"{score.name}: " + "; ".join(parts)


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The figures of all for a terminal."""
    low, high = summary["in_time_interval"]
    lines = [f"{summary['cases']} cases, {summary['length_km']:.2f} km, {summary['hours']:.3f} h"]
    if summary["walls"]:
        lines.append(
            f"walls in time: {summary['walls_in_time']} of {summary['walls']} "
            f"(95% interval {100.0 * low:.0f} to {100.0 * high:.0f}%), confirmed: {summary['walls_confirmed']}"
        )
    lines.append(
        f"false alarms: {summary['false_events']} in {summary['false_frames']} frames; 95% sure to be below "
        f"{summary['false_events_per_km_upper']:.1f} per km, {summary['false_events_per_hour_upper']:.0f} per hour"
    )
    lines.append(
        f"verified beyond the truth: {summary['verified_beyond_frames']} frames in "
        f"{summary['cases_verified_beyond']} cases"
    )
    return lines
