"""One frame of a drive of the benchmark: what the pipeline is given, and what is true of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.types import CameraFrame


@dataclass(frozen=True, eq=False)
class BelievedScene:
    """What somebody sees who takes every print for the scene that it shows, on a coarse grid.

    `depth_m` (h, w) float32 along optical z, infinite for sky; `label` (h, w) uint8 Cityscapes trainId, 255 unknown.
    `camera`: the pinhole of this grid.
    """

    camera: CameraModel
    depth_m: NDArray[np.float32]
    label: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class BenchFrame:
    """`frame` goes into the detectors. `truth` judges them and never reaches them; `believed` is for the network that
    believes the picture.
    """

    frame: CameraFrame
    truth: FrameTruth
    believed: BelievedScene


def truth_of_recording(
    stamp_ns: int, speed_mps: float, moved_m: float, wall_m: float, measured_m: float | None
) -> FrameTruth:
    """Of a real drive: the pasted wall, NaN none, and what LiDAR measured in the corridor, None nothing or unknown."""
    standing = () if measured_m is None else ((measured_m, measured_m),)
    nearest = min([value for value in (wall_m, measured_m) if value is not None and value > 0.0], default=math.inf)
    return FrameTruth(stamp_ns, speed_mps, moved_m, wall_m, nearest, standing, standing)
