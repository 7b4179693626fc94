"""The scene stage: from dense predictions of one or several cameras to obstacles and free space.

ground and scale -> labelled points -> sectors -> grid, and points -> things -> boxes -> tracks. It needs depth, classes
and the mounting; without one of them nothing is free and nothing new is seen.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import SceneConfig
from perception_fm.dense import DensePrediction
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.clusters import clusters_of
from perception_fm.scene.footing import on_their_feet
from perception_fm.scene.free_grid import FreeSpaceGrid
from perception_fm.scene.free_memory import FreeSpaceMemory
from perception_fm.scene.free_sectors import FreeSpaceSectors
from perception_fm.scene.ground import LearnedGround, MetricScale, MotionDepths
from perception_fm.scene.points import LabeledPoints, labeled_points
from perception_fm.scene.polar import polar_free_space
from perception_fm.scene.tracker import SceneTracker
from perception_fm.scene.tracks import SceneTracks
from perception_fm.scene.whole_boxes import whole_boxes

FloatArray = NDArray[np.float64]

SCALE_OFF = "the metric scale of the depth is off"
_SURE_SCALE = 0.15  # sigma of its logarithm from which on a correction does less harm than none
_OCCLUSION_M = 1.5  # a track this far behind the nearest thing of its sector is hidden


@dataclass(frozen=True, eq=False)
class SceneView:
    """One camera's share of a frame. `base_from_camera`: of the rectified optical frame, base frame of this instant.

    None in either: not known.
    """

    camera: str
    dense: DensePrediction | None
    base_from_camera: RigidTransform | None
    motion: MotionDepths | None = None


@dataclass(frozen=True, eq=False)
class SeenView:
    """What one camera shows. Where its depth `is_metric` no more, nothing is free.

    `points`: where things most likely stand, true metres. `ground`, optical frame, and `polar` are in the metres of a
    depth that may be too short: true ones are `stretch` times theirs.
    """

    points: LabeledPoints
    ground: PlaneEstimate
    scale: MetricScale
    is_metric: bool
    polar: FreeSpaceSectors
    base_from_camera: RigidTransform
    stretch: float


@dataclass
class SceneReport:
    """What the networks say about one frame. A camera without an answer is missing in `views`: that is not free."""

    reasons: list[str] = field(default_factory=list)
    views: dict[str, SeenView] = field(default_factory=dict)
    grid: FreeSpaceGrid | None = None
    tracks: SceneTracks = field(default_factory=SceneTracks.none)
    latency_ms: dict[str, float] = field(default_factory=dict)


class SceneStage:
    """Owns all temporal state of the learned half. `ids`: numbers for new tracks."""

    def __init__(self, config: SceneConfig, ids: Iterator[int] | None = None) -> None:
        self._config = config
        self._grounds: dict[str, LearnedGround] = {}
        self._memory = FreeSpaceMemory(config.max_range_m, config.cell_m)
        self._tracker = SceneTracker(itertools.count(1) if ids is None else ids)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a clock jump."""
        self._grounds.clear()
        self._memory.reset()
        self._tracker.reset()
        self._stamp_ns: int | None = None

    def update(self, stamp_ns: int, views: Sequence[SceneView], odom_from_base: RigidTransform | None) -> SceneReport:
        """Takes one frame, later than the one before. Without a pose each frame stands for itself."""
        report = SceneReport()
        dt_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = stamp_ns
        start = time.perf_counter()
        for view in views:
            seen = self._seen(view, dt_s, report.reasons)
            if seen is not None:
                report.views[view.camera] = seen
        start = _lap(report, "scene_points", start)
        sectors = [seen.polar for seen in report.views.values() if seen.is_metric]
        report.grid = self._memory.update(sectors, odom_from_base, dt_s)
        start = _lap(report, "scene_free_space", start)
        report.tracks = self._tracked(report.views.values(), odom_from_base, dt_s)
        _lap(report, "scene_obstacles", start)
        return report

    def _seen(self, view: SceneView, dt_s: float, reasons: list[str]) -> SeenView | None:
        dense, mounting, config = view.dense, view.base_from_camera, self._config
        if dense is None or dense.depth_m is None or dense.label is None or mounting is None:
            return None
        ground, scale = self._grounds.setdefault(view.camera, LearnedGround()).update(
            dense, mounting, dt_s, view.motion
        )
        is_off = scale.is_off(config.scale_limit)
        if is_off:
            reasons.append(f"{SCALE_OFF}: {view.camera}")
        stretch = 1.0
        if not is_off and scale.sigma < _SURE_SCALE:
            # Too long a depth is dangerous, and free space that ends too early is not; a box is to be where it is.
            if config.corrects_scale or scale.ratio > 1.0:
                dense, ground = _metric(dense, ground, scale.ratio)
            else:
                stretch = 1.0 / scale.ratio
        points = labeled_points(dense, ground, config.min_height_m, config.clearance_m, config.min_confidence)
        footed = on_their_feet(points, ground)
        polar = polar_free_space(points, ground, mounting, config.max_range_m, footed.nearest)
        return SeenView(footed.likely.stretched(stretch), ground, scale, not is_off, polar, mounting, stretch)

    def _tracked(self, views: Iterable[SeenView], pose: RigidTransform | None, dt_s: float) -> SceneTracks:
        """One camera after the other: a thing that two of them see corrects one track twice."""
        if pose is None:
            self._tracker.reset()
        self._tracker.predict(dt_s)
        for seen in views:
            things = clusters_of(seen.points, seen.base_from_camera, pose)
            things = things.at(things.nearest_m <= self._config.max_range_m)
            is_in_view = _InView(seen.polar, seen.stretch)
            self._tracker.update(things, whole_boxes(things), pose or RigidTransform.identity(), is_in_view)
        return self._tracker.tracks


@dataclass(frozen=True)
class _InView:
    """Says of places (N, 2) in the base frame whether a thing there would be seen in this frame."""

    polar: FreeSpaceSectors
    stretch: float

    def __call__(self, places: FloatArray) -> NDArray[np.bool_]:
        away = places - self.polar.origin_m
        ranges, bearings = np.hypot(away[:, 0], away[:, 1]), np.arctan2(away[:, 1], away[:, 0])
        first = float(self.polar.bearing_rad[0])
        offset = (bearings - first + math.pi) % (2.0 * math.pi) - math.pi
        sector = np.rint(offset / self.polar.width_rad).astype(np.intp)
        is_inside = (sector >= 0) & (sector < len(self.polar.bearing_rad))
        sector = np.where(is_inside, sector, 0)
        is_open = ranges <= self.stretch * self.polar.obstacle_m[sector] + _OCCLUSION_M
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
