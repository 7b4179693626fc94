"""`PerceptionPipeline.process` is the list of stages; the live node, the lock-step runner and the evaluation share it."""

from __future__ import annotations

import math
import time

from perception_fm.config import PerceptionConfig
from perception_fm.types import CameraFrame, Mode, PathState, PerceptionResult, ScaleSource


class PerceptionPipeline:
    """From camera frames, in the order of their stamps, to results. Not thread-safe: one worker owns it."""

    def __init__(self, config: PerceptionConfig) -> None:
        self.config = config

    def reset(self) -> None:
        """Forget every temporal state: tracks, verified road, obstacles. For clock jumps and camera changes."""

    def process(self, frame: CameraFrame) -> PerceptionResult:
        """The result of one frame. Degradations are in `reasons`; it raises only for a frame it cannot read."""
        start = time.perf_counter()
        return PerceptionResult(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            state=PathState.UNVERIFIED,
            mode=Mode.DEGRADED,
            reasons=("warming up",),
            verified_free_distance_m=0.0,
            obstacles=(),
            speed_mps=frame.ego.speed_mps if frame.ego else math.nan,
            path_curvature_per_m=0.0,
            scale_source=ScaleSource.NONE,
            base_from_camera=frame.base_from_camera,
            latency_ms={"total": (time.perf_counter() - start) * 1e3},
        )
