"""Labelled points: a dense prediction unprojected, with the height of each cell over the ground and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

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
_IS_STANDING = np.zeros(UNKNOWN_LABEL + 1, bool)
_IS_STANDING[[CITYSCAPES_CLASSES.index(name) for name in _STANDING_NAMES]] = True

_DEFAULT_SIGMA_SHARE = 0.1  # of a depth whose error nobody states
_ROAD_HEIGHT_M = 0.15  # camber, ruts and speed bumps
_HEIGHT_SIGMAS = 2.0
_BLEEDING_SHARE = 0.12  # from cell to cell, on both sides: no surface that a cell can resolve is so steep


class Surface(IntEnum):
    """What a cell shows. Values are those of `LabeledPoints.surface`."""

    UNKNOWN = 0
    ROAD = 1
    STANDING = 2


@dataclass(frozen=True, eq=False)
class LabeledPoints:
    """Organised points (h, w) of one prediction, aligned with its grid `camera`. Arrays become read-only.

    `points_m`: (h, w, 3) float32, optical frame, NaN where there is no valid depth. `height_m`: (h, w) float32 over
    the ground, NaN likewise; `height_sigma_m` its standard deviation. `label`, `confidence`: as in `DensePrediction`.
    `surface`: (h, w) uint8 of `Surface`.
    """

    camera: CameraModel
    points_m: NDArray[np.float32]
    height_m: NDArray[np.float32]
    height_sigma_m: NDArray[np.float32]
    label: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    surface: NDArray[np.uint8]

    def __post_init__(self) -> None:
        grid = (self.camera.height, self.camera.width)
        kinds = (
            ("points_m", (*grid, 3), np.float32),
            ("height_m", grid, np.float32),
            ("height_sigma_m", grid, np.float32),
            ("label", grid, np.uint8),
            ("confidence", grid, np.uint8),
            ("surface", grid, np.uint8),
        )
        freeze_arrays(self, kinds, "labelled points")


def grid_rays(camera: CameraModel) -> FloatArray:
    """x/z and y/z (h, w, 2) of the cells of an undistorted grid."""
    return _rays(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)


def relative_sigma(dense: DensePrediction) -> NDArray[np.float32]:
    """Standard deviation of the depth over the depth (h, w), NaN where there is none."""
    assert dense.depth_m is not None
    if dense.depth_std_m is None:
        return np.asarray(np.where(np.isfinite(dense.depth_m), np.float32(_DEFAULT_SIGMA_SHARE), np.float32(np.nan)))
    return np.asarray(dense.depth_std_m / dense.depth_m)


def labeled_points(
    dense: DensePrediction, ground: PlaneEstimate, min_height_m: float, clearance_m: float, min_confidence: float
) -> LabeledPoints:
    """Points of a prediction that has depth and labels, over the plane `ground` (optical frame, metres of the depth).

    STANDING is what reaches from `min_height_m` on, surely, or is labelled as something that stands, up to
    `clearance_m`; ROAD is what is labelled road with `min_confidence` (0 to 1) and lies on the plane. All else, depth
    that is not finite, and cells that bleed from one surface into another, are UNKNOWN.
    """
    assert dense.depth_m is not None
    assert dense.label is not None
    depth, rays = dense.depth_m, grid_rays(dense.camera)
    share = relative_sigma(dense)
    with np.errstate(invalid="ignore"):
        is_valid = np.isfinite(depth) & (depth > 0.0) & np.isfinite(share)
        inverse = rays @ ground.m[:2] + ground.m[2]
        # n . X = h on the plane, h the height of the camera: a point is h (1 - Z / Z of the plane) above it.
        height = ground.height_m * (1.0 - depth * inverse)
        homogeneous = np.concatenate([rays, np.ones((*depth.shape, 1))], axis=2)
        tilt = depth * np.sqrt(((homogeneous @ ground.covariance) * homogeneous).sum(axis=2))
        sigma = ground.height_m * np.hypot(share * depth * inverse, tilt)
        is_on_ground = np.abs(height) <= np.maximum(_ROAD_HEIGHT_M, _HEIGHT_SIGMAS * sigma)
        is_valid &= is_on_ground | ~_bleeds(depth)
        is_confident = _confidence(dense) >= np.uint8(np.ceil(255.0 * min_confidence))
        is_tall = (height - _HEIGHT_SIGMAS * sigma >= min_height_m) & (dense.label != SKY_LABEL)
        is_named = _IS_STANDING[dense.label] & is_confident
        is_standing = is_valid & (is_tall | is_named) & (height <= clearance_m)
        is_road = is_valid & is_on_ground & ~is_standing & is_confident & (dense.label == ROAD_LABEL)
    points = np.empty((*depth.shape, 3), np.float32)
    points[..., :2] = rays * depth[..., None]
    points[..., 2] = depth
    points[~is_valid] = np.nan
    return LabeledPoints(
        camera=dense.camera,
        points_m=points,
        height_m=np.where(is_valid, height, np.nan).astype(np.float32),
        height_sigma_m=np.where(is_valid, sigma, np.nan).astype(np.float32),
        label=dense.label,
        confidence=_confidence(dense),
        surface=np.where(is_standing, np.uint8(Surface.STANDING), is_road.astype(np.uint8)),
    )


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


def _bleeds(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells halfway between a nearer and a farther neighbour: a mixture of two surfaces, where none is."""
    log = np.log(np.where(depth > 0.0, depth, np.nan))
    bleeds = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        step = np.diff(log, axis=axis)
        before, after = (step[:-1], step[1:]) if axis == 0 else (step[:, :-1], step[:, 1:])
        inner = bleeds[1:-1] if axis == 0 else bleeds[:, 1:-1]
        inner |= (np.minimum(np.abs(before), np.abs(after)) > _BLEEDING_SHARE) & (before * after > 0.0)
    return bleeds
