"""The scene stage: from a dense prediction to obstacles and free space.

ground and scale -> labelled points -> sectors -> grid, and points -> things -> boxes -> tracks. It needs depth, classes
and the mounting; without one of them nothing is free and nothing new is seen, with the reason named.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import SceneConfig
from perception_fm.dense import DensePrediction
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.clusters import clusters_of
from perception_fm.scene.free_grid import FreeSpaceGrid, FreeSpaceMemory
from perception_fm.scene.ground import LearnedGround, MetricScale, MotionDepths
from perception_fm.scene.points import LabeledPoints, labeled_points
from perception_fm.scene.polar import PolarFreeSpace, polar_free_space
from perception_fm.scene.tracks import SceneTrack, SceneTracker
from perception_fm.scene.whole_boxes import whole_box

FloatArray = NDArray[np.float64]

SCALE_OFF = "the metric scale of the depth is off"
_SURE_SCALE = 0.15  # sigma of its logarithm from which on a correction does less harm than none
_OCCLUSION_M = 1.5  # a track this far behind the nearest thing of its sector is hidden


@dataclass
class SceneReport:
    """What the network says about one frame. None: not known, which is not free."""

    reasons: list[str] = field(default_factory=list)
    points: LabeledPoints | None = None
    ground: PlaneEstimate | None = None
    scale: MetricScale = field(default_factory=MetricScale)
    polar: PolarFreeSpace | None = None
    grid: FreeSpaceGrid | None = None
    tracks: tuple[SceneTrack, ...] = ()
    latency_ms: dict[str, float] = field(default_factory=dict)


class SceneStage:
    """Owns all temporal state of the learned half, for one camera."""

    def __init__(self, config: SceneConfig) -> None:
        self._config = config
        self._ground = LearnedGround()
        self._memory = FreeSpaceMemory(config.max_range_m, config.cell_m)
        self._tracker = SceneTracker()
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a clock jump."""
        self._ground.reset()
        self._memory.reset()
        self._tracker.reset()
        self._stamp_ns: int | None = None

    def update(
        self,
        stamp_ns: int,
        dense: DensePrediction | None,
        base_from_camera: RigidTransform | None,
        ego: EgoState | None,
        motion: MotionDepths | None = None,
    ) -> SceneReport:
        """Takes one frame, later than the one before; `dense` is None where there is no network."""
        report = SceneReport()
        dt_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = stamp_ns
        pose = ego.odom_from_base if ego is not None and ego.has_translation else None
        if dense is None or dense.depth_m is None or dense.label is None or base_from_camera is None:
            self._blind(report, pose, dt_s)
            return report
        start = time.perf_counter()
        report.ground, report.scale = self._ground.update(dense, base_from_camera, dt_s, motion)
        if report.scale.is_off(self._config.scale_limit):
            report.reasons.append(f"{SCALE_OFF}: {report.scale.ratio:.2f} of the true distance")
        elif self._config.corrects_scale and report.scale.sigma < _SURE_SCALE:
            dense, report.ground = _metric(dense, report.ground, report.scale.ratio)
        report.points = labeled_points(
            dense, report.ground, self._config.min_obstacle_height_m, self._config.clearance_m,
            self._config.min_confidence,
        )  # fmt: skip
        start = _lap(report, "points", start)
        report.polar = polar_free_space(report.points, report.ground, base_from_camera, self._config.max_range_m)
        foot = base_from_camera.translation_m[:2]
        report.grid = self._memory.update([(report.polar, foot)], pose, dt_s)
        start = _lap(report, "free space", start)
        things = [(one, whole_box(one)) for one in clusters_of(report.points, base_from_camera)]
        things = [pair for pair in things if pair[0].nearest_m <= self._config.max_range_m]
        if pose is None:
            self._tracker.reset()
        view = _View(report.polar, foot)
        tracks = self._tracker.update(things, pose or RigidTransform.identity(), dt_s, view)
        report.tracks = tuple(tracks)
        _lap(report, "obstacles", start)
        return report

    def _blind(self, report: SceneReport, pose: RigidTransform | None, dt_s: float) -> None:
        """Nobody looks: what was known fades, and nothing is added."""
        if pose is None:
            self._tracker.reset()
        report.grid = self._memory.update([], pose, dt_s)
        tracks = self._tracker.update([], pose or RigidTransform.identity(), dt_s, _nothing_in_view)
        report.tracks = tuple(tracks)


def _nothing_in_view(places: FloatArray) -> NDArray[np.bool_]:
    return np.zeros(len(places), bool)


@dataclass(frozen=True)
class _View:
    """Says of places (N, 2) in the base frame whether a thing there would be seen in this frame."""

    polar: PolarFreeSpace
    foot_m: FloatArray

    def __call__(self, places: FloatArray) -> NDArray[np.bool_]:
        away = places - self.foot_m
        ranges, bearings = np.hypot(away[:, 0], away[:, 1]), np.arctan2(away[:, 1], away[:, 0])
        first = float(self.polar.bearing_rad[0])
        offset = (bearings - first + math.pi) % (2.0 * math.pi) - math.pi
        sector = np.rint(offset / self.polar.width_rad).astype(np.intp)
        is_inside = (sector >= 0) & (sector < len(self.polar.bearing_rad))
        sector = np.where(is_inside, sector, 0)
        is_open = ranges <= self.polar.obstacle_m[sector] + _OCCLUSION_M
        return np.asarray(is_inside & is_open & (ranges >= self.polar.near_m[sector]))


def _metric(dense: DensePrediction, ground: PlaneEstimate, ratio: float) -> tuple[DensePrediction, PlaneEstimate]:
    """Depth and ground in true metres, where the depth is `ratio` times too long."""
    assert dense.depth_m is not None
    factor = np.float32(1.0 / ratio)
    std = None if dense.depth_std_m is None else dense.depth_std_m * factor
    plane = PlaneEstimate(ground.m * ratio, ground.covariance * ratio**2, ground.is_measured)
    return dataclasses.replace(dense, depth_m=dense.depth_m * factor, depth_std_m=std), plane


def _lap(report: SceneReport, stage: str, start: float) -> float:
    now = time.perf_counter()
    report.latency_ms[stage] = (now - start) * 1e3
    return now
