"""Results with grids, sectors and points whose content is known, for tests of what is published of them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import base_from_camera
from perception_fm.scene.free_grid import FREE, OCCUPIED, FreeSpaceGrid, unknown_grid
from perception_fm.scene.motion_in_grid import with_obstacles, with_verified_path
from perception_fm.scene.path import GroundPath
from perception_fm.scene.points import LabeledPoints, Surface
from perception_fm.scene.sectors import sectors_of
from perception_fm.types import CameraFrame, Mode, Obstacle, PathState, PerceptionResult, Provenance, ScaleSource

STAMP_NS = 1_700_000_000_123_456_789
FORWARD_M = 1.0
HEIGHT_M = 1.5
CELL_M = 0.25
REACH_M = 30.0
VIEW_RAD = (math.radians(-45.0), math.radians(45.0))
ROWS, COLUMNS = 12, 16
ROAD, CAR = 0, 13


def frame(is_colour: bool = True) -> CameraFrame:
    """64 x 48 pixels whose blue, green and red say row, column and 7."""
    row, column = np.mgrid[:48, :64]
    image = np.stack([row, column, np.full_like(row, 7)], axis=-1).astype(np.uint8)
    camera = CameraModel(64, 48, np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]))
    mounting = base_from_camera(HEIGHT_M, 0.0, forward_m=FORWARD_M)
    return CameraFrame(STAMP_NS, "front_optical", image if is_colour else image[..., 0], camera, mounting)


def points() -> LabeledPoints:
    """Flat road below the horizon of `frame`, a car's label beside it, nothing above."""
    camera = CameraModel(COLUMNS, ROWS, np.array([[12.5, 0.0, 7.5], [0.0, 12.5, 5.5], [0.0, 0.0, 1.0]]))
    row, column = np.mgrid[:ROWS, :COLUMNS]
    with np.errstate(divide="ignore"):
        depth = np.where(row > 5.5, HEIGHT_M * 12.5 / (row - 5.5), np.nan)
    xyz = np.stack([(column - 7.5) / 12.5 * depth, (row - 5.5) / 12.5 * depth, depth], axis=-1).astype(np.float32)
    label = np.where(column < 8, ROAD, CAR).astype(np.uint8)
    surface = np.where(np.isfinite(depth) & (label == ROAD), Surface.ROAD, Surface.UNKNOWN).astype(np.uint8)
    height = np.where(np.isfinite(depth), 0.0, np.nan).astype(np.float32)
    return LabeledPoints(camera, xyz, height, height, label, np.where(column < 8, 200, 90).astype(np.uint8), surface)


def grid_of(cells: np.ndarray, cell_m: float = CELL_M) -> FreeSpaceGrid:
    """A square grid around the base's origin from its states (rows rise to the left, columns ahead)."""
    half = cells.shape[0] // 2
    odds = np.select([cells == FREE, cells == OCCUPIED], [-3.0, 3.0], 0.0).astype(np.float32)
    return FreeSpaceGrid(cells.astype(np.int8), odds, np.zeros(cells.shape, bool), cell_m, (-half * cell_m,) * 2)


def free_field(reach_m: float = REACH_M) -> np.ndarray:
    """States of a grid that is free all over; to be changed and given to `grid_of`."""
    count = 2 * round(reach_m / CELL_M)
    return np.full((count, count), FREE, np.int8)


def cell_at(x_m: float, y_m: float, reach_m: float = REACH_M) -> tuple[int, int]:
    """Row and column of the cell of `free_field` that holds a place."""
    return math.floor((y_m + reach_m) / CELL_M), math.floor((x_m + reach_m) / CELL_M)


def scene_result(grid: FreeSpaceGrid | None = None, **changes: object) -> PerceptionResult:
    """A result of a run with a network; sectors are those of the grid."""
    values: dict[str, object] = {
        "stamp_ns": STAMP_NS, "frame_id": "front_optical", "state": PathState.UNVERIFIED, "mode": Mode.NOMINAL,
        "reasons": (), "verified_free_distance_m": 0.0, "obstacles": (), "speed_mps": 5.0,
        "path_curvature_per_m": 0.0, "scale_source": ScaleSource.ODOMETRY,
        "base_from_camera": base_from_camera(HEIGHT_M, 0.0, forward_m=FORWARD_M), "grid": grid, "points": points(),
    }  # fmt: skip
    if grid is not None:
        values["sectors"] = sectors_of(grid, (FORWARD_M, 0.0), VIEW_RAD, REACH_M)
    return PerceptionResult(**{**values, **changes})


def thing(x_m: float, y_m: float, **changes: object) -> Obstacle:
    """A confirmed car, seen by the network, 4 m long, 1.8 m wide, 1.5 m high."""
    values: dict[str, object] = {
        "obstacle_id": 7, "distance_m": math.hypot(x_m - FORWARD_M, y_m), "distance_sigma_m": 0.5, "ttc_s": math.nan,
        "ttc_sigma_s": math.nan, "provenance": Provenance.LEARNED, "existence_probability": 0.9, "is_confirmed": True,
        "centre_base_m": np.array([x_m, y_m, 0.75]), "size_m": np.array([4.0, 1.8, 1.5]), "class_id": CAR,
        "class_probability": 0.8, "yaw_rad": 0.0, "yaw_sigma_rad": 0.1, "is_in_path": abs(y_m) < 1.0,
        "position_sigma_m": np.array([0.5, 0.3, math.nan]), "size_sigma_m": np.array([0.4, 0.2, 0.1]),
        "velocity_mps": np.array([3.0, 0.0, math.nan]), "velocity_sigma_mps": np.array([0.5, 0.4, math.nan]),
    }  # fmt: skip
    return Obstacle(**{**values, **changes})


def with_geometry_grid(result: PerceptionResult, width_m: float) -> PerceptionResult:
    """The result with the grid that a run without a network has: the verified path, and what motion has confirmed."""
    if result.base_from_camera is None:
        return result
    foot = result.base_from_camera.translation_m[:2]
    path = GroundPath(
        (float(foot[0]), 0.0), result.path_heading_rad, result.path_curvature_per_m, 0.5 * width_m, result.path_memory_m
    )
    grid = with_verified_path(unknown_grid(50.0, CELL_M, foot), path, result.verified_free_distance_m)
    grid = with_obstacles(grid, result.obstacles, foot)
    sectors = sectors_of(grid, (float(foot[0]), float(foot[1])), VIEW_RAD, 50.0)
    return dataclasses.replace(result, grid=grid, sectors=sectors)
