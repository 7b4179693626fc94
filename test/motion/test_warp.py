"""Plane-induced warps against points of planes projected one by one."""

import cv2
import numpy as np
import pytest
from motion_scene import make_scene, noise_texture, wall
from scipy.spatial.transform import Rotation

from perception_fm.motion.warp import LEVELS, GrayPyramid, ReferenceView, plane_warps, sample

K = np.array([[400.0, 0.0, 159.5], [0.0, 410.0, 95.5], [0.0, 0.0, 1.0]])
GRAY = np.random.default_rng(0).integers(0, 255, (192, 320), dtype=np.uint8)
ROTATION = Rotation.from_rotvec([0.01, -0.02, 0.005]).as_matrix()
TRAVEL_M = np.array([0.2, -0.05, 2.5])
PLANES = {
    "road": np.array([0.0, 1.0, 0.05]) / 1.4,
    "wall at 20 m": np.array([0.0, 0.0, 1.0]) / 20.0,
    "slanted": np.array([0.3, -0.2, 1.0]) / 15.0,
    "infinity": np.zeros(3),
}
PATCH = np.array([[0.05, 0.0, -0.4], [0.0, 0.04, 0.1], [0.0, 0.0, 1.0]])  # rays from patch pixels


@pytest.fixture(scope="module")
def pyramid():
    return GrayPyramid.build(GRAY, K)


@pytest.fixture(scope="module")
def view(pyramid):
    return ReferenceView(pyramid, ROTATION, TRAVEL_M, 0.5)


def pixels(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("level", [0, 2])
def test_warp_is_the_projection_of_plane_points(view, name, level):
    m = PLANES[name]
    patch = np.array([[0.0, 1.0], [3.0, 2.0], [12.0, 7.0]])
    rays = pixels(PATCH, patch)
    inverse = np.column_stack([rays, np.ones(3)]) @ m
    depth = np.full(3, 1e12) if name == "infinity" else 1.0 / inverse
    points_m = np.column_stack([rays, np.ones(3)]) * depth[:, None]
    before = (points_m + TRAVEL_M) @ ROTATION  # current = R reference - travel
    assert (before[:, 2] > 0.0).all()
    expected = before[:, :2] / before[:, 2:] * (K[0, 0], K[1, 1]) + K[:2, 2]
    warp = view.pixels_from_patch(PATCH, m, level)
    np.testing.assert_allclose(pixels(warp, patch), expected / 2.0**level, atol=1e-6)


def test_many_warps_at_once_are_the_single_ones(pyramid):
    views = [
        ReferenceView(pyramid, ROTATION, TRAVEL_M, 0.5),
        ReferenceView(pyramid, np.eye(3), np.array([0.0, 0.0, 1.0]), 0.1),
    ]
    levels, patches = np.array([0, 1]), np.stack([PATCH, 0.5 * PATCH])
    planes = np.stack([np.stack([PLANES[a], PLANES[b]]) for a, b in (("road", "slanted"), ("infinity", "road"))])
    warps = plane_warps(views, levels, patches, planes)
    assert warps.shape == (2, 2, 3, 3)
    for hypothesis in range(2):
        for index, view in enumerate(views):
            single = view.pixels_from_patch(patches[index], planes[hypothesis, index], int(levels[index]))
            np.testing.assert_allclose(warps[hypothesis, index], single, atol=1e-9)


def test_levels_of_the_pyramid_show_the_same_ray_at_the_same_place():
    rows, columns = np.mgrid[:192, :320]
    spot = 255.0 * np.exp(-((columns - 203.3) ** 2 + (rows - 71.8) ** 2) / (2.0 * 9.0**2))
    pyramid = GrayPyramid.build(np.rint(spot).astype(np.uint8), K)
    assert len(pyramid.levels) == len(pyramid.intrinsics) == LEVELS
    for image, k in zip(pyramid.levels, pyramid.intrinsics):
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        weight = image / image.sum()
        ray = ((weight * x).sum() - k[0, 2]) / k[0, 0], ((weight * y).sum() - k[1, 2]) / k[1, 1]
        # The centroid of some hundred rounded grey levels is good to a twentieth of a pixel of the finest level.
        np.testing.assert_allclose(ray, ((203.3 - 159.5) / 400.0, (71.8 - 95.5) / 410.0), atol=0.05 / 400.0)


def test_turned_view_shifts_the_picture(view):
    ray = np.array([[0.0, 0.0]])
    at = pixels(view.pixels_from_patch(np.eye(3), np.zeros(3), 0), ray)[0]
    # Current from reference turned by pitch p about x moves the picture up by f p, so its reference lies further down.
    down = pixels(view.turned(0.01, 0.0).pixels_from_patch(np.eye(3), np.zeros(3), 0), ray)[0] - at
    right = pixels(view.turned(0.0, 0.01).pixels_from_patch(np.eye(3), np.zeros(3), 0), ray)[0] - at
    # First order in 0.01 rad, and the view itself is rolled by 0.005.
    np.testing.assert_allclose(down, (0.0, 0.01 * 410.0), atol=0.05)
    np.testing.assert_allclose(right, (-0.01 * 400.0, 0.0), atol=0.05)


def test_sampling_without_a_warp_is_a_crop():
    offset = np.array([[1.0, 0.0, 30.0], [0.0, 1.0, 20.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(sample(GRAY, offset, (16, 8)), GRAY[20:28, 30:46])


def test_sampling_fills_a_given_patch():
    into = np.empty((8, 16), np.uint8)
    sample(GRAY, np.eye(3), (16, 8), into)
    np.testing.assert_array_equal(into, GRAY[:8, :16])


def test_warped_rendering_of_a_plane_is_the_picture():
    """End to end: the earlier frame of a rendered wall, warped as a plane at its distance, is the current frame."""
    scene = make_scene(wall(noise_texture(0), 20.0, width_m=60.0, height_m=40.0))
    view, now = scene.view(0.0, 2.0), scene.pyramid(0.0)
    k = now.intrinsics[0]

    def error(distance_m: float) -> float:
        warp = view.pixels_from_patch(np.linalg.inv(k), np.array([0.0, 0.0, 1.0 / distance_m]), 0)
        predicted = sample(view.pyramid.levels[0], warp, (480, 288))
        return float(np.abs(cv2.absdiff(predicted, now.levels[0])[40:-40, 40:-40]).mean())

    assert error(20.0) < 2.0  # sampling and rounding
    assert error(19.0) > 1.5 * error(20.0)
    assert error(21.0) > 1.5 * error(20.0)
