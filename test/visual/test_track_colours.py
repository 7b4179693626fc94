"""Time to contact for display, against points whose motion is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.types import MotionField
from perception_fm.visual.track_colours import time_to_contact_s

WINDOW_S, SPEED_MPS = 0.2, 10.0


def motion_of(points_m: np.ndarray, rotation_rad: list[float], window_s: float = WINDOW_S) -> MotionField:
    """Tracks of static points (N, 3), given where they are now, from a camera that drove along z and turned."""
    turn = Rotation.from_rotvec(rotation_rad).as_matrix()
    before = (points_m + np.array([0.0, 0.0, SPEED_MPS * window_s])) @ turn
    count = len(points_m)
    current = points_m[:, :2] / points_m[:, 2:]
    return MotionField(
        0, before[:, :2] / before[:, 2:], current, current * 500.0, np.full(count, window_s),
        np.zeros(count, dtype=np.intp), 0.2, 500.0,
    )


def cloud(count: int = 120) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.uniform([-15.0, -3.0, 12.0], [15.0, 3.0, 60.0], (count, 3))


def test_known_time_to_contact_without_rotation() -> None:
    points = cloud()
    ttc_s = time_to_contact_s(motion_of(points, [0, 0, 0]), np.zeros(2))
    np.testing.assert_allclose(ttc_s, points[:, 2] / SPEED_MPS, rtol=1e-6)


def test_rotation_of_the_camera_changes_little() -> None:
    points = cloud()
    still = time_to_contact_s(motion_of(points, [0, 0, 0]), np.zeros(2))
    turned = time_to_contact_s(motion_of(points, [0.004, 0.01, 0.002]), np.zeros(2))
    # The linearised rotation leaves its second order, 1e-4 rad against flows of about 5e-2.
    assert np.median(np.abs(turned / still - 1.0)) < 0.03


def test_track_at_the_focus_is_unknown_and_few_tracks_do_not_fail() -> None:
    points = np.array([[0.0, 0.0, 20.0], [3.0, 1.0, 20.0]])
    ttc_s = time_to_contact_s(motion_of(points, [0, 0, 0]), np.zeros(2))
    assert np.isnan(ttc_s[0])
    assert ttc_s[1] == pytest.approx(2.0)


def test_point_that_stays_has_infinite_time() -> None:
    points = cloud()
    field = motion_of(points, [0, 0, 0])
    standing = dataclasses.replace(field, rays_reference=field.rays_current)
    assert np.isinf(time_to_contact_s(standing, np.zeros(2))).all()
