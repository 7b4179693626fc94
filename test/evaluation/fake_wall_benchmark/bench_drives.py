"""Made-up truths and records of drives, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from perception_fm.evaluation.corridor import Spans, Swept
from perception_fm.evaluation.scenario_truth import FrameTruth, ScenarioTruth

PERIOD_NS = 100_000_000
SPEED_MPS = 10.0


def approach(first_m: float = 60.0, last_m: float = 5.0) -> ScenarioTruth:
    """At 10 m/s and 10 Hz towards a wall."""
    count = round(first_m - last_m) + 1
    return drive([first_m - number for number in range(count)])


def street(frames: int = 50, standing: Spans = ()) -> ScenarioTruth:
    """At 10 m/s along a road without a wall."""
    return drive([math.nan] * frames, standing)


def drive(walls_m: Sequence[float], standing: Spans = ()) -> ScenarioTruth:
    frames = []
    for number, wall_m in enumerate(walls_m):
        starts = [start for start, _ in standing] + ([wall_m] if wall_m > 0.0 else [])
        frames.append(
            FrameTruth(number * PERIOD_NS, SPEED_MPS, 1.0, wall_m, min(starts, default=math.inf), standing, standing)
        )
    return ScenarioTruth("made up", Swept(1.9, 0.5, 2.5), tuple(frames))


def claim(distance_m: float | None, log_odds: float = 25.0, name: float = 0.0, number: int = 1) -> dict[str, Any]:
    """Confirmed from 20 nat on; a fake wall from 7."""
    return {
        "id": number, "is_confirmed": log_odds >= 20.0, "is_in_path": True, "distance_m": distance_m, "ttc_s": None,
        "log_odds": log_odds, "is_learned": False, "is_fake_wall": name >= 7.0, "name_log_ratio": name,
    }  # fmt: skip


def records(truth: ScenarioTruth, claims: dict[int, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One record per frame, with the claims of the frames that have some."""
    return [
        {
            "stamp_ns": frame.stamp_ns,
            "state": "OBSTACLE" if any(one["is_confirmed"] for one in claims.get(number, [])) else "UNVERIFIED",
            "verified_free_distance_m": 0.0,
            "obstacles": claims.get(number, []),
            "latency_ms": {"track": 5.0, "sweep": 4.0, "total": 10.0},
        }
        for number, frame in enumerate(truth.frames)
    ]


def seen_from(truth: ScenarioTruth, first: int, share: float = 1.0, name: float = 0.0) -> list[dict[str, Any]]:
    """Records in which the wall is confirmed from a frame on, at `share` of its distance."""
    wall = {
        number: [claim(share * frame.wall_m, name=name)]
        for number, frame in enumerate(truth.frames)
        if number >= first
    }
    return records(truth, wall)
