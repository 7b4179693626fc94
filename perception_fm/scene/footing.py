"""Things stand where their foot meets the ground.

The row of a foot and the ground plane give a distance that is often better than a learned depth: half a row, where the
depth is wrong by a tenth and more, and unevenly over one thing. But what hangs over the ground seems to have its foot
farther off than it is. So a foot moves a thing only where it is the better witness, and away only within the depth's
own error.
"""

from __future__ import annotations

import dataclasses

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


def on_their_feet(points: LabeledPoints, ground: PlaneEstimate) -> LabeledPoints:
    """The points with each upright run of standing cells at the distance of its foot, where the ground below it shows.

    A run: cells one above the other, of one thing. `ground`: the plane of `points`, optical frame.
    """
    height, width = points.surface.shape
    # Column by column, from the bottom up, so that the cell below comes before.
    order = np.arange(height * width).reshape(height, width)[::-1].T.ravel()
    cells = order[points.surface.ravel()[order] == Surface.STANDING]
    if not len(cells):
        return points
    depth = points.points_m.reshape(-1, 3)[cells, 2].astype(np.float64)
    run, first = _runs(points, cells, depth)
    below = cells[first] + width
    shown = points.label.ravel()[np.minimum(below, height * width - 1)]
    is_foot = (below < height * width) & (IS_GROUND[shown] > 0)
    # The foot lies between the middle of the lowest cell and that of the ground below, and it may hang over that.
    far, near = _ground_depth(points, cells[first], 0.0, ground), _ground_depth(points, cells[first], 1.0, ground)
    near *= np.maximum(1.0 - _CLEARANCE_M[points.label.ravel()[cells[first]]] / ground.height_m, 0.5)
    count = np.bincount(run)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(run, depth) / count
        share = np.bincount(run, points.sigma_share.ravel()[cells]) / count
        is_better = far - near < 2.0 * share * mean
        is_near_enough = mean >= near * np.maximum(1.0 - _AWAY_SIGMAS * share, _LEAST_SHARE)
        is_far_enough = mean <= far / _LEAST_SHARE  # what is farther stands behind the crest that hides its foot
        is_moved = is_foot & is_better & is_near_enough & is_far_enough  # False where there is no ground
        scale = np.where(is_moved, np.minimum(far / mean, 1.0), 1.0)
        moved = np.maximum(depth * scale[run], np.where(is_moved, near, 0.0)[run])
    return _replaced(points, cells, (moved / depth).astype(np.float32), ground)


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
    points: LabeledPoints, cells: NDArray[np.intp], rows_below: float, ground: PlaneEstimate
) -> NDArray[np.float64]:
    """Depth (R,) of the plane so many rows below the middles of cells; inf where they do not look down at it."""
    rays = grid_rays(points.camera).reshape(-1, 2)[cells]
    inverse = ground.m[0] * rays[:, 0] + ground.m[1] * (rays[:, 1] + rows_below / points.camera.fy) + ground.m[2]
    return np.where(inverse > 0.0, 1.0 / np.where(inverse > 0.0, inverse, 1.0), np.inf)


def _replaced(
    points: LabeledPoints, cells: NDArray[np.intp], factor: NDArray[np.float32], ground: PlaneEstimate
) -> LabeledPoints:
    """The points with cells (N,) moved along their rays by factors (N,)."""
    moved, height = points.points_m.copy(), points.height_m.copy()
    moved.reshape(-1, 3)[cells] *= factor[:, None]
    # A point of the plane has the height 0, the camera its own, and in between it is linear.
    camera = np.float32(ground.height_m)
    height.ravel()[cells] = camera - factor * (camera - height.ravel()[cells])
    return dataclasses.replace(points, points_m=moved, height_m=height)
