"""The box of a whole thing from the part that is seen: a camera behind a car sees no length.

Sides that a vehicle or a person must have, and that are not seen, are added away from the camera, with the scatter of
such things as their sigma. What is of no known class keeps what is seen of it; its unseen side is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.scene.clusters import Cluster

FloatArray = NDArray[np.float64]

# Length, width, height, metres, and their scatter: KITTI 3-D object labels, rounded (Geiger et al., CVPR 2012).
_SIDES = {
    "car": ((4.0, 1.65, 1.55), (0.45, 0.12, 0.15)),
    "truck": ((9.0, 2.5, 3.2), (3.0, 0.25, 0.5)),
    "bus": ((11.0, 2.55, 3.2), (2.0, 0.2, 0.3)),
    "train": ((25.0, 2.8, 3.6), (10.0, 0.3, 0.4)),
    "person": ((0.7, 0.65, 1.75), (0.25, 0.2, 0.15)),
    "rider": ((1.75, 0.65, 1.75), (0.25, 0.2, 0.15)),
    "motorcycle": ((2.0, 0.75, 1.4), (0.3, 0.15, 0.2)),
    "bicycle": ((1.75, 0.6, 1.2), (0.25, 0.15, 0.2)),
}
_PRIORS = {CITYSCAPES_CLASSES.index(name): np.array(sides) for name, sides in _SIDES.items()}
_SEEN_SIGMA_SHARE = 0.1
_SEEN_SIGMA_M = 0.15
_WIDTH_SCATTER = 3.0  # a side longer than the width by more than this many of its sigmas is the length


@dataclass(frozen=True, eq=False)
class Box:
    """Base frame, metres: `centre_m` (3,), `size_m` and `size_sigma_m` (3,) length, width, height; NaN unseen."""

    centre_m: FloatArray
    size_m: FloatArray
    size_sigma_m: FloatArray
    yaw_rad: float
    yaw_sigma_rad: float


def whole_box(cluster: Cluster) -> Box:
    """The box of the thing that a cluster is the visible part of."""
    size, yaw = cluster.size_m.copy(), cluster.yaw_rad
    sigma = np.hypot(_SEEN_SIGMA_M, _SEEN_SIGMA_SHARE * size)
    prior = _PRIORS.get(cluster.class_id)
    if prior is None:
        # Across the line of sight it is seen from side to side, along it only where it turns a side to the camera.
        return Box(cluster.centre_m, size, sigma, yaw, _yaw_sigma(size))
    if size[0] < prior[0, 1] + _WIDTH_SCATTER * prior[1, 1] and _is_across(yaw, cluster.bearing_rad):
        size[:2], yaw = size[1::-1], yaw + 0.5 * np.pi if yaw <= 0.0 else yaw - 0.5 * np.pi
    whole = np.maximum(size, prior[0])
    whole[2] = size[2] if size[2] > 0.5 * prior[0][2] else prior[0][2]
    cos, sin = math.cos(yaw), math.sin(yaw)
    axes = np.array([[cos, sin], [-sin, cos]])
    sight = axes @ (math.cos(cluster.bearing_rad), math.sin(cluster.bearing_rad))
    centre = cluster.centre_m.copy()
    centre[:2] += (0.5 * (whole[:2] - size[:2]) * np.where(np.abs(sight) > 0.2, np.sign(sight), 0.0)) @ axes
    centre[2] = 0.5 * whole[2]
    is_added = whole > size + 0.25
    return Box(centre, whole, np.where(is_added, prior[1], sigma), yaw, _yaw_sigma(size))


def _is_across(yaw_rad: float, bearing_rad: float) -> bool:
    """Whether the longer side is seen face on: then it is a front or a rear."""
    return abs(math.sin(yaw_rad - bearing_rad)) > 0.7


def _yaw_sigma(size_m: FloatArray) -> float:
    """Of a heading that the longer side gives; a thing without one may point anywhere."""
    length, width = sorted(size_m[:2].tolist(), reverse=True)
    return min(max(math.atan2(0.3, max(length - width, 0.1)), 0.05), math.pi / math.sqrt(12.0))
