"""The truth of each frame of a drive whose camera poses are known, from true depth and labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.evaluation.corridor import Swept, driven_way, present_way, scan
from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import PaintedWall

FloatArray = NDArray[np.float64]

# Half a metre at both sides: so far off the true corridor may the predicted one be (0.3 m, and half a degree at 20 m),
# and what stands there is a near miss and no invention.
MARGIN_M = 0.5
_LEAST_STEP_M = 0.05  # a shorter step has no curvature


class DrivenTruth:
    """What stands where a vehicle of cross-section `swept` goes; `poses`: of the camera in the world, in all frames."""

    def __init__(self, poses: Sequence[RigidTransform], swept: Swept) -> None:
        self._poses, self._swept = poses, swept
        self._positions = np.array([pose.translation_m for pose in poses])
        self._moved_m = np.linalg.norm(np.diff(self._positions, axis=0, prepend=self._positions[:1]), axis=1)
        self._curvature_per_m = _curvatures(poses, self._positions)

    def frame(
        self,
        number: int,
        stamp_ns: int,
        speed_mps: float,
        wall: PaintedWall | None,
        depth_m: NDArray[np.float32],
        label: NDArray[np.uint8],
        intrinsics: FloatArray,
    ) -> FrameTruth:
        """Of frame `number`. `wall`: in the way, None without; `depth_m`, `label` (H, W) with `intrinsics` (3, 3)."""
        pose = self._poses[number]
        present = present_way(pose, float(self._curvature_per_m[number]), speed_mps)
        taken = driven_way(self._positions, number)
        standing, driven = scan(depth_m, label, intrinsics, pose, [present, taken])
        return FrameTruth(
            stamp_ns=stamp_ns,
            speed_mps=speed_mps,
            moved_m=float(self._moved_m[number]),
            wall_m=math.nan if wall is None else taken.meets_m(wall),
            nearest_m=min((start for start, _ in standing.stretches(self._swept)), default=math.inf),
            standing=standing.stretches(self._swept, MARGIN_M),
            driven=driven.stretches(self._swept, MARGIN_M),
        )


def _curvatures(poses: Sequence[RigidTransform], positions: FloatArray) -> FloatArray:
    """Of the driven path (F,), 1/m, left positive: change of heading over way, between the neighbours of each frame."""
    axes = np.array([pose.rotation[:, 2] for pose in poses])
    heading = np.unwrap(np.arctan2(axes[:, 1], axes[:, 0]))
    before = np.maximum(np.arange(len(poses)) - 1, 0)
    after = np.minimum(np.arange(len(poses)) + 1, len(poses) - 1)
    step = np.linalg.norm(positions[after] - positions[before], axis=1)
    turned = heading[after] - heading[before]
    return np.where(step > _LEAST_STEP_M, turned / np.maximum(step, _LEAST_STEP_M), 0.0)
