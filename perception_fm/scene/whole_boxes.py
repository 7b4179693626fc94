"""The box of a whole thing from the part that is seen: a camera behind a car sees no length.

Sides that a vehicle or a person must have, and that are not seen, are added away from the camera, with the scatter of
such things as their sigma. What is of no known class keeps what is seen of it; its unseen side is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.scene.clusters import Clusters
from perception_fm.scene.columns import Columns

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
_USUAL_M, _SCATTER_M = np.zeros((2, UNKNOWN_LABEL + 1, 3))  # of each class; 0 where nothing is known of its sides
for _name, (_usual_m, _scatter_m) in _SIDES.items():
    _USUAL_M[CITYSCAPES_CLASSES.index(_name)] = _usual_m
    _SCATTER_M[CITYSCAPES_CLASSES.index(_name)] = _scatter_m
_SEEN_SIGMA_SHARE = 0.1
_SEEN_SIGMA_M = 0.15
_WIDTH_SCATTER = 3.0  # a side longer than the width by more than this many of its sigmas is the length


@dataclass(frozen=True, eq=False)
class Boxes(Columns):
    """Of things (N,), base frame, metres: `centre_m` (N, 3), `size_m` and `size_sigma_m` (N, 3) length, width, height;
    NaN unseen. `yaw_rad` and `yaw_sigma_rad` (N,)."""

    centre_m: FloatArray
    size_m: FloatArray
    size_sigma_m: FloatArray
    yaw_rad: FloatArray
    yaw_sigma_rad: FloatArray


def whole_boxes(clusters: Clusters) -> Boxes:
    """The boxes of the things that clusters are the visible parts of.

    What is of no known class is seen from side to side across the line of sight, along it only where it turns a side to
    the camera.
    """
    usual, scatter = _USUAL_M[clusters.class_id], _SCATTER_M[clusters.class_id]
    size, yaw = clusters.size_m.copy(), clusters.yaw_rad.copy()
    sigma = np.hypot(_SEEN_SIGMA_M, _SEEN_SIGMA_SHARE * size)
    has_sides = usual[:, 0] > 0.0
    is_end = has_sides & (size[:, 0] < usual[:, 1] + _WIDTH_SCATTER * scatter[:, 1])
    is_end &= _is_across(yaw, clusters.bearing_rad)
    size[is_end, :2] = size[is_end, 1::-1]
    yaw[is_end] += np.where(yaw[is_end] <= 0.0, 0.5 * np.pi, -0.5 * np.pi)
    whole = np.maximum(size, usual)
    whole[:, 2] = np.where(size[:, 2] > 0.5 * usual[:, 2], size[:, 2], usual[:, 2])
    sight = np.column_stack([np.cos(clusters.bearing_rad - yaw), np.sin(clusters.bearing_rad - yaw)])
    away = 0.5 * (whole - size)[:, :2] * np.where(np.abs(sight) > 0.2, np.sign(sight), 0.0)
    cos, sin = np.cos(yaw), np.sin(yaw)
    centre = clusters.centre_m.copy()
    centre[:, 0] += away[:, 0] * cos - away[:, 1] * sin
    centre[:, 1] += away[:, 0] * sin + away[:, 1] * cos
    centre[:, 2] = np.where(has_sides, 0.5 * whole[:, 2], centre[:, 2])
    is_added = whole > size + 0.25
    return Boxes(centre, whole, np.where(is_added, scatter, sigma), yaw, _yaw_sigma(size))


def _is_across(yaw_rad: FloatArray, bearing_rad: FloatArray) -> NDArray[np.bool_]:
    """Whether (N,) the longer side is seen face on: then it is a front or a rear."""
    return np.asarray(np.abs(np.sin(yaw_rad - bearing_rad)) > 0.7)


def _yaw_sigma(size_m: FloatArray) -> FloatArray:
    """Of headings (N,) that the longer side gives; a thing without one may point anywhere."""
    longer = np.abs(size_m[:, 0] - size_m[:, 1])
    return np.asarray(np.clip(np.arctan2(0.3, np.maximum(longer, 0.1)), 0.05, math.pi / math.sqrt(12.0)))
