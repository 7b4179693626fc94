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


def rotate_rays(rays: FloatArray, rotation: FloatArray) -> FloatArray:
    """Rays (N, 2) seen after the rotation `rotation` = target_from_source."""
    turned = rays @ rotation[:, :2].T + rotation[:, 2]
    return np.asarray(turned[:, :2] / turned[:, 2:])


def _derivatives(rays: FloatArray, direction: FloatArray, expansion: FloatArray) -> FloatArray:
    """Of the flow along `direction` (N, 2) with respect to a small rotation about x, y, z, and to the focus: (5, N)."""
    (x, y), (u, v) = rays.T, direction.T
    swing = u * x + v * y
    return np.stack([-(v + y * swing), u + x * swing, v * x - u * y, -expansion * u, -expansion * v])


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
    normal = np.diag(weight_prior)
    for _ in range(_ITERATIONS):
        p = rotate_rays(reference, rotation)
        arm, lever = _lever(p, focus)
        across = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
        flow = current - p
        expansion = np.einsum("ij,ij->i", flow, arm) / np.maximum(lever, 1e-9)
        residual = np.einsum("ij,ij->i", flow, across)
        usable = lever > _MIN_LEVER * sigma
        if np.count_nonzero(usable) >= 8:
            sigma = max(sigma_floor, _MAD_TO_SIGMA * median(np.abs(residual[usable])))
        rows = _derivatives(p, across, expansion)
        weights = usable / (sigma**2 * (1.0 + (residual / (2.0 * sigma)) ** 2))
        weighted = rows * weights
        normal = weighted @ rows.T + np.diag(weight_prior)
        step = np.linalg.solve(normal, weighted @ residual - weight_prior * drift)
        drift = drift + step
        rotation = cv2.Rodrigues(step[:3])[0] @ rotation
        focus = focus + step[3:]
        if np.abs(step).max() < 1e-5:  # a hundredth of a pixel at f = 1000 px
            break
    covariance = np.linalg.inv(normal)
    p = rotate_rays(reference, rotation)
    arm, lever = _lever(p, focus)
    flow = current - p
    expansion = np.einsum("ij,ij->i", flow, arm) / np.maximum(lever, 1e-9)
    radial = _derivatives(p, arm, expansion)
    variance = sigma**2 + np.einsum("ji,ji->i", radial, covariance @ radial)
    with np.errstate(divide="ignore"):
        expansion_sigma = np.where(lever > _MIN_LEVER * sigma, np.sqrt(variance) / lever, np.inf)
    across = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    residual = np.einsum("ij,ij->i", flow, across) / sigma
    return RelativeMotion(
        rotation, focus, prior.travel_m, sigma, covariance, expansion, expansion_sigma, residual
    )


def is_above_ground(
    reference: FloatArray, current: FloatArray, prior: MotionPrior, road_m: FloatArray
) -> NDArray[np.bool_]:
    """Which tracks (N,) may belong to something that stands still: nothing is seen through the ground.

    Below the horizon every point is at most as far as the road 1/Z = `road_m` . (x, y, 1), so it expands at least as
    the road does. A corner on the edge of a lane line hardly does: it slides along the line, which leads to the focus
    of expansion and looks alike everywhere, and follows how the vehicle moves sideways.
    """
    p = rotate_rays(reference, prior.rotation)
    arm, lever = _lever(p, prior.focus)
    moved = np.einsum("ij,ij->i", current - p, arm)
    with_road = prior.travel_m * (current @ road_m[:2] + road_m[2]) * lever
    slack = _GROUND_SIGMAS * float(np.hypot(prior.rotation_sigma_rad[0], prior.focus_sigma))
    return np.asarray(moved > _GROUND_SHARE * with_road - slack)


def _lever(rays: FloatArray, focus: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit radial directions (N, 2) and distances (N,) from the focus of expansion."""
    arm = rays - focus
    lever = np.linalg.norm(arm, axis=1)
    return arm / np.maximum(lever, 1e-12)[:, None], lever
