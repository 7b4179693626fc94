"""Things stand where their foot meets the ground.

The row of a foot and the ground plane give a distance that is often better than a learned depth: half a row, where the
depth is wrong by a tenth and more, and unevenly over one thing. But what hangs over the ground seems to have its foot
farther off than it is. So a foot moves a thing only where it is the better witness, and away only within the depth's
own error. Where a thing may stand at the nearest is one answer, for free space; where it most likely stands another.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.scene.clusters import GROUP_OF_LABEL
from perception_fm.scene.points import IS_GROUND, LabeledPoints, Surface, grid_rays

# Up to here the body may end over the ground, metres: bumpers of cars, rear guards of trucks (at most 0.55 m, UN R58).
_CLEARANCE_M = np.zeros(UNKNOWN_LABEL + 1)
for _name, _clearance_m in (("car", 0.3), ("bus", 0.4), ("train", 0.4), ("truck", 0.55)):
    _CLEARANCE_M[CITYSCAPES_CLASSES.index(_name)] = _clearance_m
_AWAY_SIGMAS, _LEAST_SHARE = 1.5, 0.7
_SAME_RUN_SHARE = 0.2  # of the distance between cells one above the other: depth is rough over one thing

_CAR = CITYSCAPES_CLASSES.index("car")
_HALF_WIDTH_M = 0.85  # of a car: so far to both sides of any part of its rear there is a tyre
_TYRE_SHARE = 0.1  # quantile of the feet over that width: tyres are a quarter of it, at the sides an eighth
_OVERHANG_M = 0.8  # of a car's bumper beyond where its tyres stand: 0.5 to 1.1 m
_SAME_CAR_SHARE = 0.15  # of the distance between neighbouring columns
_LEAST_FEET = 3


@dataclass(frozen=True, eq=False)
class Footed:
    """Points with their things on their feet: as near as they may stand, and where they most likely stand."""

    nearest: LabeledPoints
    likely: LabeledPoints


def on_their_feet(points: LabeledPoints, ground: PlaneEstimate) -> Footed:
    """The points with each upright run of standing cells at its foot, where the ground below it shows.

    A run: cells one above the other, of one thing. `ground`: the plane of `points`, optical frame.
    """
    height, width = points.surface.shape
    # Column by column, from the bottom up, so that the cell below comes before.
    order = np.arange(height * width).reshape(height, width)[::-1].T.ravel()
    cells = order[points.surface.ravel()[order] == Surface.STANDING]
    if not len(cells):
        return Footed(points, points)
    depth = points.points_m.reshape(-1, 3)[cells, 2].astype(np.float64)
    run, first = _runs(points, cells, depth)
    lowest = cells[first]
    below = lowest + width
    shown = points.label.ravel()[np.minimum(below, height * width - 1)]
    is_foot = (below < height * width) & (IS_GROUND[shown] > 0)
    # The foot lies between the middle of the lowest cell and that of the ground below, and it may hang over that.
    far, near = _ground_depth(points, lowest, 0.0, ground), _ground_depth(points, lowest, 1.0, ground)
    hangs = near * np.maximum(1.0 - _CLEARANCE_M[points.label.ravel()[lowest]] / ground.height_m, 0.5)
    count = np.bincount(run)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(run, depth) / count
        share = np.bincount(run, points.sigma_share.ravel()[cells]) / count
        least = np.maximum(1.0 - _AWAY_SIGMAS * share, _LEAST_SHARE)
        is_better = far - hangs < 2.0 * share * mean
        is_far_enough = mean <= far / _LEAST_SHARE  # what is farther stands behind the crest that hides its foot
        is_foot &= is_better & is_far_enough & (mean >= hangs * least)  # False where there is no ground
        foot = _ground_depth(points, lowest, _rows_to_foot(points, lowest), ground)
        rear = np.where(is_foot, _rears(points, lowest, mean, np.where(is_foot, foot, np.nan)), 0.0)
        rear = np.where(mean >= rear * least, rear, 0.0)
    hangs, near, foot = np.where(is_foot, hangs, 0.0), np.where(is_foot, near, np.inf), np.where(is_foot, foot, np.inf)
    nearest = np.clip(depth, hangs[run], near[run])
    likely = np.maximum(np.clip(depth, hangs[run], foot[run]), rear[run])
    return Footed(_replaced(points, cells, nearest / depth, ground), _replaced(points, cells, likely / depth, ground))


def _rears(
    points: LabeledPoints, lowest: NDArray[np.intp], mean_m: NDArray[np.float64], foot_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Depth (R,) of the bumpers of cars from where their tyres stand; 0 for other runs and where too few feet show.

    `lowest` (R,): cell of each run; `mean_m` (R,): its depth; `foot_m` (R,): that of its foot, NaN where none shows. A
    car hangs over the road between its tyres, so its nearest feet over the width of a car are theirs.
    """
    rear = np.zeros(len(lowest))
    cars = np.flatnonzero((points.label.ravel()[lowest] == _CAR) & np.isfinite(foot_m))
    column, log = lowest[cars] % points.surface.shape[1], np.log(mean_m[cars])
    reach = np.maximum(_HALF_WIDTH_M * points.camera.fx / mean_m[cars], 1.0)
    is_mate = np.abs(column[:, None] - column) <= reach[:, None]
    is_mate &= np.abs(log[:, None] - log) < _SAME_CAR_SHARE
    count = np.count_nonzero(is_mate, axis=1)
    ranked = np.sort(np.where(is_mate, foot_m[cars], np.inf), axis=1)
    tyre = ranked[np.arange(len(cars)), (_TYRE_SHARE * count).astype(np.intp)]
    rear[cars] = np.where(count >= _LEAST_FEET, tyre - _OVERHANG_M, 0.0)
    return rear


def _rows_to_foot(points: LabeledPoints, lowest: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows (R,) from the middle of lowest cells to where the ground below is as likely: the foot.

    The class's probability falls from one half more to one half less in about a row, so the place is known to a
    fraction of that.
    """
    width, last = points.surface.shape[1], points.surface.size - 1
    above, below = (
        np.maximum(points.confidence.ravel()[np.minimum(cell, last)] / 255.0 - 0.5, 0.01)
        for cell in (lowest, lowest + width)
    )
    return np.asarray(above / (above + below))


def _runs(
    points: LabeledPoints, cells: NDArray[np.intp], depth_m: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Run (N,) of each cell, and the first cell (R,), the lowest, of each run; `cells` go up, column by column."""
    group, log = GROUP_OF_LABEL[points.label.ravel()[cells]], np.log(depth_m)
    is_first = np.ones(len(cells), bool)
    is_first[1:] = (
        (cells[:-1] - cells[1:] != points.surface.shape[1])
        | (group[1:] != group[:-1])
        | (np.abs(np.diff(log)) > _SAME_RUN_SHARE)
    )
    return np.cumsum(is_first) - 1, np.flatnonzero(is_first)


def _ground_depth(
    points: LabeledPoints, cells: NDArray[np.intp], rows_below: float | NDArray[np.float64], ground: PlaneEstimate
) -> NDArray[np.float64]:
    """Depth (R,) of the plane so many rows below the middles of cells; inf where they do not look down at it."""
    rays = grid_rays(points.camera).reshape(-1, 2)[cells]
    inverse = ground.m[0] * rays[:, 0] + ground.m[1] * (rays[:, 1] + rows_below / points.camera.fy) + ground.m[2]
    return np.where(inverse > 0.0, 1.0 / np.where(inverse > 0.0, inverse, 1.0), np.inf)


def _replaced(
    points: LabeledPoints, cells: NDArray[np.intp], factor: NDArray[np.float64], ground: PlaneEstimate
) -> LabeledPoints:
    """The points with cells (N,) moved along their rays by factors (N,)."""
    moved, height, factor_32 = points.points_m.copy(), points.height_m.copy(), factor.astype(np.float32)
    moved.reshape(-1, 3)[cells] *= factor_32[:, None]
    # A point of the plane has the height 0, the camera its own, and in between it is linear.
    camera = np.float32(ground.height_m)
    height.ravel()[cells] = camera - factor_32 * (camera - height.ravel()[cells])
    return dataclasses.replace(points, points_m=moved, height_m=height)
