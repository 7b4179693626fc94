"""What a costmap can use: obstacles as points and as a scan. Only proven space clears; unknown does nothing."""

from __future__ import annotations

import array
import math

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan, PointCloud2, PointField

from perception_fm.config import NodeConfig
from perception_fm.ros.images import byte_array
from perception_fm.ros.path_strip import path_points_m
from perception_fm.ros.results import base_header
from perception_fm.types import Obstacle, PerceptionResult

FloatArray = NDArray[np.float64]

_FACE_STEP_M = 0.2  # at most the cell size that costmaps on road vehicles commonly have
_BEAM_STEP_RAD = math.radians(0.5)
_BEAM_END_RAD = math.radians(60.0)
_BEAMS_RAD = np.arange(-120, 121) * _BEAM_STEP_RAD
_RANGE_MIN_M = 0.05
_PATH_SAMPLES = 200  # along the verified path: less than half a metre apart at the farthest range


def marking_cloud(result: PerceptionResult, config: NodeConfig) -> PointCloud2:
    """`sensor_msgs/PointCloud2` of the near faces of confirmed obstacles, base frame, x y z float32 (m)."""
    faces = [_face_points_m(item) for item in _standing(result)]
    points = np.concatenate(faces) if faces else np.empty((0, 3), np.float32)
    fields = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]
    message = PointCloud2(header=base_header(result, config), height=1, width=len(points), fields=fields)
    message.point_step, message.row_step, message.is_dense = 12, 12 * len(points), True
    message.data = byte_array(points)
    return message


def obstacle_scan(result: PerceptionResult, config: NodeConfig) -> LaserScan:
    """`sensor_msgs/LaserScan` in the base frame: a range at confirmed obstacles, inf where verified free, else NaN.

    inf means nothing within `range_max` (REP 117), so `range_max` is what this frame has verified, and a beam that
    leaves the path before that is NaN. With an obstacle beyond the verified road no beam is inf: none is free that far.
    """
    hits_m = np.full(_BEAMS_RAD.shape, np.nan)
    for item in _standing(result):
        half_width_m, face_m = 0.5 * item.size_m[1], _near_face_m(item)
        is_hit = np.abs(face_m * np.tan(_BEAMS_RAD) - item.centre_base_m[1]) <= half_width_m
        hits_m[is_hit] = np.fmin(face_m / np.cos(_BEAMS_RAD), hits_m)[is_hit]
    farthest_m = float(np.nanmax(hits_m)) if np.isfinite(hits_m).any() else 0.0
    free_m, is_free = _free_beams(result, config)
    if free_m > farthest_m:
        hits_m[is_free & np.isnan(hits_m)] = np.inf
    message = LaserScan(header=base_header(result, config), angle_min=-_BEAM_END_RAD, angle_max=_BEAM_END_RAD)
    message.angle_increment = _BEAM_STEP_RAD
    message.range_min = _RANGE_MIN_M
    message.range_max = max(free_m, farthest_m + _RANGE_MIN_M)
    message.ranges = array.array("f", hits_m.astype(np.float32).tobytes())
    return message


def _standing(result: PerceptionResult) -> list[Obstacle]:
    """Confirmed obstacles whose box is known and lies ahead."""
    return [
        item
        for item in result.obstacles
        if item.is_confirmed
        and np.isfinite(item.centre_base_m).all()
        and np.isfinite(item.size_m[1:]).all()
        and _near_face_m(item) > 0.0
    ]


def _near_face_m(item: Obstacle) -> float:
    """Base x of the side towards the vehicle; an unknown length counts as none."""
    return float(item.centre_base_m[0] - 0.5 * np.nan_to_num(item.size_m[0]))


def _face_points_m(item: Obstacle) -> NDArray[np.float32]:
    """Points (N, 3) over the near face, at most one step apart."""
    _, width_m, height_m = item.size_m
    y = item.centre_base_m[1] + _steps_m(width_m)
    z = item.centre_base_m[2] + _steps_m(height_m)
    grid_y, grid_z = np.meshgrid(y, z)
    x = np.full(grid_y.size, _near_face_m(item))
    return np.column_stack((x, grid_y.ravel(), grid_z.ravel())).astype(np.float32)


def _steps_m(length_m: float) -> FloatArray:
    return np.linspace(-0.5 * length_m, 0.5 * length_m, max(2, math.ceil(length_m / _FACE_STEP_M) + 1))


def _free_beams(result: PerceptionResult, config: NodeConfig) -> tuple[float, NDArray[np.bool_]]:
    """How far (m, from the base) the verified path reaches, and the beams that stay inside the path that far."""
    if result.base_from_camera is None or result.verified_free_distance_m <= 0.0:
        return 0.0, np.zeros(_BEAMS_RAD.shape, bool)
    along_m = np.linspace(0.0, result.verified_free_distance_m, _PATH_SAMPLES)
    centre_m = path_points_m(result, along_m)
    range_m = np.hypot(centre_m[:, 0], centre_m[:, 1])
    bearing_rad = np.arctan2(centre_m[:, 1], centre_m[:, 0])
    # At each range the path is as wide as its chord across the centre line; a free beam is inside at all of them.
    sine = np.minimum(1.0, 0.25 * config.vehicle.width_m / np.maximum(range_m, _RANGE_MIN_M))
    aside_rad = 2.0 * np.arcsin(sine)
    is_inside = ((bearing_rad - aside_rad).max() <= _BEAMS_RAD) & ((bearing_rad + aside_rad).min() >= _BEAMS_RAD)
    return float(range_m[-1]), is_inside
