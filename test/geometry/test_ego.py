"""`EgoHistory`: interpolation, the limit of extrapolation, changes of source, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.errors import OdometryError
from perception_fm.geometry.ego import MAX_EXTRAPOLATION_NS, EgoHistory, EgoState
from perception_fm.geometry.transform import RigidTransform

MS = 1_000_000


def pose(x_m: float, y_m: float = 0.0, yaw_rad: float = 0.0) -> RigidTransform:
    return RigidTransform(Rotation.from_rotvec([0.0, 0.0, yaw_rad]).as_matrix(), np.array([x_m, y_m, 0.0]))


def position(history: EgoHistory, stamp_ns: int) -> np.ndarray:
    state = history.at(stamp_ns)
    assert state is not None
    return state.odom_from_base.translation_m


def yaw(state: EgoState | None) -> float:
    assert state is not None
    return math.atan2(state.odom_from_base.rotation[1, 0], state.odom_from_base.rotation[0, 0])


def test_nothing_is_known_without_samples() -> None:
    assert EgoHistory().at(0) is None


def test_odometry_is_interpolated_at_the_image_stamp() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(0.0), 10.0, 0.0)
    history.add_odometry(100 * MS, pose(1.0, yaw_rad=0.02), 12.0, 0.2)
    state = history.at(25 * MS)
    assert state is not None
    np.testing.assert_allclose(state.odom_from_base.translation_m, [0.25, 0.0, 0.0])
    assert yaw(state) == pytest.approx(0.005)
    assert state.speed_mps == pytest.approx(10.5)
    assert state.yaw_rate_rps == pytest.approx(0.05)
    assert state.stamp_ns == 25 * MS
    assert state.has_translation


def test_a_sample_at_the_stamp_is_the_answer() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(0.0), 10.0, 0.0)
    history.add_odometry(100 * MS, pose(1.0), 10.0, 0.0)
    np.testing.assert_array_equal(position(history, 100 * MS), [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(position(history, 0), [0.0, 0.0, 0.0])


def test_odometry_older_than_100_ms_counts_as_missing() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(5.0), 10.0, 0.0)
    np.testing.assert_allclose(position(history, MAX_EXTRAPOLATION_NS), [6.0, 0.0, 0.0])
    assert history.at(MAX_EXTRAPOLATION_NS + 1) is None


def test_extrapolation_follows_the_turn() -> None:
    """10 m/s at 0.5 rad/s for 0.1 s: an arc of 1 m and 0.05 rad; its chord points half way into the turn."""
    history = EgoHistory()
    history.add_odometry(0, pose(0.0), 10.0, 0.5)
    radius = 20.0
    want = [radius * math.sin(0.05), radius * (1.0 - math.cos(0.05)), 0.0]
    # The chord is taken as long as the arc: 1e-4 of a metre apart.
    np.testing.assert_allclose(position(history, 100 * MS), want, atol=2e-4)
    assert yaw(history.at(100 * MS)) == pytest.approx(0.05)


def test_before_the_first_sample_nothing_is_known() -> None:
    history = EgoHistory()
    history.add_odometry(100 * MS, pose(0.0), 1.0, 0.0)
    assert history.at(100 * MS - 1) is None


def test_a_gap_of_more_than_half_a_second_is_not_bridged() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(0.0), 10.0, 0.0)
    history.add_odometry(500 * MS, pose(5.0), 10.0, 0.0)
    history.add_odometry(1001 * MS, pose(10.0), 10.0, 0.0)
    assert history.at(250 * MS) is not None
    assert history.at(750 * MS) is None
    assert history.at(1001 * MS) is not None


def test_old_samples_are_forgotten() -> None:
    history = EgoHistory(span_s=1.0)
    for number in range(30):
        history.add_odometry(number * 100 * MS, pose(float(number)), 10.0, 0.0)
    assert history.at(1800 * MS) is None
    assert history.at(1900 * MS) is not None


def test_clear_forgets_everything() -> None:
    history = EgoHistory()
    history.add_odometry(1000 * MS, pose(3.0), 1.0, 0.0)
    history.clear()
    assert history.at(1000 * MS) is None
    history.add_odometry(0, pose(7.0), 1.0, 0.0)
    np.testing.assert_array_equal(position(history, 0), [7.0, 0.0, 0.0])


def test_twist_is_integrated_around_a_circle() -> None:
    """One full circle of radius 10 m at 5 m/s in 20 ms steps ends where it began."""
    history = EgoHistory(span_s=20.0)
    rate = 0.5
    steps = round(2.0 * math.pi / rate / 0.02)
    dt_ns = round(2.0 * math.pi / rate / steps * 1e9)
    for number in range(steps + 1):
        history.add_twist(number * dt_ns, 5.0, rate)
    np.testing.assert_allclose(position(history, steps * dt_ns), 0.0, atol=1e-3)
    np.testing.assert_allclose(position(history, steps // 4 * dt_ns), [10.0, 10.0, 0.0], atol=0.1)


def test_twist_under_braking_is_integrated_with_the_mean_speed() -> None:
    history = EgoHistory()
    for number in range(11):
        history.add_twist(number * 100 * MS, 10.0 - number, 0.0)
    np.testing.assert_allclose(position(history, 1000 * MS), [5.0, 0.0, 0.0])


def test_a_gyro_gives_rotation_and_no_speed() -> None:
    history = EgoHistory()
    for number in range(11):
        history.add_gyro(number * 10 * MS, np.array([0.0, 0.0, 0.4]))
    state = history.at(50 * MS)
    assert yaw(state) == pytest.approx(0.02)
    assert state is not None
    assert not state.has_translation
    assert math.isnan(state.speed_mps)


def test_a_gyro_is_overruled_by_twist_and_twist_by_odometry() -> None:
    history = EgoHistory()
    history.add_gyro(0, np.zeros(3))
    history.add_twist(10 * MS, 4.0, 0.0)
    history.add_gyro(20 * MS, np.array([0.0, 0.0, 1.0]))
    state = history.at(20 * MS)
    assert state is not None
    assert state.has_translation
    assert state.yaw_rate_rps == 0.0
    history.add_odometry(30 * MS, pose(0.0), 5.0, 0.0)
    history.add_twist(40 * MS, 9.0, 0.0)
    state = history.at(40 * MS)
    assert state is not None
    assert state.speed_mps == 5.0


def test_a_change_to_odometry_does_not_move_the_vehicle() -> None:
    """The odometry starts in a frame of its own, far away and turned; driven metres stay driven metres."""
    history = EgoHistory()
    for number in range(11):
        history.add_twist(number * 10 * MS, 10.0, 0.0)
    before = history.at(90 * MS)
    assert before is not None
    for number in range(6):
        x, y = 500.0, -300.0 + 0.1 * number
        history.add_odometry((100 + 10 * number) * MS, pose(x, y, math.pi / 2), 10.0, 0.0)
    after = history.at(150 * MS)
    assert after is not None
    moved = before.odom_from_base.inverse() @ after.odom_from_base
    np.testing.assert_allclose(moved.translation_m, [0.6, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(moved.rotation, np.eye(3), atol=1e-9)


def test_twist_carries_on_where_silent_odometry_ended() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(100.0), 10.0, 0.0)
    before = history.at(0)
    history.add_twist(400 * MS, 10.0, 0.0)  # odometry may still come: not used yet
    assert history.at(400 * MS) is None
    history.add_twist(500 * MS, 10.0, 0.0)
    after = history.at(500 * MS)
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after.odom_from_base.translation_m, [105.0, 0.0, 0.0])
    history.add_odometry(510 * MS, pose(0.1), 10.0, 0.0)  # restarted at its own origin
    np.testing.assert_allclose(position(history, 510 * MS), [105.1, 0.0, 0.0], atol=1e-9)


def test_odometry_that_returns_after_a_gyro_keeps_its_frame() -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(100.0), 10.0, 0.0)
    for number in range(50, 61):
        history.add_gyro(number * 10 * MS, np.zeros(3))
    assert history.at(600 * MS) is not None
    history.add_odometry(610 * MS, pose(106.1), 10.0, 0.0)
    np.testing.assert_allclose(position(history, 610 * MS), [106.1, 0.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_ego_motion_with_nan_is_refused_and_not_kept(value: float) -> None:
    history = EgoHistory()
    for add in (
        lambda: history.add_odometry(0, pose(0.0), value, 0.0),
        lambda: history.add_odometry(0, pose(0.0), 0.0, value),
        lambda: history.add_twist(0, value, 0.0),
        lambda: history.add_gyro(0, np.array([0.0, value, 0.0])),
    ):
        with pytest.raises(OdometryError, match="NaN"):
            add()
    assert history.at(0) is None


@pytest.mark.parametrize("stamp_ms", [99, 100])
def test_a_stamp_that_does_not_advance_is_refused_and_spoils_nothing(stamp_ms: int) -> None:
    history = EgoHistory()
    history.add_odometry(0, pose(0.0), 10.0, 0.0)
    history.add_odometry(100 * MS, pose(1.0), 10.0, 0.0)
    with pytest.raises(OdometryError, match="back in time"):
        history.add_odometry(stamp_ms * MS, pose(9.0), 10.0, 0.0)
    np.testing.assert_allclose(position(history, 50 * MS), [0.5, 0.0, 0.0])


def test_a_state_with_translation_needs_a_speed() -> None:
    with pytest.raises(OdometryError, match="finite speed"):
        EgoState(0, RigidTransform.identity(), math.nan, 0.0, has_translation=True)
