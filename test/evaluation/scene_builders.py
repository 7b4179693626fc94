"""Scenes whose truth is known by geometry: boxes at known places, and a street drawn pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perception_fm.camera.model import CameraModel
from perception_fm.evaluation.seen_things import Extent, FoundThing, TrueThing, found_thing
from perception_fm.evaluation.true_points import TruePoints, true_points
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.scene.free_grid import UNKNOWN, FreeSpaceGrid
from perception_fm.types import Obstacle, Provenance

ROAD, SIDEWALK, SKY, CAR, PERSON = 0, 1, 10, 13, 11

HEIGHT_M, FOCAL_PX, HORIZON_PX = 1.5, 120.0, 40.0
SLAB_M, SLAB_HALF_M = 12.0, 1.0
"""A car's rear: upright, across the road, as high as the camera."""
ROAD_HALF_M = 4.0
CAMERA = CameraModel(160, 96, np.array([[FOCAL_PX, 0.0, 79.5], [0.0, FOCAL_PX, HORIZON_PX], [0.0, 0.0, 1.0]]))
POSE: RigidTransform = base_from_camera(HEIGHT_M, 0.0)


def found(x: float, y: float = 0.0, size: tuple[float, float, float] = (4.0, 2.0, 1.5), **changes: Any) -> FoundThing:
    """A box whose middle is at (x, y), base frame."""
    values: dict[str, Any] = {
        "obstacle_id": 1, "distance_m": x, "distance_sigma_m": 0.1, "ttc_s": math.nan, "ttc_sigma_s": math.nan,
        "provenance": Provenance.LEARNED, "existence_probability": 0.8, "is_confirmed": True,
        "centre_base_m": np.array([x, y, 0.5 * size[2]]), "size_m": np.array(size), "yaw_rad": 0.0, "class_id": CAR,
        "class_probability": 0.9,
    }  # fmt: skip
    return found_thing(Obstacle(**(values | changes)), np.zeros(2))


def true(near_m: float, y: float = 0.0, width_m: float = 2.0, **changes: Any) -> TrueThing:
    """A thing whose near side, `width_m` wide, is `near_m` ahead."""
    right, left = math.atan2(y - 0.5 * width_m, near_m), math.atan2(y + 0.5 * width_m, near_m)
    values: dict[str, Any] = {
        "class_id": CAR, "extent": Extent(near_m, right, left), "top_m": 1.5, "centre_m": np.full(2, math.nan),
        "size_m": np.full(3, math.nan), "yaw_rad": math.nan, "is_wanted": True,
    }  # fmt: skip
    return TrueThing(**(values | changes))


def empty_grid(cells: np.ndarray | None = None, cell_m: float = 0.25, right_m: float = 10.0) -> FreeSpaceGrid:
    """`cells`, or unknown ones 30 m ahead and 10 m to each side; the first at x 0 and y -`right_m`."""
    if cells is None:
        cells = np.full((round(2 * right_m / cell_m), round(30.0 / cell_m)), UNKNOWN, np.int8)
    nothing = np.zeros(cells.shape, np.float32)
    return FreeSpaceGrid(cells, nothing, np.zeros(cells.shape, bool), cell_m, (0.0, -right_m))


def street() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Depth (NaN for sky), label, instance and normals at the pixels of `CAMERA`: road, pavement, and the slab."""
    row, column = np.mgrid[: CAMERA.height, : CAMERA.width].astype(np.float64)
    with np.errstate(divide="ignore"):
        depth = np.where(row > HORIZON_PX, HEIGHT_M * FOCAL_PX / (row - HORIZON_PX), np.nan)
    beside = (column - CAMERA.cx) / FOCAL_PX * depth
    label = np.where(np.abs(beside) < ROAD_HALF_M, ROAD, SIDEWALK)
    label[row <= HORIZON_PX] = SKY
    normals = np.zeros((*depth.shape, 3), np.float32)
    normals[row > HORIZON_PX] = (0.0, -1.0, 0.0)
    is_slab = (np.abs(column - CAMERA.cx) <= FOCAL_PX * SLAB_HALF_M / SLAB_M) & (row >= HORIZON_PX)
    is_slab &= row <= HORIZON_PX + FOCAL_PX * HEIGHT_M / SLAB_M
    depth[is_slab], label[is_slab] = SLAB_M, CAR
    normals[is_slab] = (0.0, 0.0, -1.0)
    return depth.astype(np.float32), label.astype(np.uint8), np.where(is_slab, 7, 0).astype(np.uint16), normals


def street_points() -> TruePoints:
    """The same as points."""
    depth, label, instance, normals = street()
    is_ground = np.isin(label, (ROAD, SIDEWALK))
    return true_points(
        depth, CAMERA, POSE, label, label == ROAD, is_ground, ~is_ground & (label != SKY), instance, normals
    )
