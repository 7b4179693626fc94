"""Rotation and focus of expansion between two frames, from tracks, with odometry or a gyro as prior.

A static point moves from p (rotation removed) to q = p + e (p - foe), e = c_z / Z, where c is the camera's travel in
the current axes, foe = c_xy / c_z and Z the current depth (Longuet-Higgins & Prazdny 1980). The part of q - p across
the radial direction is zero whatever the depth: that pins rotation and focus of expansion without knowing the scene.
The radial part is then the expansion e of each track.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.motion.robust import median

FloatArray = NDArray[np.float64]

_ITERATIONS = 4
_MIN_LEVER = 4.0  # in sigmas of a track end: nearer to the focus of expansion the radial direction is noise
_GROUND_SHARE = 0.5  # of the road's expansion: ground that falls away is farther than the road's plane says
_GROUND_SIGMAS = 2.0
_MAD_TO_SIGMA = 1.4826  # median absolute deviation of a Gaussian


@dataclass(frozen=True, eq=False)
class MotionPrior:
    """What is known before looking at the tracks.

    `rotation`: current_from_reference (3, 3). `rotation_sigma_rad` (3,) about the optical axes x (pitch), y (yaw),
    z (roll). `focus` (2,): focus of expansion as a ray; `focus_sigma`: its standard deviation (dimensionless).
    `travel_m`: forward travel c_z along the optical axis, NaN when unknown.
    """

    rotation: FloatArray
    rotation_sigma_rad: FloatArray
    focus: FloatArray
    focus_sigma: float
    travel_m: float


@dataclass(frozen=True, eq=False)
class RelativeMotion:
    """Refined motion over one window and the expansion of every track.

    `expansion` (N,) is e with standard deviation `expansion_sigma` (N,) (inf at the focus of expansion), `residual`
    (N,) the displacement across the radial direction in units of `sigma` (rays). `covariance` (5, 5) is of rotation
    (3) and focus (2).
    """

    rotation: FloatArray
    focus: FloatArray
    travel_m: float
    sigma: float
    covariance: FloatArray
    expansion: FloatArray
    expansion_sigma: FloatArray
    residual: FloatArray


@dataclass(frozen=True, eq=False)
class _Flow:
    """Tracks by components x, y (2, N), as rays (dimensionless, current optical axes): `rays` before, turned as the
    camera did, `motion` that is left from there to now, and unit directions away from the focus of expansion, `radial`,
    at distances `lever` (N,) from it."""

    rays: FloatArray
    radial: FloatArray
    lever: FloatArray
    motion: FloatArray

    @staticmethod
    def of(before: FloatArray, now: FloatArray, rotation: FloatArray, focus: FloatArray) -> _Flow:
        """Of rays (2, N) before and now."""
        turned = rotation[:, :2] @ before + rotation[:, 2:]
        rays = turned[:2] / turned[2]
        arm = rays - focus[:, None]
        lever = np.sqrt(arm[0] * arm[0] + arm[1] * arm[1])
        return _Flow(rays, arm / np.maximum(lever, 1e-12), lever, now - rays)

    @property
    def away(self) -> FloatArray:
        """How far (N,) they moved away from the focus."""
        return np.asarray(self.motion[0] * self.radial[0] + self.motion[1] * self.radial[1])

    @property
    def across(self) -> FloatArray:
        """How far (N,) they moved across that direction."""
        return np.asarray(self.motion[1] * self.radial[0] - self.motion[0] * self.radial[1])

    @property
    def expansion(self) -> FloatArray:
        """e (N,)."""
        return np.asarray(self.away / np.maximum(self.lever, 1e-9))

    def derivatives(self, u: FloatArray, v: FloatArray, expansion: FloatArray) -> FloatArray:
        """Of the motion along (u, v), each (N,), with respect to a small rotation about x, y, z, and to the focus:
        (5, N)."""
        x, y = self.rays
        swing = u * x + v * y
        rows = np.empty((5, len(u)))
        rows[0], rows[1], rows[2] = -(v + y * swing), u + x * swing, v * x - u * y
        rows[3], rows[4] = -expansion * u, -expansion * v
        return rows


def refine_motion(
    reference: FloatArray, current: FloatArray, prior: MotionPrior, sigma_floor: float
) -> RelativeMotion:
    """Maximum a posteriori rotation and focus from tracks (N, 2) -> (N, 2) in rays, Cauchy-weighted.

    `sigma_floor` bounds the online estimate of one coordinate's standard deviation from below.
    """
    rotation, focus = prior.rotation, prior.focus
    weight_prior = np.concatenate([1.0 / prior.rotation_sigma_rad**2, np.full(2, 1.0 / prior.focus_sigma**2)])
    drift = np.zeros(5)  # posterior minus prior: rotation vector, focus
    sigma = 3.0 * sigma_floor
    held = normal = np.diag(weight_prior)
    before, now = np.ascontiguousarray(reference.T), np.ascontiguousarray(current.T)
    for _ in range(_ITERATIONS):
        flow = _Flow.of(before, now, rotation, focus)
        residual = flow.across
        usable = flow.lever > _MIN_LEVER * sigma
        if np.count_nonzero(usable) >= 8:
            sigma = max(sigma_floor, _MAD_TO_SIGMA * median(np.abs(residual[usable])))
        rows = flow.derivatives(-flow.radial[1], flow.radial[0], flow.expansion)
        weights = usable / (sigma**2 * (1.0 + (residual / (2.0 * sigma)) ** 2))
        weighted = rows * weights
        normal = weighted @ rows.T + held
        step = np.linalg.solve(normal, weighted @ residual - weight_prior * drift)
        drift = drift + step
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        focus = focus + step[3:]
        if np.abs(step).max() < 1e-5:  # a hundredth of a pixel at f = 1000 px
            break
    covariance = np.linalg.inv(normal)
    flow = _Flow.of(before, now, rotation, focus)
    expansion = flow.expansion
    rows = flow.derivatives(flow.radial[0], flow.radial[1], expansion)
    variance = sigma**2 + np.einsum("ji,ji->i", rows, covariance @ rows)
    with np.errstate(divide="ignore"):
        expansion_sigma = np.where(flow.lever > _MIN_LEVER * sigma, np.sqrt(variance) / flow.lever, np.inf)
    return RelativeMotion(
        rotation, focus, prior.travel_m, sigma, covariance, expansion, expansion_sigma, flow.across / sigma
    )


def is_above_ground(
    reference: FloatArray, current: FloatArray, prior: MotionPrior, road_m: FloatArray
) -> NDArray[np.bool_]:
    """Which tracks (N,) may belong to something that stands still: nothing is seen through the ground.

    Below the horizon every point is at most as far as the road 1/Z = `road_m` . (x, y, 1), so it expands at least as
    the road does. A corner on the edge of a lane line hardly does: it slides along the line, which leads to the focus
    of expansion and looks alike everywhere, and follows how the vehicle moves sideways.
    """
    flow = _Flow.of(reference.T, current.T, prior.rotation, prior.focus)
    with_road = prior.travel_m * (current @ road_m[:2] + road_m[2]) * flow.lever
    slack = _GROUND_SIGMAS * float(np.hypot(prior.rotation_sigma_rad[0], prior.focus_sigma))
    return np.asarray(flow.away > _GROUND_SHARE * with_road - slack)
