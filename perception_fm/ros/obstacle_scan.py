"""Obstacles and free space as a scan around the base's origin. Only proven space clears; unknown does nothing."""

from __future__ import annotations

import array
import math

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan

from perception_fm.config import NodeConfig
from perception_fm.frame_result import stopping_distance_m
from perception_fm.ros.obstacle_box import ranges_m, standing
from perception_fm.ros.path_strip import path_points_m
from perception_fm.ros.results import base_header
from perception_fm.scene.free_grid import FreeSpaceGrid, unknown_grid
from perception_fm.scene.free_sectors import Boundary
from perception_fm.scene.sectors import sectors_of
from perception_fm.types import PerceptionResult

FloatArray = NDArray[np.float64]

_LEAST_VIEW_RAD = math.radians(60.0)  # to each side, also of a camera that sees less: obstacles are remembered there
_LEAST_CLEARING_M = 20.0  # of `range_max`, where a network shows more than the path
_RANGE_MIN_M = 0.05
_WALK_STEP_M = 10.0
_BEAMS = 4  # in a sector, as the grid is walked: costmaps clear along beams, and between them nothing


def obstacle_scan(result: PerceptionResult, config: NodeConfig) -> LaserScan:
    """`sensor_msgs/LaserScan` in the base frame: a range where something stands, inf where free, else NaN (REP 117).

    inf means nothing within `range_max`, so a beam that is free less far is NaN, as is one whose obstacle lies beyond.
    `range_max` is what braking needs and the path is verified for, at least 20 m; without a network, which shows the
    path alone, it is what is verified of the path, or the farthest confirmed obstacle. It ends with the grid.
    """
    grid = unknown_grid(1.0, 0.5, np.zeros(2)) if result.grid is None else result.grid
    reach_m = _reach_m(grid)
    range_max_m = _clearing_m(result, grid, reach_m)
    # What lies beyond is not told. Few different lengths: rays are kept for each.
    is_bounded = result.points is not None
    walked_m = min(reach_m, _WALK_STEP_M * math.ceil(range_max_m / _WALK_STEP_M)) if is_bounded else reach_m
    sectors = sectors_of(grid, (0.0, 0.0), _view_rad(result), walked_m, has_confidence=False)
    step_rad = sectors.width_rad / _BEAMS
    first_rad = float(sectors.bearing_rad[0]) - 0.5 * sectors.width_rad + 0.5 * step_rad
    cells_m, free_m = (
        np.repeat(one, _BEAMS)
        for one in (np.where(sectors.boundary == Boundary.OBSTACLE, sectors.obstacle_m, np.inf), sectors.free_m)
    )
    boxes_m = _box_ranges_m(result, first_rad, step_rad, len(free_m))
    nearest_m = np.maximum(np.minimum(boxes_m, cells_m), _RANGE_MIN_M)
    if not is_bounded:
        farthest_m = float(nearest_m.max(where=np.isfinite(nearest_m), initial=0.0))
        range_max_m = max(range_max_m, farthest_m + _RANGE_MIN_M)
    ranges = np.where(nearest_m <= range_max_m, nearest_m, np.where(free_m >= range_max_m, np.inf, np.nan))
    message = LaserScan(header=base_header(result, config))
    message.angle_min, message.angle_max = first_rad, first_rad + step_rad * (len(ranges) - 1)
    message.angle_increment = step_rad
    message.range_min, message.range_max = _RANGE_MIN_M, range_max_m
    message.ranges = array.array("f", ranges.astype(np.float32).tobytes())
    return message


def _view_rad(result: PerceptionResult) -> tuple[float, float]:
    """Bearings (right, left): what the cameras see, at least 60 degrees to each side, at most once round."""
    if result.sectors is None:
        return -_LEAST_VIEW_RAD, _LEAST_VIEW_RAD
    half, bearing = 0.5 * result.sectors.width_rad, result.sectors.bearing_rad
    right = min(float(bearing[0]) - half, -_LEAST_VIEW_RAD)
    left = max(float(bearing[-1]) + half, _LEAST_VIEW_RAD)
    return (right, left) if left - right < 2.0 * math.pi else (-math.pi, math.pi)


def _reach_m(grid: FreeSpaceGrid) -> float:
    """How far the grid reaches around the base's origin on all sides, in whole steps of its rays."""
    rows, columns = grid.cells.shape
    x, y = grid.origin_m
    step = 0.5 * grid.resolution_m
    around = min(-x, -y, x + columns * grid.resolution_m, y + rows * grid.resolution_m)
    return max(1.0, math.floor(around / step)) * step


def _box_ranges_m(result: PerceptionResult, first_rad: float, step_rad: float, count: int) -> FloatArray:
    """Range (count,) of the nearest confirmed obstacle along each beam, inf where none is."""
    nearest = np.full(count, np.inf)
    items = standing(result)
    if not items:
        return nearest
    beams = first_rad + step_rad * np.arange(count)
    nearest = ranges_m(items, beams, _RANGE_MIN_M).min(axis=0)
    # A thin thing may stand between two beams: the one beside its middle takes it.
    middle = np.array([math.atan2(item.centre_base_m[1], item.centre_base_m[0]) for item in items])
    beside = np.rint((middle - first_rad) / step_rad).astype(np.intp)
    is_inside = (beside >= 0) & (beside < count)
    ranges = ranges_m(items, middle[:, None], _RANGE_MIN_M)[:, 0]
    np.minimum.at(nearest, beside[is_inside], ranges[is_inside])
    return nearest


def _clearing_m(result: PerceptionResult, grid: FreeSpaceGrid, reach_m: float) -> float:
    """How far beams may clear."""
    # A cell is free or not as a whole: the last one along the path may end up to one short of what is verified.
    verified_m = _verified_from_base_m(result) - grid.resolution_m
    if result.points is None:
        return min(verified_m, reach_m)
    stopping_m = stopping_distance_m(max(0.0, result.speed_mps)) if math.isfinite(result.speed_mps) else 0.0
    return min(reach_m, max(verified_m, stopping_m, _LEAST_CLEARING_M))


def _verified_from_base_m(result: PerceptionResult) -> float:
    """Distance from the base's origin to the end of the verified path; 0 where nothing is."""
    if result.base_from_camera is None or result.verified_free_distance_m <= 0.0:
        return 0.0
    return float(np.hypot(*path_points_m(result, np.array([result.verified_free_distance_m]))[0]))
