"""The lens: where the map puts a ray, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import ConfigError
from perception_fm.synth.sensor.config import CameraConfig
from perception_fm.synth.sensor.lens import Lens

BARREL = CameraConfig(width_px=320, height_px=192, focal_px=250.0, distortion_model="plumb_bob",
                      distortion=(-0.3, 0.1, 0.001, -0.001, 0.0))  # fmt: skip
PINCUSHION = CameraConfig(width_px=320, height_px=192, focal_px=250.0, distortion_model="rational_polynomial",
                          distortion=(0.2, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))  # fmt: skip
FISHEYE = CameraConfig(width_px=320, height_px=192, focal_px=200.0, distortion_model="equidistant",
                       distortion=(0.02, -0.01, 0.0, 0.0))  # fmt: skip


def rays_of_view(lens: Lens) -> np.ndarray:
    """x/z, y/z of the view's pixels as a picture (h, w, 3), whose third channel is 0."""
    k = lens.view_intrinsics
    x, y = np.meshgrid(np.arange(lens.view_width), np.arange(lens.view_height))
    return np.dstack([(x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1], 0.0 * x]).astype(np.float32)


@pytest.mark.parametrize("config", [BARREL, PINCUSHION, FISHEYE], ids=["plumb_bob", "rational", "equidistant"])
def test_every_pixel_shows_the_ray_that_the_calibration_gives_it(config: CameraConfig) -> None:
    lens = Lens(config)
    delivered = lens.deliver(rays_of_view(lens))[..., :2]
    pixels = np.stack(np.meshgrid(np.arange(320), np.arange(192)), axis=-1).reshape(-1, 2)
    off_px = lens.calibration.project(delivered.reshape(-1, 2)) - pixels
    # Maps are rounded to 1/32 px, and a supersampled fisheye averages a curved field over a pixel.
    assert np.abs(off_px).max() < 0.05


def test_view_reaches_as_far_as_the_picture_and_keeps_its_middle() -> None:
    lens = Lens(BARREL)
    corners = lens.calibration.unproject(np.array([[0.0, 0.0], [319.0, 191.0]]))
    k = lens.view_intrinsics
    assert lens.view_width > 320
    assert (np.abs(corners) * 250.0 <= [[k[0, 2], k[1, 2]]]).all()
    assert k[1, 2] == 0.5 * (lens.view_height - 1)


def test_pinhole_delivers_the_view_itself() -> None:
    lens = Lens(CameraConfig())
    image = np.ones((384, 640, 3), np.float32)
    assert (lens.view_width, lens.view_height) == (640, 384)
    assert lens.deliver(image) is image


def test_rectifying_the_picture_gives_the_pinhole_of_the_same_k() -> None:
    assert np.array_equal(Rectifier(Lens(BARREL).calibration).rectified.intrinsics, Lens(BARREL).calibration.intrinsics)


def test_distortion_that_folds_inside_the_image_is_refused() -> None:
    config = CameraConfig(distortion_model="plumb_bob", distortion=(-0.9, 0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match=r"camera\.distortion.*cannot be inverted"):
        Lens(config)


def test_fisheye_wider_than_a_pinhole_view_is_refused() -> None:
    config = CameraConfig(focal_px=280.0, distortion_model="equidistant", distortion=(0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="raise focal_px"):
        Lens(config)


def test_wrong_number_of_coefficients_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"camera\.distortion of front: .*needs 4 or 5"):
        Lens(CameraConfig(distortion_model="plumb_bob", distortion=(0.1,)))
