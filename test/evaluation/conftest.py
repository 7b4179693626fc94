"""Results of the pipeline with known numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.types import Mode, Obstacle, PathState, PerceptionResult, Provenance, ScaleSource

START_NS = 1_700_000_000_000_000_000


def obstacle(distance_m: float, obstacle_id: int = 1, is_confirmed: bool = True) -> Obstacle:
    """Closing at 10 m/s, its size unknown."""
    return Obstacle(
        obstacle_id=obstacle_id, distance_m=distance_m, distance_sigma_m=0.02 * distance_m, ttc_s=distance_m / 10.0,
        ttc_sigma_s=0.1, provenance=Provenance.MOTION, existence_probability=0.9, is_confirmed=is_confirmed,
        centre_base_m=np.array([distance_m, 0.0, 1.0]), size_m=np.full(3, math.nan),
    )


@pytest.fixture
def make_result() -> Callable[..., PerceptionResult]:
    """A result at frame `number` of a 10 Hz drive; `distance_m` None means no obstacle."""

    def make(number: int = 0, distance_m: float | None = None, **changes: Any) -> PerceptionResult:
        is_confirmed = changes.pop("is_confirmed", True)
        values: dict[str, Any] = {
            "stamp_ns": START_NS + number * 100_000_000,
            "frame_id": "front_optical",
            "state": PathState.UNVERIFIED if distance_m is None or not is_confirmed else PathState.OBSTACLE,
            "mode": Mode.NOMINAL,
            "reasons": (),
            "verified_free_distance_m": 0.0,
            "obstacles": () if distance_m is None else (obstacle(distance_m, is_confirmed=is_confirmed),),
            "speed_mps": 10.0,
            "path_curvature_per_m": 0.0,
            "scale_source": ScaleSource.ODOMETRY,
            "base_from_camera": None,
            "latency_ms": {"total": 10.0 + number, "track": 5.0},
        }
        return PerceptionResult(**(values | changes))

    return make
