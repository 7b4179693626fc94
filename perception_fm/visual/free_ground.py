"""The ground that the grid has as free, as a tint over the pixels that show it as road."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.scene.free_grid import FREE, FreeSpaceGrid
from perception_fm.scene.points import LabeledPoints, Surface
from perception_fm.types import CameraFrame, PerceptionResult
from perception_fm.visual.grid_pixels import nearest_in_grid, part_that_sees
from perception_fm.visual.pen import Colour, Image

_OPACITY = 0.22


def tint_free_ground(image: Image, frame: CameraFrame, result: PerceptionResult, colour: Colour) -> None:
    """Blends `colour` over the pixels whose point is road in a free cell; all others are left alone."""
    if result.points is None or result.grid is None or result.base_from_camera is None:
        return
    is_free = free_cells(result.points, result.grid, frame, result)
    part = part_that_sees(is_free, result.points.camera, frame.camera)
    nearest = nearest_in_grid(result.points.camera, frame.camera)[part]
    if not nearest.size:
        return
    mask = cv2.remap(is_free, nearest, None, cv2.INTER_NEAREST)
    tinted = cv2.addWeighted(image[part], 1.0 - _OPACITY, _plain(image.shape, colour)[part], _OPACITY, 0.0)
    cv2.copyTo(tinted, mask, image[part])


@lru_cache(maxsize=2)
def _plain(shape: tuple[int, ...], colour: Colour) -> Image:
    """A picture of one colour."""
    return np.full(shape, colour, np.uint8)


def free_cells(
    points: LabeledPoints, grid: FreeSpaceGrid, frame: CameraFrame, result: PerceptionResult
) -> NDArray[np.uint8]:
    """255 (h, w) where a point of the dense grid is road and lies in a free cell, else 0."""
    assert result.base_from_camera is not None
    free = np.zeros(points.surface.shape, np.uint8)
    place = np.nonzero(points.surface == Surface.ROAD)
    # The mounting is that of the stored image, and the points are those of the rectified one.
    base_m = result.base_from_camera.apply(points.points_m[place] @ frame.camera.rectification)
    cells = np.floor((base_m[:, :2] - np.array(grid.origin_m)) / grid.resolution_m)
    rows, columns = grid.cells.shape
    is_inside = (cells >= 0.0).all(axis=1) & (cells[:, 0] < columns) & (cells[:, 1] < rows)
    column, row = np.where(is_inside[:, None], cells, 0.0).astype(np.intp).T
    free[place] = np.where(is_inside & (grid.cells[row, column] == FREE), 255, 0)
    return free
