"""The ground under a learned depth, over time, and whether that depth is metric.

The plane is fitted in the metres of the depth, so that heights over it are right whatever the scale. Its height against
that of the mounting is one measurement of the scale; the depth of tracks whose distance follows from odometry and their
expansion (Z = c_z / e, docs/motion.md) is another, independent one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import DensePrediction
from perception_fm.geometry.ground_fit import fit_ground
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting, predict_plane, tilt_covariance
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.points import ROAD_LABEL, grid_rays, relative_sigma

FloatArray = NDArray[np.float64]

_SCALE_PRIOR = 0.3  # of a depth network on a camera that it has never seen (docs/model_card.md)
_ANGLE_PRIOR_RAD = math.radians(1.5)  # as of the mounting, geometry/road_plane.py
_MOUNTING_HEIGHT_SIGMA = 0.05  # likewise
_FITTED_POINTS = 1500
_ROAD_CONFIDENCE = 128
_SCALE_RATE_PER_SQRT_S = 0.1  # what a scene does to the scale, in a second
_MIN_TRACKS, _INDEPENDENT_TRACKS = 10, 6.0
_SURE_EXPANSION = 5.0  # sigmas
_NEAR_M, _FAR_M = 3.0, 40.0
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class MetricScale:
    """Depth over true depth. `sigma`: of the logarithm of `ratio`, filtered over time; NaN and inf: never measured.

    `height_ratio`, `motion_ratio`: this frame's, from the camera's height and from tracks; NaN where one is silent.
    """

    ratio: float = math.nan
    sigma: float = math.inf
    height_ratio: float = math.nan
    motion_ratio: float = math.nan

    def is_off(self, limit: float, sigmas: float = 2.0) -> bool:
        """Whether the scale is surely wrong by more than the share `limit`."""
        return bool(abs(math.log(self.ratio)) - sigmas * self.sigma > math.log1p(limit)) if self.ratio > 0.0 else False


@dataclass(frozen=True, eq=False)
class MotionDepths:
    """Static points whose depth follows from motion: rays (N, 2), depth (N,) metres, relative sigma (N,)."""

    rays: FloatArray
    depth_m: FloatArray
    sigma_share: FloatArray

    @classmethod
    def of_expansion(
        cls, rays: FloatArray, expansion: FloatArray, sigma: FloatArray, travel_m: FloatArray
    ) -> MotionDepths:
        """From expansions (N,) over travels c_z (N,); only what surely expands."""
        is_sure = expansion > _SURE_EXPANSION * sigma
        depth = travel_m[is_sure] / expansion[is_sure]
        return cls(rays[is_sure], depth, sigma[is_sure] / expansion[is_sure])


class LearnedGround:
    """Plane and scale of one camera over time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget both."""
        self._plane: PlaneEstimate | None = None
        self._log_scale, self._variance = math.nan, math.inf

    def update(
        self,
        dense: DensePrediction,
        base_from_camera: RigidTransform,
        dt_s: float,
        motion: MotionDepths | None = None,
    ) -> tuple[PlaneEstimate, MetricScale]:
        """Plane (optical frame, metres of the depth) and scale with one more frame, `dt_s` after the one before."""
        mounting = plane_from_mounting(base_from_camera)
        loose = PlaneEstimate(mounting.m, tilt_covariance(mounting.m, _ANGLE_PRIOR_RAD, _SCALE_PRIOR), False)
        prior = loose if self._plane is None else predict_plane(self._plane, loose, dt_s)
        fitted = self._fit(dense, prior)
        self._plane = prior if fitted is None else fitted
        height_ratio = math.nan if fitted is None else fitted.height_m / mounting.height_m
        self._variance += dt_s * _SCALE_RATE_PER_SQRT_S**2
        if fitted is not None:
            share = fitted.height_sigma_m / fitted.height_m
            self._measure(height_ratio, share**2 + _MOUNTING_HEIGHT_SIGMA**2)
        motion_ratio, variance = _motion_ratio(dense, motion)
        self._measure(motion_ratio, variance)
        ratio = math.exp(self._log_scale) if math.isfinite(self._log_scale) else math.nan
        return self._plane, MetricScale(ratio, math.sqrt(self._variance), height_ratio, motion_ratio)

    @staticmethod
    def _fit(dense: DensePrediction, prior: PlaneEstimate) -> PlaneEstimate | None:
        if dense.depth_m is None or dense.label is None:
            return None
        share = relative_sigma(dense)
        is_road = (dense.label == ROAD_LABEL) & (dense.depth_m > 0.0) & (share > 0.0) & np.isfinite(dense.depth_m)
        if dense.confidence is not None:
            is_road &= dense.confidence >= _ROAD_CONFIDENCE
        cells = np.flatnonzero(is_road)
        cells = cells[:: max(1, len(cells) // _FITTED_POINTS)]
        return fit_ground(
            grid_rays(dense.camera).reshape(-1, 2)[cells],
            dense.depth_m.ravel()[cells].astype(np.float64),
            share.ravel()[cells].astype(np.float64),
            prior,
        )

    def _measure(self, ratio: float, variance: float) -> None:
        """One Kalman step of the logarithm of the scale."""
        if not ratio > 0.0:
            return
        if not math.isfinite(self._variance):
            self._log_scale, self._variance = math.log(ratio), variance
            return
        gain = self._variance / (self._variance + variance)
        self._log_scale += gain * (math.log(ratio) - self._log_scale)
        self._variance *= 1.0 - gain


def _motion_ratio(dense: DensePrediction, motion: MotionDepths | None) -> tuple[float, float]:
    """Depth over depth from motion, and the variance of its logarithm; NaN where too few tracks speak."""
    if motion is None or dense.depth_m is None:
        return math.nan, math.inf
    camera = dense.camera
    column = np.rint(motion.rays[:, 0] * camera.fx + camera.cx)
    row = np.rint(motion.rays[:, 1] * camera.fy + camera.cy)
    is_inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    is_inside &= (motion.depth_m > _NEAR_M) & (motion.depth_m < _FAR_M)
    seen = dense.depth_m[row[is_inside].astype(np.intp), column[is_inside].astype(np.intp)].astype(np.float64)
    is_valid = np.isfinite(seen) & (seen > 0.0)
    if np.count_nonzero(is_valid) < _MIN_TRACKS:
        return math.nan, math.inf
    logs = np.log(seen[is_valid] / motion.depth_m[is_inside][is_valid])
    middle = float(np.median(logs))
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(logs - middle)))
    return math.exp(middle), max(sigma, 0.05) ** 2 / min(len(logs), _INDEPENDENT_TRACKS)
