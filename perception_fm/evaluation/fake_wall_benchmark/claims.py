"""What a detector said of one frame, as plain values that can be scored and kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.evaluation.wall import ON_WALL_SHARE
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.types import Obstacle, PathState, PerceptionResult, Provenance

Record = dict[str, Any]

LEAST_LOG_ODDS = 0.0  # what is less likely than not is no claim
_CERTAIN = 36.0  # ln((1 - p) / p) of the probability next to one that a float can hold


def record_of(result: PerceptionResult) -> Record:
    """Of a pipeline: what it claims in the path, confirmed or not, and how surely it calls that a fake wall."""
    named = {} if result.fake_wall is None else result.fake_wall.by_track
    claims = []
    for obstacle in result.obstacles:
        log_odds = _log_odds(obstacle.existence_probability)
        if not obstacle.is_in_path or not (obstacle.is_confirmed or log_odds > LEAST_LOG_ODDS):
            continue
        about = named.get(obstacle.obstacle_id)
        claims.append({
            **_claim(obstacle.obstacle_id, obstacle.is_confirmed, obstacle.distance_m, obstacle.ttc_s, log_odds),
            "is_learned": obstacle.provenance is Provenance.LEARNED,
            "is_fake_wall": about is not None and about.is_fake_wall,
            "name_log_ratio": 0.0 if about is None else about.log_ratio,
        })  # fmt: skip
    return {
        "stamp_ns": result.stamp_ns,
        "state": result.state.name,
        "verified_free_distance_m": result.verified_free_distance_m,
        "obstacles": claims,
        "latency_ms": dict(result.latency_ms),
        "scale_source": result.scale_source.value,
    }


def record_of_obstacles(stamp_ns: int, obstacles: Iterable[Obstacle]) -> Record:
    """Of a detector that knows obstacles alone."""
    claims = [
        _claim(one.obstacle_id, one.is_confirmed, one.distance_m, one.ttc_s, _log_odds(one.existence_probability))
        for one in obstacles
        if one.is_in_path and one.is_confirmed
    ]
    return _bare(stamp_ns, claims)


def record_of_cells(stamp_ns: int, cells: Iterable[tuple[int, float, float]], speed_mps: float) -> Record:
    """Of a detector that sums log odds over cells of the way: number, distance in metres and sum of each."""
    claims = []
    for number, distance_m, log_odds in cells:
        ttc_s = distance_m / speed_mps if speed_mps > 0.0 else math.inf
        claims.append(_claim(number, log_odds >= CONFIRM, distance_m, ttc_s, log_odds))
    return _bare(stamp_ns, claims)


def silent(stamp_ns: int) -> Record:
    """Of a frame that was refused."""
    return _bare(stamp_ns, [])


def _bare(stamp_ns: int, claims: list[Record]) -> Record:
    is_alarm = any(one["is_confirmed"] for one in claims)
    return {
        "stamp_ns": stamp_ns,
        "state": (PathState.OBSTACLE if is_alarm else PathState.UNVERIFIED).name,
        "verified_free_distance_m": 0.0,
        "obstacles": claims,
        "latency_ms": {},
        "scale_source": "",
    }


def _claim(number: int, is_confirmed: bool, distance_m: float, ttc_s: float, log_odds: float) -> Record:
    return {
        "id": number,
        "is_confirmed": is_confirmed,
        "is_in_path": True,
        "distance_m": distance_m if math.isfinite(distance_m) else None,
        "ttc_s": ttc_s if math.isfinite(ttc_s) else None,
        "log_odds": log_odds,
        "is_learned": False,
        "is_fake_wall": False,
        "name_log_ratio": 0.0,
    }


def _log_odds(probability: float) -> float:
    if probability >= 1.0:
        return _CERTAIN
    return math.log(probability / (1.0 - probability)) if probability > 0.0 else -_CERTAIN


def without_pictured(record: Record, truth: FrameTruth) -> Record:
    """The record of a network that believes the picture without what it alone sees where the wall is.

    It cannot see the wall, so that is something in the picture, there by chance.
    """
    kept = [one for one in record["obstacles"] if not (one["is_learned"] and is_on_wall(one["distance_m"], truth))]
    return {**record, "obstacles": kept}


def is_on_wall(distance_m: float | None, truth: FrameTruth) -> bool:
    """Whether a claimed distance is that of the wall in the way."""
    return distance_m is not None and abs(distance_m - truth.wall_m) <= ON_WALL_SHARE * truth.wall_m


def confirmed(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The claims of a record that are alarms."""
    return [one for one in record["obstacles"] if one["is_confirmed"]]
