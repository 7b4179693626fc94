"""The predicted path: a line or an arc in the camera's frame."""

import numpy as np
import pytest

from perception_fm.geometry.path import PredictedPath, swing_m, turn_rad


def test_straight_path_keeps_its_lateral_offset():
    path = PredictedPath(0.0, 0.0, 0.95, lateral_m=-0.4)
    np.testing.assert_array_equal(path.centre_x_m(np.array([0.0, 5.0, 80.0])), [-0.4, -0.4, -0.4])


def test_heading_of_one_hundredth_is_half_a_metre_at_50_m():
    assert PredictedPath(0.01, 0.0, 0.95).centre_x_m(np.array([50.0]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_curvature_follows_the_circle(side):
    radius_m, depth_m = 200.0, np.linspace(1.0, 40.0, 20)
    x_m = PredictedPath(0.0, side / radius_m, 0.95).centre_x_m(depth_m)
    circle = -side * (radius_m - np.sqrt(radius_m**2 - depth_m**2))  # positive curvature turns left: optical x falls
    # The parabola leaves the circle by Z^4 / (8 R^3) and higher terms: 4 cm at 40 m.
    assert (np.abs(x_m - circle) <= 1.1 * depth_m**4 / (8.0 * radius_m**3) + 1e-12).all()
    assert np.sign(x_m[-1]) == -side


def test_curvature_that_fades_ends_in_a_straight_line():
    """Once the curvature has faded, the path has turned by curvature x memory and goes straight on."""
    ahead_m = np.array([400.0, 500.0])
    swing = swing_m(ahead_m, 0.004, 20.0)
    assert turn_rad(ahead_m, 0.004, 20.0) == pytest.approx([0.08, 0.08])
    assert swing[1] - swing[0] == pytest.approx(0.08 * 100.0)


def test_slope_is_the_derivative_of_the_centre():
    path = PredictedPath(0.02, 0.003, 0.95, 0.1, memory_m=24.0)
    depth_m, step_m = np.linspace(2.0, 90.0, 12), 1e-3
    numeric = (path.centre_x_m(depth_m + step_m) - path.centre_x_m(depth_m - step_m)) / (2.0 * step_m)
    np.testing.assert_allclose(path.slope(depth_m), numeric, atol=1e-8)


def test_fading_curvature_starts_as_an_arc():
    near_m = np.array([0.5, 1.0])
    # The first term left out is -s^3 / 6 beside s^2 / 2: 1.4% at a twenty-fourth of the memory.
    np.testing.assert_allclose(swing_m(near_m, 0.02, 24.0), 0.5 * 0.02 * near_m**2, rtol=0.02)


def test_fading_curvature_ends_in_a_straight_line():
    """Far beyond the memory L the path has turned by curvature times L and stays there."""
    far_m = np.array([400.0, 401.0])
    np.testing.assert_allclose(turn_rad(far_m, 0.01, 24.0), 0.24, rtol=1e-6)
    assert np.diff(swing_m(far_m, 0.01, 24.0))[0] == pytest.approx(0.24)


def test_turn_is_the_derivative_of_the_swing():
    ahead_m = np.linspace(0.0, 80.0, 8001)
    slope = np.gradient(swing_m(ahead_m, -0.015, 30.0), ahead_m)
    np.testing.assert_allclose(slope[1:-1], turn_rad(ahead_m, -0.015, 30.0)[1:-1], atol=1e-6)  # steps of 1 cm


def test_slope_of_the_path_is_its_direction():
    path = PredictedPath(0.02, 0.01, 0.95, memory_m=25.0)
    depth_m = np.array([9.999, 10.001])
    assert np.diff(path.centre_x_m(depth_m))[0] / 0.002 == pytest.approx(path.slope(np.array([10.0]))[0], rel=1e-6)


def test_short_and_long_distances_join():
    """The series and the closed form meet without a step."""
    memory_m = 1000.0
    around_m = memory_m * np.array([0.999e-3, 1.001e-3])
    swing = swing_m(around_m, 0.01, memory_m)
    assert swing[1] / swing[0] == pytest.approx((1.001 / 0.999) ** 2, rel=1e-3)


def test_a_path_whose_curvature_is_known_and_fades_no_sooner_is_certain():
    depth_m = np.array([5.0, 20.0, 60.0])
    np.testing.assert_array_equal(PredictedPath(0.02, 0.01, 0.95).lateral_sigma_m(depth_m), 0.0)
    np.testing.assert_array_equal(PredictedPath(0.02, 0.0, 0.95, memory_m=24.0).lateral_sigma_m(depth_m), 0.0)


def test_a_fading_curve_may_go_on_as_an_arc():
    """80 m of radius at 12 m/s: at 24 m the arc is 3.6 m aside, the fading path 1 / e of 24^2 / 80 = 2.6 m."""
    path = PredictedPath(0.0, 1.0 / 80.0, 0.95, memory_m=24.0)
    assert path.lateral_sigma_m(np.array([24.0]))[0] == pytest.approx(3.6 - 7.2 / np.e, abs=0.01)


def test_curvature_that_is_off_leads_aside_with_the_square_of_the_distance():
    path = PredictedPath(0.0, 0.0, 0.95, curvature_sigma_per_m=0.002)
    np.testing.assert_allclose(path.lateral_sigma_m(np.array([10.0, 30.0])), [0.1, 0.9])
