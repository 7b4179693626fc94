"""The plane that a swept box holds: expansion, distance and slope with covariance, by direct alignment.

Gauss-Newton on the brightness of the box's patch. The unknowns are the plane's inverse depth at the patch centre, its
gradient across and up the patch, and a small shift (pitch and yaw that the ego motion missed). Tilt and shift are
held by priors that allow any wall and no more motion than is left after refinement. The shift found so far is part of
the warp: as a mere multiple of the gradient it would be wrong by half a shift squared times the curvature of the
picture, which an expansion imitates. How the picture changes with the plane follows from the mean gradient of both
views (Benhimane and Malis 2004): the difference between two warps a little apart is mostly what rounding to 8 bits
makes of it, which keeps a fit where it began and lets it look sure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch, gradients
from perception_fm.motion.patches import CORRELATED_PIXELS
from perception_fm.motion.robust import upper_median

FloatArray = NDArray[np.float64]

_ITERATIONS = 6
_ENOUGH = 1e-3  # share of the distance
_OUTLIER = 9.0  # variances: at three sigmas a pixel counts a quarter
_MAX_CHANGE = 0.25  # the sweep is right to 6%; a fit that walks further off has lost its patch
_DISTANCE_SIGMA = 0.05  # share: of a run of boxes 6% apart the middle one is taken; without texture it decides
_SLANT_SIGMA, _LEAN_SIGMA = 0.7, 0.4  # tangents: walls stand within 35 degrees of facing us, 22 of upright


@dataclass(frozen=True)
class PlaneFit:
    """One plane in one frame.

    `depth_m` is optical, at the patch centre; `expansion` is e over `window_s`. `slope_rad` is the angle between
    plane and road (pi/2 upright). `planarity` is the residual's variance over that of noise and misalignment (1 is a
    plane). `alignment_sigma_m` and `slope_alignment_rad`: what the misalignment of the two views as a whole may do to
    depth and slope; it does not average out within the patch.
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
    alignment_sigma_m: float = 0.0
    slope_alignment_rad: float = 0.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """The plane m (3,) that explains a patch best, `residual` (H, W), and the covariance (5, 5) of inverse depth at the
    ray `centre` (3,), gradients across and up, and shift in patch pixels, as if nothing had been known of the distance.
    """

    m: FloatArray
    centre: FloatArray
    residual: FloatArray
    covariance: FloatArray
    correlation: float

    def inverse_depth(self, ray: FloatArray) -> tuple[float, float]:
        """Along a ray (3,) with z = 1, and its standard deviation."""
        change = np.array([1.0, *(ray - self.centre)[:2]])
        return float(self.m @ ray), math.sqrt(float(change @ self.covariance[:3, :3] @ change))


def align(sharp: BoxPatch, start: FloatArray, sigma: FloatArray, iterations: int = _ITERATIONS) -> Alignment | None:
    """Maximum a posteriori plane near `start` (3,); None where it walks off.

    A step that explains less than the plane before is halved. What is left unexplained is that of the `sharp` patch.

    `sigma` (3,): prior standard deviations of the inverse depth at the patch centre and of its gradients across and up.
    """
    first = float(start @ sharp.centre)
    patch = sharp.as_blurred_as_before(1.0 + float(sharp.view.travel_m[2]) * first)
    right, down = (patch.rays[..., axis] - patch.centre[axis] for axis in (0, 1))
    prior = np.array([*sigma, patch.shift_sigma, patch.shift_sigma]) ** -2.0
    floor, now = patch.floor, patch.now
    normal = held = np.diag(prior)
    independent = min(1.0, patch.pixels**2) / CORRELATED_PIXELS
    before = now
    design = np.empty((5, now.size))
    across, below = patch.flow(start)
    theta, step, least, limit = np.zeros(5), np.zeros(5), math.inf, math.inf
    for _ in range(iterations):
        there = patch.before(_plane(start, theta + step, patch.centre), theta[3:] + step[3:])
        left = now - there
        square = left * left
        if math.isinf(limit):
            limit = _OUTLIER * max(floor, 2.198 * upper_median(square))  # 1.4826 squared, of a Gaussian's median
        cost = float((square / (limit + square)).sum())
        if cost > least:
            step = 0.5 * step
            continue
        theta, least, before = theta + step, cost, there
        if abs(theta[0]) > _MAX_CHANGE * first:
            return None
        if 0.0 < abs(step[0]) < _ENOUGH * first:
            break
        gx, gy = (0.5 * (one + other) for one, other in zip((patch.gx, patch.gy), gradients(before)))
        rate = gx * across + gy * below
        # Brightness and contrast are those of the other view, whatever the plane.
        rate -= rate.mean()
        rate -= before * (float(np.vdot(before, rate)) / (float(np.vdot(before, before)) + 1e-9))
        variance = max(floor, 2.198 * upper_median(square))
        design[:] = [some.ravel() for some in (rate, rate * right, rate * down, gx, gy)]
        weighted = design * (independent / (variance * (1.0 + square.ravel() / (_OUTLIER * variance)) ** 2))
        normal = weighted @ design.T + held
        step = np.linalg.solve(normal, weighted @ left.ravel() - prior * theta)
    # Where it began is the same from frame to frame and no second look.
    seen = normal.copy()
    seen[0, 0] += first**-2.0 - prior[0]
    covariance = np.asarray(np.linalg.inv(seen), np.float64)
    correlation = float(np.vdot(now, before)) / math.sqrt(float(np.vdot(now, now) * np.vdot(before, before)) + 1e-9)
    m = _plane(start, theta, patch.centre)
    residual = now - before if patch is sharp else sharp.now - sharp.before(m, theta[3:])
    return Alignment(m, patch.centre, residual, covariance, correlation)


def upright_sigma(patch: BoxPatch) -> FloatArray:
    """Prior (3,) of a wall: about where the sweep saw it, about upright, about facing us."""
    inverse = float(patch.box.upright @ patch.centre)
    return np.array([_DISTANCE_SIGMA, _SLANT_SIGMA, _LEAN_SIGMA]) * inverse


def described(patch: BoxPatch, found: Alignment, road: PlaneEstimate) -> PlaneFit:
    """The aligned plane as distance, expansion and slope."""
    inverse, sigma = found.inverse_depth(patch.centre)
    travel = float(patch.view.travel_m[2])
    misaligned = patch.misalignment / patch.spread / abs(travel)  # of inverse depth
    slope, slope_rate = _slope(found.m, road)
    return PlaneFit(
        depth_m=1.0 / inverse,
        depth_sigma_m=sigma / inverse**2,
        expansion=inverse * travel,
        expansion_sigma=sigma * abs(travel),
        window_s=patch.view.window_s,
        slope_rad=slope,
        slope_sigma_rad=slope_rate * float(np.sqrt(found.covariance[2, 2])),
        planarity=float(np.mean(found.residual**2)) / patch.floor,
        correlation=found.correlation,
        alignment_sigma_m=misaligned / inverse**2,
        slope_alignment_rad=slope_rate * misaligned / patch.half_height,
    )


def _plane(start: FloatArray, theta: FloatArray, centre: FloatArray) -> FloatArray:
    """m of the plane with inverse depth and gradients changed at the patch centre."""
    change = np.array([theta[1], theta[2], theta[0] - theta[1] * centre[0] - theta[2] * centre[1]])
    return np.asarray(start + change)


def _slope(m: FloatArray, road: PlaneEstimate) -> tuple[float, float]:
    """Angle of the plane to the road, radians, and its derivative with respect to the vertical gradient."""
    size = float(np.linalg.norm(m))
    cosine = float(m @ road.m) / (size * float(np.linalg.norm(road.m)))
    slope = float(np.arccos(np.clip(abs(cosine), 0.0, 1.0)))
    return slope, abs(float(np.sin(slope))) / size
