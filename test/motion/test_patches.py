"""Block statistics, and the choice of window and pyramid level."""

import numpy as np
import pytest

from perception_fm.motion import patches
from perception_fm.motion.warp import GrayPyramid, ReferenceView

K = np.array([[400.0, 0.0, 159.5], [0.0, 400.0, 95.5], [0.0, 0.0, 1.0]])
PYRAMID = GrayPyramid.build(np.zeros((192, 320), np.uint8), K)


def view(travel_m: float) -> ReferenceView:
    return ReferenceView(PYRAMID, np.eye(3), np.array([0.0, 0.0, travel_m]), travel_m / 12.0)


def test_block_means_are_those_of_eight_by_eight_pixels():
    values = np.arange(2 * 16 * 32, dtype=np.float32).reshape(2, 16, 32)
    means = patches.block_means(values)
    assert means.shape == (2, 2, patches.COLUMNS)
    assert means[1, 1, 3] == pytest.approx(values[1, 8:16, 24:32].mean())


def test_block_variance_ignores_brightness():
    rng = np.random.default_rng(0)
    values = rng.normal(0.0, 5.0, (1, 8, 32)).astype(np.float32)
    expected = [values[0, :, 8 * column : 8 * column + 8].var() for column in range(4)]
    brighter = values + np.repeat([0.0, 20.0, -30.0, 50.0], 8).astype(np.float32)
    np.testing.assert_allclose(patches.block_variances(values)[0, 0], expected, rtol=1e-4)  # float32
    np.testing.assert_allclose(patches.block_variances(brighter)[0, 0], expected, rtol=1e-3)


def test_gradients_of_a_slope_are_its_slope():
    rows, columns = np.mgrid[:8, :32].astype(np.float32)
    dx, dy = patches.gradients((3.0 * columns - 2.0 * rows)[None])
    assert (dx[0, :, 1:-1] == 3.0).all()
    assert (dy[0, 1:-1] == -2.0).all()
    assert (dx[0, :, [0, -1]] == 0.0).all()


def test_small_shift_of_a_patch_is_explained():
    rng = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(rng.normal(0.0, 1.0, (1, 40, 32)), axis=1), axis=2).astype(np.float32)
    dx, dy = patches.gradients(smooth)
    shifted = 0.3 * dx - 0.2 * dy
    left = patches.remove_shift(dx, dy, shifted[None], np.array([0.5]))
    # The prior pulls the shift a little towards zero.
    assert (left**2).mean() < 1e-3 * (shifted**2).mean()


def test_growth_of_a_patch_is_not_a_shift():
    rng = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(rng.normal(0.0, 1.0, (1, 40, 32)), axis=1), axis=2).astype(np.float32)
    smooth -= smooth.mean()
    dx, dy = patches.gradients(smooth)
    rows, columns = np.mgrid[:40, :32]
    grown = 0.03 * ((columns - 15.5) * dx + (rows - 19.5) * dy)
    left = patches.remove_shift(dx, dy, grown[None].astype(np.float32), np.array([0.5]))
    assert (left**2).mean() > 0.3 * (grown**2).mean()


def test_shift_is_limited_to_two_sigmas():
    dx = np.zeros((1, 8, 32), np.float32)
    dx[:, :, 1:-1] = 10.0
    error = 5.0 * dx  # five pixels
    left = patches.remove_shift(dx, np.zeros_like(dx), error[None], np.array([0.5]))
    np.testing.assert_allclose(left[0], error - 1.0 * dx, rtol=1e-5)


def test_near_boxes_take_the_shortest_window_and_far_ones_the_longest():
    short, middle, long = view(1.2), view(2.4), view(6.0)
    # Wanted travel: 2 px = 0.21 f h travel / Z^2; at h = 1.4 m, f = 400 px that is Z^2 / 58.8 m.
    chosen = patches.choose_views((short, middle, long), np.array([8.0, 11.0, 18.0, 60.0]), 1.4, 400.0)
    assert chosen == [short, middle, long, long]


def test_window_over_which_a_far_thing_grows_by_more_than_a_third_gives_way_to_a_shorter_one():
    half_a_second, second = view(6.0), view(12.0)
    chosen = patches.choose_views((half_a_second, second), np.array([32.0, 36.0, 90.0]), 1.4, 400.0)
    assert chosen == [half_a_second, second, second]


def test_level_halves_the_picture_where_a_block_is_twice_as_wide():
    # 400 px x 1.92 m / Z is 32 px at 24 m, 64 at 12 m, 128 at 6 m.
    levels = patches.patch_levels(PYRAMID, np.array([50.0, 23.9, 11.9, 5.9, 0.5]), 1.92)
    np.testing.assert_array_equal(levels, [0, 0, 1, 2, 3])
    assert patches.patch_level(PYRAMID, 11.9, 1.92) == 1


def test_patch_pixels_per_image_pixel():
    assert patches.patch_per_pixel(PYRAMID, np.array([24.0]), 1.92)[0] == pytest.approx(1.0)


def test_independent_pixels_fall_with_the_square_of_the_distance_and_are_bounded():
    count = patches.independent_pixels(PYRAMID, np.array([5.0, 30.0, 60.0, 5000.0]), 0.48, 0.5)
    assert count[1] == pytest.approx(0.48 * 0.5 * (400.0 / 30.0) ** 2 / patches.CORRELATED_PIXELS)
    assert count[1] / count[2] == pytest.approx(4.0)
    assert count[0] <= 40.0
    assert count[3] == 0.5


def test_patch_of_another_exposure_is_made_alike():
    rng = np.random.default_rng(2)
    now = rng.normal(0.0, 20.0, (3, 40, 32))
    now -= now.mean(axis=(1, 2), keepdims=True)
    before = 0.8 * now + 13.0
    np.testing.assert_allclose(patches.exposed_alike(before, now), now, atol=1e-9)


def test_contrast_is_changed_by_half_at_most():
    """A patch without texture must not be blown up into noise that looks like one."""
    now = np.tile([[-10.0, 10.0]], (40, 16))
    np.testing.assert_allclose(patches.exposed_alike(0.1 * now, now), 0.15 * now)
    np.testing.assert_array_equal(patches.exposed_alike(np.full((40, 32), 7.0), now), 0.0)
