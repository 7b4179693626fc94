"""The plane that a swept box holds: expansion, distance and slope with covariance, by direct alignment.

Gauss-Newton on the brightness of the box's patch. The unknowns are the plane's inverse depth at the patch centre, its
gradient across and up the patch, and a small shift (pitch and yaw that the ego motion missed). Tilt and shift are
held by priors that allow any wall and no more motion than is left after refinement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.patches import CORRELATED_PIXELS, MISALIGNMENT_PX, NOISE_VARIANCE, patch_level
from perception_fm.motion.swept_boxes import PATCH_HEIGHT, PATCH_WIDTH, SHIFT_SIGMA_PX, BoxGeometry
from perception_fm.motion.warp import GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

_ITERATIONS = 5
_STEP = 0.02
_MAX_CHANGE = 0.25  # the sweep is right to 6%; a fit that walks further off has lost its patch
_TILT_SIGMA = 0.7  # tangent of the tilt: walls stand within 35 degrees of upright and of facing us


@dataclass(frozen=True)
class PlaneFit:
    """One plane in one frame.

    `depth_m` is optical, at the patch centre; `expansion` is e over `window_s`. `slope_rad` is the angle between
    plane and road (pi/2 upright). `planarity` is the residual's variance over that of noise and misalignment (1 is a
    plane).
    """

    depth_m: float
    depth_sigma_m: float
    expansion: float
    expansion_sigma: float
    window_s: float
    slope_rad: float
    slope_sigma_rad: float
    planarity: float
    correlation: float


def fit_plane(
    current: GrayPyramid, view: ReferenceView, box: BoxGeometry, road: PlaneEstimate, width_m: float
) -> PlaneFit | None:
    """The plane in `box`, starting upright at its distance; None where the patch does not hold one."""
    level = patch_level(current, box.distance_m, width_m)
    k = current.intrinsics[level]
    size = (PATCH_WIDTH, PATCH_HEIGHT)
    pixel_from_patch = k @ box.rays_from_patch
    now = sample(current.levels[level], pixel_from_patch, size).astype(np.float64)
    gx, gy = _gradient(now, axis=1), _gradient(now, axis=0)
    columns, rows = np.meshgrid(np.arange(PATCH_WIDTH), np.arange(PATCH_HEIGHT))
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ box.rays_from_patch.T
    rays = rays / rays[..., 2:]
    centre = rays[PATCH_HEIGHT // 2, PATCH_WIDTH // 2]
    offset = rays - centre
    pixels_per_patch = width_m * k[0, 0] / box.distance_m / PATCH_WIDTH
    shift_sigma = SHIFT_SIGMA_PX / 2.0**level / pixels_per_patch
    first = float(box.upright @ centre)
    tilt = 1.0 / (_TILT_SIGMA * first) ** 2
    prior = np.array([0.0, tilt, tilt, shift_sigma**-2.0, shift_sigma**-2.0])
    misalignment = MISALIGNMENT_PX / 2.0**level / pixels_per_patch
    floor = NOISE_VARIANCE + misalignment**2 * float(np.mean(gx * gx + gy * gy))
    # Unknowns: inverse depth less the start, its gradients in x and y, shift in patch pixels.
    theta = np.zeros(5)
    now = now - now.mean()
    normal, variance, correlation = np.diag(prior), floor, 0.0
    for _ in range(_ITERATIONS):
        m = _plane(box.upright, theta, centre)
        before, up, down = (
            sample(
                view.pyramid.levels[level], view.pixels_from_patch(box.rays_from_patch, s * m, level), size
            ).astype(np.float64)
            for s in (1.0, 1.0 + _STEP, 1.0 - _STEP)
        )
        rate = (up - down) / (2.0 * _STEP * np.maximum(rays @ m, 1e-6))
        before -= before.mean()
        residual = now - before - theta[3] * gx - theta[4] * gy
        correlation = float((now * before).sum() / np.sqrt((now * now).sum() * (before * before).sum() + 1e-9))
        variance = max(floor, (1.4826 * float(np.median(np.abs(residual)))) ** 2)
        design = np.stack([rate, rate * offset[..., 0], rate * offset[..., 1], gx, gy], axis=-1).reshape(-1, 5)
        independent = min(1.0, pixels_per_patch**2) / CORRELATED_PIXELS
        weights = independent / (variance * (1.0 + residual.ravel() ** 2 / (9.0 * variance)) ** 2)
        normal = design.T @ (weights[:, None] * design) + np.diag(prior)
        step = np.linalg.solve(normal, design.T @ (weights * residual.ravel()) - prior * theta)
        theta = theta + step
        if abs(theta[0]) > _MAX_CHANGE * first:
            return None
        if abs(step[0]) < 1e-4 * first:
            break
    covariance = np.linalg.inv(normal)
    m = _plane(box.upright, theta, centre)
    inverse, sigma = float(m @ centre), float(np.sqrt(covariance[0, 0]))
    slope, slope_sigma = _slope(m, road, covariance[2, 2])
    travel = float(view.travel_m[2])
    return PlaneFit(
        depth_m=1.0 / inverse,
        depth_sigma_m=sigma / inverse**2,
        expansion=inverse * travel,
        expansion_sigma=sigma * abs(travel),
        window_s=view.window_s,
        slope_rad=slope,
        slope_sigma_rad=slope_sigma,
        planarity=float(np.mean(residual**2)) / floor,
        correlation=correlation,
    )


def _plane(upright: FloatArray, theta: FloatArray, centre: FloatArray) -> FloatArray:
    """m of the upright plane with inverse depth and gradients changed at the patch centre."""
    change = np.array([theta[1], theta[2], theta[0] - theta[1] * centre[0] - theta[2] * centre[1]])
    return np.asarray(upright + change)


def _slope(m: FloatArray, road: PlaneEstimate, gradient_variance: float) -> tuple[float, float]:
    """Angle of the plane to the road and its standard deviation from the vertical gradient's, radians."""
    cosine = float(m @ road.m) / float(np.linalg.norm(m) * np.linalg.norm(road.m))
    slope = float(np.arccos(np.clip(abs(cosine), 0.0, 1.0)))
    sigma = float(np.sqrt(gradient_variance)) * abs(float(np.sin(slope))) / float(np.linalg.norm(m))
    return slope, min(sigma, 0.5 * np.pi)


def _gradient(values: FloatArray, axis: int) -> FloatArray:
    return np.asarray(np.gradient(values, axis=axis))
