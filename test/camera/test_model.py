"""`CameraModel`: intrinsics, ROI and binning of CameraInfo, projection both ways, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.errors import CameraError

PixelGrid = Callable[[CameraModel], np.ndarray]
K = [900.0, 0.0, 640.0, 0.0, 890.0, 360.0, 0.0, 0.0, 1.0]
P = [880.0, 0.0, 636.0, -70.4, 0.0, 880.0, 362.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def camera_info(**changes: Any) -> CameraModel:
    fields: dict[str, Any] = {"width": 1280, "height": 720, "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": K}
    return CameraModel.from_camera_info(**{**fields, **changes})


def test_pinhole_projects_a_point_by_similar_triangles() -> None:
    model = camera_info()
    pixel = model.project_points([[1.0, 0.5, 10.0]])
    np.testing.assert_allclose(pixel, [[640.0 + 90.0, 360.0 + 44.5]], rtol=1e-12)


def test_intrinsics_by_name() -> None:
    model = camera_info()
    assert (model.fx, model.fy, model.cx, model.cy) == (900.0, 890.0, 640.0, 360.0)
    assert model.focal_px == pytest.approx(math.sqrt(900.0 * 890.0))


@pytest.mark.parametrize("z", [0.0, -1.0, math.nan])
def test_points_behind_the_camera_have_no_pixel(z: float) -> None:
    assert np.isnan(camera_info().project_points([[0.1, 0.1, z]])).all()


def test_no_points_give_no_pixels(kitti_raw: CameraModel, fisheye_100: CameraModel) -> None:
    for model in (camera_info(), kitti_raw, fisheye_100):
        assert model.project_points(np.zeros((0, 3))).shape == (0, 2)
        assert model.unproject(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("shape", [(2,), (3, 3), (1, 2, 2)])
def test_pixels_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CameraError, match="shape"):
        camera_info().unproject(np.zeros(shape))
    with pytest.raises(CameraError, match="shape"):
        camera_info().project(np.zeros(shape))


def test_rectification_is_kept_and_not_applied() -> None:
    turned = camera_info(r=[0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(turned.rectification, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(turned.unproject([[700.0, 400.0]]), camera_info().unproject([[700.0, 400.0]]))


def test_arrays_are_read_only_copies() -> None:
    k = np.array(K).reshape(3, 3)
    model = CameraModel(1280, 720, k)
    k[0, 0] = 1.0
    assert model.fx == 900.0
    with pytest.raises(ValueError, match="read-only"):
        model.intrinsics[0, 0] = 1.0


def test_region_of_interest_and_binning_as_in_image_geometry() -> None:
    """image_geometry::PinholeCameraModel::fromCameraInfo: subtract the offset, then scale by 1 / binning."""
    model = camera_info(p=P, binning_x=2, binning_y=4, roi=(100, 40, 400, 600, False))
    assert (model.width, model.height) == (300, 100)
    np.testing.assert_allclose(model.intrinsics, [[450, 0, 270], [0, 222.5, 80], [0, 0, 1]], rtol=1e-12)
    assert model.projection is not None
    np.testing.assert_allclose(model.projection, [[440, 0, 268, -35.2], [0, 220, 80.5, 0], [0, 0, 1, 0]], rtol=1e-12)


def test_region_of_interest_sees_the_same_rays(kitti_raw: CameraModel, pixel_grid: PixelGrid) -> None:
    part = CameraModel.from_camera_info(
        1392, 512, "plumb_bob", kitti_raw.distortion, kitti_raw.intrinsics, roi=(300, 100, 200, 500, True)
    )
    pixels = pixel_grid(part)
    np.testing.assert_allclose(part.unproject(pixels), kitti_raw.unproject(np.add(pixels, (300.0, 100.0))), atol=1e-8)


def test_odd_sizes_are_cut_by_binning() -> None:
    model = camera_info(width=1281, height=721, binning_x=2, binning_y=2)
    assert (model.width, model.height) == (640, 360)


def test_a_corner_region_may_exclude_the_principal_point() -> None:
    model = camera_info(roi=(1180, 620, 100, 100, False))
    assert (model.cx, model.cy) == (-540.0, -260.0)


def test_whole_image_given_as_region_changes_nothing() -> None:
    assert camera_info(roi=(0, 0, 720, 1280, False)).equals(camera_info())


@pytest.mark.parametrize("model", ["", "none", "plumb_bob", "rational_polynomial"])
def test_zero_distortion_is_none(model: str) -> None:
    count = {"": 5, "none": 5, "plumb_bob": 5, "rational_polynomial": 8}[model]
    made = camera_info(distortion_model=model, d=[0.0] * count)
    assert not made.has_distortion
    assert made.distortion.size == 0


def test_empty_model_without_coefficients_is_none() -> None:
    assert not camera_info(distortion_model="", d=[]).has_distortion


def test_equidistant_with_zeros_is_still_a_fisheye() -> None:
    model = camera_info(distortion_model="equidistant", d=[0.0] * 4)
    # 45 degrees off axis: a fisheye puts it at f * pi / 4, a pinhole at f.
    np.testing.assert_allclose(model.project([[1.0, 0.0]]), [[640.0 + 900.0 * math.pi / 4, 360.0]], rtol=1e-12)


def test_fifth_zero_of_equidistant_is_cut() -> None:
    five = camera_info(distortion_model="equidistant", d=[0.1, 0.0, 0.0, 0.0, 0.0])
    assert five.equals(camera_info(distortion_model="equidistant", d=[0.1, 0.0, 0.0, 0.0]))


def test_all_zero_r_and_p_count_as_not_given() -> None:
    model = camera_info(r=[0.0] * 9, p=[0.0] * 12)
    np.testing.assert_array_equal(model.rectification, np.eye(3))
    assert model.projection is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"k": [0.0] * 9}, "not calibrated"),
        ({"k": [math.nan, *K[1:]]}, "NaN"),
        ({"k": [math.inf, *K[1:]]}, "infinity"),
        ({"k": [0.0, *K[1:]]}, "positive focal"),
        ({"k": [*K[:4], -890.0, *K[5:]]}, "positive focal"),
        ({"k": [*K[:8], 2.0]}, "0 0 1"),
        ({"k": [K[0], 5.0, *K[2:]]}, "0 0 1"),
        ({"k": K[:8]}, "9 numbers, got 8"),
        ({"k": [*K[:2], 6400.0, *K[3:]]}, "principal point"),
        ({"k": [*K[:5], -400.0, *K[6:]]}, "principal point"),
        ({"width": 0}, "no image size"),
        ({"height": 0}, "no image size"),
        ({"d": [0.1] * 3}, "4 or 5 coefficients D, got 3"),
        ({"d": []}, "4 or 5 coefficients D, got 0"),
        ({"d": [0.1, math.nan, 0.0, 0.0, 0.0]}, "finite"),
        ({"distortion_model": "rational_polynomial", "d": [0.1] * 5}, "8 or 12 or 14"),
        ({"distortion_model": "equidistant", "d": [0.1] * 5}, "4 coefficients D, got 5"),
        ({"distortion_model": "none", "d": [0.1] * 5}, "none needs 0"),
        ({"distortion_model": "", "d": [0.1] * 5}, "known are none, plumb_bob, rational_polynomial, equidistant"),
        ({"distortion_model": "omni", "d": [0.1] * 5}, "known are"),
        ({"r": [1.0] * 9}, "not a rotation"),
        ({"r": [1.0, 0, 0, 0, 1.0, 0, 0, 0, -1.0]}, "not a rotation"),
        ({"r": [math.nan] * 9}, "NaN"),
        ({"p": [*P[:10], 0.0, 0.0]}, "P needs"),
        ({"p": [-1.0, *P[1:]]}, "P needs"),
        ({"roi": (1000, 0, 720, 281, False)}, "not inside"),
        ({"roi": (0, 700, 21, 1280, False)}, "not inside"),
        ({"roi": (10, 0, 0, 0, False)}, "not inside"),
        ({"binning_x": 1281}, "leaves nothing"),
        ({"binning_y": 50, "roi": (0, 0, 49, 1280, False)}, "leaves nothing"),
        ({"binning_x": -1}, "negative"),
    ],
)
def test_impossible_camera_info_is_refused_in_one_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(CameraError, match=says) as refusal:
        camera_info(**changes)
    assert "\n" not in str(refusal.value)


def test_a_region_that_just_fits_is_accepted() -> None:
    assert camera_info(roi=(1000, 0, 720, 280, False)).width == 280


@pytest.mark.parametrize(
    "changes",
    [
        {"k": [900.0000001, *K[1:]]},
        {"d": [1e-9, 0.0, 0.0, 0.0, 0.0]},
        {"width": 1282},
        {"r": [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]},
        {"p": P},
        {"binning_x": 2},
    ],
)
def test_any_change_of_the_calibration_is_noticed(changes: dict[str, Any]) -> None:
    assert not camera_info(**changes).equals(camera_info())


def test_the_same_calibration_is_equal() -> None:
    assert camera_info(d=[-0.0] * 5).equals(camera_info())
    assert camera_info().fingerprint == camera_info().fingerprint
    assert len(camera_info().fingerprint) == 16
