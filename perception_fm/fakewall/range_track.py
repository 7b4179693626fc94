"""What stands in the path by a range sensor alone: a sequential test on places fixed to the world (Wald 1945)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perception_fm.config import SweepConfig
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.fakewall.range_surface import RangeReading, nearest_surface
from perception_fm.motion.metric_scale import SPEED_SIGMA_SHARE
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.types import Obstacle, Provenance, ScaleSource

HIT = 4.5
"""ln(0.9 / 0.01): nine of ten readings meet what stands there; a stray echo of rain or dust comes at the same place in
one of a hundred. Both are assumptions; with them five independent readings confirm."""

_MISS = -2.3  # ln(0.1 / 0.99), likewise
_SUSPICION = 3.0  # as `stage._SUSPICION` of the motion stage: from here on it ends the verified road
_INDEPENDENT_S = 0.2  # as `obstacle_tracks._INDEPENDENT_S`
_LONGEST_GAP_S = 1.0  # a place that nobody has looked at for longer is forgotten
_GATE_SIGMAS = 3.0  # as `obstacle_tracks._GATE_SIGMAS`
_SAME_M = 0.3  # beyond those: the depth of a surface (`range_surface._SLAB_M`)
_SAME_SHARE = 0.075  # of the distance: nearer than this the motion stage merges two tracks into one
_PROCESS_SIGMA_M_PER_SQRT_S = 0.3  # as of the motion stage's tracks
_MODEL_SHARE = 0.02  # likewise


@dataclass
class RangeTrack:
    """Something stands at `position_m`, metres on the odometer. `reading`: that of this frame, if it was met."""

    track_id: int
    position_m: float
    variance_m2: float
    log_ratio: float = 0.0
    is_confirmed: bool = False
    reading: RangeReading | None = None
    shape: RangeReading | None = None
    unseen_s: float = 0.0

    def distance_m(self, odometer_m: float) -> float:
        """Distance ahead of the camera, metres."""
        return self.position_m - odometer_m

    def distance_sigma_m(self, odometer_m: float) -> float:
        """Its standard deviation, with the share that averaging does not remove."""
        return math.hypot(math.sqrt(self.variance_m2), _MODEL_SHARE * self.distance_m(odometer_m))

    def take(self, reading: RangeReading, odometer_m: float, share: float) -> None:
        """One reading of it; `share` of an independent one."""
        gain = self.variance_m2 / (self.variance_m2 + max(reading.sigma_m**2, 1e-6))
        self.position_m += gain * (reading.distance_m - self.distance_m(odometer_m))
        self.variance_m2 *= 1.0 - gain
        self.reading = self.shape = reading
        self.unseen_s = 0.0
        self.log_ratio = min(self.log_ratio + share * HIT, 2.0 * CONFIRM)
        self.is_confirmed = self.is_confirmed or self.log_ratio >= CONFIRM

    def is_at(self, distance_m: float, sigma_m: float, odometer_m: float) -> bool:
        """Whether what is `distance_m` ahead, give or take `sigma_m`, may be the same thing."""
        own = self.distance_sigma_m(odometer_m)
        return abs(distance_m - self.distance_m(odometer_m)) <= _GATE_SIGMAS * math.hypot(own, sigma_m) + _SAME_M


class RangeWatch:
    """Owns the temporal state. `ids`: numbers for new obstacles; none is used twice."""

    def __init__(self, sweep: SweepConfig, ids: Iterator[int] | None = None) -> None:
        self._sweep = sweep
        self._ids = itertools.count(1) if ids is None else ids
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a clock jump."""
        self._tracks: list[RangeTrack] = []
        self._stamp_ns: int | None = None

    def update(self, scan: RangeScan | None, report: MotionReport, frame: RectifiedFrame) -> tuple[RangeTrack, ...]:
        """What may stand in the path, nearest first, those below suspicion left out.

        `scan` None: the sensor says nothing, and what is known stays where it is for `_LONGEST_GAP_S`. Without path,
        road or mounting nothing can be placed.
        """
        since_s = 0.0 if self._stamp_ns is None else (frame.stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = frame.stamp_ns
        dt_s = max(0.0, since_s)
        for track in self._tracks:
            track.reading = None
            track.variance_m2 += _PROCESS_SIGMA_M_PER_SQRT_S**2 * dt_s
            track.unseen_s += dt_s
        if report.path is None or report.road is None or frame.base_from_camera is None:
            self._tracks = []
            return ()
        odometer_m, share = report.odometer_m, min(1.0, dt_s / _INDEPENDENT_S)
        if scan is not None:
            reading = nearest_surface(scan, report.path, report.road, frame.base_from_camera, self._sweep)
            self._look(reading, odometer_m, share)
        self._tracks = sorted(
            (one for one in self._tracks if one.distance_m(odometer_m) > 0.0 and one.unseen_s <= _LONGEST_GAP_S),
            key=lambda one: one.position_m,
        )
        return tuple(one for one in self._tracks if one.is_confirmed or one.log_ratio >= _SUSPICION)

    def _look(self, reading: RangeReading | None, odometer_m: float, share: float) -> None:
        """Weigh one scan: it meets a place, cannot see it, or sees past it."""
        met: RangeTrack | None = None
        if reading is not None:
            near = [one for one in self._tracks if one.is_at(reading.distance_m, reading.sigma_m, odometer_m)]
            met = max(near, key=lambda one: one.log_ratio, default=None)
            if met is None:
                met = RangeTrack(next(self._ids), odometer_m + reading.distance_m, reading.sigma_m**2)
                self._tracks.append(met)
            met.take(reading, odometer_m, share)
        reach_m = math.inf if reading is None else reading.distance_m
        for track in self._tracks:
            if track is met:
                continue
            if reading is not None and track.is_at(reading.distance_m, reading.sigma_m, odometer_m):
                track.log_ratio = -math.inf  # two tracks of one thing: the stronger has it
            elif track.distance_m(odometer_m) < reach_m:
                track.log_ratio += share * _MISS
            else:
                track.unseen_s = 0.0  # hidden by what was met
        self._tracks = [one for one in self._tracks if one.log_ratio >= 0.0]


def range_obstacle(track: RangeTrack, report: MotionReport, frame: RectifiedFrame) -> Obstacle:
    """As the rest of the world sees it: distances along the path from the camera, centre in the base frame.

    The report has path, road and mounting.
    """
    assert report.path is not None
    assert report.road is not None
    assert frame.base_from_camera is not None
    assert track.shape is not None
    depth, road = track.distance_m(report.odometer_m), report.road
    left, right = track.shape.aside_m
    x = float(report.path.centre_x_m(np.array([depth]))[0]) + 0.5 * (left + right)
    foot = np.array([x, (1.0 - road.m[0] * x - road.m[2] * depth) / road.m[1], depth])
    foot_base = frame.base_from_camera.apply(foot)
    ahead = float(foot_base[0] - frame.base_from_camera.translation_m[0])
    sigma_m = track.distance_sigma_m(report.odometer_m)
    if report.scale_source is ScaleSource.CAMERA_HEIGHT:
        sigma_m = math.hypot(sigma_m, SPEED_SIGMA_SHARE * depth)
    is_closing = report.speed_mps > 0.0
    return Obstacle(
        obstacle_id=track.track_id,
        distance_m=ahead,
        distance_sigma_m=sigma_m,
        ttc_s=ahead / report.speed_mps if is_closing else math.nan,
        ttc_sigma_s=sigma_m / report.speed_mps if is_closing else math.nan,
        provenance=Provenance.RANGE,
        existence_probability=1.0 / (1.0 + math.exp(-track.log_ratio)),
        is_confirmed=track.is_confirmed,
        centre_base_m=foot_base + np.array([0.0, 0.0, 0.5 * track.shape.top_m]),
        size_m=np.array([math.nan, right - left, track.shape.top_m]),
    )


def unexplained(ranged: Sequence[Obstacle], others: Sequence[Obstacle]) -> list[Obstacle]:
    """Those of a range sensor at whose place nothing else is confirmed in the path."""
    known = [one for one in others if one.is_confirmed and one.is_in_path and math.isfinite(one.distance_m)]
    return [item for item in ranged if not any(_is_same(item, one) for one in known)]


def _is_same(item: Obstacle, other: Obstacle) -> bool:
    sigma_m = math.hypot(item.distance_sigma_m, np.nan_to_num(other.distance_sigma_m))
    reach_m = max(_GATE_SIGMAS * sigma_m + _SAME_M, _SAME_SHARE * item.distance_m)
    return abs(item.distance_m - other.distance_m) <= reach_m
