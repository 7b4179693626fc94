"""Where the cells of an undistorted grid lie in the stored image, and where the image's pixels lie in the grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.scene.points import grid_rays

Positions = NDArray[np.float32]

_OUTSIDE = -10.0  # of any image: remapping takes the border there
_COARSE_PX = 8  # unprojecting is iterative, and lenses are smooth


def cells_in_image(grid: CameraModel, camera: CameraModel) -> Positions:
    """Column and row (h, w, 2) in the stored image of `camera` of each cell of its rectified `grid`."""
    return _cells_in_image(_Pair((grid.fingerprint, camera.fingerprint), grid, camera))


def nearest_in_grid(grid: CameraModel, camera: CameraModel) -> NDArray[np.int16]:
    """Column and row (H, W, 2) of the cell of the rectified `grid` that each pixel of the stored image of `camera`
    lies in; negative off the grid."""
    return _nearest_in_grid(_Pair((grid.fingerprint, camera.fingerprint), grid, camera))


def part_that_sees(cells: NDArray[np.uint8], grid: CameraModel, camera: CameraModel) -> tuple[slice, slice]:
    """Rows and columns of the stored image of `camera` outside which no pixel lies in one of the cells (h, w) of its
    rectified `grid` that are not 0; empty where all are."""
    left, top, width, height = cv2.boundingRect(cells)
    spans = _spans(_Pair((grid.fingerprint, camera.fingerprint), grid, camera))
    parts = []
    for first, count, (least, greatest) in ((top, height, spans[0]), (left, width, spans[1])):
        seen = np.flatnonzero((least < first + count) & (greatest >= first)) if count else []
        parts.append(slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0))
    return parts[0], parts[1]


@dataclass(frozen=True)
class _Pair:
    """Calibrations are equal by their numbers: a message brings a new object with each frame."""

    key: tuple[str, str]
    grid: CameraModel = field(compare=False)
    camera: CameraModel = field(compare=False)


@lru_cache(maxsize=8)
def _cells_in_image(pair: _Pair) -> Positions:
    grid, camera = pair.grid, pair.camera
    rays = grid_rays(grid).reshape(-1, 2)
    directions = np.column_stack([rays, np.ones(len(rays))]) @ camera.rectification
    return _frozen(camera.project_points(directions).reshape(grid.height, grid.width, 2))


@lru_cache(maxsize=8)
def _nearest_in_grid(pair: _Pair) -> NDArray[np.int16]:
    grid, camera = pair.grid, pair.camera
    rows, columns = -(-camera.height // _COARSE_PX), -(-camera.width // _COARSE_PX)
    # Middles of the blocks: from there cv2.resize interpolates.
    place = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2) + 0.5
    rays = camera.unproject(place * _COARSE_PX - 0.5)
    directions = np.column_stack([rays, np.ones(len(rays))]) @ camera.rectification.T
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = np.where(directions[:, 2:] > 0.0, directions[:, :2] / directions[:, 2:], np.nan)
    coarse = _frozen((flat * (grid.fx, grid.fy) + (grid.cx, grid.cy)).reshape(rows, columns, 2))
    whole = cv2.resize(coarse, (columns * _COARSE_PX, rows * _COARSE_PX), interpolation=cv2.INTER_LINEAR)
    # Whole numbers, which OpenCV looks up several times faster.
    nearest, _ = cv2.convertMaps(_frozen(whole[: camera.height, : camera.width]), None, cv2.CV_16SC2, None, None, True)
    nearest.setflags(write=False)
    return np.asarray(nearest, np.int16)


@lru_cache(maxsize=8)
def _spans(pair: _Pair) -> tuple[tuple[NDArray[np.int16], NDArray[np.int16]], ...]:
    """Least and greatest row of the grid that each row (H,) of the image sees, and likewise of columns (W,)."""
    column, row = np.moveaxis(_nearest_in_grid(pair), -1, 0)
    is_off = (column < 0) | (row < 0) | (column >= pair.grid.width) | (row >= pair.grid.height)
    beyond = np.int16(np.iinfo(np.int16).max)
    return tuple(
        (np.where(is_off, beyond, place).min(axis=axis), np.where(is_off, np.int16(-1), place).max(axis=axis))
        for place, axis in ((row, 1), (column, 0))
    )


def _frozen(positions: NDArray[np.floating]) -> Positions:
    known = np.where(np.isfinite(positions), positions, _OUTSIDE).astype(np.float32)
    known.setflags(write=False)
    return known
