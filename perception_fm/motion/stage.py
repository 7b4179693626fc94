"""The motion stage: everything that is known about the path without a network.

tracks -> ego motion -> road plane -> swept boxes -> obstacles and verified road. It needs the camera's mounting and its
motion; without either the answer is UNVERIFIED, with the reason named.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting, predict_plane
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.closer_look import look_closer
from perception_fm.motion.ego_views import EgoMotionStage, EgoViews
from perception_fm.motion.ground_contact import ground_contact_m
from perception_fm.motion.obstacle_tracks import ObstacleTrack, ObstacleTracks, is_trustworthy
from perception_fm.motion.odometer import Odometer
from perception_fm.motion.odometry_prior import MIN_TRAVEL_M
from perception_fm.motion.path_boxes import box_distances
from perception_fm.motion.path_prediction import PathPrediction
from perception_fm.motion.plane_fit import PlaneFit
from perception_fm.motion.road_alignment import RoadAlignment, align_roads, nearest_visible_m
from perception_fm.motion.road_strips import road_strips
from perception_fm.motion.swept_boxes import BoxEvidence, sweep_boxes
from perception_fm.motion.verified_road import VerifiedRoad, verified_distance_m
from perception_fm.motion.warp import GrayPyramid
from perception_fm.types import PathSweep, ScaleSource

FloatArray = NDArray[np.float64]

MOUNTING_UNKNOWN = "camera mounting unknown"
_WARMING_UP, _STANDING_STILL, _REVERSING = "warming up", "standing still", "reversing"
EXPECTED_REASONS = frozenset({_WARMING_UP, _STANDING_STILL, _REVERSING})  # nothing is wrong, there is just no motion
_NEAREST_BOX_M = 4.0
_AHEAD_S, _FARTHEST_M = 5.0, 150.0
_BEFORE_OBSTACLE = 0.95  # the plane is measured up to here: a wall's foot would pull it up
_REACH = 1.5  # the road plane is measured half as far again beyond what was verified, or it could never reach further
_SUSPICION = 3.0  # log odds from which an unconfirmed obstacle already ends the verified road


@dataclass(frozen=True, eq=False)
class RectifiedFrame:
    """A pinhole grey image (H, W) uint8 with K (3, 3); `base_from_camera` of the rectified optical frame."""

    stamp_ns: int
    gray: NDArray[np.uint8]
    intrinsics: FloatArray
    base_from_camera: RigidTransform | None
    ego: EgoState | None


@dataclass
class MotionReport:
    """What motion says about one frame; `tracks` are obstacle hypotheses, the confirmed ones among them."""

    reasons: list[str] = field(default_factory=list)
    path: PredictedPath | None = None
    road: PlaneEstimate | None = None
    views: EgoViews | None = None
    evidence: BoxEvidence | None = None
    sweep: PathSweep | None = None
    tracks: tuple[ObstacleTrack, ...] = ()
    odometer_m: float = 0.0
    speed_mps: float = math.nan
    scale_source: ScaleSource = ScaleSource.NONE
    verified_m: float = 0.0
    latency_ms: dict[str, float] = field(default_factory=dict)


class MotionStage:
    """Owns all temporal state of the geometry-only half. `ids`: numbers for new obstacles."""

    def __init__(
        self,
        config: PerceptionConfig,
        ego_mask: NDArray[np.uint8] | None = None,
        ids: Iterator[int] | None = None,
    ) -> None:
        self._config = config
        self._ego = EgoMotionStage(config.tracking, ego_mask)
        self._path = PathPrediction(config.vehicle.width_m)
        self._odometer = Odometer()
        self._verified = VerifiedRoad()
        self._obstacles = ObstacleTracks(ids)
        self.reset()

    def reset(self) -> None:
        """Forget everything that came before, as after a clock jump."""
        self._ego.reset()
        self._path.reset()
        self._odometer.reset()
        self._verified.reset()
        self._obstacles.reset()
        self._stamp_ns: int | None = None
        self._road: PlaneEstimate | None = None
        self._verified_m = 0.0

    def update(self, frame: RectifiedFrame) -> MotionReport:
        """Take one frame, later than the one before."""
        clock = _StageClock()
        report = MotionReport(latency_ms=clock.latency_ms)
        dt_s = 0.0 if self._stamp_ns is None else (frame.stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = frame.stamp_ns
        self._ego.track(frame.gray, frame.stamp_ns)
        clock.stop("track")
        if frame.base_from_camera is None:
            report.reasons.append(MOUNTING_UNKNOWN)
            self._forget_road()
            return report
        mounting = plane_from_mounting(frame.base_from_camera)
        self._road = mounting if self._road is None else predict_plane(self._road, mounting, dt_s)
        pyramid = GrayPyramid.build(frame.gray, frame.intrinsics)
        assumed_mps = self._odometer.assumed_mps
        views = self._ego.views(
            pyramid, frame.stamp_ns, frame.ego, frame.base_from_camera, assumed_mps, self._road.m
        )
        clock.stop("ego")
        report.views = views
        report.path = self._path.update(frame.base_from_camera, frame.ego, views, dt_s)
        self._odometer.look(frame.ego, views, mounting, report.path, dt_s, pyramid)
        if frame.ego is None or not frame.ego.has_translation:
            report.reasons.append("no odometry" if frame.ego is None else "odometry without translation")
        self._go_on(report, dt_s)
        if views.references and report.scale_source is not ScaleSource.NONE:
            self._look(frame, pyramid, report, dt_s, clock)
        else:
            report.reasons.append(_why_blind(frame, report))
            self._forget_road()
        report.road = self._road
        report.tracks = tuple(self._obstacles.tracks)
        report.verified_m = self._capped(self._verified_m)
        return report

    def blind(self, frame: RectifiedFrame) -> MotionReport:
        """Take a frame whose picture shows nothing: obstacles stay where they were, no road stays verified."""
        report = MotionReport()
        dt_s = 0.0 if self._stamp_ns is None else (frame.stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = frame.stamp_ns
        self._ego.forget_images()
        self._forget_road()
        self._obstacles.loosen(self._odometer.blind(frame.ego, dt_s))
        self._go_on(report, dt_s)
        report.road = self._road
        report.path = None if frame.base_from_camera is None else self._path.last(frame.base_from_camera)
        if report.path is not None:
            report.tracks = tuple(self._obstacles.tracks)
        return report

    def _look(
        self, frame: RectifiedFrame, pyramid: GrayPyramid, report: MotionReport, dt_s: float, clock: _StageClock
    ) -> None:
        """Road plane, boxes, obstacles, verified road: the part that needs a baseline."""
        assert self._road is not None
        assert report.path is not None
        assert report.views is not None
        sweep_config, path = self._config.sweep, report.path
        clear_m = min([_REACH * self._verified_m, *(_BEFORE_OBSTACLE * z for z in self._suspects_m())])
        aligned = align_roads(pyramid, report.views.recent, self._road, path, clear_m)
        self._road = aligned.near
        clock.stop("road")
        nearest = nearest_visible_m(self._road, frame.intrinsics, frame.gray.shape[0])
        if nearest > 0.5 * sweep_config.max_distance_m:
            report.reasons.append("no road in view")
            self._forget_road()
            return
        ahead_m = _AHEAD_S * report.speed_mps if math.isfinite(report.speed_mps) else 0.0
        farthest = max(sweep_config.max_distance_m, min(ahead_m, _FARTHEST_M))
        distances = box_distances(max(_NEAREST_BOX_M, 1.02 * nearest), farthest)
        long_ago = dataclasses.replace(aligned, references=report.views.references)
        watched = self._obstacles.distances_m(report.odometer_m)
        evidence = sweep_boxes(pyramid, long_ago, path, distances, sweep_config.swept_height_m, watched)
        clock.stop("sweep")
        position = self._odometer.in_world(path, distances)
        self._obstacles.leave_path(distances, position, report.odometer_m, 2.0 * path.half_width_m)
        certain_m = _certain_m(path, distances, path.half_width_m)
        certain_wide_m = _certain_m(path, distances, 3.0 * path.half_width_m)  # as wide again on both sides
        looked = look_closer(pyramid, long_ago, path, evidence, watched, certain_m)
        for track in self._obstacles.update(
            report.odometer_m, distances, looked.ratio, dt_s, certain_m, looked.thing, certain_wide_m
        ):
            self._measure(track, looked.fits.get(track.row), pyramid, aligned, path, dt_s)
            track.is_wide = track.row in looked.wide
            at_m = track.distance_m(report.odometer_m)
            track.place_m = np.array([np.interp(at_m, distances, column) for column in position.T])
        clock.stop("obstacles")
        strips = road_strips(pyramid, aligned, path, distances, sweep_config.min_obstacle_height_m)
        memory = self._verified.update(report.odometer_m, distances, strips, position, dt_s)
        self._verified_m, is_free = verified_distance_m(
            distances, memory, nearest, self._road.height_m, sweep_config.min_obstacle_height_m
        )
        report.evidence = looked.evidence
        report.sweep = PathSweep(distances, looked.ratio, strips.min(axis=1), is_free)
        clock.stop("free_space")

    def _measure(
        self,
        track: ObstacleTrack,
        fit: PlaneFit | None,
        pyramid: GrayPyramid,
        aligned: RoadAlignment,
        path: PredictedPath,
        dt_s: float,
    ) -> None:
        """Move the track to the plane that was found for it, and find where it meets the road."""
        assert self._road is not None
        distance = track.distance_m(self._odometer.travelled_m)
        if fit is not None and is_trustworthy(fit, distance):
            track.measure(fit, self._odometer.travelled_m, dt_s)
            distance = track.distance_m(self._odometer.travelled_m)
        track.ground_m = ground_contact_m(pyramid, aligned.references, distance, path, self._road)

    def _go_on(self, report: MotionReport, dt_s: float) -> None:
        """Everything that stands still in the world is as much nearer as the vehicle went."""
        report.speed_mps, report.scale_source = self._odometer.speed_mps, self._odometer.source
        report.odometer_m = self._odometer.travelled_m
        self._obstacles.predict(dt_s, report.odometer_m)

    def _capped(self, verified_m: float) -> float:
        """Verified road ends before anything suspected to stand on it."""
        return max(0.0, min([verified_m, *self._suspects_m()]))

    def _suspects_m(self) -> list[float]:
        """Distances of what may stand on the road."""
        return [t.distance_m(self._odometer.travelled_m) for t in self._obstacles.tracks if t.log_ratio >= _SUSPICION]

    def _forget_road(self) -> None:
        """Nobody looks, so nothing stays verified: what can move may move in."""
        self._verified.reset()
        self._verified_m = 0.0


def _certain_m(path: PredictedPath, distances: FloatArray, half_width_m: float) -> float:
    """How far it is sure that what stands on the path stands in the way, if it reaches so far aside of its centre."""
    is_sure = path.lateral_sigma_m(distances) <= half_width_m
    return float(distances[is_sure].max(initial=0.0))


def _why_blind(frame: RectifiedFrame, report: MotionReport) -> str:
    speed = frame.ego.speed_mps if frame.ego is not None and frame.ego.has_translation else report.speed_mps
    if math.isfinite(speed) and speed < -MIN_TRAVEL_M:
        return _REVERSING
    if math.isfinite(speed) and abs(speed) * 0.5 < 2.0 * MIN_TRAVEL_M:
        return _STANDING_STILL
    return _WARMING_UP


class _StageClock:
    """Milliseconds of each stage, one after the other."""

    def __init__(self) -> None:
        self.latency_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.latency_ms[stage] = (now - self._last) * 1e3
        self._last = now
