"""The truth of one frame as points over the ground, whatever measured it: a renderer or a LiDAR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.geometry.transform import RigidTransform

FloatArray = NDArray[np.float64]

STANDING_FROM_M, STANDING_TO_M = 0.3, 2.3
"""Height over the ground between which something stands in the way: higher than kerbs, lower than signs over a road."""
LYING_FROM_M = 0.15
"""The same of a counted thing of no class, which is what lies on a road: the ground clearance of a passenger car."""
_REACH_M = 60.0  # free space and obstacles end at 50 m
_GROUND_CELL_M = 0.5
_CELLS = int(2 * _REACH_M / _GROUND_CELL_M)


@dataclass(frozen=True, eq=False)
class TruePoints:
    """Points (N, 3) of what a frame truly shows within 60 m, base frame, metres.

    `height_m` (N,): over the ground beside them, see `GroundHeights`. `label` (N,) uint8 trainId, 255: none.
    `is_road`, `is_ground` (road too), `is_thing` (neither ground nor sky) (N,). `instance` (N,) int32, 0: not counted.
    `is_bank` (N,): ground that is no road and too steep to be driven over, more than 0.3 m within its cell.
    `normal_base` (N, 3) unit, or None. `ground`: its heights.
    """

    points_base_m: FloatArray
    height_m: FloatArray
    label: NDArray[np.uint8]
    is_road: NDArray[np.bool_]
    is_ground: NDArray[np.bool_]
    is_thing: NDArray[np.bool_]
    is_bank: NDArray[np.bool_]
    instance: NDArray[np.int32]
    normal_base: FloatArray | None
    ground: GroundHeights

    @property
    def is_standing(self) -> NDArray[np.bool_]:
        """Whether a point (N,) belongs to a thing and is in the way."""
        is_lying = (self.instance > 0) & (self.label == UNKNOWN_LABEL)
        from_m = np.where(is_lying, LYING_FROM_M, STANDING_FROM_M)
        return self.is_thing & (self.height_m >= from_m) & (self.height_m <= STANDING_TO_M)


class GroundHeights:
    """Height of the ground around the vehicle, base frame: the mean of the ground points of each cell of 0.5 m, and
    that of the nearest such cell where there are none; 0 everywhere where no ground was seen."""

    def __init__(self, ground_base_m: FloatArray) -> None:
        cells = _cells(ground_base_m[:, :2])
        flat = cells[:, 1] * _CELLS + cells[:, 0]
        count = np.bincount(flat, minlength=_CELLS * _CELLS)
        total = np.bincount(flat, weights=ground_base_m[:, 2], minlength=_CELLS * _CELLS)
        mean = (total / np.maximum(count, 1)).reshape(_CELLS, _CELLS)
        is_seen = (count > 0).reshape(_CELLS, _CELLS)
        if is_seen.any():
            nearest = distance_transform_edt(~is_seen, return_distances=False, return_indices=True)
            mean = mean[tuple(nearest)]
        self._heights = mean
        low, high = np.full(_CELLS * _CELLS, np.inf), np.full(_CELLS * _CELLS, -np.inf)
        np.minimum.at(low, flat, ground_base_m[:, 2])
        np.maximum.at(high, flat, ground_base_m[:, 2])
        self._is_steep = (high - low > STANDING_FROM_M).reshape(_CELLS, _CELLS)

    def is_steep(self, places_m: FloatArray) -> NDArray[np.bool_]:
        """Whether ground rises by more than 0.3 m within the cell of places (..., 2)."""
        cells = _cells(places_m)
        return np.asarray(self._is_steep[cells[..., 1], cells[..., 0]])

    def at(self, places_m: FloatArray) -> FloatArray:
        """Heights (...) at places (..., 2)."""
        cells = _cells(places_m)
        return np.asarray(self._heights[cells[..., 1], cells[..., 0]])


def true_points(
    depth_m: NDArray[np.float32],
    camera: CameraModel,
    base_from_camera: RigidTransform,
    label: NDArray[np.uint8],
    is_road: NDArray[np.bool_],
    is_ground: NDArray[np.bool_],
    is_thing: NDArray[np.bool_],
    instance: NDArray[np.uint16] | None = None,
    normals: NDArray[np.float32] | None = None,
) -> TruePoints:
    """From true depth (H, W), NaN none, at the pixels of an undistorted `camera`, and what each shows (H, W).

    `normals` (H, W, 3) optical frame, 0 where there is none.
    """
    with np.errstate(invalid="ignore"):
        wanted = (depth_m > 0.0) & (depth_m < _REACH_M) & (is_ground | is_thing)
    rows, columns = np.nonzero(wanted)
    depth = depth_m[rows, columns].astype(np.float64)
    optical = np.column_stack(
        [(columns - camera.cx) / camera.fx * depth, (rows - camera.cy) / camera.fy * depth, depth]
    )
    points = base_from_camera.apply(optical)
    near = np.abs(points[:, :2]).max(axis=1, initial=0.0) < _REACH_M
    rows, columns, points = rows[near], columns[near], points[near]
    ground_here = is_ground[rows, columns]
    ground = GroundHeights(points[ground_here])
    no_instance = np.zeros(len(rows), np.int32)
    return TruePoints(
        points_base_m=points,
        height_m=points[:, 2] - ground.at(points[:, :2]),
        label=label[rows, columns],
        is_road=is_road[rows, columns],
        is_ground=ground_here,
        is_thing=is_thing[rows, columns],
        is_bank=ground_here & ~is_road[rows, columns] & ground.is_steep(points[:, :2]),
        instance=no_instance if instance is None else instance[rows, columns].astype(np.int32),
        normal_base=None if normals is None else normals[rows, columns] @ base_from_camera.rotation.T,
        ground=ground,
    )


def _cells(places_m: FloatArray) -> NDArray[np.intp]:
    """Column and row (..., 2) of places (..., 2), those outside moved to the edge."""
    return np.clip(np.floor((places_m + _REACH_M) / _GROUND_CELL_M), 0, _CELLS - 1).astype(np.intp)
