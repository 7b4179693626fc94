"""Labelled points: a dense prediction unprojected, with the height of each cell over the ground and what it shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL, DensePrediction, freeze_arrays
from perception_fm.geometry.road_plane import PlaneEstimate

FloatArray = NDArray[np.float64]

_STANDING_NAMES = (
    "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "person", "rider", "car",
    "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
ROAD_LABEL = CITYSCAPES_CLASSES.index("road")
SKY_LABEL = CITYSCAPES_CLASSES.index("sky")
_GROUND_NAMES = ("road", "sidewalk", "terrain")
_IS_STANDING, IS_GROUND = np.zeros((2, UNKNOWN_LABEL + 1), np.uint8)
_IS_STANDING[[CITYSCAPES_CLASSES.index(name) for name in _STANDING_NAMES]] = 1
IS_GROUND[[CITYSCAPES_CLASSES.index(name) for name in _GROUND_NAMES]] = 1

_DEFAULT_SIGMA_SHARE = 0.1  # of a depth whose error nobody states
_ROAD_HEIGHT_M = 0.15  # camber, ruts and speed bumps
_HEIGHT_SIGMAS = 2.0
_STEEPEST_GRADE = 0.15  # of a road, as in motion/drivable_grade.py
_BLEEDING_SHARE = 0.12  # from cell to cell, on both sides: no surface that a cell can resolve is so steep


class Surface(IntEnum):
    """What a cell shows. Values are those of `LabeledPoints.surface`."""

    UNKNOWN = 0
    ROAD = 1
    STANDING = 2
    EDGE = 3


@dataclass(frozen=True, eq=False)
class LabeledPoints:
    """Organised points (h, w) of one prediction, aligned with its grid `camera`. Arrays become read-only.

    `points_m`: (h, w, 3) float32, optical frame, NaN where there is no valid depth; on EDGE nothing is there.
    `height_m`: (h, w) float32 over the ground, NaN likewise. `sigma_share`: (h, w) float32, standard deviation of the
    depth over the depth, NaN likewise. `label`, `confidence`: as in `DensePrediction`. `surface`: (h, w) uint8 of
    `Surface`.
    """

    camera: CameraModel
    points_m: NDArray[np.float32]
    height_m: NDArray[np.float32]
    sigma_share: NDArray[np.float32]
    label: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    surface: NDArray[np.uint8]

    def __post_init__(self) -> None:
        grid = (self.camera.height, self.camera.width)
        kinds = (
            ("points_m", (*grid, 3), np.float32),
            ("height_m", grid, np.float32),
            ("sigma_share", grid, np.float32),
            ("label", grid, np.uint8),
            ("confidence", grid, np.uint8),
            ("surface", grid, np.uint8),
        )
        freeze_arrays(self, kinds, "labelled points")

    def stretched(self, factor: float) -> LabeledPoints:
        """The same with all metres `factor` times as long."""
        if factor == 1.0:
            return self
        metres = np.float32(factor)
        return dataclasses.replace(self, points_m=self.points_m * metres, height_m=self.height_m * metres)


def grid_rays(camera: CameraModel) -> FloatArray:
    """x/z and y/z (h, w, 2) of the cells of an undistorted grid."""
    return _rays(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)


def relative_sigma(dense: DensePrediction) -> NDArray[np.float32]:
    """Standard deviation of the depth over the depth (h, w), NaN where there is none."""
    assert dense.depth_m is not None
    if dense.depth_std_m is None:
        return np.asarray(np.where(np.isfinite(dense.depth_m), np.float32(_DEFAULT_SIGMA_SHARE), np.float32(np.nan)))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.asarray(dense.depth_std_m / dense.depth_m)


def labeled_points(
    dense: DensePrediction, ground: PlaneEstimate, min_height_m: float, clearance_m: float, min_confidence: float
) -> LabeledPoints:
    """Points of a prediction that has depth and labels, over the plane `ground` (optical frame, metres of the depth).

    STANDING is what reaches from `min_height_m` on, surely, or is labelled as something that stands, up to
    `clearance_m`, and not what is labelled ground and rises no steeper than a road; EDGE likewise, but its depth is a
    mixture of two surfaces, so nothing is where the point is; ROAD is what is labelled road with `min_confidence` (0 to
    1) and lies on the plane. All else, and depth that is not finite, is UNKNOWN.
    """
    assert dense.depth_m is not None
    assert dense.label is not None
    depth, rays, confidence = dense.depth_m, grid_rays(dense.camera), _confidence(dense)
    x, y = rays[0, :, 0], rays[:, 0, 1]
    share = relative_sigma(dense)
    with np.errstate(over="ignore", invalid="ignore"):
        # n . X = h on the plane, h the height of the camera: a point is h (1 - Z / Z of the plane) above it.
        inverse = _inverse_depth(x, y, ground)
        height = np.float32(ground.height_m) * (1.0 - depth * inverse)
        sigma = np.float32(ground.height_m) * depth * np.sqrt(np.square(share * inverse) + _variance(x, y, ground))
        is_valid = np.isfinite(depth) & (depth > 0.0) & np.isfinite(sigma)
        is_on_ground = np.abs(height) <= np.maximum(_ROAD_HEIGHT_M, _HEIGHT_SIGMAS * sigma)
        log = np.log(np.where(depth > 0.0, depth, np.float32(np.nan)))
        is_edge = _bleeds(log) & ~is_on_ground
        is_confident = confidence >= np.uint8(np.ceil(255.0 * min_confidence))
        is_hill = cv2.LUT(dense.label, IS_GROUND).view(bool) & is_confident
        is_hill &= _is_climbing(log, np.float32(ground.height_m) * inverse, dense.camera.fy)
        is_tall = (height - _HEIGHT_SIGMAS * sigma >= min_height_m) & (dense.label != SKY_LABEL) & ~is_hill
        is_named = cv2.LUT(dense.label, _IS_STANDING).view(bool) & is_confident
        is_standing = is_valid & (is_tall | is_named) & (height <= clearance_m)
        is_road = is_valid & is_on_ground & ~is_standing & is_confident & (dense.label == ROAD_LABEL)
    surface = np.where(is_standing, np.uint8(Surface.STANDING) + is_edge, is_road.view(np.uint8))
    nan = np.float32(np.nan)
    z = np.where(is_valid, depth, nan)
    return LabeledPoints(
        camera=dense.camera,
        points_m=np.stack([z * x.astype(np.float32), z * y[:, None].astype(np.float32), z], axis=-1),
        height_m=np.where(is_valid, height, nan),
        sigma_share=np.where(is_valid, share, nan),
        label=dense.label,
        confidence=confidence,
        surface=surface.astype(np.uint8),
    )


def _inverse_depth(x: FloatArray, y: FloatArray, ground: PlaneEstimate) -> NDArray[np.float32]:
    """1/Z (h, w) of the plane in a grid with rays (x, y, 1)."""
    return np.asarray(ground.m[0] * x + (ground.m[1] * y + ground.m[2])[:, None], np.float32)


def _variance(x: FloatArray, y: FloatArray, ground: PlaneEstimate) -> NDArray[np.float32]:
    """Of that 1/Z, of the plane's covariance alone."""
    c = ground.covariance
    of_column = c[0, 0] * x**2 + 2.0 * c[0, 2] * x
    of_row = c[1, 1] * y**2 + 2.0 * c[1, 2] * y + c[2, 2]
    return np.asarray(of_column + of_row[:, None] + np.outer(2.0 * c[0, 1] * y, x), np.float32)


@lru_cache(maxsize=8)
def _rays(width: int, height: int, fx: float, fy: float, cx: float, cy: float) -> FloatArray:
    rays = np.empty((height, width, 2))
    rays[..., 0] = (np.arange(width) - cx) / fx
    rays[..., 1] = ((np.arange(height) - cy) / fy)[:, None]
    rays.setflags(write=False)
    return rays


def _confidence(dense: DensePrediction) -> NDArray[np.uint8]:
    if dense.confidence is not None:
        return dense.confidence
    assert dense.label is not None
    return np.asarray(np.where(dense.label == UNKNOWN_LABEL, np.uint8(0), np.uint8(255)))


def _is_climbing(log_depth: NDArray[np.float32], down: NDArray[np.float32], fy: float) -> NDArray[np.bool_]:
    """Cells (h, w) of a surface that rises no steeper than a road, from the logarithm of the depth.

    From the row below a surface of grade g gets farther by dZ / Z = 1 / (fy (down + g)), where `down` (h, w) is how
    steeply the ray goes down to the ground; one that stands upright gets no farther.
    """
    tilt = down[:-1] + np.float32(_STEEPEST_GRADE)
    is_climbing = np.zeros(log_depth.shape, bool)
    is_climbing[:-1] = (tilt > 0.0) & ((log_depth[:-1] - log_depth[1:]) * np.float32(fy) * tilt >= 1.0)
    return is_climbing


def _bleeds(log_depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells halfway between a nearer and a farther neighbour: a mixture of two surfaces, where none is."""
    bleeds = np.zeros(log_depth.shape, bool)
    for steps, inner in ((np.diff(log_depth, axis=0), bleeds[1:-1]), (np.diff(log_depth).T, bleeds[:, 1:-1].T)):
        for is_steep in (steps > _BLEEDING_SHARE, steps < -_BLEEDING_SHARE):
            inner |= is_steep[:-1] & is_steep[1:]
    return bleeds
