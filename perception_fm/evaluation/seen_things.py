"""Things as seen from above, from the camera's foot: true ones from their points, found ones from their boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.evaluation.true_points import STANDING_TO_M, TruePoints
from perception_fm.scene.free_grid import FREE, FreeSpaceGrid
from perception_fm.types import Obstacle

FloatArray = NDArray[np.float64]

_LEAST_PIXELS = 48
"""Of a rendered thing that has to be found: three cells of a network whose cells are four pixels wide."""
REACH_M = 50.0
"""Farther things need not be found: there the stage ends."""
_OUTER = 0.02  # quantile: a mirror or a hand is no side
_ANGLES_RAD = np.radians(np.arange(0.0, 180.0, 5.0))
_BOX_MARGIN_M = 0.2
_VEHICLES = (13, 14, 15, 16)  # car, truck, bus, train
_GROUPS = {"vehicle": _VEHICLES, "person": (11,), "two-wheeler": (12, 17, 18)}
_SURE_HEADING = 0.5  # mean resultant of the normals of a box is higher, of a round thing near 0
_LEAST_HEADING_PIXELS = 200


def class_name(class_id: int) -> str:
    """Of a trainId; "other" for what has none."""
    return CITYSCAPES_CLASSES[class_id] if 0 <= class_id < len(CITYSCAPES_CLASSES) else "other"


def class_group(class_id: int) -> str:
    """Classes that are told apart: vehicles, persons, two-wheelers, and each other class by its name."""
    return next((name for name, members in _GROUPS.items() if class_id in members), class_name(class_id))


@dataclass(frozen=True, eq=False)
class Extent:
    """What the foot of the camera sees of a thing: nearest range, and bearings from right to left, base frame."""

    near_m: float
    right_rad: float
    left_rad: float

    @property
    def bearing_rad(self) -> float:
        """Of the middle."""
        return 0.5 * (self.right_rad + self.left_rad)

    @property
    def width_m(self) -> float:
        """Across the line of sight, at the nearest range."""
        return self.near_m * (self.left_rad - self.right_rad)

    @property
    def near_point_m(self) -> FloatArray:
        """Ahead and to the left of the foot (2,)."""
        return self.near_m * np.array([math.cos(self.bearing_rad), math.sin(self.bearing_rad)])


@dataclass(frozen=True, eq=False)
class TrueThing:
    """A thing that truly stands there. `extent` of what is seen of it; `top_m` over the ground, likewise.

    `centre_m` (2,), base frame, and `size_m` (3,) length, width, height of the whole; `yaw_rad` modulo 90°; NaN where
    not known. `is_wanted`: has to be found; others are seen too little of, and finding them is neither right nor wrong.
    """

    class_id: int
    extent: Extent
    top_m: float
    centre_m: FloatArray
    size_m: FloatArray
    yaw_rad: float
    is_wanted: bool


@dataclass(frozen=True, eq=False)
class FoundThing:
    """An obstacle that is claimed; `corners_m` (4, 2) of its box, base frame."""

    obstacle: Obstacle
    corners_m: FloatArray
    extent: Extent


def found_thing(obstacle: Obstacle, foot_m: FloatArray) -> FoundThing:
    """A box on the ground; sides that are not known (NaN) have no length."""
    half = 0.5 * np.nan_to_num(obstacle.size_m[:2])
    yaw = obstacle.yaw_rad if math.isfinite(obstacle.yaw_rad) else 0.0
    axes = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    corners = obstacle.centre_base_m[:2] + (signs * half) @ axes
    return FoundThing(obstacle, corners, _extent(outline(corners), foot_m, 0.0))


def outline(corners_m: FloatArray) -> FloatArray:
    """Points (N, 2) along the sides of a box (4, 2), close enough for any distance to it."""
    share = np.linspace(0.0, 1.0, 33)[:, None, None]
    return np.asarray((corners_m + share * (np.roll(corners_m, -1, axis=0) - corners_m)).reshape(-1, 2))


def things_of_instances(points: TruePoints, foot_m: FloatArray) -> list[TrueThing]:
    """All things that a renderer counts and that are in the way, from their points."""
    things = []
    for number in np.unique(points.instance[points.instance > 0]):
        chosen = (points.instance == number) & points.is_thing
        if np.any(chosen & points.is_standing):
            things.append(_thing(points, chosen, foot_m))
    return things


def thing_of_box(
    points: TruePoints, class_id: int, centre_m: FloatArray, size_m: FloatArray, foot_m: FloatArray, least_points: int
) -> TrueThing | None:
    """An annotated box of unknown heading: its extent is that of the points in the way that lie in it, turned as it
    holds most of them. None where it holds fewer than `least_points`: then it is hidden.
    """
    away = points.points_base_m[:, :2] - centre_m
    near = np.flatnonzero(points.is_standing & (np.hypot(*away.T) <= 0.5 * np.hypot(*size_m[:2]) + _BOX_MARGIN_M))
    axes = np.array([np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)])
    along, across = away[near] @ axes, away[near] @ np.array([-axes[1], axes[0]])
    inside = np.abs(along) <= 0.5 * size_m[0] + _BOX_MARGIN_M
    inside &= np.abs(across) <= 0.5 * size_m[1] + _BOX_MARGIN_M
    chosen = near[inside[:, np.argmax(inside.sum(axis=0))]]
    if len(chosen) < least_points:
        return None
    seen = points.points_base_m[chosen]
    top = float(points.height_m[chosen].max())
    return TrueThing(class_id, _extent(seen[:, :2], foot_m, 0.0), top, centre_m, size_m, math.nan, True)


def is_called_free(thing: TrueThing, grid: FreeSpaceGrid, foot_m: FloatArray) -> bool:
    """Whether free space goes on into a thing; `foot_m` (2,) of the camera, base frame.

    Asked a cell's length behind its nearest point, where the thing is or hides the ground: the cell of the point itself
    may show road before the thing.
    """
    near_m = thing.extent.near_m
    place = foot_m + thing.extent.near_point_m * ((near_m + grid.resolution_m) / near_m)
    column, row = np.floor((place - np.array(grid.origin_m)) / grid.resolution_m).astype(int)
    rows, columns = grid.cells.shape
    return bool(0 <= row < rows and 0 <= column < columns and grid.cells[row, column] == FREE)


def standing_ranges(points: TruePoints, foot_m: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.int32]]:
    """Range, bearing and instance (N,) of all points in the way, and of banks."""
    standing = points.is_standing | points.is_bank
    away = points.points_base_m[standing, :2] - foot_m
    return np.hypot(away[:, 0], away[:, 1]), np.arctan2(away[:, 1], away[:, 0]), points.instance[standing]


def _thing(points: TruePoints, chosen: NDArray[np.bool_], foot_m: FloatArray) -> TrueThing:
    seen = points.points_base_m[chosen]
    labels = np.bincount(points.label[chosen], minlength=UNKNOWN_LABEL + 1)
    class_id = int(np.argmax(labels))
    heights = points.height_m[chosen]
    low = chosen & (points.height_m <= STANDING_TO_M)
    extent = _extent(points.points_base_m[low, :2], foot_m, _OUTER)
    return TrueThing(
        class_id=class_id,
        extent=extent,
        top_m=float(np.quantile(heights, 1.0 - _OUTER)),
        centre_m=np.full(2, math.nan),
        size_m=np.full(3, math.nan),
        yaw_rad=_heading(points.normal_base, chosen) if class_id in _VEHICLES else math.nan,
        is_wanted=len(seen) >= _LEAST_PIXELS and extent.near_m < REACH_M,
    )


def _heading(normals: FloatArray | None, chosen: NDArray[np.bool_]) -> float:
    """Direction of a box's sides modulo 90°, from the normals of its pixels; NaN where they agree on none."""
    if normals is None or np.count_nonzero(chosen) < _LEAST_HEADING_PIXELS:
        return math.nan
    # Four times the angle makes all four sides of a box one direction; what looks up counts for nothing.
    level = normals[chosen, 0] + 1j * normals[chosen, 1]
    size = np.abs(level)
    weights = size**2
    total = float(weights.sum())
    if total <= 0.0:
        return math.nan
    mean = complex((weights * (level / np.maximum(size, 1e-9)) ** 4).sum()) / total
    return math.atan2(mean.imag, mean.real) / 4.0 if abs(mean) >= _SURE_HEADING else math.nan


def _extent(points_m: FloatArray, foot_m: FloatArray, outer: float) -> Extent:
    """Of points (N, 2); the share `outer` at each end is left out."""
    away = points_m - foot_m
    middle = math.atan2(*away.mean(axis=0)[::-1])
    ranges = np.hypot(away[:, 0], away[:, 1])
    bearings = np.arctan2(away[:, 1], away[:, 0]) - middle
    bearings = (bearings + math.pi) % (2.0 * math.pi) - math.pi
    right, left = np.quantile(bearings, [outer, 1.0 - outer])
    return Extent(float(np.quantile(ranges, outer)), middle + float(right), middle + float(left))
