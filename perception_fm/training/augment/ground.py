"""The road of one sample as a plane, on which painted walls are put."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import FloatArray
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.training.sample import TrainingSample

_ROAD = CITYSCAPES_CLASSES.index("road")
_REACH_M = 40.0  # farther road is too flat in the picture to say anything about the plane
_LEAST_POINTS, _MOST_POINTS = 150, 3000
_ROUNDS = 4
_OUTLIER = 2.5  # robust standard deviations
_HEIGHTS_M = (0.3, 6.0)  # of a vehicle's camera; a plane of another height is no road
_STEEPEST_RAD = np.radians(25.0)  # between the plane and the camera's own up


def road_plane(sample: TrainingSample) -> FloatArray | None:
    """m (3,) with m . (x, y, 1) = 1/z on the road (as geometry/road_plane.py); None where nothing tells it.

    From depth labelled road; else level, below a camera of known height.
    """
    fitted = _fitted(sample)
    if fitted is not None or sample.height_m is None:
        return fitted
    return np.array([0.0, 1.0 / sample.height_m, 0.0])


def _fitted(sample: TrainingSample) -> FloatArray | None:
    """Least squares in inverse depth, whose error is that of stereo and does not favour far points."""
    if sample.camera is None or sample.depth_m is None or sample.label is None:
        return None
    # The upper third shows no road of a vehicle's camera, only mistakes of labels.
    first = sample.size[1] // 3
    depth_m, label = sample.depth_m[first:], sample.label[first:]
    found = np.flatnonzero((label == _ROAD) & (depth_m < _REACH_M))
    if len(found) < _LEAST_POINTS:
        return None
    found = found[:: max(1, len(found) // _MOST_POINTS)]
    rows, columns = np.divmod(found, sample.size[0])
    k = sample.camera
    rays = np.column_stack([(columns - k.cx) / k.fx, (rows + first - k.cy) / k.fy, np.ones(len(found))])
    m = _trimmed(rays, 1.0 / depth_m.reshape(-1)[found].astype(np.float64))
    if m is None:
        return None
    length = float(np.linalg.norm(m))
    if length == 0.0 or not _HEIGHTS_M[0] < 1.0 / length < _HEIGHTS_M[1] or m[1] / length < np.cos(_STEEPEST_RAD):
        return None
    return m


def _trimmed(rays: FloatArray, inverse: NDArray[np.float64]) -> FloatArray | None:
    kept = np.ones(len(rays), np.bool_)
    m = np.zeros(3)
    for _ in range(_ROUNDS):
        if kept.sum() < _LEAST_POINTS:
            return None
        m = np.linalg.lstsq(rays[kept], inverse[kept], rcond=None)[0]
        residual = np.abs(rays @ m - inverse)
        kept = residual <= _OUTLIER * 1.4826 * float(np.median(residual)) + 1e-6
    return np.asarray(m)
