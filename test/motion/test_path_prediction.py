"""The path goes where the vehicle turns, also where odometry turns besides."""

import math

import numpy as np
import pytest

from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.ego_views import EgoViews
from perception_fm.motion.path_prediction import PathPrediction

MOUNTING = base_from_camera(1.4, 0.0)
SPEED_MPS, STEP_S = 12.0, 0.1


def curvature_per_m(told_dps: float, seen_dps: float, seconds: float = 6.0) -> float:
    """What the path bends by after a while at a yaw rate that odometry tells and that the picture shows."""
    path = PathPrediction(1.9)
    slip_rps = math.radians(seen_dps - told_dps)
    ego = EgoState(0, RigidTransform.identity(), SPEED_MPS, math.radians(told_dps), True)
    none = np.zeros((0, 2))
    views = EgoViews(
        (), None, none, none, none, none[:, 0], none[:, 0], none[:, 0], np.zeros(0, np.intp), 0.1, slip_rps
    )
    for _ in range(round(seconds / STEP_S)):
        predicted = path.update(MOUNTING, ego, views, STEP_S)
    return predicted.curvature_per_m


@pytest.mark.parametrize("told_dps", [-1.0, 1.0])
def test_odometry_that_turns_does_not_bend_a_straight_road(told_dps):
    """1 degree a second would lead 2 m aside at 80 m; without the picture it does."""
    assert abs(curvature_per_m(told_dps, 0.0)) < 0.0001
    assert abs(curvature_per_m(told_dps, told_dps)) > 0.0008


@pytest.mark.parametrize("seen_dps", [8.6, 7.0, 2.0])
def test_in_a_bend_the_picture_is_not_asked(seen_dps):
    """What stands still in the picture, drops or a vehicle ahead, would straighten it."""
    assert curvature_per_m(8.6, seen_dps) == curvature_per_m(8.6, 8.6)
