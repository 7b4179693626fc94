"""How fast the near road streams by, from its pixels: where it is too smooth for feature tracks, all of them together
still agree with one speed.

The plane is that of the mounting, so only the length of the travel is open: 1/Z = m . ray, moved by v T along the
direction that the tracks elsewhere have told. A patch of road is compared with what an earlier frame predicts for every
speed, one dimension searched to the end.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.road_alignment import nearest_visible_m, road_patch
from perception_fm.motion.warp import GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

_NEAR_M, _FAR_M = 5.0, 15.0  # as for the tracks: nearer is the bonnet, farther moves little
_SLOWEST_MPS, _FASTEST_MPS = 0.5, 60.0
_RATIO = 1.04  # of neighbouring speeds: a third of what metres are known to without odometry
_AROUND = 1.3  # of the speed a moment ago: braking at 8 m/s2 takes a quarter of 10 m/s in 0.3 s
_WINDOW_S = 0.2  # at 30 m/s the earlier frame saw the road 6 m farther away, at 1 m/s 4 px of it moved
_MIN_CORRELATION = 0.4  # as `road_alignment._MIN_CORRELATION`
_CORRELATED_PIXELS = 6.0  # as `road_alignment._CORRELATED_PIXELS`
_OTHER_SHARE = 1.2  # a speed this far off is another one
_MIN_RATIO = 6.0  # nat over every other speed: 400 to 1


def streaming_speed_mps(
    current: GrayPyramid,
    references: Sequence[ReferenceView],
    mounting: PlaneEstimate,
    path: PredictedPath,
    last_mps: float,
) -> float:
    """Speed that explains the near road best, NaN where none stands out.

    `references` may have been made with any speed. `last_mps`: a moment ago, NaN unknown; a known one is looked around.
    """
    near_m = max(_NEAR_M, nearest_visible_m(mounting, current.intrinsics[0], current.levels[0].shape[0]))
    patch = road_patch(current, mounting, path, near_m, _FAR_M) if math.isfinite(near_m) else None
    if patch is None or not references:
        return math.nan
    view = min(references, key=lambda one: abs(one.window_s - _WINDOW_S))
    level, offset, size, inside, _ = patch
    rays_from_patch = np.linalg.inv(current.intrinsics[level]) @ offset
    now = _normalised(sample(current.levels[level], offset, size)[inside])
    if now is None:
        return math.nan
    direction = view.travel_m / np.linalg.norm(view.travel_m)
    low, high = _SLOWEST_MPS, _FASTEST_MPS
    if math.isfinite(last_mps):
        low, high = max(low, last_mps / _AROUND), min(high, last_mps * _AROUND)
    if high <= low:
        return math.nan  # a creep, or faster than any road: what was known last is out of what is searched
    count = 1 + math.ceil(math.log(high / low) / math.log(_RATIO))
    speeds: FloatArray = low * _RATIO ** np.arange(count, dtype=np.float64)
    correlation = np.zeros(len(speeds))
    for index, speed in enumerate(speeds):
        moved = dataclasses.replace(view, travel_m=direction * (speed * view.window_s))
        warp = moved.pixels_from_patch(rays_from_patch, mounting.m, level)
        before = _normalised(sample(view.pyramid.levels[level], warp, size)[inside])
        correlation[index] = 0.0 if before is None else float(now @ before)
    return _standing_out(speeds, correlation, len(now) / _CORRELATED_PIXELS)


def _standing_out(speeds: FloatArray, correlation: FloatArray, independent: float) -> float:
    """The speed of the best correlation, found between its neighbours; NaN where another does nearly as well."""
    best = int(np.argmax(correlation))
    if not 0 < best < len(speeds) - 1 or correlation[best] < _MIN_CORRELATION:
        return math.nan
    apart = np.abs(np.log(speeds / speeds[best])) >= math.log(_OTHER_SHARE)
    others = np.maximum(correlation[apart], 0.0)
    rival = float(others.max(initial=0.0))
    # Of a normalised patch the residual is 2 (1 - correlation).
    ratio = 0.5 * independent * math.log((1.0 - rival + 1e-6) / (1.0 - correlation[best] + 1e-6))
    if ratio < _MIN_RATIO:
        return math.nan
    left, middle, right = correlation[best - 1 : best + 2]
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
    return float(speeds[best] * _RATIO**shift)


def _normalised(pixels: NDArray[np.uint8]) -> FloatArray | None:
    """Pixels (N,) with mean 0 and length 1; None where they are all alike."""
    values = pixels.astype(np.float64)
    values -= values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > 1e-6 else None
