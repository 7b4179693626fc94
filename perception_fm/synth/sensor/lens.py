"""The lens: which pinhole view to render, and the map from it to the distorted picture that the camera delivers.

Distortion is that of `sensor_msgs/CameraInfo` as the core's `CameraModel` computes it (plumb_bob: Brown 1966,
rational_polynomial and equidistant: OpenCV's calib3d and fisheye pages). A renderer draws pinholes only, so a distorted
picture is resampled from a pinhole view large enough for its widest ray, with maps made once.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.errors import CameraError, ConfigError
from perception_fm.synth.sensor.config import CameraConfig

FloatArray = NDArray[np.float64]

# A pinhole view of wider half angle spends nearly all of its pixels on the rim (at 70 degrees a degree has 8.5 times
# the pixels that it has in the centre).
_MAX_HALF_ANGLE_DEG = 70.0
_MARGIN_PX = 2  # beyond the outermost ray, so that bilinear resampling never meets the border
_MAX_SAMPLES = 4  # per pixel and axis where the lens compresses the view; a 70 degree fisheye compresses 7 times


class Lens:
    """Maps from the rendered pinhole view to the delivered picture.

    `calibration` describes the delivered picture; its P is the pinhole of the same K and size, so that rectifying the
    picture by it gives the pixels of `calibration.intrinsics` without distortion. `view_intrinsics` (3, 3),
    `view_width` and `view_height` are the view to render; its middle row is that of the picture. Raises `ConfigError`
    where the distortion cannot be inverted over the whole picture or opens too wide for one pinhole view.
    """

    def __init__(self, config: CameraConfig) -> None:
        self.calibration = _calibration(config)
        self.view_intrinsics: FloatArray = self.calibration.intrinsics
        self.view_width, self.view_height = config.width_px, config.height_px
        self._samples = 1
        if self.calibration.has_distortion:
            self._lay_out(config)

    def deliver(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The picture (H, W, 3) on the sensor from the rendered view; `image` itself where the lens is a pinhole."""
        if not self.calibration.has_distortion:
            return image
        drawn = cv2.remap(image, self._positions, self._fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if self._samples > 1:
            size = (self.calibration.width, self.calibration.height)
            drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
        return np.asarray(drawn, dtype=np.float32)

    def _lay_out(self, config: CameraConfig) -> None:
        """The size of the view and the maps from it."""
        rays = _checked_rays(config, self.calibration)
        half = np.ceil(config.focal_px * np.abs(rays).max(axis=(0, 1))).astype(int) + _MARGIN_PX
        self.view_width, self.view_height = 2 * int(half[0]) + 1, 2 * int(half[1]) + 1
        self.view_intrinsics = _pinhole(config.focal_px, self.view_width, self.view_height)
        self._samples = min(_MAX_SAMPLES, max(1, round(config.focal_px * _largest_step(rays))))
        positions = (_subdivided(rays, self._samples) * config.focal_px + half).astype(np.float32)
        columns, rows = np.ascontiguousarray(positions[..., 0]), np.ascontiguousarray(positions[..., 1])
        self._positions, self._fractions = cv2.convertMaps(columns, rows, cv2.CV_16SC2)


def _pinhole(focal_px: float, width: int, height: int) -> FloatArray:
    """K (3, 3) with square pixels and the principal point in the middle, pixel centres at integers."""
    return np.array([[focal_px, 0.0, 0.5 * (width - 1)], [0.0, focal_px, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])


def _calibration(config: CameraConfig) -> CameraModel:
    k = _pinhole(config.focal_px, config.width_px, config.height_px)
    try:
        return CameraModel(
            width=config.width_px,
            height=config.height_px,
            intrinsics=k,
            distortion_model=config.distortion_model,
            distortion=np.asarray(config.distortion, dtype=np.float64),
            projection=np.column_stack([k, np.zeros(3)]),
        )
    except CameraError as error:
        raise ConfigError(f"camera.distortion of {config.name}: {error}") from error


def _checked_rays(config: CameraConfig, camera: CameraModel) -> FloatArray:
    """Rays (H, W, 2) of the picture's pixels; raises `ConfigError` where they cannot be rendered."""
    outline = camera.unproject(_outline(camera.width, camera.height))
    rays = _rays(camera) if np.isfinite(outline).all() else None
    if rays is None or not np.isfinite(rays).all():
        raise ConfigError(
            f"camera.distortion {list(config.distortion)} ({config.distortion_model}) cannot be inverted over the "
            f"whole {config.width_px}x{config.height_px} image at focal_px {config.focal_px:g}: use coefficients "
            "of a lens that covers it, or a longer focal length"
        )
    widest_deg = math.degrees(math.atan(float(np.hypot(rays[..., 0], rays[..., 1]).max())))
    if widest_deg > _MAX_HALF_ANGLE_DEG:
        raise ConfigError(
            f"camera.distortion {config.distortion_model} opens to {widest_deg:.0f} deg off axis in the corners at "
            f"focal_px {config.focal_px:g}; up to {_MAX_HALF_ANGLE_DEG:.0f} deg can be rendered: raise focal_px"
        )
    return rays


def _outline(width: int, height: int) -> FloatArray:
    """The pixels (N, 2) of the border, where a distortion folds first; few, since looking for a lost ray takes long."""
    columns, rows = np.arange(width), np.arange(height)
    edges = [
        (columns, 0 * columns),
        (columns, 0 * columns + height - 1),
        (0 * rows, rows),
        (0 * rows + width - 1, rows),
    ]
    return np.concatenate([np.column_stack(edge) for edge in edges]).astype(np.float64)


def _rays(camera: CameraModel) -> FloatArray:
    """Rays (H, W, 2) of the picture's pixels, NaN where none reaches the pixel."""
    pixels = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    return camera.unproject(pixels.reshape(-1, 2)).reshape(pixels.shape)


def _subdivided(rays: FloatArray, samples: int) -> FloatArray:
    """Rays (samples * H, samples * W, 2) of the middles of the cells into which the pixels are cut, interpolated."""
    if samples == 1:
        return rays
    padded = np.pad(rays, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")  # goes on in a straight line
    fine = cv2.resize(padded, None, fx=samples, fy=samples, interpolation=cv2.INTER_LINEAR)
    return np.asarray(fine[samples:-samples, samples:-samples], dtype=np.float64)


def _largest_step(rays: FloatArray) -> float:
    """The largest distance between the rays of neighbouring pixels; 1 / focal length for a pinhole."""
    along_row, along_column = np.diff(rays, axis=1), np.diff(rays, axis=0)
    return float(max(np.hypot(*np.moveaxis(one, -1, 0)).max() for one in (along_row, along_column)))
