"""The cells of a dense prediction that show an upright plane, as far as motion has shown it to be upright."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.config import SweepConfig
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.patches import BLOCK_PX, COLUMNS
from perception_fm.motion.path_boxes import PATCH_HEIGHT, PATCH_WIDTH, ROWS, BoxGeometry, box_geometry
from perception_fm.motion.stage import MotionReport

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

FAR_M = 80.0
"""As far as learned depths are trained and judged (docs/model_card.md)."""

_EDGE_CELLS = 0.5  # a cell whose centre is this far inside lies inside as a whole


@dataclass(frozen=True, eq=False)
class BoxCells:
    """N cells: `rows`, `columns` (N,) of the grid.

    `depth_m` (N,): of the plane along optical z. `free_m` (N,): what would be seen there if the road went on, at most
    `FAR_M`, which stands for sky and whatever ends the road.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    depth_m: FloatArray
    free_m: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Values (N,) of a grid (h, w)."""
        return values[self.rows, self.columns]


_NONE = BoxCells(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0), np.zeros(0))


def cross_section(distance_m: float, report: MotionReport, sweep: SweepConfig) -> BoxGeometry:
    """The path's whole cross-section at a distance; the report has path and road."""
    assert report.path is not None
    assert report.road is not None
    height_m, width_m = sweep.swept_height_m, 2.0 * report.path.half_width_m
    return box_geometry(distance_m, report.path, report.road, 0.0, height_m, width_m)


def cells_in_box(camera: CameraModel, box: BoxGeometry, road: PlaneEstimate, is_upright: Mask) -> BoxCells:
    """Cells of the grid `camera` wholly inside the cross-section `box`, in its blocks `is_upright` (ROWS, COLUMNS).

    None where the box is not before the camera or its shape is not finite. The caller leaves out the lowest blocks: the
    road is there.
    """
    grid_from_patch = camera.intrinsics @ box.rays_from_patch
    ends = np.array([[-0.5, PATCH_WIDTH - 0.5] * 2, [-0.5] * 2 + [PATCH_HEIGHT - 0.5] * 2, [1.0] * 4])
    corners = grid_from_patch @ ends
    if not np.isfinite(corners).all() or corners[2].min() <= 0.0 or not is_upright.any():
        return _NONE
    if np.linalg.det(grid_from_patch) == 0.0:  # seen edge-on
        return _NONE
    pixels = corners[:2] / corners[2]
    left, top = (max(0, math.ceil(float(low))) for low in pixels.min(axis=1))
    right = min(camera.width - 1, math.floor(float(pixels[0].max())))
    bottom = min(camera.height - 1, math.floor(float(pixels[1].max())))
    if right < left or bottom < top:
        return _NONE
    rows, columns = np.mgrid[top : bottom + 1, left : right + 1]
    rows, columns = rows.ravel(), columns.ravel()
    grid = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    patch = np.linalg.solve(grid_from_patch, grid)
    u, v = patch[0] / patch[2], patch[1] / patch[2]
    edge = _EDGE_CELLS * np.array([PATCH_WIDTH, PATCH_HEIGHT]) / np.maximum(np.ptp(pixels, axis=1), 1e-9)
    inside = (u >= edge[0] - 0.5) & (u <= PATCH_WIDTH - 0.5 - edge[0])
    inside &= (v >= edge[1] - 0.5) & (v <= PATCH_HEIGHT - 0.5 - edge[1])
    block_row = np.clip((v + 0.5) / BLOCK_PX, 0, ROWS - 1).astype(np.intp)
    block_column = np.clip((u + 0.5) / BLOCK_PX, 0, COLUMNS - 1).astype(np.intp)
    inside &= is_upright[block_row, block_column]
    rows, columns = rows[inside], columns[inside]
    rays = np.column_stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy])
    with np.errstate(divide="ignore"):
        depth = 1.0 / (rays @ box.upright[:2] + box.upright[2])
    free = 1.0 / np.maximum(road.inverse_depth(rays), 1.0 / FAR_M)
    is_ahead = np.isfinite(depth) & (depth > 0.0)
    return BoxCells(rows[is_ahead], columns[is_ahead], depth[is_ahead], free[is_ahead])
