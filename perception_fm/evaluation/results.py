"""`result.json`: every frame's outputs and their summary, strict JSON (documented in docs/result_json.md)."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.dense import CITYSCAPES_CLASSES, ModelState
from perception_fm.errors import PerceptionError
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.fakewall.sequential import NAME
from perception_fm.types import Obstacle, PathState, PerceptionResult

SCHEMA_VERSION = 2
MOVING_MPS = 1.0  # below this speed the images hold too little motion to verify road, so such frames are no failure
ALARM_STATES = (PathState.OBSTACLE.name, PathState.FAKE_WALL.name)


def frame_record(result: PerceptionResult) -> dict[str, Any]:
    """One frame as plain values; unknown numbers are NaN here and become null in the file."""
    return {
        "stamp_ns": result.stamp_ns,
        "state": result.state.name,
        "mode": result.mode.name,
        "reasons": list(result.reasons),
        "verified_free_distance_m": result.verified_free_distance_m,
        "speed_mps": result.speed_mps,
        "path_curvature_per_m": result.path_curvature_per_m,
        "scale_source": result.scale_source.value,
        "track_count": 0 if result.motion is None else len(result.motion),
        "cameras": list(result.cameras),
        "obstacles": [_obstacle_record(obstacle) for obstacle in result.obstacles],
        "wall": _wall_record(result.fake_wall),
        "latency_ms": dict(result.latency_ms),
    }


def _wall_record(finding: FakeWallFinding | None) -> dict[str, Any] | None:
    """What is said about the confirmed thing in the path, None without one."""
    if finding is None or finding.obstacle_id not in finding.by_track:
        return None
    claimed = finding.claimed
    return {
        "id": finding.obstacle_id,
        "distance_m": finding.distance_m,
        "distance_sigma_m": finding.distance_sigma_m,
        "ttc_s": finding.ttc_s,
        "learned_depth_m": claimed.learned_m,
        "log_ratio": claimed.log_ratio,
        "evidence": {
            one.cue.name.lower(): {"log_ratio": one.log_likelihood_ratio, "says": one.description}
            for one in claimed.evidence if one.is_available
        },
    }


def _obstacle_record(obstacle: Obstacle) -> dict[str, Any]:
    return {
        "id": obstacle.obstacle_id,
        "is_confirmed": obstacle.is_confirmed,
        "is_in_path": obstacle.is_in_path,
        "class": _class_name(obstacle),
        "class_probability": obstacle.class_probability,
        "distance_m": obstacle.distance_m,
        "distance_sigma_m": obstacle.distance_sigma_m,
        "ttc_s": obstacle.ttc_s,
        "ttc_sigma_s": obstacle.ttc_sigma_s,
        "ground_distance_m": obstacle.ground_distance_m,
        "ground_distance_sigma_m": obstacle.ground_distance_sigma_m,
        "provenance": obstacle.provenance.name,
        "existence_probability": obstacle.existence_probability,
        "slope_rad": obstacle.slope_rad,
        "slope_sigma_rad": obstacle.slope_sigma_rad,
        "planarity": obstacle.planarity,
        "expansion": obstacle.expansion,
        "expansion_sigma": obstacle.expansion_sigma,
        "window_s": obstacle.window_s,
        "track_count": obstacle.track_count,
        "centre_base_m": obstacle.centre_base_m.tolist(),
        "size_m": obstacle.size_m.tolist(),
        "yaw_rad": obstacle.yaw_rad,
        "velocity_mps": obstacle.velocity_mps.tolist(),
    }


def _class_name(obstacle: Obstacle) -> str | None:
    return CITYSCAPES_CLASSES[obstacle.class_id] if obstacle.class_id < len(CITYSCAPES_CLASSES) else None


def in_the_way(frame: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Records of the obstacles that are confirmed and in the predicted path."""
    return [one for one in frame["obstacles"] if one["is_confirmed"] and one["is_in_path"]]


@dataclass
class RunResult:
    """What a run was made of and its frames, one `frame_record` each, in the order of processing."""

    bag: str
    camera: str
    image_size_px: tuple[int, int]
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    frames: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    model: ModelState = field(default_factory=ModelState)

    def document(self) -> dict[str, Any]:
        """The whole file."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run": {
                "bag": self.bag,
                "camera": self.camera,
                "image_width_px": self.image_size_px[0],
                "image_height_px": self.image_size_px[1],
                "config": dict(self.config),
                "versions": dict(self.versions),
                "model": asdict(self.model),
            },
            "summary": summarise(self.frames, self.refused),
            "frames": self.frames,
        }


def summarise(frames: Sequence[Mapping[str, Any]], refused: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Summary of frame records; `refused` counts inputs that could not be used, by reason."""
    stamps_ns = [frame["stamp_ns"] for frame in frames]
    moving = [frame["verified_free_distance_m"] for frame in frames if frame["speed_mps"] > MOVING_MPS]
    return {
        "frames": len(frames),
        "duration_s": (max(stamps_ns) - min(stamps_ns)) * 1e-9 if stamps_ns else 0.0,
        "state_counts": dict(Counter(frame["state"] for frame in frames)),
        "mode_counts": dict(Counter(frame["mode"] for frame in frames)),
        "moving_frames": len(moving),
        "median_verified_free_distance_moving_m": float(np.median(moving)) if moving else math.nan,
        "alarm": _alarm_summary(frames),
        "confirmed_obstacles": _obstacle_summaries(frames),
        "contradiction": _contradiction_summary(frames),
        "latency_ms": _latency_summary(frames),
        "by_camera_count": _camera_summary(frames),
        "reasons": dict(Counter(reason for frame in frames for reason in frame["reasons"]).most_common()),
        "refused_inputs": dict(refused or {}),
    }


def _alarm_summary(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """From the first alarm to the last: how far away it began and on which share of those frames it was held."""
    alarms = [index for index, frame in enumerate(frames) if frame["state"] in ALARM_STATES]
    if not alarms:
        return None
    between = alarms[-1] - alarms[0] + 1
    return {
        "first": _sighting(frames[alarms[0]], None),
        "last": _sighting(frames[alarms[-1]], None),
        "frames": len(alarms),
        "held_share": len(alarms) / between,
    }


def _contradiction_summary(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The frame in which the learned depth contradicts the confirmed thing in the path most; None if it is silent."""
    told = [frame for frame in frames if frame.get("wall") and math.isfinite(frame["wall"]["learned_depth_m"])]
    if not told:
        return None
    most = max(told, key=lambda frame: float(frame["wall"]["log_ratio"]))
    names = ("distance_m", "distance_sigma_m", "ttc_s", "learned_depth_m", "log_ratio")
    known = {name: most["wall"][name] for name in names}
    return {"stamp_ns": most["stamp_ns"], "state": most["state"], **known, "named_from": NAME}


def _obstacle_summaries(frames: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per obstacle that was ever confirmed in the path, in the order of confirmation."""
    confirmed: dict[int, list[int]] = {}
    for index, frame in enumerate(frames):
        for obstacle in in_the_way(frame):
            confirmed.setdefault(obstacle["id"], []).append(index)
    entries = []
    for obstacle_id, indices in confirmed.items():
        sightings = [_sighting(frames[index], obstacle_id) for index in indices]
        entries.append({
            "id": obstacle_id,
            "first": sightings[0],
            "last": sightings[-1],
            "nearest_distance_m": min((s["distance_m"] for s in sightings), key=_nan_last),
            "frames": len(indices),
            "held_share": len(indices) / (indices[-1] - indices[0] + 1),
        })
    return entries


def _sighting(frame: Mapping[str, Any], obstacle_id: int | None) -> dict[str, Any]:
    """Distance and time to contact in one frame, of the named or else the nearest obstacle in the way."""
    candidates = [obstacle for obstacle in in_the_way(frame) if obstacle_id in (None, obstacle["id"])]
    nearest = min(candidates, key=lambda obstacle: _nan_last(obstacle["distance_m"]), default={})
    names = ("id", "distance_m", "distance_sigma_m", "ttc_s", "ttc_sigma_s")
    return {"stamp_ns": frame["stamp_ns"], **{name: nearest.get(name, math.nan) for name in names}}


def _nan_last(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _latency_summary(frames: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    stages: dict[str, list[float]] = {}
    for frame in frames:
        for stage, milliseconds in frame["latency_ms"].items():
            stages.setdefault(stage, []).append(milliseconds)
    if "total" in stages:
        stages["total"] = stages.pop("total")  # the sum belongs below its parts
    return {
        stage: {"p50": float(np.percentile(values, 50)), "p99": float(np.percentile(values, 99))}
        for stage, values in stages.items()
    }


def _camera_summary(frames: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Frames and latencies by how many cameras are in a result, in rising order."""
    counts = sorted({len(frame["cameras"]) for frame in frames})
    chosen = {count: [frame for frame in frames if len(frame["cameras"]) == count] for count in counts}
    return {count: {"frames": len(some), "latency_ms": _latency_summary(some)} for count, some in chosen.items()}


def strict(value: Any) -> Any:
    """`value` as strict JSON can hold it: NaN and infinity become null, NumPy scalars become Python numbers."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write strict JSON so that the file is either absent, the old one, or whole."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(strict(document), file, allow_nan=False, separators=(",", ":"))
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise PerceptionError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
