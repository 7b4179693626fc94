"""Drivable grade: a road that climbs or falls before the car, the rival that an upright plane has to beat.

A road of grade g that leaves the plane of the road at a hinge, d ahead, is the plane

    m_g = (1 - s) m + s u_d,    s = g d / (h + g d)

of the pencil through the hinge line, with m the road, h the camera's height and u_d the upright plane at d. In a box it
looks like a plane that leans far back: per unit of y, 1/Z grows by 1 / (h + g d).

A road bends gradually. At speed v a bend of radius R pushes with v^2 / R; nobody drives where that is uncomfortable, so
R is bounded, and a road that has reached the grade g at Z left its plane at least g R earlier, its hinge g R / 2 before
Z. Grade and hinge are unknown otherwise, so the best of them speaks for the hypothesis (generalised likelihood ratio).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch
from perception_fm.motion.patches import exposed_alike, remove_shift
from perception_fm.motion.plane_fit import align

FloatArray = NDArray[np.float64]

_GRADES = (-0.08, -0.04, 0.03, 0.06, 0.09, 0.12, 0.15)
_HINGE_SHARES = (0.25, 0.5, 0.75, 1.0)
_LEAST_HEIGHT_SHARE = 0.3
_VERTICAL_MPS2 = 0.5
_SIGMA_SHARES = np.array([0.1, 0.05, 0.2])  # of inverse depth, gradient across and gradient up
_ITERATIONS = 4


def most_like_grade(patch: BoxPatch, road: PlaneEstimate) -> FloatArray:
    """Of a grid of roads that climb or fall before the box the plane m (3,) that explains the patch best, each with the
    small shift that suits it; the road itself where none is drivable."""
    planes = grades(road, patch.box.upright, patch.box.distance_m, _sag_m(patch))
    if not planes:
        return road.m
    now = patch.now.astype(np.float32)
    error = exposed_alike(patch.sampled(np.stack(planes)).astype(np.float32), now)[:, None] - now
    dx, dy = (np.asarray(gradient, np.float32)[None] for gradient in (patch.gx, patch.gy))
    left = remove_shift(dx, dy, error, np.array([patch.shift_sigma]))
    return planes[int(np.argmin(np.einsum("mkij,mkij->m", left, left)))]


def unexplained_by_grade(patch: BoxPatch, road: PlaneEstimate, start: FloatArray) -> FloatArray:
    """What the best road that climbs or falls before the box, near the plane `start`, leaves unexplained (H, W)."""
    residual = patch.unexplained(start)
    gradient = float(np.linalg.norm(start))
    sigma = _SIGMA_SHARES * np.array([float(start @ patch.centre), gradient, gradient])
    found = align(patch, start, sigma, _ITERATIONS)
    if found is None or not is_drivable(found.m, road, patch.box.distance_m, _sag_m(patch)):
        return residual
    refined = patch.unexplained(found.m)
    return refined if np.mean(refined * refined) < np.mean(residual * residual) else residual


def _sag_m(patch: BoxPatch) -> float:
    """The least radius of a bend that one drives at this speed."""
    return float((patch.view.travel_m[2] / patch.view.window_s) ** 2 / _VERTICAL_MPS2)


def grades(road: PlaneEstimate, upright: FloatArray, distance_m: float, sag_m: float) -> list[FloatArray]:
    """Planes m (3,) of roads that bend up or down at a hinge between the car and `distance_m`.

    `upright` is the plane across the path at `distance_m`, the hinges are parallel to it; `sag_m` is the least radius
    that the bend may have.
    """
    height_m = road.height_m
    planes = []
    for grade in _GRADES:
        for share in _HINGE_SHARES:
            hinge_m = share * _farthest_hinge_m(grade, distance_m, sag_m)
            apparent_m = height_m + grade * hinge_m
            if hinge_m > 0.0 and apparent_m > _LEAST_HEIGHT_SHARE * height_m:
                weight = grade * hinge_m / apparent_m
                planes.append((1.0 - weight) * road.m + weight * distance_m / hinge_m * upright)
    return planes


def is_drivable(m: FloatArray, road: PlaneEstimate, distance_m: float, sag_m: float) -> bool:
    """Whether the plane m (3,) may be road at `distance_m`: no steeper than roads are, and bent early enough."""
    down = road.m * road.height_m
    level = float(m @ down)
    ahead = m - level * down
    grade = float(np.copysign(np.linalg.norm(ahead), ahead[2])) / level
    if level <= 0.0 or abs(grade) > _GRADES[-1]:
        return False
    hinge_m = (1.0 / level - road.height_m) / grade if grade else 0.0
    return hinge_m <= _farthest_hinge_m(grade, distance_m, sag_m)


def _farthest_hinge_m(grade: float, distance_m: float, sag_m: float) -> float:
    """Of a road that has reached its grade at `distance_m` on a bend of radius `sag_m`: half the bend lies behind."""
    return distance_m - 0.5 * abs(grade) * sag_m
