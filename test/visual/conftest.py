"""A camera 1.5 m above a flat road, looking straight ahead, and results with known numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import base_from_camera
from perception_fm.types import CameraFrame, Mode, Obstacle, PathState, PerceptionResult, Provenance, ScaleSource

HEIGHT_M = 1.5


@dataclass(frozen=True)
class Scene:
    """`frame` is a plain grey (or BGR) picture; `result` what was seen in it."""

    frame: CameraFrame
    result: PerceptionResult


def obstacle(distance_m: float, **changes: Any) -> Obstacle:
    """Two metres wide and high, standing on the road in the middle of the path."""
    values: dict[str, Any] = {
        "obstacle_id": 1, "distance_m": distance_m, "distance_sigma_m": 0.5, "ttc_s": distance_m / 10.0,
        "ttc_sigma_s": 0.1, "provenance": Provenance.MOTION, "existence_probability": 0.99, "is_confirmed": True,
        "centre_base_m": np.array([distance_m, 0.0, 1.0]), "size_m": np.array([math.nan, 2.0, 2.0]),
    }
    return Obstacle(**(values | changes))


@pytest.fixture
def make_scene() -> Callable[..., Scene]:
    def make(width: int = 640, height: int = 480, is_colour: bool = True, **changes: Any) -> Scene:
        focal_px = float(width)
        k = np.array([[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]])
        image = np.full((height, width, 3) if is_colour else (height, width), 90, np.uint8)
        mounting = base_from_camera(HEIGHT_M, 0.0)
        frame = CameraFrame(1_000, "front_optical", image, CameraModel(width, height, k), mounting)
        values: dict[str, Any] = {
            "stamp_ns": 1_000, "frame_id": "front_optical", "state": PathState.UNVERIFIED, "mode": Mode.NOMINAL,
            "reasons": (), "verified_free_distance_m": 0.0, "obstacles": (), "speed_mps": 10.0,
            "path_curvature_per_m": 0.0, "scale_source": ScaleSource.ODOMETRY, "base_from_camera": mounting,
        }
        return Scene(frame, PerceptionResult(**(values | changes)))

    return make


@pytest.fixture
def make_obstacle() -> Callable[..., Obstacle]:
    return obstacle
