"""What truly stands where a vehicle goes: things in its corridor, from the true depth and labels of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from perception_fm.config import NodeConfig
from perception_fm.geometry.path import swing_m, turn_rad
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import PaintedWall

FloatArray = NDArray[np.float64]
Spans = tuple[tuple[float, float], ...]
"""Stretches from-to of distance along the path, metres, ascending."""

GROUND_LABELS = (0, 1, 9)  # Cityscapes trainIds of road, sidewalk and terrain: how they lie is no obstacle
REACH_M = 150.0  # the farthest box of any sensible setting, with its tolerance
BIN_M = 0.5  # things nearer to one another than this make one stretch
_GROUND_BIN_M = 1.0
_GROUND_STRIDE = 8  # every so many pixels of the ground are plenty for its mean height
_BEYOND_DRIVE_M = 30.0  # how far the driven path is prolonged straight: drives end before what stands in their way
_STEP_M = 0.5
_SIDE_M = 5.0  # points farther from the corridor need no closer look
# How soon a bend fades in the path that keeps on as the vehicle goes now; as motion/path_prediction.py has it.
_STEERING_S, _LEAST_MEMORY_M = 2.0, 5.0


@dataclass(frozen=True)
class Swept:
    """Cross-section that the vehicle sweeps, from `low_m` to `high_m` over the road."""

    width_m: float
    low_m: float
    high_m: float

    @staticmethod
    def of(config: NodeConfig) -> Swept:
        """What the pipeline reckons with: lower things are no obstacles to it, higher ones are passed below."""
        return Swept(config.vehicle.width_m, config.sweep.min_obstacle_height_m, config.sweep.swept_height_m)


@dataclass(frozen=True, eq=False)
class Way:
    """The centre line ahead: points (N, 3) in the world and their distance (N,) from the camera along it, ascending."""

    points_world_m: FloatArray
    distance_m: FloatArray

    def meets_m(self, wall: PaintedWall) -> float:
        """Distance along it, prolonged straight, at which it goes through the plane of a wall; NaN where it does not.

        In a bend that is not how far the plane is straight ahead: one that stands at a slant is met elsewhere.
        """
        if len(self.distance_m) < 2:
            return math.nan
        clearance = (self.points_world_m - wall.corners_world_m[0]) @ wall.normal_world
        if clearance.min() > 0.0 and clearance[-1] < clearance[-2]:
            step_m = self.distance_m[-1] - self.distance_m[-2]
            return float(self.distance_m[-1] + step_m * clearance[-1] / (clearance[-2] - clearance[-1]))
        through = np.flatnonzero((clearance[:-1] > 0.0) & (clearance[1:] <= 0.0))
        if not len(through):
            return math.nan
        first = int(through[0])
        share = clearance[first] / (clearance[first] - clearance[first + 1])
        return float(self.distance_m[first] + share * (self.distance_m[first + 1] - self.distance_m[first]))


@dataclass(frozen=True, eq=False)
class Scan:
    """What a picture shows around a way: `distance_m` along it, `aside_m` from it (absolute), `height_m` over the road.

    All (N,), of the things that are no ground. A thing is in a corridor by these three numbers.
    """

    distance_m: FloatArray
    aside_m: FloatArray
    height_m: FloatArray

    def stretches(self, swept: Swept, margin_m: float = 0.0) -> Spans:
        """Where along the way something stands in the corridor, widened by `margin_m` on either side."""
        inside = (
            (self.aside_m <= 0.5 * swept.width_m + margin_m)
            & (self.height_m >= swept.low_m)
            & (self.height_m <= swept.high_m)
        )
        return merged(self.distance_m[inside])


def merged(distance_m: FloatArray, gap_m: float = BIN_M) -> Spans:
    """Distances (N,) as stretches without gaps longer than `gap_m`."""
    ordered = np.sort(distance_m)
    if not len(ordered):
        return ()
    cuts = np.flatnonzero(np.diff(ordered) > gap_m)
    starts, ends = ordered[np.r_[0, cuts + 1]], ordered[np.r_[cuts, len(ordered) - 1]]
    return tuple((float(start), float(end)) for start, end in zip(starts, ends))


def driven_way(positions_world_m: FloatArray, number: int) -> Way:
    """From frame `number` along the positions (F, 3) of the camera in all frames, prolonged straight for 30 m.

    Where the drive moves too little to have a direction, the way is the position alone.
    """
    ahead = positions_world_m[number:]
    steps = np.linalg.norm(np.diff(positions_world_m, axis=0), axis=1)
    if float(steps.sum()) > _STEP_M:
        moved = np.flatnonzero(np.linalg.norm(positions_world_m - positions_world_m[-1], axis=1) > _STEP_M)
        direction = positions_world_m[-1] - positions_world_m[moved[-1]]
        ahead = np.vstack([ahead, ahead[-1] + _BEYOND_DRIVE_M * direction / np.linalg.norm(direction)])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ahead, axis=0), axis=1))])
    keep = np.r_[True, np.diff(way) > 0.0]
    distance = np.arange(0.0, way[-1] + 1e-9, _STEP_M)
    points = np.column_stack([np.interp(distance, way[keep], ahead[keep, axis]) for axis in range(3)])
    return Way(points, distance)


def present_way(world_from_camera: RigidTransform, curvature_per_m: float, speed_mps: float) -> Way:
    """Where the vehicle gets if it keeps on as it goes now: `geometry/path.py` with the true curvature (left positive).

    The camera looks along the vehicle's own axis; the way is level.
    """
    distance = np.arange(0.0, REACH_M + _STEP_M, _STEP_M)
    memory_m = max(_STEERING_S * speed_mps, _LEAST_MEMORY_M)
    forward = world_from_camera.rotation[:, 2] * [1.0, 1.0, 0.0]
    forward /= np.linalg.norm(forward)
    left = np.array([-forward[1], forward[0], 0.0])
    aside = swing_m(distance, curvature_per_m, memory_m)
    points = world_from_camera.translation_m + distance[:, None] * forward + aside[:, None] * left
    turned = np.cos(turn_rad(distance, curvature_per_m, memory_m))
    return Way(points[turned > 0.0], distance[turned > 0.0])


def scan(
    depth_m: NDArray[np.float32],
    label: NDArray[np.uint8],
    intrinsics: FloatArray,
    world_from_camera: RigidTransform,
    ways: list[Way],
) -> list[Scan]:
    """One scan per way of a picture's true depth (H, W), NaN or inf where there is none, and label (H, W) trainIds.

    `intrinsics` (3, 3) without distortion. The road below each thing is the mean of the ground seen at its distance,
    interpolated over what hides it.
    """
    is_near = np.isfinite(depth_m) & (depth_m < REACH_M)
    is_ground = np.isin(label, GROUND_LABELS)
    things = _points(is_near & ~is_ground, 1, depth_m, intrinsics, world_from_camera)
    ground = _points(is_near & is_ground, _GROUND_STRIDE, depth_m, intrinsics, world_from_camera)
    return [_scan(things, ground, way) for way in ways]


def _points(
    wanted: NDArray[np.bool_],
    stride: int,
    depth_m: NDArray[np.float32],
    intrinsics: FloatArray,
    world_from_camera: RigidTransform,
) -> FloatArray:
    """World points (N, 3) that every `stride`-th wanted pixel, of a mask (H, W), shows."""
    rows, columns = (index[::stride] for index in np.nonzero(wanted))
    z = depth_m[rows, columns].astype(np.float64)
    x = (columns - intrinsics[0, 2]) / intrinsics[0, 0] * z
    y = (rows - intrinsics[1, 2]) / intrinsics[1, 1] * z
    return world_from_camera.apply(np.column_stack([x, y, z]))


def _scan(things: FloatArray, ground: FloatArray, way: Way) -> Scan:
    ground_m, _, height = _beside(ground, way)
    profile = _ground_height(ground_m, height)
    distance, aside, height = _beside(things, way)
    return Scan(distance, aside, height - np.interp(distance, *profile))


def _beside(points: FloatArray, way: Way) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distance along the way, distance from it and height in the world, of the points (N, 3) beside it, each (M,)."""
    centres = way.points_world_m[:, :2]
    if len(centres) < 3:
        return np.empty(0), np.empty(0), np.empty(0)
    low, high = centres.min(axis=0) - _SIDE_M, centres.max(axis=0) + _SIDE_M
    points = points[((points[:, :2] >= low) & (points[:, :2] <= high)).all(axis=1)]
    aside, index = cKDTree(centres).query(points[:, :2], distance_upper_bound=_SIDE_M)
    # Nearest to an end of the way is also what lies before or behind it, and that is not beside it.
    beside = np.isfinite(aside) & (index > 0) & (index < len(centres) - 1)
    points, aside, index = points[beside], aside[beside], index[beside]
    along = centres[index + 1] - centres[index - 1]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    onward = np.sum((points[:, :2] - centres[index]) * along, axis=1)
    return way.distance_m[index] + onward, aside, points[:, 2]


def _ground_height(distance_m: FloatArray, height_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean height of the ground by distance, as points of a line; flat at world height 0 where none is seen."""
    if not len(distance_m):
        return np.zeros(1), np.zeros(1)
    number = (distance_m / _GROUND_BIN_M).astype(np.intp)
    count = np.bincount(number)
    total = np.asarray(np.bincount(number, weights=height_m), dtype=np.float64)
    seen = np.flatnonzero(count)
    return np.asarray((seen + 0.5) * _GROUND_BIN_M, dtype=np.float64), total[seen] / count[seen]
