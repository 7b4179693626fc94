"""The nearest surface in the path among what a range sensor has met.

The sensor's own height is known from its mounting, but not how the vehicle has pitched since: far away a level beam may
meet the road. So a point counts only where it is surely above the road plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import SweepConfig
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import ROWS

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LEAST_POINTS = 3  # a surface; one or two are a drop of rain or a stray echo
_SLAB_M = 0.3  # how deep a surface is: bumper and tail gate of a car are one, as in the body of a whole thing
_NEAREST_M = 0.5  # from the camera: nearer is the vehicle itself
_ROAD_SIGMAS = 2.0  # of the road plane at the point: what lies within may be road
_GRADE_M = 5.0  # along the path: as far as a rising road is looked at behind its first point
_STEEPEST = 0.21  # rise over run, 12 degrees: the ramp of a car park; a windscreen is steeper
_BELOW_SIGMAS = 3.0  # of the same: what is met so much lower is no noise
_GRADE_SIGMA_M = 0.1  # of a rising road about a straight line: bumps, and the noise of the sensor


@dataclass(frozen=True, eq=False)
class RangeReading:
    """Distance from the camera along the path of the nearest thing that a range sensor measures there, metres.

    `blocks` (ROWS, COLUMNS): where in the path's cross-section it was met. `aside_m`: its left and right end beside the
    path's centre, to the right positive; `top_m`: its highest point over the road.
    """

    distance_m: float
    sigma_m: float
    blocks: Mask | None = None
    aside_m: tuple[float, float] = (math.nan, math.nan)
    top_m: float = math.nan


def nearest_surface(
    scan: RangeScan,
    path: PredictedPath,
    road: PlaneEstimate,
    base_from_camera: RigidTransform,
    sweep: SweepConfig,
) -> RangeReading | None:
    """The nearest surface in the path, from the least height that matters to that of the sweep; None without one.

    Its distance is the median of what lies within `_SLAB_M` behind the first of `_LEAST_POINTS` neighbours. A road that
    rises from the plane is none, but what stands on it is.
    """
    points = base_from_camera.inverse().apply(scan.points_base_m)
    points = points[points[:, 2] > _NEAREST_M]
    aside = points[:, 0] - path.centre_x_m(points[:, 2])
    is_near = np.abs(aside) + (scan.spread_m or 0.0) <= path.half_width_m
    points, aside = points[is_near], aside[is_near]
    height = road.height_m * (1.0 - points @ road.m)
    sigma = road.height_m * np.sqrt(np.einsum("ni,ij,nj->n", points, road.covariance, points))
    stands = (height <= sweep.swept_height_m) & (
        height >= np.maximum(sweep.min_obstacle_height_m, _ROAD_SIGMAS * sigma)
    )
    order = np.argsort(points[stands, 2])
    low_m = height[~stands]
    depth, aside, height = points[stands, 2][order], aside[stands][order], height[stands][order]
    slab = _first_slab(depth, _LEAST_POINTS if scan.spread_m is None else 1)
    if slab is not None and scan.spread_m is None:
        is_road = _is_on_grade(depth, height, slab, lower=(points[~stands, 2], low_m))
        if is_road.any():
            depth, aside, height = depth[~is_road], aside[~is_road], height[~is_road]
            slab = _first_slab(depth, _LEAST_POINTS)
    if slab is None:
        return None
    depth, aside, height = depth[slab], aside[slab], height[slab]
    spread = scan.spread_m or 0.0
    return RangeReading(
        distance_m=float(np.median(depth)),
        sigma_m=math.hypot(scan.sigma_m, float(depth.std())),
        blocks=_blocks(aside, height, scan.spread_m, path.half_width_m, sweep.swept_height_m),
        aside_m=(float(aside.min()) - spread, float(aside.max()) + spread),
        top_m=float(height.max()),
    )


def _first_slab(depth_m: FloatArray, count: int) -> Mask | None:
    """The nearest so many neighbours of depths (N,), which rise, and all within `_SLAB_M` of the first."""
    if len(depth_m) < count:
        return None
    together = depth_m[count - 1 :] - depth_m[: len(depth_m) - count + 1] <= _SLAB_M
    if not together.any():
        return None
    first = depth_m[int(np.argmax(together))]
    return np.asarray((depth_m >= first) & (depth_m <= first + _SLAB_M))


def _is_on_grade(depth_m: FloatArray, height_m: FloatArray, slab: Mask, lower: tuple[FloatArray, FloatArray]) -> Mask:
    """Which points (N,) lie on a road that rises ahead; none where what begins at `slab` is no such road.

    It goes on behind the slab in a straight line, no steeper than can be driven, that line comes out of the road plane
    before the vehicle, and nothing is met below it: a face is met down to its foot. `lower`: depths and heights (M,) of
    what does not stand.
    """
    first = float(depth_m[slab][0])
    part = (depth_m >= first) & (depth_m <= first + _GRADE_M)
    nobody = np.zeros(len(depth_m), bool)
    if np.count_nonzero(part & ~slab) < _LEAST_POINTS:
        return nobody
    rise, height = np.polyfit(depth_m[part] - first, height_m[part], 1)
    line = height + rise * (depth_m - first)
    is_straight = float((height_m[part] - line[part]).std()) <= _GRADE_SIGMA_M
    if not (is_straight and 0.0 < rise <= _STEEPEST and first - height / rise > 0.0):
        return nobody
    low_depth, low_height = lower
    below = (low_depth >= first) & (low_depth <= first + _SLAB_M)
    if (low_height[below] < height - _BELOW_SIGMAS * _GRADE_SIGMA_M).any():
        return nobody
    return np.asarray(height_m <= line + _ROAD_SIGMAS * _GRADE_SIGMA_M)


def _blocks(
    aside_m: FloatArray, height_m: FloatArray, spread_m: float | None, half_width_m: float, swept_height_m: float
) -> Mask:
    """Blocks (ROWS, COLUMNS) of the cross-section that hold a point, or whose middle lies in the cone."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    high, wide = swept_height_m / ROWS, 2.0 * half_width_m / COLUMNS
    blocks = np.zeros((ROWS, COLUMNS), bool)
    at_row = np.clip((swept_height_m - height_m) / high, 0, ROWS - 1).astype(np.intp)
    at_column = np.clip((aside_m + half_width_m) / wide, 0, COLUMNS - 1).astype(np.intp)
    blocks[at_row, at_column] = True
    if spread_m is not None:
        up = swept_height_m - (row + 0.5) * high - height_m[0]
        right = (column + 0.5) * wide - half_width_m - aside_m[0]
        blocks |= np.hypot(up, right) <= spread_m
    return blocks
