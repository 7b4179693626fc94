"""What is known of things over time: places, speeds, sizes, classes, and the odds that they are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.scene.columns import Columns

FloatArray = NDArray[np.float64]

STILL, SLOW, FAST = range(3)
_PACES = {
    **dict.fromkeys(("car", "truck", "bus", "train", "motorcycle"), FAST),
    **dict.fromkeys(("building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"), STILL),
}
PACE_OF_CLASS = np.full(UNKNOWN_LABEL + 1, STILL)
PACE_OF_CLASS[: len(CITYSCAPES_CLASSES)] = [_PACES.get(name, SLOW) for name in CITYSCAPES_CLASSES]


@dataclass(frozen=True, eq=False)
class SceneTracks(Columns):
    """Things (T,) over time. `state` (T, 4): x, y, vx, vy in the odometry frame, metres and metres per second, with
    `covariance` (T, 4, 4).

    `size_m`, `size_sigma_m` (T, 3); `yaw_rad` (T,) in the odometry frame. `class_odds` (T, 20): summed evidence of each
    class and of none. `log_odds` (T,) of existence. `nearest_m` (T,): from the camera, when it was last seen;
    `unseen_s` (T,): since then.
    """

    track_id: NDArray[np.int64]
    state: FloatArray
    covariance: FloatArray
    size_m: FloatArray
    size_sigma_m: FloatArray
    yaw_rad: FloatArray
    yaw_sigma_rad: FloatArray
    class_odds: FloatArray
    log_odds: FloatArray
    is_confirmed: NDArray[np.bool_]
    nearest_m: FloatArray
    unseen_s: FloatArray

    @classmethod
    def none(cls) -> SceneTracks:
        """No things at all."""
        one, three = np.zeros(0), np.zeros((0, 3))
        odds = np.zeros((0, len(CITYSCAPES_CLASSES) + 1))
        return cls(
            one.astype(np.int64), np.zeros((0, 4)), np.zeros((0, 4, 4)), three, three, one, one, odds, one,
            one.astype(bool), one, one,
        )  # fmt: skip

    @property
    def existence_probability(self) -> FloatArray:
        """0 to 1 (T,)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds)))

    def classes(self) -> tuple[NDArray[np.intp], FloatArray]:
        """trainIds (T,) and their shares (T,) of all evidence; 255 and NaN where none prevails."""
        best = self.class_odds.argmax(axis=1)
        share = self.class_odds.max(axis=1) / self.class_odds.sum(axis=1)
        is_known = (best < len(CITYSCAPES_CLASSES)) & (share >= 0.5)
        return np.where(is_known, best, UNKNOWN_LABEL), np.where(is_known, share, np.nan)

    def paces(self) -> NDArray[np.intp]:
        """Of the class (T,) of each."""
        return PACE_OF_CLASS[self.classes()[0]]
