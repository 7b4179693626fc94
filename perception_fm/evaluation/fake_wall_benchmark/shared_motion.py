"""One motion stage for many pipelines: it asks neither network nor truth, so it says the same to all of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from perception_fm.camera.rectification import Rectifier
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePredictor
from perception_fm.errors import PerceptionError
from perception_fm.motion.stage import MotionReport, MotionStage, RectifiedFrame
from perception_fm.pipeline import PerceptionPipeline

_OTHER_IDS = 1_000_000  # of what the followers' own stages find: it must not meet the numbers of the leader's tracks


class LeadingPipeline(PerceptionPipeline):
    """Keeps what its motion stage said about the last frame, for those that follow it."""

    def __init__(self, config: PerceptionConfig) -> None:
        super().__init__(config)
        self.last: tuple[int, MotionReport] | None = None

    def _motion_stage(self, rectifier: Rectifier) -> MotionStage:
        return _Recording(super()._motion_stage(rectifier), self)  # type: ignore[return-value]


class FollowingPipeline(PerceptionPipeline):
    """Takes the reports of a leader, which must have processed the same frame before."""

    def __init__(self, config: PerceptionConfig, predictor: DensePredictor, leader: LeadingPipeline) -> None:
        super().__init__(config, predictor)
        self._leader = leader
        for _ in range(_OTHER_IDS):
            next(self._ids)

    def _motion_stage(self, rectifier: Rectifier) -> MotionStage:
        super()._motion_stage(rectifier)  # what begins anew with another camera still does
        return _Replayed(self._leader)  # type: ignore[return-value]


class _Recording:
    """A motion stage whose reports are kept."""

    def __init__(self, stage: MotionStage, owner: LeadingPipeline) -> None:
        self._stage, self._owner = stage, owner

    def update(self, frame: RectifiedFrame) -> MotionReport:
        return self._kept(frame, self._stage.update(frame))

    def blind(self, frame: RectifiedFrame) -> MotionReport:
        return self._kept(frame, self._stage.blind(frame))

    def _kept(self, frame: RectifiedFrame, report: MotionReport) -> MotionReport:
        self._owner.last = frame.stamp_ns, _copied(report)
        return report


class _Replayed:
    """A motion stage that says what the leader's said."""

    def __init__(self, leader: LeadingPipeline) -> None:
        self._leader = leader

    def update(self, frame: RectifiedFrame) -> MotionReport:
        if self._leader.last is None or self._leader.last[0] != frame.stamp_ns:
            raise PerceptionError("the leader has not processed this frame")
        return _copied(self._leader.last[1])

    blind = update


def _copied(report: MotionReport) -> MotionReport:
    """With lists and tracks of its own: whoever takes it adds reasons and may change tracks."""
    changed: dict[str, Any] = {
        "reasons": list(report.reasons),
        "latency_ms": dict(report.latency_ms),
        "tracks": tuple(dataclasses.replace(track) for track in report.tracks),
    }
    return dataclasses.replace(report, **changed)
