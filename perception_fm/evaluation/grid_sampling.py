"""A prediction on its network's grid, asked at every pixel of the stored image, where the truth lies."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL, DensePrediction

_OUTSIDE = -1.0


@dataclass(frozen=True, eq=False)
class PixelPrediction:
    """What is predicted at each pixel (H, W) of the stored image; a head that is missing is None.

    `depth_m`, `depth_std_m`: float32, NaN invalid. `label`: uint8 trainId, 255 unknown. `confidence`: float32, 0 to 1.
    `normals`: (H, W, 3) float32 unit, optical frame, NaN invalid. `painted`: float32 probability, NaN invalid.
    `is_on_grid`: False where the network's grid does not reach.
    """

    is_on_grid: NDArray[np.bool_]
    depth_m: NDArray[np.float32] | None = None
    depth_std_m: NDArray[np.float32] | None = None
    label: NDArray[np.uint8] | None = None
    confidence: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    painted: NDArray[np.float32] | None = None


class GridSampler:
    """From the grid of predictions to the pixels of one camera, lens distortion and letterbox undone.

    A pixel takes the label, confidence, normal, print and relative std of the cell that it lies in. Depth is
    interpolated bilinearly in 1 / depth, which is exact on planes (1 / z is affine in the pixel), or taken from the
    cell where `is_interpolated` is False or a neighbour is invalid.
    """

    def __init__(self, stored: CameraModel, grid: CameraModel, *, is_interpolated: bool = True) -> None:
        self.grid = grid
        self._is_interpolated = is_interpolated
        rows, columns = np.mgrid[0 : stored.height, 0 : stored.width]
        rays = stored.unproject(np.column_stack([columns.ravel(), rows.ravel()]))
        # The rectified camera looks along the same axes, so a ray keeps its direction and its depth.
        cells = np.nan_to_num(grid.project(rays), nan=_OUTSIDE).reshape(stored.height, stored.width, 2)
        self._columns, self._rows = np.moveaxis(cells.astype(np.float32), -1, 0)
        nearest = np.floor(cells + 0.5)  # the cell's own area; halves belong to the right
        self.is_on_grid: NDArray[np.bool_] = ((nearest >= 0) & (nearest < (grid.width, grid.height))).all(axis=2)
        self._nearest = tuple(
            np.clip(nearest[..., axis], 0, size - 1).astype(np.intp)
            for axis, size in ((1, grid.height), (0, grid.width))
        )

    def sample(self, prediction: DensePrediction) -> PixelPrediction:
        """A prediction on `grid`, at the stored pixels."""
        depth, std = self._depth(prediction)
        label = prediction.label
        confidence = prediction.confidence
        return PixelPrediction(
            is_on_grid=self.is_on_grid,
            depth_m=depth,
            depth_std_m=std,
            label=None if label is None else np.where(self.is_on_grid, label[self._nearest], UNKNOWN_LABEL),
            confidence=None if confidence is None else confidence[self._nearest].astype(np.float32) / np.float32(255),
            normals=self._cells(prediction.normals),
            painted=self._cells(prediction.painted),
        )

    def _cells(self, values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """Those of each pixel's cell, NaN beside the grid."""
        if values is None:
            return None
        found = values[self._nearest]
        found[~self.is_on_grid] = np.nan
        return found

    def _depth(self, prediction: DensePrediction) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        if prediction.depth_m is None:
            return None, None
        depth = prediction.depth_m[self._nearest]
        nearest = depth
        if self._is_interpolated:
            with np.errstate(divide="ignore", invalid="ignore"):
                inverse = cv2.remap(
                    1.0 / prediction.depth_m,
                    self._columns,
                    self._rows,
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )
                between = 1.0 / inverse
            depth = np.where(np.isfinite(between), between, depth)
        depth = np.where(self.is_on_grid & np.isfinite(nearest), depth, np.float32(np.nan))
        if prediction.depth_std_m is None:
            return depth, None
        return depth, depth * (prediction.depth_std_m[self._nearest] / nearest)
