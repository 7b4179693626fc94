"""What odometry says between two frames, with its bias taken off."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.odometry_prior import OdometryPrior, Passed, yaw_rad

MOUNTING = base_from_camera(1.4, 0.0)
BIAS_RPS, SPAN_S = math.radians(-1.0), 0.5


def passed(ahead_m: float, left_rad: float) -> Passed:
    """The camera of a vehicle that odometry has so far ahead, turned so far to the left."""
    turn = Rotation.from_euler("z", left_rad).as_matrix()
    pose = RigidTransform(turn, np.array([ahead_m, 0.0, 0.0])) @ MOUNTING
    return Passed(pose, True, MOUNTING, 0.0)


def biased() -> OdometryPrior:
    prior = OdometryPrior()
    prior.yaw_bias.rps = BIAS_RPS
    return prior


@pytest.mark.parametrize("span_s", [SPAN_S, -SPAN_S])
def test_the_bias_turns_with_the_time_between_the_frames(span_s):
    turned = biased().turn(passed(0.0, 0.0), passed(0.0, 0.0), span_s)
    assert turned is not None
    rotation, sigma_rad = turned
    assert yaw_rad(rotation, MOUNTING) == pytest.approx(BIAS_RPS * span_s)
    assert (sigma_rad > 0.0).all()


def test_turns_forth_and_back_cancel():
    prior, now, past = biased(), passed(5.0, 0.1), passed(0.0, 0.0)
    forth, back = prior.turn(now, past, SPAN_S), prior.turn(past, now, -SPAN_S)
    assert forth is not None
    assert back is not None
    np.testing.assert_allclose(forth[0] @ back[0], np.eye(3), atol=1e-12)
    assert yaw_rad(forth[0], MOUNTING) == pytest.approx(0.1 + BIAS_RPS * SPAN_S)


def test_without_odometry_only_the_assumed_speed_is_known():
    unknown = Passed(None, False, MOUNTING, 10.0)
    assert biased().turn(unknown, passed(0.0, 0.0), SPAN_S) is None
    prior = biased().since(unknown, unknown, SPAN_S)
    assert prior is not None
    assert prior.travel_m == pytest.approx(10.0 * SPAN_S)
    np.testing.assert_allclose(prior.rotation, np.eye(3))


@pytest.mark.parametrize("ahead_m", [0.0, 0.04, -5.0])
def test_a_vehicle_that_hardly_moves_or_reverses_gives_no_prior(ahead_m):
    assert biased().since(passed(ahead_m, 0.0), passed(0.0, 0.0), SPAN_S) is None
