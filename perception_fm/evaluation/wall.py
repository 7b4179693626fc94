"""How well a run found the wall that stands in a drive: its frames against the wall's true distance."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.evaluation.results import SCHEMA_VERSION as RESULT_SCHEMA_VERSION
from perception_fm.evaluation.results import in_the_way

SCHEMA_VERSION = 1
ON_WALL_SHARE = 0.10  # of the true distance: a confirmed obstacle within it is the wall, any other is something else


@dataclass(frozen=True)
class Sighting:
    """A confirmed obstacle or a claim of free road beside the wall's true distance in the same frame, metres."""

    stamp_ns: int
    true_distance_m: float
    claimed_m: float


@dataclass(frozen=True)
class WallFigures:
    """What a run made of one wall.

    `first_confirmed` is the first frame with a confirmed obstacle on the wall, None where there is none; NaN where a
    figure needs one. `held_share`: of the frames from there until the wall is nearer than `near_m`, those with a
    confirmed obstacle on it. `error_median`, `error_max`: |dZ|/Z over the same frames of the confirmed obstacle nearest
    to the wall, however far off it is. `verified_beyond`: every frame whose verified road reaches past the wall.
    `confirmed_elsewhere`: every confirmed obstacle that is not on the wall.
    """

    frames: int
    farthest_m: float
    nearest_m: float
    near_m: float
    first_confirmed: Sighting | None
    held_share: float
    held_frames: int
    error_median: float
    error_max: float
    verified_beyond: tuple[Sighting, ...]
    confirmed_elsewhere: tuple[Sighting, ...]

    def document(self) -> dict[str, Any]:
        """The figures as plain values, to be written as JSON."""
        return {"schema_version": SCHEMA_VERSION, "on_wall_share": ON_WALL_SHARE, **dataclasses.asdict(self)}


def read_result(result: Path) -> dict[str, Any]:
    """The document of a `result.json`. Raises `PerceptionError` for anything else."""
    try:
        document = json.loads(result.read_text(encoding="utf-8"))
    except OSError as error:
        raise PerceptionError(f"cannot read {result}: {error.strerror}; is it the folder of a run?") from error
    except ValueError as error:
        raise PerceptionError(f"{result} is not JSON: {error}") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != RESULT_SCHEMA_VERSION or not isinstance(document.get("frames"), list):
        raise PerceptionError(f"{result} is no result.json of schema {RESULT_SCHEMA_VERSION} (it says {version})")
    return dict(document)


def read_frames(result: Path) -> list[dict[str, Any]]:
    """`frames` of a `result.json`. Raises `PerceptionError` for anything else."""
    return list(read_result(result)["frames"])


def wall_distances(meta: Mapping[str, Any]) -> dict[int, float]:
    """Stamp in ns -> true distance in metres while the wall is ahead, from the `meta.json` of a drive folder.

    Raises `PerceptionError` for a drive without a wall or without stamps.
    """
    frames = meta["frames"]
    if not any("wall_distance_m" in frame for frame in frames):
        raise PerceptionError("the drive has no wall: its frames hold no wall_distance_m (see perception-fm synth)")
    if any(frame.get("stamp_ns") is None for frame in frames):
        raise PerceptionError("the drive has frames without stamp_ns: they cannot be told apart in a result")
    distances = {int(frame["stamp_ns"]): float(frame.get("wall_distance_m", math.nan)) for frame in frames}
    return {stamp: distance for stamp, distance in distances.items() if distance > 0.0}


def judge_wall(
    frames: Sequence[Mapping[str, Any]], true_distance_m: Mapping[int, float], near_m: float = 10.0
) -> WallFigures:
    """The figures of one run; `frames` of its `result.json`, the truth by stamp as `wall_distances` gives it.

    Frames behind the wall are left out. Raises `PerceptionError` where no frame of the run belongs to the drive.
    """
    pairs = [(frame, true_distance_m[frame["stamp_ns"]]) for frame in frames if frame["stamp_ns"] in true_distance_m]
    if not pairs:
        raise PerceptionError("the run and the drive have no stamp in common: they are of different recordings")
    first: Sighting | None = None
    held: list[bool] = []
    errors: list[float] = []
    beyond: list[Sighting] = []
    elsewhere: list[Sighting] = []
    for frame, truth_m in pairs:
        stamp = int(frame["stamp_ns"])
        confirmed_m = confirmed_distances_m(frame)
        deviation = np.abs(confirmed_m - truth_m) / truth_m
        is_on_wall = bool((deviation <= ON_WALL_SHARE).any())
        elsewhere += [Sighting(stamp, truth_m, float(m)) for m in confirmed_m[deviation > ON_WALL_SHARE]]
        if frame["verified_free_distance_m"] > truth_m:
            beyond.append(Sighting(stamp, truth_m, float(frame["verified_free_distance_m"])))
        if first is None and is_on_wall:
            first = Sighting(stamp, truth_m, float(confirmed_m[deviation.argmin()]))
        if first is not None and truth_m >= near_m:
            held.append(is_on_wall)
            errors += [float(deviation.min())] if len(deviation) else []
    truths = [truth for _, truth in pairs]
    return WallFigures(
        frames=len(pairs),
        farthest_m=max(truths),
        nearest_m=min(truths),
        near_m=near_m,
        first_confirmed=first,
        held_share=float(np.mean(held)) if held else math.nan,
        held_frames=len(held),
        error_median=float(np.median(errors)) if errors else math.nan,
        error_max=max(errors, default=math.nan),
        verified_beyond=tuple(beyond),
        confirmed_elsewhere=tuple(elsewhere),
    )


def confirmed_distances_m(frame: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Distances of what is in the way; what has no distance cannot be on the wall and counts as infinitely far.

    So it shows among those elsewhere instead of going unnoticed.
    """
    found = [obstacle["distance_m"] for obstacle in in_the_way(frame)]
    return np.array([math.inf if distance is None else distance for distance in found], dtype=np.float64)
