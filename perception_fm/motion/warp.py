"""Plane-induced warps between two frames, on an image pyramid: the direct (pixel-wise) side of the motion stage.

For a plane with 1/Z = m . (x, y, 1) in the current frame, a current ray x meets the reference frame at
R^T (x + c (m . x)), where R = current_from_reference and c is the camera's travel in current axes: the homography
K R^T (I + c m^T) (Hartley & Zisserman, 2nd ed., result 13.1). A patch is a grid that a matrix G (3, 3) maps to current
rays, so one product takes it to pixels of either frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVELS = 4
_BLUR_SIGMA_PX = 0.7  # makes bilinear sampling harmless: its phase-dependent smoothing would look like misalignment
_SAMPLING = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, eq=False)
class GrayPyramid:
    """Blurred grey image at scales 1, 1/2, 1/4, 1/8, with the pinhole matrix K (3, 3) of each."""

    levels: tuple[NDArray[np.uint8], ...]
    intrinsics: tuple[FloatArray, ...]

    @staticmethod
    def build(gray: NDArray[np.uint8], intrinsics: FloatArray) -> GrayPyramid:
        """From a rectified grey image (H, W) uint8 and its K."""
        images = [cv2.GaussianBlur(gray, (0, 0), _BLUR_SIGMA_PX)]
        matrices = [np.asarray(intrinsics, dtype=np.float64)]
        half = np.diag([0.5, 0.5, 1.0])  # cv2.pyrDown keeps the centre of pixel 0 on pixel 0
        for _ in range(LEVELS - 1):
            images.append(cv2.pyrDown(images[-1]))
            matrices.append(half @ matrices[-1])
        return GrayPyramid(tuple(images), tuple(matrices))


@dataclass(frozen=True, eq=False)
class ReferenceView:
    """An earlier frame and the refined motion since: rotation R (3, 3), travel c (3,) in metres, window in seconds."""

    pyramid: GrayPyramid
    rotation: FloatArray
    travel_m: FloatArray
    window_s: float

    def pixels_from_patch(self, rays_from_patch: FloatArray, m: FloatArray, level: int) -> FloatArray:
        """Reference pixels (3, 3) of a patch G (3, 3) at a pyramid level, if it lies on the plane m."""
        moved = rays_from_patch + self.travel_m[:, None] * (m @ rays_from_patch)
        return np.asarray(self.cameras[level] @ moved)

    def drift(self, rays: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Across and down, by how much another ray it is that shows already what each of these rays (..., 3), z = 1,
        would show if the plane m were nearer by one unit of inverse depth.

        With the plane fixed, x + c (m . x) is to keep the direction that it takes when m . x grows:
        dx = a / (1 + a . grad m), a = (c_xy - c_z x) / (1 + c_z m . x).
        """
        cx, cy, cz = self.travel_m
        farther = 1.0 + cz * (rays @ m)
        across, down = (cx - cz * rays[..., 0]) / farther, (cy - cz * rays[..., 1]) / farther
        along = 1.0 + m[0] * across + m[1] * down
        return across / along, down / along

    @cached_property
    def cameras(self) -> list[FloatArray]:
        """Of each level K R^T (3, 3)."""
        return [k @ self.rotation.T for k in self.pyramid.intrinsics]

    def turned(self, pitch_rad: float, yaw_rad: float) -> ReferenceView:
        """The view with a small rotation about the current x (pitch) and y (yaw) axes added."""
        correction = cv2.Rodrigues(np.array([pitch_rad, yaw_rad, 0.0]))[0]
        return ReferenceView(self.pyramid, correction @ self.rotation, self.travel_m, self.window_s)


def plane_warps(
    views: Sequence[ReferenceView], levels: NDArray[np.intp], rays_from_patch: FloatArray, planes: FloatArray
) -> FloatArray:
    """`ReferenceView.pixels_from_patch` for M hypotheses of K patches at once: (M, K, 3, 3).

    `views` and `levels` (K,), `rays_from_patch` (K, 3, 3), `planes` (M, K, 3).
    """
    camera = np.array([view.cameras[level] for view, level in zip(views, levels)])
    travel = np.array([view.travel_m for view in views])
    base = camera @ rays_from_patch
    moved = np.einsum("kij,kj->ki", camera, travel)
    along = np.einsum("mkj,kjl->mkl", planes, rays_from_patch)
    return np.asarray(base + moved[None, :, :, None] * along[:, :, None, :])


def sample(
    image: NDArray[np.uint8],
    pixel_from_patch: FloatArray,
    size: tuple[int, int],
    into: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """A patch (height, width) cut out of an image through a homography; `size` is (width, height).

    Outside the image the border repeats; callers make sure that patches lie inside. `into` takes the patch without a
    copy.
    """
    patch = cv2.warpPerspective(image, pixel_from_patch, size, into, _SAMPLING, cv2.BORDER_REPLICATE)
    return cast("NDArray[np.uint8]", patch)
