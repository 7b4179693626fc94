"""Lens models against OpenCV, round trips over whole images, and the fold beyond which nothing may be projected."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_fm.camera.model import CameraModel

PixelGrid = Callable[[CameraModel], np.ndarray]
ROUND_TRIP_PX = 1e-3  # a fiftieth of the best track's sigma


def test_every_pixel_of_a_strong_lens_returns_to_itself(lens: CameraModel, pixel_grid: PixelGrid) -> None:
    pixels = pixel_grid(lens)
    rays = lens.unproject(pixels)
    assert np.isfinite(rays).all()
    assert np.abs(lens.project(rays) - pixels).max() < ROUND_TRIP_PX


def test_projection_agrees_with_opencv(lens: CameraModel) -> None:
    rays = np.random.default_rng(1).uniform(-0.6, 0.6, (200, 2))
    points = np.column_stack([rays, np.ones(200)])[:, None]
    project = cv2.fisheye.projectPoints if lens.distortion_model == "equidistant" else cv2.projectPoints
    want = project(points, np.zeros(3), np.zeros(3), lens.intrinsics, lens.distortion)[0].reshape(-1, 2)
    np.testing.assert_allclose(lens.project(rays), want, atol=1e-9)


def test_radial_polynomial_written_out() -> None:
    """Plumb bob on the x axis: x (1 + k1 x^2 + k2 x^4 + k3 x^6) (Brown 1966), with the tangential 3 p2 x^2."""
    model = CameraModel(
        640, 480, [[500, 0, 320], [0, 500, 240], [0, 0, 1]], "plumb_bob", [-0.2, 0.05, 0.01, 0.002, -0.01]
    )
    x = 0.5
    want_x = x * (1 - 0.2 * x**2 + 0.05 * x**4 - 0.01 * x**6) + 0.002 * 3 * x**2
    np.testing.assert_allclose(model.project([[x, 0.0]]), [[320 + 500 * want_x, 240 + 500 * 0.01 * x**2]], rtol=1e-12)


def test_a_driver_that_leaves_out_k3_means_zero() -> None:
    four = CameraModel(640, 480, [[500, 0, 320], [0, 500, 240], [0, 0, 1]], "plumb_bob", [-0.2, 0.05, 0.01, 0.002])
    five = CameraModel(640, 480, four.intrinsics, "plumb_bob", [*four.distortion, 0.0])
    np.testing.assert_array_equal(four.project([[0.3, -0.4]]), five.project([[0.3, -0.4]]))
    assert four.max_ray_radius == five.max_ray_radius


def test_points_far_outside_the_image_do_not_fold_back_into_it() -> None:
    """With k1 = -0.3 the derivative 1 - 0.9 r^2 is zero at r = 1.054; r = 1.8 would land in the image again."""
    model = CameraModel(1280, 720, [[600, 0, 640], [0, 600, 360], [0, 0, 1]], "plumb_bob", [-0.3, 0.0, 0.0, 0.0, 0.0])
    assert model.max_ray_radius == pytest.approx(math.sqrt(1 / 0.9), rel=1e-5)
    folded = cv2.projectPoints(
        np.array([[[1.8, 0.0, 1.0]]]), np.zeros(3), np.zeros(3), model.intrinsics, model.distortion
    )
    assert 0.0 < folded[0][0, 0, 0] < 1280.0
    assert np.isnan(model.project_points([[1.8, 0.0, 1.0]])).all()
    assert np.isfinite(model.project_points([[1.05, 0.0, 1.0]])).all()
    assert np.isnan(model.project_points([[1.06, 0.0, 1.0]])).all()


def test_fold_of_the_rational_model_counts_its_pole() -> None:
    """1 / (1 - 0.5 r^2) has a pole at r = sqrt 2, beyond which the image turns over."""
    d = [0.0, 0.0, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0]
    model = CameraModel(1280, 720, [[300, 0, 640], [0, 300, 360], [0, 0, 1]], "rational_polynomial", d)
    assert model.max_ray_radius == pytest.approx(math.sqrt(2.0), rel=1e-5)
    assert np.isnan(model.project([[1.5, 0.0]])).all()


def test_pixels_that_no_ray_reaches_are_nan() -> None:
    """The largest radius of r (1 - 0.3 r^2) is 0.703 at the fold: 422 px with f = 600, less than the half width."""
    model = CameraModel(1280, 720, [[600, 0, 640], [0, 600, 360], [0, 0, 1]], "plumb_bob", [-0.3, 0.0, 0.0, 0.0, 0.0])
    rays = model.unproject([[640.0 + 420.0, 360.0], [640.0 + 424.0, 360.0], [640.0 + 639.0, 360.0]])
    assert np.isfinite(rays[0]).all()
    assert np.isnan(rays[1:]).all()


def test_fisheye_beyond_ninety_degrees_is_nan_and_everything_else_returns(
    fisheye_t265: CameraModel, pixel_grid: PixelGrid
) -> None:
    model = fisheye_t265
    pixels = pixel_grid(model)
    rays = model.unproject(pixels)
    is_seen = np.isfinite(rays).all(axis=1)
    assert 0.7 < is_seen.mean() < 0.8  # the 90 degree circle of this lens has a radius of 403 px: 75% of the image
    assert not is_seen[[0, -1]].any()
    back = model.project(rays[is_seen])
    assert np.abs(back - pixels[is_seen]).max() < ROUND_TRIP_PX


def test_fold_of_a_fisheye() -> None:
    """theta (1 - 0.3 theta^2) turns at theta = 1.054 rad."""
    model = CameraModel(1280, 720, [[500, 0, 640], [0, 500, 360], [0, 0, 1]], "equidistant", [-0.3, 0.0, 0.0, 0.0])
    assert math.atan(model.max_ray_radius) == pytest.approx(math.sqrt(1 / 0.9), rel=1e-5)
    assert np.isnan(model.project([[math.tan(1.06), 0.0]])).all()


def test_nan_stays_nan_and_spoils_no_neighbour(lens: CameraModel) -> None:
    pixels = np.array([[100.0, 100.0], [math.nan, 50.0], [400.0, 300.0]])
    rays = lens.unproject(pixels)
    assert np.isnan(rays[1]).any()
    np.testing.assert_allclose(rays[[0, 2]], lens.unproject(pixels[[0, 2]]), atol=1e-9)
    assert np.isnan(lens.project(np.array([[math.nan, 0.1]]))).any()


@settings(max_examples=150, deadline=None)
@given(
    k1=st.floats(-0.45, 0.4),
    k2=st.floats(-0.2, 0.3),
    k3=st.floats(-0.1, 0.1),
    p1=st.floats(-2e-3, 2e-3),
    p2=st.floats(-2e-3, 2e-3),
    angle=st.floats(0.0, 6.28),
    fraction=st.floats(0.0, 0.95),
)
def test_a_ray_inside_the_range_survives_the_round_trip(
    k1: float, k2: float, k3: float, p1: float, p2: float, angle: float, fraction: float
) -> None:
    model = CameraModel(1280, 720, [[700, 0, 640], [0, 690, 350], [0, 0, 1]], "plumb_bob", [k1, k2, p1, p2, k3])
    radius = fraction * min(model.max_ray_radius, 1.5)
    ray = np.array([[radius * math.cos(angle), radius * math.sin(angle)]])
    pixel = model.project(ray)
    assert np.abs(model.project(model.unproject(pixel)) - pixel).max() < ROUND_TRIP_PX


@settings(max_examples=100, deadline=None)
@given(
    k=st.tuples(*[st.floats(-0.05, 0.05)] * 4),
    angle=st.floats(0.0, 6.28),
    theta=st.floats(0.0, 1.3),
)
def test_a_fisheye_ray_survives_the_round_trip(k: tuple[float, ...], angle: float, theta: float) -> None:
    model = CameraModel(1280, 720, [[400, 0, 640], [0, 405, 350], [0, 0, 1]], "equidistant", list(k))
    radius = math.tan(min(theta, 0.95 * math.atan(model.max_ray_radius)))
    ray = np.array([[radius * math.cos(angle), radius * math.sin(angle)]])
    pixel = model.project(ray)
    assert np.abs(model.project(model.unproject(pixel)) - pixel).max() < ROUND_TRIP_PX
