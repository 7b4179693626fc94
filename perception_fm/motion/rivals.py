"""How much better an upright plane explains a patch than everything else that may be seen there.

The rivals are whole scenes, not a choice for each block: in every column of blocks there is ground below, the road or a
grade that can be driven, as far up as that explains best, and above it what stands farther off or does not move at all,
each block as it likes. A road that climbs is one plane; a street behind a crest is many.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch
from perception_fm.motion.drivable_grade import unexplained_by_grade
from perception_fm.motion.patches import (
    CORRELATED_PIXELS,
    NOISE_VARIANCE,
    block_means,
    independent_pixels,
)
from perception_fm.motion.swept_boxes import BLOCK_CLIP, PAST_SHARES
from perception_fm.motion.warp import GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]

_LEAST_WHITENESS = 0.3


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a patch is judged against. `plain`: the view as it was before it was steadied for an upright plane; `grade`:
    the climbing road, about, that explains it best; `block_m`: width and height of a block."""

    current: GrayPyramid
    plain: ReferenceView
    road: PlaneEstimate
    grade: FloatArray
    block_m: tuple[float, float]

    def ratio(self, patch: BoxPatch, m: FloatArray, own: FloatArray) -> FloatArray:
        """Log likelihood ratios (R, C) of the blocks of a patch for the plane m (3,), which leaves `own` (H, W)
        unexplained."""
        unsteadied = dataclasses.replace(patch, view=self.plain)
        views = (patch,) if self.plain is patch.view else (patch, unsteadied)
        grounds = [view.unexplained(self.road.m) for view in views]
        grounds.append(unexplained_by_grade(patch, self.road, self.grade))
        here = float(m @ patch.centre) / float(patch.box.upright @ patch.centre) * patch.box.upright
        scenes = [view.unexplained(share * here) for view in views for share in PAST_SHARES]
        scenes.append(unsteadied.unexplained(np.zeros(3)))
        ratio = self._likelihood(patch, own, [*scenes, *grounds])
        return _ground_below(ratio[: len(scenes)].min(axis=0), ratio[len(scenes) :])

    def rows_that_show(self, patch: BoxPatch, m: FloatArray) -> int:
        """How many rows of blocks of a patch, counted from below, show the plane m (3,) and nothing behind it."""
        rivals = [patch.unexplained(share * m) for share in PAST_SHARES[:1]]
        rivals.append(dataclasses.replace(patch, view=self.plain).unexplained(np.zeros(3)))
        ratio = self._likelihood(patch, patch.unexplained(m), rivals).min(axis=0)
        gained = np.cumsum(ratio.sum(axis=1)[::-1])
        return int(np.argmax(gained)) + 1 if gained.max() > 0.0 else 0

    def _likelihood(self, patch: BoxPatch, own: FloatArray, rivals: list[FloatArray]) -> FloatArray:
        """Log likelihood ratios (M, R, C) of the blocks, from what a plane and M rivals leave unexplained."""
        gradient = block_means(np.asarray(patch.gx**2 + patch.gy**2, np.float32))
        residual = block_means(np.asarray(np.stack([own, *rivals]) ** 2, np.float32))
        noisy = residual + NOISE_VARIANCE + patch.misalignment**2 * gradient
        count = independent_pixels(self.current, np.array([patch.box.distance_m]), *self.block_m)
        ratio = 0.5 * _whiteness(own, patch.pixels) * count * np.log(noisy[1:] / noisy[0])
        return np.asarray(np.clip(ratio, -BLOCK_CLIP, BLOCK_CLIP), np.float64)


def _ground_below(scene: FloatArray, grounds: FloatArray) -> FloatArray:
    """The ratios (R, C) to what explains each column best: one of the grounds (G, R, C) from a row on downwards, the
    scene behind (R, C) above it."""
    edge = np.zeros((1, scene.shape[1]))
    above = np.concatenate([edge, np.cumsum(scene, axis=0)])
    below = np.cumsum(grounds[:, ::-1], axis=1)[:, ::-1]
    below = np.concatenate([below, np.broadcast_to(edge, (len(grounds), *edge.shape))], axis=1)
    choices = (above + below).reshape(-1, scene.shape[1]).argmin(axis=0)
    ground, first = np.divmod(choices, len(above))
    is_ground = np.arange(len(scene))[:, None] >= first
    return np.where(is_ground, grounds[ground, :, np.arange(scene.shape[1])].T, scene)


def _whiteness(residual: FloatArray, pixels: float) -> float:
    """Share of the pixels taken for independent that truly are, from how like its neighbours a residual (H, W) is.

    What noise leaves is white but for blur and resampling; what a wrong plane leaves is smooth. A variance over a line
    of pixels whose neighbours correlate by r is as sure as (1 - r^2) / (1 + r^2) of them would be if they were
    independent (Bartlett 1946, first-order autoregression); `CORRELATED_PIXELS` is already taken off, and so is that a
    patch pixel is fewer than one image pixel, `pixels`, far off.
    Blur and a wrong calibration smooth the residual of a true wall too, hence the least share.
    """
    centred = residual - residual.mean()
    variance = float(np.mean(centred * centred)) + 1e-9
    across = (float(np.mean(centred[:, 1:] * centred[:, :-1])) / variance) ** 2
    down = (float(np.mean(centred[1:] * centred[:-1])) / variance) ** 2
    independent = (1.0 - across) * (1.0 - down) / ((1.0 + across) * (1.0 + down))
    share = CORRELATED_PIXELS * independent / min(1.0, pixels**2)
    return min(max(share, _LEAST_WHITENESS), 1.0)
