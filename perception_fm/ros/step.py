"""One image through intake and pipeline to a result, whatever happens: the step that node and bag runner share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from perception_fm.errors import PerceptionError
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.ros.intake import FrameIntake, Refused
from perception_fm.types import CameraFrame, Mode, PathState, PerceptionResult, ScaleSource


@dataclass(frozen=True, eq=False)
class Step:
    """What came of one image. `frame` is None and `refusal` its stable name where the image was refused."""

    result: PerceptionResult
    frame: CameraFrame | None = None
    refusal: str = ""


def process_image(intake: FrameIntake, pipeline: PerceptionPipeline, message: Image | CompressedImage) -> Step:
    """The result of one image: a refused one gives an explicit unknown result, never none and never an old one."""
    taken = intake.take_image(message)
    if taken.must_reset:
        pipeline.reset()
    if isinstance(taken, Refused):
        return Step(unknown_result(taken.stamp_ns, taken.frame_id, taken.reason), refusal=taken.name)
    frame = taken.frame
    try:
        result = pipeline.process(frame, *taken.others)
    except PerceptionError as error:
        pipeline.reset()
        return Step(unknown_result(frame.stamp_ns, frame.frame_id, str(error)), refusal="bad_frame")
    return Step(with_reasons(result, taken.reasons), frame)


def unknown_result(stamp_ns: int, frame_id: str, reason: str) -> PerceptionResult:
    """The result that claims nothing: UNVERIFIED, no verified distance, mode UNTRUSTED with its reason."""
    return PerceptionResult(
        stamp_ns=stamp_ns,
        frame_id=frame_id,
        state=PathState.UNVERIFIED,
        mode=Mode.UNTRUSTED,
        reasons=(reason,),
        verified_free_distance_m=0.0,
        obstacles=(),
        speed_mps=math.nan,
        path_curvature_per_m=math.nan,
        scale_source=ScaleSource.NONE,
        base_from_camera=None,
    )


def with_reasons(
    result: PerceptionResult, reasons: Iterable[str], least_mode: Mode = Mode.DEGRADED
) -> PerceptionResult:
    """The result with further reasons; its mode is at least `least_mode` when there are any."""
    added = tuple(reason for reason in reasons if reason not in result.reasons)
    if not added:
        return result
    return dataclasses.replace(result, reasons=result.reasons + added, mode=max(result.mode, least_mode))


def without_trust(result: PerceptionResult, reason: str) -> PerceptionResult:
    """The result without its claim of free road; a claimed obstacle stays. For one that came too late to be true."""
    claims_obstacle = result.state in (PathState.OBSTACLE, PathState.FAKE_WALL)
    state = result.state if claims_obstacle else PathState.UNVERIFIED
    grid = None if result.grid is None else result.grid.without_free()
    untrusted = dataclasses.replace(
        result, state=state, verified_free_distance_m=0.0, sweep=None, sectors=None, grid=grid
    )
    return with_reasons(untrusted, (reason,), Mode.UNTRUSTED)
