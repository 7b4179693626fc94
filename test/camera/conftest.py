"""Calibrations of real lenses, mild to very strong, and cameras made for a known answer, that the tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel


def camera(
    width: int, height: int, f: tuple[float, float], c: tuple[float, float], model: str, d: list[float]
) -> CameraModel:
    return CameraModel(width, height, np.array([[f[0], 0, c[0]], [0, f[1], c[1]], [0, 0, 1.0]]), model, np.array(d))


# KITTI raw 2011_09_26, camera 0, before rectification (its calib_cam_to_cam.txt).
KITTI_RAW = camera(
    1392,
    512,
    (984.2439, 980.8141),
    (690.0, 233.1966),
    "plumb_bob",
    [-0.3728755, 0.2037299, 0.002219027, 0.001383707, -0.07233722],
)
# A 95 degree automotive lens: its polynomial folds soon after the corner.
WIDE_PLUMB_BOB = camera(1280, 720, (690.0, 688.0), (633.0, 371.0), "plumb_bob", [-0.28, 0.09, 1e-3, -5e-4, -0.012])
# The size of coefficients that Azure Kinect and OAK cameras publish: numerator and denominator nearly cancel.
RATIONAL_8 = camera(
    1280,
    720,
    (611.1, 611.3),
    (638.4, 367.9),
    "rational_polynomial",
    [0.4634, -2.4797, 1.2e-4, -2.3e-4, 1.4711, 0.3412, -2.3097, 1.3993],
)
RATIONAL_14 = camera(
    1280,
    800,
    (797.2, 797.2),
    (641.4, 389.8),
    "rational_polynomial",
    [9.43, 5.31, 1.6e-4, -2.1e-4, 0.21, 9.78, 8.53, 1.31, 1e-4, -2e-4, 1e-4, 1e-4, 1e-3, -2e-3],
)
# Strong pincushion, where OpenCV's fixed-point iteration diverges.
PINCUSHION = camera(1280, 720, (600.0, 600.0), (639.5, 359.5), "plumb_bob", [1.6, 0.8, 0.0, 0.0, 0.2])
# RealSense T265: 163 degrees across the diagonal, its circle ends inside the image.
FISHEYE_T265 = camera(848, 800, (286.1, 286.2), (421.1, 399.4), "equidistant", [-0.0075, 0.0423, -0.0397, 0.0069])
FISHEYE_100 = camera(1280, 720, (640.0, 641.0), (645.0, 352.0), "equidistant", [-0.03, 0.01, -0.01, 0.002])

_WHOLE_IMAGE = {
    "kitti_raw": KITTI_RAW,
    "wide": WIDE_PLUMB_BOB,
    "rational8": RATIONAL_8,
    "rational14": RATIONAL_14,
    "pincushion": PINCUSHION,
    "fisheye100": FISHEYE_100,
}


@pytest.fixture(params=list(_WHOLE_IMAGE))
def lens(request: pytest.FixtureRequest) -> CameraModel:
    """One after the other, distorted cameras whose every pixel has a ray."""
    return _WHOLE_IMAGE[request.param]


@pytest.fixture
def kitti_raw() -> CameraModel:
    return KITTI_RAW


@pytest.fixture
def wide_plumb_bob() -> CameraModel:
    return WIDE_PLUMB_BOB


@pytest.fixture
def fisheye_t265() -> CameraModel:
    return FISHEYE_T265


@pytest.fixture
def fisheye_100() -> CameraModel:
    return FISHEYE_100


@pytest.fixture
def pinhole() -> CameraModel:
    return CameraModel(1280, 720, np.array([[900.0, 0.0, 630.0], [0.0, 890.0, 365.0], [0.0, 0.0, 1.0]]))


def pixel_grid(model: CameraModel) -> np.ndarray:
    columns = np.append(np.arange(0.0, model.width - 1, 16.0), model.width - 1)
    rows = np.append(np.arange(0.0, model.height - 1, 16.0), model.height - 1)
    u, v = np.meshgrid(columns, rows)
    return np.column_stack([u.ravel(), v.ravel()])


@pytest.fixture(name="pixel_grid")
def pixel_grid_fixture() -> Callable[[CameraModel], np.ndarray]:
    """A function: pixels (N, 2) all over a camera's image, its outermost rows and columns included."""
    return pixel_grid
