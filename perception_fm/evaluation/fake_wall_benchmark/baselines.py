"""What others do, on the same frames: the learned depth alone, time to contact alone, the road's parallax alone.

Each is given the same sequential test as the method, so that what differs is what it looks at.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.evaluation.fake_wall_benchmark.claims import (
    LEAST_LOG_ODDS,
    Record,
    record_of_cells,
    record_of_obstacles,
    silent,
)
from perception_fm.evaluation.scene_run import SceneRun
from perception_fm.motion.obstacle_tracks import CONFIRM
from perception_fm.motion.path_boxes import box_distances
from perception_fm.types import CameraFrame, MotionField, PerceptionResult

FloatArray = NDArray[np.float64]

_NEAREST_M = 4.0
_CELL_M = 1.0
_INDEPENDENT_S = 0.2  # as the method has it
_LEAST_TRACKS = 8  # in a box: three numbers are fitted to their displacements
_LEAST_WINDOW_S = 0.3  # the longest windows show most expansion
_CLIP = 24.0  # no frame decides alone: as much as four blocks of the box test may say
_MAD_TO_SIGMA = 1.4826
_RIVAL_SHARES = (0.0, 0.6, 1.5)  # of the expected expansion: its own boxes are to say the rest
_MODEL_SHARE = 0.1  # of the expected expansion: speed, and things that are no plane


class LearnedOnly:
    """Obstacles of a network's depth and classes; motion is not asked."""

    def __init__(self, config: PerceptionConfig) -> None:
        self._run = SceneRun(config.scene)

    def step(self, frame: CameraFrame, result: PerceptionResult | None) -> Record:
        """From the network's answer in the result."""
        if result is None or result.dense is None or frame.base_from_camera is None:
            return silent(frame.stamp_ns)
        answer = self._run.step(frame.stamp_ns, result.dense, frame.base_from_camera, frame.ego)
        return record_of_obstacles(frame.stamp_ns, answer.obstacles)


class _Sequential:
    """A score per box, summed in cells of the way that stand still in the world, and confirmed as the method does."""

    def __init__(self, config: PerceptionConfig) -> None:
        self._sweep = config.sweep
        self._half_width_m = 0.5 * config.vehicle.width_m
        self._sum: dict[int, float] = {}
        self._odometer_m = 0.0
        self._stamp_ns: int | None = None

    def _gather(self, frame: CameraFrame, distance_m: FloatArray, ratio: FloatArray) -> Record:
        speed_mps = frame.ego.speed_mps if frame.ego is not None else math.nan
        dt_s = 0.0 if self._stamp_ns is None else (frame.stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = frame.stamp_ns
        if not math.isfinite(speed_mps):
            return silent(frame.stamp_ns)
        self._odometer_m += speed_mps * dt_s
        share = min(1.0, dt_s / _INDEPENDENT_S)
        first = math.ceil((self._odometer_m + float(distance_m[0])) / _CELL_M)
        last = math.floor((self._odometer_m + float(distance_m[-1])) / _CELL_M)
        self._sum = {cell: value for cell, value in self._sum.items() if cell >= first}
        for cell in range(first, last + 1):
            box = int(np.argmin(np.abs(distance_m - (cell * _CELL_M - self._odometer_m))))
            value = self._sum.get(cell, 0.0) + share * float(ratio[box])
            self._sum[cell] = min(max(value, -CONFIRM), 2.0 * CONFIRM)
        return record_of_cells(frame.stamp_ns, self._told(), speed_mps)

    def _told(self) -> list[tuple[int, float, float]]:
        """Number, distance and log odds of the surest cell of every stretch that is more likely than not."""
        found: list[tuple[int, float, float]] = []
        before = None
        for cell in sorted(cell for cell, value in self._sum.items() if value > LEAST_LOG_ODDS):
            entry = (cell, cell * _CELL_M - self._odometer_m, self._sum[cell])
            if before is None or cell - before > 1:
                found.append(entry)
            elif entry[2] > found[-1][2]:
                found[-1] = entry
            before = cell
        return found


class RoadParallaxOnly(_Sequential):
    """An obstacle is where the road ahead does not move like road."""

    def step(self, frame: CameraFrame, result: PerceptionResult | None) -> Record:
        """From the road strips of the motion stage's result."""
        if result is None or result.sweep is None:
            return silent(frame.stamp_ns)
        return self._gather(frame, np.array(result.sweep.distance_m), -result.sweep.road_ratio)


class ContactTimeOnly(_Sequential):
    """An obstacle is where the feature tracks of a box expand as those of something upright there would.

    Rivals: no expansion, and that of things nearer or farther. In each box one expansion and one shift are fitted to
    the displacements; pitch and yaw go into the shift.
    """

    def step(self, frame: CameraFrame, result: PerceptionResult | None) -> Record:
        """From the feature tracks of the motion stage's result."""
        if result is None or result.motion is None or frame.base_from_camera is None or frame.ego is None:
            return silent(frame.stamp_ns)
        distances = box_distances(_NEAREST_M, self._sweep.max_distance_m)
        field = result.motion
        rotation, height_m = frame.base_from_camera.rotation, float(frame.base_from_camera.translation_m[2])
        rays = np.column_stack([field.rays_current, np.ones(len(field.rays_current))]) @ rotation.T
        is_usable = (rays[:, 0] > 0.1) & (field.window_s >= _LEAST_WINDOW_S)
        left, up = rays[:, 1] / rays[:, 0], rays[:, 2] / rays[:, 0]
        travel_m = max(frame.ego.speed_mps, 0.0) * field.window_s
        ratio = np.zeros(len(distances))
        for index, distance in enumerate(distances):
            over_road_m = height_m + distance * up
            inside = is_usable & (np.abs(left) * distance <= self._half_width_m)
            inside &= (over_road_m >= self._sweep.min_obstacle_height_m) & (over_road_m <= self._sweep.swept_height_m)
            ratio[index] = _expansion_ratio(field, np.flatnonzero(inside), travel_m, float(distance))
        return self._gather(frame, distances, ratio)


def _expansion_ratio(field: MotionField, inside: NDArray[np.intp], travel_m: FloatArray, distance_m: float) -> float:
    """Log likelihood ratio of "expands as something at `distance_m`" against no expansion, or that of another distance.
    """
    if len(inside) < _LEAST_TRACKS:
        return 0.0
    before, now = field.rays_reference[inside], field.rays_current[inside]
    spread = before - before.mean(axis=0)
    moved = (now - before) - (now - before).mean(axis=0)
    lever = float(np.sum(spread**2))
    expected = float(np.median(travel_m[inside])) / distance_m
    if lever <= 0.0 or expected <= 0.0:
        return 0.0
    expansion = float(np.sum(spread * moved)) / lever
    residual = moved - expansion * spread
    sigma = max(_MAD_TO_SIGMA * float(np.median(np.abs(residual))), field.sigma_px / field.focal_px)
    variance = sigma**2 / lever + (_MODEL_SHARE * expected) ** 2
    rivals = np.array(_RIVAL_SHARES) * expected
    ratio = (((expansion - rivals) ** 2).min() - (expansion - expected) ** 2) / (2.0 * variance)
    return float(np.clip(ratio, -_CLIP, _CLIP))
