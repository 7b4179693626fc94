"""Rectification: images as an ideal pinhole camera would have taken them, with maps that are computed once."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.distortion import EQUIDISTANT
from perception_fm.camera.model import CameraModel, FloatArray
from perception_fm.errors import ImageError

# A pinhole image spends its pixels on the rim when it opens wider than this half angle (at 60 degrees a degree has four
# times the pixels it has in the centre), so a fisheye is cropped here where no P says otherwise.
_MAX_HALF_ANGLE_RAD = math.radians(60.0)

_OUTSIDE_PX = -16.0  # a source position that `remap` answers with the border colour


class Rectifier:
    """Maps from the stored image to the rectified one, which has the same size.

    The rectified camera is P of CameraInfo where given. Otherwise it is the pinhole with square pixels that crops least
    while every pixel has a source (OpenCV's alpha = 0 without its stretched pixels): a black rim would be image
    structure that is not in the world. R turns the stored optical frame into the rectified one.
    """

    def __init__(self, camera: CameraModel) -> None:
        self.source = camera
        self.rectified = _rectified_camera(camera)
        self.is_identity = (
            not camera.has_distortion
            and np.array_equal(camera.rectification, np.eye(3))
            and np.array_equal(camera.intrinsics, self.rectified.intrinsics)
        )
        self.is_seen: NDArray[np.bool_] = np.ones((camera.height, camera.width), dtype=np.bool_)
        if not self.is_identity:
            columns, rows = self._source_positions()
            self.is_seen = (columns >= 0) & (columns <= camera.width - 1) & (rows >= 0) & (rows <= camera.height - 1)
            # The fixed-point form: half the memory and about twice the speed; positions are rounded to 1/32 px.
            self._positions, self._fractions = cv2.convertMaps(columns, rows, cv2.CV_16SC2)
        self.is_seen.setflags(write=False)

    def rectify(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The rectified image, bilinear, 0 where no source exists; `image` itself when nothing has to be done.

        `image` is (H, W) or (H, W, C) of the camera's size; raises `ImageError` for another size.
        """
        if image.shape[:2] != (self.source.height, self.source.width):
            raise ImageError(
                f"the rectification is for {self.source.width}x{self.source.height} images, "
                f"got {image.shape[1]}x{image.shape[0]}"
            )
        if self.is_identity:
            return np.asarray(image)
        rectified = cv2.remap(
            image, self._positions, self._fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        return np.asarray(rectified, dtype=np.uint8)

    def _source_positions(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Column and row (H, W) in the stored image of every rectified pixel, outside it where the lens has none."""
        source, size = self.source, (self.source.width, self.source.height)
        is_fisheye = source.distortion_model == EQUIDISTANT
        make_maps = cv2.fisheye.initUndistortRectifyMap if is_fisheye else cv2.initUndistortRectifyMap
        d = source.distortion if source.has_distortion else np.zeros(4)
        maps = make_maps(source.intrinsics, d, source.rectification, self.rectified.intrinsics, size, cv2.CV_32FC1)
        # OpenCV lets rays beyond the fold of the polynomial, and behind the camera, come back into the image.
        has_pixel = self._has_pixel()
        columns, rows = (
            np.clip(np.where(has_pixel, one, _OUTSIDE_PX), _OUTSIDE_PX, limit - _OUTSIDE_PX).astype(np.float32)
            for one, limit in zip(maps, size)
        )
        return columns, rows

    def _has_pixel(self) -> NDArray[np.bool_]:
        """Whether the ray (H, W) of each rectified pixel lies in front of the lens and within its invertible radius."""
        camera = self.rectified
        x = ((np.arange(camera.width) - camera.cx) / camera.fx)[None, :]
        y = ((np.arange(camera.height) - camera.cy) / camera.fy)[:, None]
        stored_from_rectified = self.source.rectification.T
        source_x, source_y, source_z = (row[0] * x + row[1] * y + row[2] for row in stored_from_rectified)
        radius = np.hypot(source_x, source_y)
        return np.asarray((source_z > 0.0) & (radius <= self.source.max_ray_radius * np.maximum(source_z, 1e-9)))


def _rectified_camera(camera: CameraModel) -> CameraModel:
    if camera.projection is not None:
        return CameraModel(camera.width, camera.height, camera.projection[:, :3], projection=camera.projection)
    if not camera.has_distortion and np.array_equal(camera.rectification, np.eye(3)):
        return CameraModel(camera.width, camera.height, camera.intrinsics)
    left, top, right, bottom = _inner_rectangle(camera)
    focal_px = max((camera.width - 1) / (right - left), (camera.height - 1) / (bottom - top))
    intrinsics = np.array(
        [
            [focal_px, 0.0, 0.5 * (camera.width - 1) - focal_px * 0.5 * (left + right)],
            [0.0, focal_px, 0.5 * (camera.height - 1) - focal_px * 0.5 * (top + bottom)],
            [0.0, 0.0, 1.0],
        ]
    )
    return CameraModel(camera.width, camera.height, intrinsics)


def _inner_rectangle(camera: CameraModel) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in rectified rays of a rectangle inside the image's outline.

    An outline pixel without a ray, and one wider than the half angle, gives way to that limit.
    """
    limit = math.tan(_MAX_HALF_ANGLE_RAD)
    columns = np.arange(camera.width, dtype=np.float64)
    rows = np.arange(camera.height, dtype=np.float64)

    def reach(column: FloatArray | float, row: FloatArray | float, axis: int, sign: float) -> float:
        """How far the rectangle may reach along one axis before this edge of the image."""
        column_px, row_px = np.broadcast_arrays(column, row)
        rays = camera.unproject(np.column_stack([column_px, row_px]))
        turned = np.column_stack([rays, np.ones(len(rays))]) @ camera.rectification.T
        along = sign * turned[:, axis] / np.where(turned[:, 2] > 0.0, turned[:, 2], np.nan)
        finite = along[np.isfinite(along)]
        return sign * float(min(finite.min(), limit) if len(finite) else limit)

    last_column, last_row = float(camera.width - 1), float(camera.height - 1)
    return (
        reach(0.0, rows, 0, -1.0),
        reach(columns, 0.0, 1, -1.0),
        reach(last_column, rows, 0, 1.0),
        reach(columns, last_row, 1, 1.0),
    )
