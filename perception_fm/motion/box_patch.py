"""The patch of a swept box: what the current frame shows there, and what the earlier view would show on any plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.motion.patches import BLOCK_PX, COLUMNS, MISALIGNMENT_PX, NOISE_VARIANCE, alike, patch_level
from perception_fm.motion.path_boxes import PATCH_WIDTH, ROWS, BoxGeometry
from perception_fm.motion.swept_boxes import SHIFT_SIGMA_PX
from perception_fm.motion.warp import GrayPyramid, ReferenceView, plane_warps, sample

FloatArray = NDArray[np.float64]

ALL = slice(None)
_BLUR_PX = 0.8  # of a view: 0.7 by the pyramid, the extent of a pixel, a good lens
_LEAST_BLUR = 0.2  # patch pixels: less changes nothing
_SHIFT_STEPS = 2
_MAX_SHIFT_SIGMAS = 3.0


@dataclass(frozen=True, eq=False)
class BoxPatch:
    """A box's patch in the current frame and the earlier view that it is compared with.

    `rays_from_patch` (3, 3) maps its pixels to current rays. `now` (H, W), less its mean, with gradients `gx`, `gy` per
    patch pixel; `rays` (H, W, 3), `centre` (3,) its middle one; `pixels` image pixels of the level per patch pixel.
    """

    box: BoxGeometry
    rays_from_patch: FloatArray
    view: ReferenceView
    level: int
    now: FloatArray
    gx: FloatArray
    gy: FloatArray
    rays: FloatArray
    centre: FloatArray
    pixels: float

    @staticmethod
    def cut(
        current: GrayPyramid,
        view: ReferenceView,
        box: BoxGeometry,
        width_m: float,
        rows: slice = ALL,
        columns: slice = ALL,
        above: int = 0,
    ) -> BoxPatch:
        """The patch of a box `width_m` wide, or these rows and columns of its blocks, and as many rows `above` them."""
        top, bottom, _ = rows.indices(ROWS)
        top -= above
        left, right, _ = columns.indices(COLUMNS)
        corner = np.array([[1.0, 0.0, left * BLOCK_PX], [0.0, 1.0, top * BLOCK_PX], [0.0, 0.0, 1.0]])
        rays_from_patch = box.rays_from_patch @ corner
        width, height = (right - left) * BLOCK_PX, (bottom - top) * BLOCK_PX
        level = patch_level(current, box.distance_m, width_m)
        k = current.intrinsics[level]
        now = sample(current.levels[level], k @ rays_from_patch, (width, height)).astype(np.float64)
        gx, gy = gradients(now)
        rays = _places(width, height) @ rays_from_patch.T
        rays /= rays[..., 2:].copy()
        return BoxPatch(
            box=box,
            rays_from_patch=rays_from_patch,
            view=view,
            level=level,
            now=now - now.mean(),
            gx=gx,
            gy=gy,
            rays=rays,
            centre=rays[height // 2, width // 2],
            pixels=width_m * float(k[0, 0]) / box.distance_m / PATCH_WIDTH,
        )

    @property
    def shift_sigma(self) -> float:
        """What is left of pitch and yaw, in patch pixels."""
        return SHIFT_SIGMA_PX / 2.0**self.level / self.pixels

    @property
    def misalignment(self) -> float:
        """In patch pixels."""
        return MISALIGNMENT_PX / 2.0**self.level / self.pixels

    @property
    def spread(self) -> float:
        """Root mean square distance of its pixels from its centre: an expansion e moves them by e times this."""
        return float(np.hypot(*self.now.shape) / np.sqrt(12.0))

    @property
    def half_height(self) -> float:
        """Root mean square distance of its rows from the middle one, as a ray."""
        return float(np.linalg.norm(self.rays_from_patch[:, 1])) / self.box.distance_m * len(self.now) / math.sqrt(12.0)

    @property
    def floor(self) -> float:
        """Variance that two perfectly aligned patches still differ by."""
        return NOISE_VARIANCE + self.misalignment**2 * float(np.mean(self.gx * self.gx + self.gy * self.gy))

    def before(self, m: FloatArray, shift: FloatArray) -> FloatArray:
        """The patch (H, W) as the earlier view shows it if it lies on the plane m and moved by `shift` (2,) besides,
        as bright and as rich in contrast."""
        warp = self.view.pixels_from_patch(self.rays_from_patch, m, self.level)
        warp[:, 2] += warp[:, :2] @ shift
        size = (self.now.shape[1], self.now.shape[0])
        patch = sample(self.view.pyramid.levels[self.level], warp, size).astype(np.float64)
        return alike(patch, self._power)

    def as_blurred_as_before(self, growth: float) -> BoxPatch:
        """The patch with the blur of the earlier view, which is magnified by `growth` until both are alike.

        An edge that is blunter in one of them would be taken for one that stands nearer.
        """
        sigma = _BLUR_PX * math.sqrt(max(growth * growth - 1.0, 0.0)) / self.pixels
        if sigma < _LEAST_BLUR:
            return self
        now = cast("FloatArray", cv2.GaussianBlur(self.now, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
        gx, gy = gradients(now)
        return replace(self, now=now - now.mean(), gx=gx, gy=gy)

    def flow(self, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """By how many patch pixels its pixels (H, W) move, across and down, per unit of inverse depth that m gains."""
        across, down = self.view.drift(self.rays, m)
        xx, xy, yx, yy = self._pixels_from_rays
        return xx * across + xy * down, yx * across + yy * down

    @cached_property
    def _pixels_from_rays(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Derivatives (H, W) of a patch pixel's column with respect to its ray's x and y, and of its row."""
        g, (x, y) = self.rays_from_patch, (self.rays[..., axis] for axis in (0, 1))
        depth = _places(self.now.shape[1], self.now.shape[0]) @ g[2]
        a, b = (g[0, 0] - x * g[2, 0]) / depth, (g[0, 1] - x * g[2, 1]) / depth
        c, d = (g[1, 0] - y * g[2, 0]) / depth, (g[1, 1] - y * g[2, 1]) / depth
        area = a * d - b * c
        return d / area, -b / area, -c / area, a / area

    def sampled(self, planes: FloatArray) -> NDArray[np.uint8]:
        """The patches (M, H, W) as the earlier view shows them if they lie on planes (M, 3)."""
        warps = plane_warps([self.view], np.array([self.level]), self.rays_from_patch[None], planes[:, None])
        patches = np.empty((len(planes), *self.now.shape), np.uint8)
        size = (self.now.shape[1], self.now.shape[0])
        for warp, patch in zip(warps[:, 0], patches):
            sample(self.view.pyramid.levels[self.level], warp, size, patch)
        return patches

    @cached_property
    def _power(self) -> float:
        return float(np.vdot(self.now, self.now))

    @cached_property
    def _shift_gain(self) -> FloatArray:
        """Of what correlates with the gradients (2,) the shift (2,)."""
        across, both, down = (
            float(np.vdot(a, b)) for a, b in ((self.gx, self.gx), (self.gx, self.gy), (self.gy, self.gy))
        )
        return np.linalg.inv(np.array([[across, both], [both, down]]) + np.eye(2) * self.shift_sigma**-2.0)

    def unexplained(self, m: FloatArray) -> FloatArray:
        """What the plane m (3,) leaves unexplained (H, W), with the shift that suits it best."""
        limit, shift = _MAX_SHIFT_SIGMAS * self.shift_sigma, np.zeros(2)
        residual = self.now - self.before(m, shift)
        for _ in range(_SHIFT_STEPS):
            gain = self._shift_gain @ np.array([np.vdot(self.gx, residual), np.vdot(self.gy, residual)])
            moved = np.minimum(np.maximum(shift + gain, -limit), limit)  # np.clip takes several times as long
            after = self.now - self.before(m, moved)
            if np.vdot(after, after) >= np.vdot(residual, residual):
                break
            shift, residual = moved, after
        return residual


def gradients(patch: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Central differences (H, W) across and down, per pixel; half of that at the border."""
    across, down = (1, 0), (0, 1)
    dx, dy = (cv2.Sobel(patch, cv2.CV_64F, *way, None, 1, 0.5, 0.0, cv2.BORDER_REPLICATE) for way in (across, down))
    return cast("FloatArray", dx), cast("FloatArray", dy)


@lru_cache(maxsize=64)
def _places(width: int, height: int) -> FloatArray:
    """Column, row and 1 of every pixel of a patch (H, W, 3)."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([columns, rows, np.ones_like(rows)], axis=-1).astype(np.float64)
    places.setflags(write=False)
    return places
