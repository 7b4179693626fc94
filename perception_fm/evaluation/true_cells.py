"""The true state of the cells of a free space grid: road that is seen, something in the way, or neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.evaluation.true_points import TruePoints
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN, FreeSpaceGrid

FloatArray = NDArray[np.float64]

ROAD_LABEL = 0
CELLS_DEFINITION = (
    "Judged are the cells whose centre, on the ground, lies in the picture. A cell is truly occupied where a point of "
    "a thing (no road, pavement, grass, sky) lies in it, 0.3 to 2.3 m over the ground, or from 0.15 m on of a counted "
    "thing of no class, as lies on a road. It is truly free where it is not occupied and road is seen in it: "
    "rendered, the pixel that its centre falls into shows road at this distance, within the length of ground that the "
    "pixel covers; measured by LiDAR, a road point lies in it. All others are "
    "truly unknown: pavement, grass, what is hidden. The ground is the mean height of ground points in cells of 0.5 m, "
    "beyond them that of the nearest."
)


@dataclass(frozen=True, eq=False)
class TrueCells:
    """Truth of a grid (rows, columns), aligned with `FreeSpaceGrid.cells`.

    `state`: int8 of FREE, OCCUPIED, UNKNOWN as `CELLS_DEFINITION` says. `is_judged`: in the picture. `range_m`: of the
    centre from the camera's foot. `label`: uint8 trainId of a thing in each occupied cell, 255 for none and others.
    """

    state: NDArray[np.int8]
    is_judged: NDArray[np.bool_]
    range_m: FloatArray
    label: NDArray[np.uint8]


def true_cells(
    points: TruePoints,
    grid: FreeSpaceGrid,
    camera: CameraModel,
    base_from_camera: RigidTransform,
    dense_truth: tuple[NDArray[np.float32], NDArray[np.bool_]] | None,
) -> TrueCells:
    """Truth of `grid`; `camera` without distortion.

    `dense_truth`: depth (H, W) and whether each pixel shows road (H, W), at the pixels of `camera`, where that is known
    of all of them; None: road is where road points lie.
    """
    rows, columns = grid.cells.shape
    x = grid.origin_m[0] + (np.arange(columns) + 0.5) * grid.resolution_m
    y = grid.origin_m[1] + (np.arange(rows) + 0.5) * grid.resolution_m
    centres = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
    optical = base_from_camera.inverse().apply(np.concatenate([centres, points.ground.at(centres)[..., None]], axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        u = camera.fx * optical[..., 0] / optical[..., 2] + camera.cx
        v = camera.fy * optical[..., 1] / optical[..., 2] + camera.cy
        is_judged = (optical[..., 2] > 0.0) & (u >= -0.5) & (u < camera.width - 0.5)
        is_judged &= (v >= -0.5) & (v < camera.height - 0.5)
    standing = points.is_standing
    occupied, label = _marked(points.points_base_m[standing], points.label[standing], grid)
    if dense_truth is None:
        is_road, _ = _marked(points.points_base_m[points.is_road], points.label[points.is_road], grid)
    else:
        is_road = _seen_road(*dense_truth, camera, base_from_camera, u, v, optical[..., 2], is_judged)
    state = np.full(grid.cells.shape, UNKNOWN, np.int8)
    state[is_road] = FREE
    state[occupied] = OCCUPIED
    foot = base_from_camera.translation_m[:2]
    return TrueCells(state, is_judged, np.hypot(*np.moveaxis(centres - foot, -1, 0)), label)


def _marked(
    points_m: FloatArray, labels: NDArray[np.uint8], grid: FreeSpaceGrid
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Cells that hold a point (N, 3), and the label (N,) of one of them."""
    marked, label = np.zeros(grid.cells.shape, bool), np.full(grid.cells.shape, np.uint8(UNKNOWN_LABEL))
    cells = np.floor((points_m[:, :2] - np.array(grid.origin_m)) / grid.resolution_m).astype(np.intp)
    is_inside = (cells >= 0).all(axis=1) & (cells < grid.cells.shape[::-1]).all(axis=1)
    column, row = cells[is_inside].T
    marked[row, column] = True
    label[row, column] = labels[is_inside]
    return marked, label


def _seen_road(
    depth_m: NDArray[np.float32],
    is_road: NDArray[np.bool_],
    camera: CameraModel,
    base_from_camera: RigidTransform,
    u: FloatArray,
    v: FloatArray,
    z: FloatArray,
    is_judged: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether the pixel at (u, v) shows road at the depth z, all of the grid's shape."""
    column = np.where(is_judged, np.rint(np.where(is_judged, u, 0.0)), 0.0).astype(np.intp)
    row = np.where(is_judged, np.rint(np.where(is_judged, v, 0.0)), 0.0).astype(np.intp)
    height = float(base_from_camera.translation_m[2])
    # A row of pixels covers z² / (f h) of level ground; half a cell is the least that can be asked.
    slack = np.maximum(0.25, z**2 / (camera.fy * height))
    with np.errstate(invalid="ignore"):
        agrees = np.abs(depth_m[row, column] - z) <= slack
    return np.asarray(is_judged & agrees & is_road[row, column])
