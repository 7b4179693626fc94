"""The calibration of one camera, and the way between pixels and rays.

Pixel convention, that of OpenCV, `sensor_msgs/CameraInfo` and image_geometry: the centre of the first pixel is (0, 0).
Rays are (x/z, y/z) in the optical frame of the *stored* image: R of CameraInfo, which turns that frame into the
rectified one, is kept in `rectification` but not applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.camera import distortion as lens
from perception_fm.errors import CameraError

FloatArray = NDArray[np.float64]

_ROTATION_TOLERANCE = 1e-3  # calibration files print R with six decimals or fewer


def _no_distortion() -> FloatArray:
    return np.zeros(0)


def _no_rotation() -> FloatArray:
    return np.eye(3)


@dataclass(frozen=True, eq=False)
class CameraModel:
    """A pinhole camera with lens distortion, for images exactly as delivered (after ROI and binning).

    `intrinsics` (3, 3) is K in pixels of the delivered image. `distortion_model` is none, plumb_bob (4 or 5 numbers in
    `distortion`), rational_polynomial (8, 12 or 14) or equidistant (4). `rectification` (3, 3) is R, `projection`
    (3, 4) is P of CameraInfo or None where the driver gave none. Raises `CameraError` for what cannot be a calibration.
    """

    width: int
    height: int
    intrinsics: FloatArray
    distortion_model: str = lens.NONE
    distortion: FloatArray = field(default_factory=_no_distortion)
    rectification: FloatArray = field(default_factory=_no_rotation)
    projection: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise CameraError(f"a camera image has a positive size, got {self.width}x{self.height}")
        k = _matrix(self.intrinsics, (3, 3), "K")
        _check_intrinsics(k)
        model, d = lens.checked_distortion(self.distortion_model, np.array(self.distortion, dtype=np.float64))
        r = _matrix(self.rectification, (3, 3), "R")
        if np.abs(r @ r.T - np.eye(3)).max() > _ROTATION_TOLERANCE or np.linalg.det(r) < 0.0:
            raise CameraError("the rectification R of the calibration is not a rotation")
        p = None if self.projection is None else _matrix(self.projection, (3, 4), "P")
        if p is not None and not (p[0, 0] > 0.0 and p[1, 1] > 0.0 and p[2, 2] == 1.0):
            raise CameraError(f"the projection P needs positive focal lengths and P[2,2] = 1, got {p.tolist()}")
        for name, array in (("intrinsics", k), ("distortion", d), ("rectification", r), ("projection", p)):
            if array is not None:
                array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "distortion_model", model)

    @classmethod
    def from_camera_info(
        cls,
        width: int,
        height: int,
        distortion_model: str,
        d: ArrayLike,
        k: ArrayLike,
        r: ArrayLike | None = None,
        p: ArrayLike | None = None,
        binning_x: int = 0,
        binning_y: int = 0,
        roi: Sequence[int] = (0, 0, 0, 0, False),
    ) -> CameraModel:
        """The camera of the delivered image from the fields of `sensor_msgs/CameraInfo`, which are of full resolution.

        `k` has 9, `r` 9, `p` 12 numbers, row by row; all-zero R or P counts as not given. `roi` is (x_offset, y_offset,
        height, width, do_rectify) in full-resolution pixels, zero size = whole image. Binning 0 means 1. The principal
        point is (c - offset) / binning as in image_geometry: it neglects the (1 - 1/binning)/2 px by which the centre
        of a binned pixel moves, but K must agree with every other user of the same message.
        """
        if width <= 0 or height <= 0:
            raise CameraError(f"camera_info gives no image size ({width}x{height}): is the camera calibrated?")
        full_k = _matrix(_reshaped(k, (3, 3), "K"), (3, 3), "K")
        _check_intrinsics(full_k)
        if not (-0.5 * width <= full_k[0, 2] <= 1.5 * width and -0.5 * height <= full_k[1, 2] <= 1.5 * height):
            raise CameraError(
                f"principal point ({full_k[0, 2]:.1f}, {full_k[1, 2]:.1f}) lies far outside the {width}x{height} "
                "image: is the calibration from another resolution?"
            )
        full_r = None if r is None else _reshaped(r, (3, 3), "R")
        full_p = None if p is None else _reshaped(p, (3, 4), "P")
        x0, y0, roi_width, roi_height = _region(width, height, roi)
        bin_x, bin_y = _binning(binning_x, binning_y)
        if roi_width // bin_x == 0 or roi_height // bin_y == 0:
            raise CameraError(f"binning {bin_x}x{bin_y} leaves nothing of a {roi_width}x{roi_height} image")
        scale = np.diag([1.0 / bin_x, 1.0 / bin_y, 1.0])
        shift = np.array([[1.0, 0.0, -x0], [0.0, 1.0, -y0], [0.0, 0.0, 1.0]])
        return cls(
            width=roi_width // bin_x,
            height=roi_height // bin_y,
            intrinsics=scale @ shift @ full_k,
            distortion_model=distortion_model,
            distortion=np.asarray(d, dtype=np.float64),
            rectification=np.eye(3) if full_r is None or not full_r.any() else full_r,
            projection=None if full_p is None or not full_p.any() else scale @ shift @ full_p,
        )

    @property
    def fx(self) -> float:
        """Focal length along x, pixels."""
        return float(self.intrinsics[0, 0])

    @property
    def fy(self) -> float:
        """Focal length along y, pixels."""
        return float(self.intrinsics[1, 1])

    @property
    def cx(self) -> float:
        """Column of the principal point, pixels."""
        return float(self.intrinsics[0, 2])

    @property
    def cy(self) -> float:
        """Row of the principal point, pixels."""
        return float(self.intrinsics[1, 2])

    @property
    def focal_px(self) -> float:
        """Geometric mean of the two focal lengths, pixels."""
        return float(np.sqrt(self.fx * self.fy))

    @property
    def has_distortion(self) -> bool:
        """False for a plain pinhole."""
        return self.distortion_model != lens.NONE

    @cached_property
    def max_ray_radius(self) -> float:
        """Largest hypot(x/z, y/z) that this lens model maps uniquely; inf for a plain pinhole."""
        return lens.max_ray_radius(self.distortion_model, self.distortion)

    def unproject(self, pixels: ArrayLike) -> FloatArray:
        """Undistorted rays (N, 2), x/z and y/z, of pixels (N, 2) of the stored image.

        NaN where no ray reaches the pixel (the black corners of a fisheye image, and 90 degrees off axis or more).
        """
        return lens.undistort(
            _pairs(pixels, "pixels"), self.distortion_model, self.intrinsics, self.distortion, self.max_ray_radius
        )

    def project(self, rays: ArrayLike) -> FloatArray:
        """Pixels (N, 2) of the stored image where rays (N, 2) fall, distortion applied; may lie outside the image.

        NaN where the ray lies beyond the radius up to which the distortion is invertible.
        """
        pairs = _pairs(rays, "rays")
        pixels = lens.distort(pairs, self.distortion_model, self.intrinsics, self.distortion)
        pixels[~(np.hypot(pairs[:, 0], pairs[:, 1]) <= self.max_ray_radius)] = np.nan
        return pixels

    def project_points(self, points_camera_m: ArrayLike) -> FloatArray:
        """Pixels (N, 2) of points (N, 3) in the optical frame; NaN where z <= 0 or `project` answers NaN."""
        points = np.asarray(points_camera_m, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3:
            raise CameraError(f"points have shape (N, 3), got {points.shape}")
        depth_m = np.where(points[:, 2] > 0.0, points[:, 2], np.nan)
        return self.project(points[:, :2] / depth_m[:, None])

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that differ when any number of the calibration differs."""
        digest = hashlib.sha256(f"{self.width}x{self.height} {self.distortion_model}".encode())
        for array in (self.intrinsics, self.distortion, self.rectification, self.projection):
            digest.update(b"|" if array is None else b"|" + (array + 0.0).tobytes())  # -0.0 + 0.0 is 0.0
        return digest.hexdigest()[:16]

    def equals(self, other: CameraModel) -> bool:
        """Whether the calibration is the same to the last bit; when not, maps and temporal states must be made anew."""
        return self.fingerprint == other.fingerprint


def _check_intrinsics(k: FloatArray) -> None:
    if not k.any():
        raise CameraError("K is all zero: the camera is not calibrated")
    if not (k[0, 0] > 0.0 and k[1, 1] > 0.0):
        raise CameraError(f"K needs positive focal lengths, got fx = {k[0, 0]:g}, fy = {k[1, 1]:g}")
    if k[2, 2] != 1.0 or k[0, 1] != 0.0 or k[1, 0] != 0.0 or k[2, 0] != 0.0 or k[2, 1] != 0.0:
        raise CameraError(f"K must read [fx 0 cx; 0 fy cy; 0 0 1], got {k.tolist()}")


def _matrix(values: ArrayLike, shape: tuple[int, int], name: str) -> FloatArray:
    matrix = np.array(values, dtype=np.float64)
    if matrix.shape != shape:
        raise CameraError(f"{name} of a calibration has shape {shape}, got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise CameraError(f"{name} of a calibration holds NaN or infinity")
    return matrix


def _reshaped(values: ArrayLike, shape: tuple[int, int], name: str) -> FloatArray:
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    if flat.size != shape[0] * shape[1]:
        raise CameraError(f"{name} of camera_info has {shape[0] * shape[1]} numbers, got {flat.size}")
    return flat.reshape(shape)


def _region(width: int, height: int, roi: Sequence[int]) -> tuple[int, int, int, int]:
    """x offset, y offset, width and height of the region of interest, checked."""
    x0, y0, roi_height, roi_width = (int(value) for value in tuple(roi)[:4])
    if roi_width == 0 and roi_height == 0 and x0 == 0 and y0 == 0:
        return 0, 0, width, height
    if x0 < 0 or y0 < 0 or roi_width <= 0 or roi_height <= 0 or x0 + roi_width > width or y0 + roi_height > height:
        raise CameraError(
            f"the region of interest {roi_width}x{roi_height} at ({x0}, {y0}) is not inside the {width}x{height} image"
        )
    return x0, y0, roi_width, roi_height


def _binning(binning_x: int, binning_y: int) -> tuple[int, int]:
    if binning_x < 0 or binning_y < 0:
        raise CameraError(f"binning is not negative, got {binning_x}x{binning_y}")
    return max(1, binning_x), max(1, binning_y)


def _pairs(values: ArrayLike, name: str) -> FloatArray:
    pairs = np.asarray(values, dtype=np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise CameraError(f"{name} have shape (N, 2), got {pairs.shape}")
    return pairs
