"""`PerceptionPipeline.process` is the list of stages that live node, lock-step runner and evaluation share."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.integrity import BLACK, BLOCKED, FROZEN, OVER_EXPOSED, IntegrityMonitor
from perception_fm.camera.rectification import Rectifier
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction, DensePredictor, ModelState
from perception_fm.errors import PerceptionError
from perception_fm.geometry.path import ARC
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.obstacle_report import motion_obstacle
from perception_fm.motion.stage import (
    EXPECTED_REASONS,
    MOUNTING_UNKNOWN,
    MotionReport,
    MotionStage,
    RectifiedFrame,
)
from perception_fm.network_stage import NetworkStage
from perception_fm.types import (
    CameraFrame,
    Mode,
    MotionField,
    Obstacle,
    PathState,
    PerceptionResult,
    RoadPlane,
)

# A picture with one of these faults shows no road: nothing in it may verify or clear anything.
_UNUSABLE = frozenset({FROZEN, BLACK, OVER_EXPOSED, BLOCKED})
_UNTRUSTED = _UNUSABLE | {MOUNTING_UNKNOWN}
MODEL_UNTRAINED = "the model is untrained: its dense outputs mean nothing"
_STANDING_MPS = 0.2  # a simulator or a video repeats frames exactly while nothing moves: that is no fault
# Braking at 6 m/s^2 after 0.5 s, the distance that free road must at least reach to be of use to a planner.
_BRAKING_MPS2 = 6.0
_REACTION_S = 0.5


class PerceptionPipeline:
    """From camera frames, in the order of their stamps, to results. Not thread-safe: one worker owns it.

    `predictor` is the network, None for geometry only; `refusal` then says why a model that was asked for does not run.
    The network runs beside the motion stage, both of which release the GIL.
    """

    def __init__(self, config: PerceptionConfig, predictor: DensePredictor | None = None, refusal: str = "") -> None:
        self.config = config
        self.model = ModelState(refusal=refusal) if predictor is None else predictor.state
        self._network = None if predictor is None else NetworkStage(predictor)
        self._rectifier: Rectifier | None = None
        self._motion: MotionStage | None = None
        self._integrity = IntegrityMonitor()
        self._last_stamp_ns: int | None = None

    def reset(self) -> None:
        """Forget every temporal state: tracks, verified road, obstacles. For clock jumps and camera changes."""
        self._last_stamp_ns = None
        self._integrity.reset()
        if self._motion is not None:
            self._motion.reset()

    def process(self, frame: CameraFrame) -> PerceptionResult:
        """The result of one frame. Degradations are in `reasons`.

        Raises `PerceptionError` for a stamp that does not advance (call `reset` first) and `ImageError`,
        `CameraError` for a frame it cannot read.
        """
        start = time.perf_counter()
        if self._last_stamp_ns is not None and frame.stamp_ns <= self._last_stamp_ns:
            raise PerceptionError("frames must advance in time; reset the pipeline after a clock jump")
        self._last_stamp_ns = frame.stamp_ns
        rectifier, motion = self._prepare(frame)
        rectified = self._rectify(frame, rectifier)
        faults = self._faults(frame, rectified)
        latency = {"rectify": (time.perf_counter() - start) * 1e3}
        is_usable = _UNUSABLE.isdisjoint(faults)
        if self._network is not None:
            self._network.begin(frame.image, rectifier, is_usable)
        report = motion.update(rectified) if is_usable else motion.blind(rectified)
        report.reasons.extend(faults)
        latency.update(report.latency_ms)
        dense = self._dense(report.reasons, latency)
        result = self._result(frame, rectified, rectifier, report, dense, latency)
        latency["total"] = (time.perf_counter() - start) * 1e3
        return result

    def _dense(self, reasons: list[str], latency_ms: dict[str, float]) -> DensePrediction | None:
        """The network's answer; what is wrong with the model is added to the reasons."""
        if self.model.refusal:
            reasons.append(f"geometry only: {self.model.refusal}")
        if self._network is None:
            return None
        if not self.model.is_trained:
            reasons.append(MODEL_UNTRAINED)
        answer = self._network.end()
        latency_ms["network"] = answer.latency_ms
        if answer.failure:
            reasons.append(f"the model gave no answer: {answer.failure}")
        return answer.dense

    def _faults(self, frame: CameraFrame, rectified: RectifiedFrame) -> tuple[str, ...]:
        """Names of what is wrong with the picture itself."""
        faults = self._integrity.check(rectified.gray)
        ego = frame.ego
        if ego is not None and ego.has_translation and abs(ego.speed_mps) < _STANDING_MPS:
            faults = tuple(fault for fault in faults if fault != FROZEN)
        return faults

    def _prepare(self, frame: CameraFrame) -> tuple[Rectifier, MotionStage]:
        """Rectification maps and stages for this camera; a changed calibration starts everything anew."""
        if self._rectifier is None or self._motion is None or not self._rectifier.source.equals(frame.camera):
            self._rectifier = Rectifier(frame.camera)
            self._motion = MotionStage(self.config, _track_mask(self.config.tracking.ego_mask, self._rectifier))
        return self._rectifier, self._motion

    @staticmethod
    def _rectify(frame: CameraFrame, rectifier: Rectifier) -> RectifiedFrame:
        image = frame.image
        gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        mounting = frame.base_from_camera
        if mounting is not None:
            turn = rectifier.source.rectification.T  # stored optical from rectified optical
            mounting = RigidTransform(mounting.rotation @ turn, mounting.translation_m)
        return RectifiedFrame(
            frame.stamp_ns, rectifier.rectify(gray), rectifier.rectified.intrinsics, mounting, frame.ego
        )

    def _result(
        self,
        frame: CameraFrame,
        rectified: RectifiedFrame,
        rectifier: Rectifier,
        report: MotionReport,
        dense: DensePrediction | None,
        latency_ms: dict[str, float],
    ) -> PerceptionResult:
        obstacles = tuple(motion_obstacle(track, report, rectified) for track in report.tracks)
        state = _path_state(obstacles, report)
        return PerceptionResult(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            state=state,
            mode=_mode(report.reasons),
            reasons=tuple(report.reasons),
            verified_free_distance_m=report.verified_m,
            obstacles=obstacles,
            speed_mps=report.speed_mps,
            path_curvature_per_m=report.path.curvature_per_m if report.path else 0.0,
            scale_source=report.scale_source,
            base_from_camera=frame.base_from_camera,
            path_heading_rad=_path_heading_rad(report, rectified),
            path_memory_m=report.path.memory_m if report.path else ARC,
            road=_road_plane(report, rectified),
            motion=_motion_field(frame, rectified, rectifier, report),
            sweep=report.sweep,
            focus_of_expansion=None if report.views is None else report.views.focus,
            dense=dense,
            latency_ms=latency_ms,
        )


def stopping_distance_m(speed_mps: float) -> float:
    """v^2 / (2 x 6 m/s^2) + 0.5 s v."""
    return speed_mps**2 / (2.0 * _BRAKING_MPS2) + _REACTION_S * speed_mps


def _mode(reasons: list[str]) -> Mode:
    """UNTRUSTED where the input itself is unusable, DEGRADED where something that should be there is missing."""
    if not _UNTRUSTED.isdisjoint(reasons):
        return Mode.UNTRUSTED
    return Mode.DEGRADED if set(reasons) - EXPECTED_REASONS else Mode.NOMINAL


def _path_state(obstacles: tuple[Obstacle, ...], report: MotionReport) -> PathState:
    """OBSTACLE where one is confirmed, FREE_VERIFIED from a verified stopping distance on, else UNVERIFIED."""
    if any(obstacle.is_confirmed for obstacle in obstacles):
        return PathState.OBSTACLE
    if report.verified_m > 0.0 and report.verified_m >= stopping_distance_m(max(report.speed_mps, 0.0)):
        return PathState.FREE_VERIFIED
    return PathState.UNVERIFIED


def _path_heading_rad(report: MotionReport, frame: RectifiedFrame) -> float:
    """Direction of travel at the camera against base x, positive left; 0 where it is not known."""
    if report.path is None or frame.base_from_camera is None:
        return 0.0
    direction = frame.base_from_camera.rotation @ np.array([report.path.heading, 0.0, 1.0])
    return math.atan2(float(direction[1]), float(direction[0]))


def _road_plane(report: MotionReport, frame: RectifiedFrame) -> RoadPlane | None:
    if report.road is None:
        return None
    road = report.road
    return RoadPlane(road.m, road.height_m, road.height_sigma_m, road.pitch_rad, road.is_measured)


def _motion_field(
    frame: CameraFrame, rectified: RectifiedFrame, rectifier: Rectifier, report: MotionReport
) -> MotionField | None:
    """Tracks for whoever wants to see them; pixels are those of the stored image."""
    views = report.views
    if views is None:
        return None
    pixels = views.pixels
    if not rectifier.is_identity:
        directions = np.column_stack([views.rays, np.ones(len(views.rays))]) @ frame.camera.rectification
        pixels = frame.camera.project_points(directions)
    return MotionField(
        stamp_ns=frame.stamp_ns,
        rays_reference=views.rays_reference,
        rays_current=views.rays,
        pixels_current=pixels,
        window_s=views.window_s,
        reference_index=views.reference_index,
        sigma_px=views.sigma_px,
        focal_px=float(rectified.intrinsics[0, 0]),
    )


def _track_mask(polygon: tuple[float, ...], rectifier: Rectifier) -> NDArray[np.uint8] | None:
    """Rectified mask (H, W): 255 where the world can be seen, 0 on the vehicle itself and off the source image."""
    if not polygon and rectifier.is_identity:
        return None
    camera = rectifier.source
    mask = np.full((camera.height, camera.width), 255, np.uint8)
    if polygon:
        corners = np.array(polygon).reshape(-1, 2) * (camera.width, camera.height)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 0)
    mask = rectifier.rectify(mask)
    return np.where(mask == 255, mask, 0).astype(np.uint8)
