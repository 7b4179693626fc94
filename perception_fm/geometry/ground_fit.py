"""The ground below a camera, fitted to points of a depth image.

On a plane 1/Z = m . (x, y, 1) (see `road_plane`), which is linear in m. A relative error of Z is one of 1/Z of the same
size, so the fit is a weighted least squares in 1/Z with the prior as three more equations, repeated with Cauchy weights
(Huber, Robust Statistics, 1981) until what does not lie on the plane has lost its say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate

FloatArray = NDArray[np.float64]

_ROUNDS = 8
_MIN_POINTS = 40
_MIN_REACH = 1.5  # farthest over nearest depth: a narrower band says nothing about the tilt
# Errors of a network hang together over a good part of the image (`DepthErrorModel.correlation_length`): thousands of
# points on the road weigh like this many independent ones, two or three along each side.
_INDEPENDENT = 6.0
_FARTHEST = 1000.0  # heights of the camera: what is further away than that has no distance
_CAUCHY = 2.385  # 95% efficiency where errors are normal


def fit_ground(
    rays: FloatArray, depth_m: FloatArray, sigma_share: FloatArray, prior: PlaneEstimate
) -> PlaneEstimate | None:
    """The plane through points at `depth_m` (N,) along rays (N, 2), with relative errors `sigma_share` (N,).

    None where the points cannot fix a plane: too few, or all at one distance. `prior`: where the plane was expected.
    """
    if len(depth_m) < _MIN_POINTS:
        return None
    ranked, outer = np.sort(depth_m), len(depth_m) // 20
    if ranked[-1 - outer] < _MIN_REACH * ranked[outer]:
        return None
    design = np.vstack([rays.T, np.ones(len(rays))])
    inverse = 1.0 / depth_m
    least = np.maximum(0.25 * inverse, np.linalg.norm(prior.m) / _FARTHEST)
    prior_information = np.linalg.inv(prior.covariance)
    m, information = prior.m, prior_information
    for _ in range(_ROUNDS):
        # The error is a share of the plane's own 1/Z: with that of the points, near ones would win by being wrong.
        expected = m @ design
        sigma = sigma_share * np.maximum(expected, least)
        weight = 1.0 / (1.0 + ((inverse - expected) / (_CAUCHY * sigma)) ** 2)
        weight *= min(1.0, _INDEPENDENT / float(weight.sum())) / sigma**2
        weighted = weight * design
        information = prior_information + weighted @ design.T
        m = np.linalg.solve(information, prior_information @ prior.m + weighted @ inverse)
    if not m[1] > 0.0:
        return None
    return PlaneEstimate(m, np.linalg.inv(information), True)
