"""The road as the mounting has it, its uncertainty, and how it drifts."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting, predict_plane, tilt_covariance
from perception_fm.geometry.transform import base_from_camera

MOUNTING = plane_from_mounting(base_from_camera(1.4, 0.03))


def angle_between(one: PlaneEstimate, other: PlaneEstimate) -> float:
    a, b = (plane.m / np.linalg.norm(plane.m) for plane in (one, other))
    return float(np.linalg.norm(np.cross(a, b)))


def test_height_and_pitch_are_those_of_the_mounting():
    assert MOUNTING.height_m == pytest.approx(1.4)
    assert MOUNTING.pitch_rad == pytest.approx(0.03)
    assert not MOUNTING.is_measured


def test_road_points_have_their_inverse_depth():
    mounting = base_from_camera(1.3, 0.05, forward_m=1.7, left_m=-0.3, roll_rad=0.02, yaw_rad=-0.1)
    ground_base_m = np.column_stack([np.linspace(4.0, 90.0, 12), np.linspace(-3.0, 5.0, 12), np.zeros(12)])
    points_camera_m = mounting.inverse().apply(ground_base_m)
    rays = points_camera_m[:, :2] / points_camera_m[:, 2:]
    np.testing.assert_allclose(plane_from_mounting(mounting).inverse_depth(rays), 1.0 / points_camera_m[:, 2])


def test_inverse_depth_is_zero_at_the_horizon_and_negative_above():
    horizon = -np.tan(0.03)
    inverse = MOUNTING.inverse_depth(np.array([[0.0, horizon], [0.0, horizon - 0.1], [0.0, horizon + 0.1]]))
    assert inverse[0] == pytest.approx(0.0, abs=1e-12)
    assert inverse[1] < 0.0 < inverse[2]


def test_tilt_covariance_is_that_of_tilted_and_raised_planes():
    rng, count, angle, share = np.random.default_rng(0), 20_000, 0.01, 0.02
    unit = MOUNTING.m / np.linalg.norm(MOUNTING.m)
    turns = rng.normal(0.0, angle, (count, 3))
    turns -= np.outer(turns @ unit, unit)  # a turn about the normal does not tilt
    m = Rotation.from_rotvec(turns).apply(MOUNTING.m) / rng.normal(1.0, share, (count, 1))
    expected = np.cov(m.T)
    scale = np.abs(expected).max()
    # The standard error of a variance from 20,000 samples is 1%; second order in angle and share adds 0.1%.
    np.testing.assert_allclose(tilt_covariance(MOUNTING.m, angle, share), expected, atol=0.05 * scale)


def test_height_sigma_of_the_mounting_is_five_per_cent():
    assert MOUNTING.height_sigma_m == pytest.approx(0.05 * 1.4)


def test_no_time_changes_nothing_but_the_measured_flag():
    measured = PlaneEstimate(MOUNTING.m * 1.02, 0.1 * MOUNTING.covariance, True)
    later = predict_plane(measured, MOUNTING, 0.0)
    np.testing.assert_allclose(later.m, measured.m)
    np.testing.assert_allclose(later.covariance, measured.covariance)
    assert not later.is_measured


def test_certainty_fades_within_a_second():
    measured = PlaneEstimate(MOUNTING.m, 1e-4 * MOUNTING.covariance, True)
    soon, later = predict_plane(measured, MOUNTING, 0.1), predict_plane(measured, MOUNTING, 1.0)
    variances = [np.diag(plane.covariance) for plane in (measured, soon, later)]
    assert (variances[0] < variances[1]).all()
    assert (variances[1] < variances[2]).all()
    # Springs pitch a car by 0.2 degrees within 0.1 s (the angle of the normal is m's change along the optical axis).
    assert np.sqrt(soon.covariance[2, 2]) * 1.4 == pytest.approx(np.radians(0.19), rel=0.05)


def test_unmeasured_plane_returns_to_the_mounting():
    tilted = plane_from_mounting(base_from_camera(1.5, 0.03 + np.radians(1.0)))
    plane = PlaneEstimate(tilted.m, 1e-2 * MOUNTING.covariance, True)
    for _ in range(300):
        plane = predict_plane(plane, MOUNTING, 0.1)
    assert angle_between(plane, MOUNTING) < 0.1 * np.radians(1.0)
    # Height diffuses slowly (1% per sqrt(s)), so a measured one holds longer: a third is left after half a minute.
    assert plane.height_m == pytest.approx(1.4, abs=0.4 * 0.1)


def test_long_silence_ends_no_less_certain_than_the_mounting():
    plane = predict_plane(PlaneEstimate(MOUNTING.m, MOUNTING.covariance, True), MOUNTING, 60.0)
    assert (np.linalg.eigvalsh(MOUNTING.covariance - plane.covariance) > -1e-12).all()


def test_steps_without_sight_stay_within_the_mountings_uncertainty():
    plane = PlaneEstimate(MOUNTING.m, 1e-2 * MOUNTING.covariance, True)
    for _ in range(600):
        plane = predict_plane(plane, MOUNTING, 0.1)
    # Diffusion 0.6 deg/sqrt(s) and a pull of a tenth per second balance at sqrt(0.6 x 1.5 x sqrt(10)) = 1.69 degrees.
    ratio = np.sqrt(np.diag(plane.covariance) / np.diag(MOUNTING.covariance))
    assert (ratio < 1.15).all()
