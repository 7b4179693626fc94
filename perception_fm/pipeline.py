"""`PerceptionPipeline.process` is the list of stages that live node, lock-step runner and evaluation share."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.rectification import Rectifier
from perception_fm.camera.watch import CameraWatch, WatchedFrame
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction, DensePredictor, ModelState
from perception_fm.errors import PerceptionError
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.fakewall.range_track import RangeTrack, RangeWatch, range_obstacle
from perception_fm.fakewall.stage import FakeWallStage
from perception_fm.frame_result import frame_result
from perception_fm.fusion import Fused, fuse, motion_depths
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.stage import MotionReport, MotionStage, RectifiedFrame
from perception_fm.network_stage import NetworkStage
from perception_fm.scene.stage import SceneReport, SceneStage, SceneView, SeenView
from perception_fm.types import CameraFrame, PerceptionResult, ScaleSource

MODEL_UNTRAINED = "the model is untrained: its dense outputs mean nothing"


class PerceptionPipeline:
    """From camera frames, in the order of their stamps, to results. Not thread-safe: one worker owns it.

    `predictor` is the network, None for geometry only; `refusal` then says why a model that was asked for does not run.
    The network runs beside the motion stage, both of which release the GIL.
    """

    def __init__(self, config: PerceptionConfig, predictor: DensePredictor | None = None, refusal: str = "") -> None:
        self.config = config
        self.model = ModelState(refusal=refusal) if predictor is None else predictor.state
        self._network = None if predictor is None else NetworkStage(predictor)
        self._ids = itertools.count(1)
        self._watches: dict[str, CameraWatch] = {}
        self._rectifier: Rectifier | None = None
        self._motion: MotionStage | None = None
        self._depth_error = None if predictor is None else predictor.depth_error
        self._fake_wall = FakeWallStage(config)
        self._range = RangeWatch(config.sweep, self._ids)
        self._scene = SceneStage(config.scene, self._ids) if _speaks_of_scenes(self.model) else None
        self._last_stamp_ns: int | None = None
        self._scale_source = ScaleSource.NONE

    def reset(self) -> None:
        """Forget every temporal state: tracks, verified road, obstacles. For clock jumps and camera changes."""
        self._last_stamp_ns = None
        for watch in self._watches.values():
            watch.reset()
        self._fake_wall.reset()
        self._range.reset()
        if self._motion is not None:
            self._motion.reset()
        if self._scene is not None:
            self._scene.reset()

    def process(self, frame: CameraFrame, *others: CameraFrame) -> PerceptionResult:
        """The result of one frame of the camera that looks along the path. Degradations are in `reasons`.

        `others`: frames of other cameras of about the same instant; what they show is added to obstacles and free
        space, moved by the odometry between their stamps and that of `frame`.
        Raises `PerceptionError` for a stamp that does not advance (call `reset` first) and `ImageError`,
        `CameraError` for a frame it cannot read.
        """
        start = time.perf_counter()
        if self._last_stamp_ns is not None and frame.stamp_ns <= self._last_stamp_ns:
            raise PerceptionError("frames must advance in time; reset the pipeline after a clock jump")
        self._last_stamp_ns = frame.stamp_ns
        watched = [self._watches.setdefault(one.frame_id, CameraWatch()).take(one) for one in (frame, *others)]
        driving = watched[0]
        rectified = RectifiedFrame(
            frame.stamp_ns, driving.gray, driving.rectifier.rectified.intrinsics, driving.base_from_camera, frame.ego
        )
        motion = self._motion_stage(driving.rectifier)
        latency = {"rectify": (time.perf_counter() - start) * 1e3}
        if self._network is not None:
            self._network.begin(watched)
        report = motion.update(rectified) if driving.is_usable else motion.blind(rectified)
        report.reasons.extend(driving.faults)
        report.reasons.extend(f"{one.frame.frame_id}: {fault}" for one in watched[1:] for fault in one.faults)
        latency.update(report.latency_ms)
        dense = self._dense(report.reasons, latency)
        pose = self._pose(report, frame)
        scene = self._scene_report(watched, dense, report, pose, latency)
        fusing = time.perf_counter()
        ranged = self._range.update(frame.range_scan, report, rectified)
        by_range = [range_obstacle(one, report, rectified) for one in ranged]
        fused = fuse(report, scene, rectified, watched, pose, self.config, by_range)
        naming = time.perf_counter()
        seen = None if scene is None else scene.views.get(frame.frame_id)
        finding = self._finding(report, rectified, dense, seen, fused, ranged)
        latency["fusion"] = (naming - fusing) * 1e3
        latency["fake_wall"] = (time.perf_counter() - naming) * 1e3
        result = frame_result(watched, rectified, report, dense, seen, fused, finding, latency)
        latency["total"] = (time.perf_counter() - start) * 1e3
        return result

    def _dense(self, reasons: list[str], latency_ms: dict[str, float]) -> tuple[DensePrediction, ...]:
        """The network's answers; what is wrong with the model is added to the reasons."""
        if self.model.refusal:
            reasons.append(f"geometry only: {self.model.refusal}")
        if self._network is None:
            return ()
        if not self.model.is_trained:
            reasons.append(MODEL_UNTRAINED)
        answer = self._network.end()
        latency_ms["network"] = answer.latency_ms
        if answer.failure:
            reasons.append(f"the model gave no answer: {answer.failure}")
        return answer.dense

    def _motion_stage(self, rectifier: Rectifier) -> MotionStage:
        """The stage for this camera; a changed calibration starts everything anew."""
        if self._motion is None or rectifier is not self._rectifier:
            self._rectifier = rectifier
            mask = _track_mask(self.config.tracking.ego_mask, rectifier)
            self._motion = MotionStage(self.config, mask, self._ids)
            self._fake_wall.reset()
            self._range.reset()
            if self._scene is not None:
                self._scene.reset()
        return self._motion

    def _pose(self, report: MotionReport, frame: CameraFrame) -> RigidTransform | None:
        """Where the vehicle is: by odometry, else along the way that the camera's height gives; None where neither can
        say, and once where one takes over from the other."""
        before, self._scale_source = self._scale_source, report.scale_source
        if report.scale_source is not before or report.scale_source is ScaleSource.NONE:
            return None
        if report.scale_source is ScaleSource.ODOMETRY and frame.ego is not None:
            return frame.ego.odom_from_base
        return RigidTransform(np.eye(3), np.array([report.odometer_m, 0.0, 0.0]))

    def _scene_report(
        self,
        watched: Sequence[WatchedFrame],
        dense: Sequence[DensePrediction],
        report: MotionReport,
        pose: RigidTransform | None,
        latency_ms: dict[str, float],
    ) -> SceneReport | None:
        if self._scene is None:
            return None
        now = watched[0].frame
        views = [
            SceneView(one.frame.frame_id, answer if one.is_usable else None, _mounting_at(now, one),
                      motion_depths(report) if one is watched[0] else None)
            for one, answer in zip(watched, dense)
        ]  # fmt: skip
        scene = self._scene.update(now.stamp_ns, views, pose)
        report.reasons.extend(scene.reasons)
        latency_ms.update(scene.latency_ms)
        return scene

    def _finding(
        self,
        report: MotionReport,
        rectified: RectifiedFrame,
        dense: Sequence[DensePrediction],
        seen: SeenView | None,
        fused: Fused,
        ranged: Sequence[RangeTrack],
    ) -> FakeWallFinding:
        """What the network claims of what stands in the path; an untrained one claims nothing."""
        answer = dense[0] if dense and self.model.is_trained else None
        scale = None if seen is None else seen.scale
        measured = next((one.reading for one in ranged if one.reading is not None), None)
        return self._fake_wall.update(
            report, rectified, answer, scale, self._depth_error, fused.obstacles, measured, ranged
        )


def _speaks_of_scenes(model: ModelState) -> bool:
    """Whether obstacles and free space can come from it."""
    return model.is_trained and {"depth", "label"} <= set(model.heads)


def _mounting_at(now: CameraFrame, one: WatchedFrame) -> RigidTransform | None:
    """Mounting of a camera in the base frame of another instant: the vehicle has moved since its stamp."""
    then, mounting = one.frame, one.base_from_camera
    if then is now or mounting is None or now.ego is None or then.ego is None:
        return mounting
    if not (now.ego.has_translation and then.ego.has_translation):
        return mounting
    return now.ego.odom_from_base.inverse() @ then.ego.odom_from_base @ mounting


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
