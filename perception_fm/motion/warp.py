"""Plane-induced warps between two frames, on an image pyramid: the direct (pixel-wise) side of the motion stage.

For a plane with 1/Z = m . (x, y, 1) in the current frame, a current ray x meets the reference frame at
R^T (x + c (m . x)), where R = current_from_reference and c is the camera's travel in current axes. So the warp is the
homography K R^T (I + c m^T) K^-1 (Hartley & Zisserman, 2nd ed., result 13.1).
"""

from __future__ import annotations

from dataclasses import dataclass

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

    def homography(self, m: FloatArray, level: int) -> FloatArray:
        """Current pixel to reference pixel at a pyramid level, for the plane 1/Z = m . (x, y, 1)."""
        k = self.pyramid.intrinsics[level]
        plane = np.eye(3) + np.outer(self.travel_m, m)
        return np.asarray(k @ self.rotation.T @ plane @ np.linalg.inv(k))

    def turned(self, pitch_rad: float, yaw_rad: float) -> ReferenceView:
        """The view with a small rotation about the current x (pitch) and y (yaw) axes added."""
        correction = cv2.Rodrigues(np.array([pitch_rad, yaw_rad, 0.0]))[0]
        return ReferenceView(self.pyramid, correction @ self.rotation, self.travel_m, self.window_s)


def sample(image: NDArray[np.uint8], pixel_from_patch: FloatArray, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A patch (height, width) cut out of an image through a homography; `size` is (width, height).

    Outside the image the border repeats; callers make sure that patches lie inside.
    """
    return cv2.warpPerspective(image, pixel_from_patch, size, flags=_SAMPLING, borderMode=cv2.BORDER_REPLICATE)
