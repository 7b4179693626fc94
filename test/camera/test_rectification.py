"""`Rectifier` against the lens model, pixel by pixel, and straight lines made straight."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import ImageError

PixelGrid = Callable[[CameraModel], np.ndarray]

# cv2.remap rounds positions to 1/32 px and weights to 1/32768: two such roundings on the gentle ramps used here.
ROUNDING_GREY = 2


def waves(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Grey waves so gentle that a position error of 1/16 px stays below one grey level."""
    return 128 + 60 * np.sin(u / 40.0) + 60 * np.cos(v / 35.0)


def smooth_image(camera: CameraModel) -> np.ndarray:
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.rint(waves(u, v)).astype(np.uint8)


def test_nothing_to_rectify_gives_the_same_memory(pinhole: CameraModel) -> None:
    image = smooth_image(pinhole)
    rectifier = Rectifier(pinhole)
    assert rectifier.is_identity
    assert np.shares_memory(rectifier.rectify(image), image)
    assert rectifier.is_seen.all()
    np.testing.assert_array_equal(rectifier.rectified.intrinsics, pinhole.intrinsics)


def test_every_rectified_pixel_has_a_source(lens: CameraModel) -> None:
    rectifier = Rectifier(lens)
    assert not rectifier.rectified.has_distortion
    assert rectifier.rectified.fx == rectifier.rectified.fy
    # The outline bends between its corners, so a rim of a pixel may miss.
    assert rectifier.is_seen[2:-2, 2:-2].mean() > 0.999


def test_rectified_pixels_show_what_the_lens_model_puts_there(lens: CameraModel, pixel_grid: PixelGrid) -> None:
    """Rotation R and projection P of CameraInfo: ray of P, turned back by R, through the lens, into the image."""
    rotation = cv2.Rodrigues(np.array([0.01, -0.02, 0.015]))[0]
    projection = np.array([[520.0, 0, 600.0, -60.0], [0, 530.0, 350.0, 0], [0, 0, 1.0, 0]])
    given = CameraModel(
        lens.width, lens.height, lens.intrinsics, lens.distortion_model, lens.distortion, rotation, projection
    )
    rectifier = Rectifier(given)
    np.testing.assert_array_equal(rectifier.rectified.intrinsics, projection[:, :3])
    pixels = pixel_grid(given)
    rays = np.column_stack([(pixels - [600.0, 350.0]) / [520.0, 530.0], np.ones(len(pixels))])
    source = given.project_points(rays @ rotation)
    columns, rows = pixels.astype(int).T
    is_inside = ((source >= 0.0) & (source <= [given.width - 1, given.height - 1])).all(axis=1)
    np.testing.assert_array_equal(rectifier.is_seen[rows, columns], is_inside)
    assert is_inside.mean() > 0.25
    got = rectifier.rectify(smooth_image(given))[rows, columns]
    assert np.abs(got - waves(*source.T))[is_inside].max() <= ROUNDING_GREY


def test_a_drawn_straight_line_comes_out_straight(wide_plumb_bob: CameraModel) -> None:
    """Points of a line in space, drawn through the lens, lie after rectification where the pinhole puts them."""
    rectifier = Rectifier(wide_plumb_bob)
    points = np.column_stack([np.linspace(-5.0, 5.0, 9), np.linspace(-2.0, 3.0, 9), np.full(9, 8.0)])
    image = np.zeros((wide_plumb_bob.height, wide_plumb_bob.width), dtype=np.uint8)
    u, v = np.meshgrid(np.arange(image.shape[1]), np.arange(image.shape[0]))
    for x, y in wide_plumb_bob.project_points(points):
        blob = 255.0 * np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * 3.0**2))
        image = np.maximum(image, np.rint(blob).astype(np.uint8))
    rectified = rectifier.rectify(image).astype(np.float64)
    for x, y in rectifier.rectified.project_points(points):
        window = rectified * (np.hypot(u - x, v - y) < 12.0)
        centre = np.array([(window * u).sum(), (window * v).sum()]) / window.sum()
        # The centre of mass of a stretched blob moves by a small part of its 3 px width.
        np.testing.assert_allclose(centre, [x, y], atol=0.15)


def test_colour_images_keep_their_channels(fisheye_100: CameraModel) -> None:
    rectifier = Rectifier(fisheye_100)
    grey = smooth_image(fisheye_100)
    colour = rectifier.rectify(np.dstack([grey, 255 - grey, grey]))
    np.testing.assert_array_equal(colour[..., 0], rectifier.rectify(grey))


def test_a_full_fisheye_is_cropped_to_sixty_degrees(fisheye_t265: CameraModel) -> None:
    rectified = Rectifier(fisheye_t265).rectified
    half_angle = math.atan(0.5 * (rectified.width - 1) / rectified.fx)
    assert half_angle == pytest.approx(math.radians(60.0), abs=1e-9)


def test_pixels_that_the_lens_cannot_see_are_black_not_folded() -> None:
    """The fold of k1 = -0.3 is at r = 1.054; P asks for rays up to r = 2."""
    k = np.array([[600.0, 0, 640.0], [0, 600.0, 360.0], [0, 0, 1.0]])
    p = np.array([[320.0, 0, 640.0, 0], [0, 320.0, 360.0, 0], [0, 0, 1.0, 0]])
    camera = CameraModel(1280, 720, k, "plumb_bob", np.array([-0.3, 0.0, 0.0, 0.0, 0.0]), projection=p)
    rectifier = Rectifier(camera)
    rectified = rectifier.rectify(np.full((720, 1280), 200, dtype=np.uint8))
    beyond = int(640 + 320 * 1.8)  # where the polynomial would land inside the image again
    assert not rectifier.is_seen[360, beyond]
    assert rectified[360, beyond] == 0
    assert rectified[360, 640] == 200
    assert not rectified[~rectifier.is_seen][::97].max() > 200


def test_another_image_size_is_refused(wide_plumb_bob: CameraModel) -> None:
    with pytest.raises(ImageError, match="1280x720 images, got 640x360"):
        Rectifier(wide_plumb_bob).rectify(np.zeros((360, 640), dtype=np.uint8))
