"""The path goes where the vehicle turns, also where odometry turns besides."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.ego_views import EgoViews
from perception_fm.motion.path_prediction import PathPrediction

MOUNTING = base_from_camera(1.4, 0.0)
SPEED_MPS, STEP_S = 12.0, 0.1


def path_after(rates_dps: Sequence[float], bias_dps: float = 0.0) -> PredictedPath:
    """Where the vehicle goes after odometry told these yaw rates, ten a second, and tracks such a bias."""
    path = PathPrediction(1.9)
    none = np.zeros((0, 2))
    views = EgoViews(
        (), None, none, none, none, none[:, 0], none[:, 0], none[:, 0], np.zeros(0, np.intp), 0.1,
        math.radians(bias_dps),
    )  # fmt: skip
    for rate_dps in rates_dps:
        ego = EgoState(0, RigidTransform.identity(), SPEED_MPS, math.radians(rate_dps), True)
        predicted = path.update(MOUNTING, ego, views, STEP_S)
    return predicted


def steady(rate_dps: float, seconds: float = 6.0) -> list[float]:
    return [rate_dps] * round(seconds / STEP_S)


@pytest.mark.parametrize("told_dps", [-1.0, 1.0])
def test_odometry_that_turns_does_not_bend_a_straight_road(told_dps):
    """1 degree a second would lead 2 m aside at 80 m; without the picture it does."""
    assert abs(path_after(steady(told_dps), -told_dps).curvature_per_m) < 0.0001
    assert abs(path_after(steady(told_dps)).curvature_per_m) > 0.0008


@pytest.mark.parametrize("bias_dps", [-1.0, 0.6])
def test_a_bias_counts_in_a_bend_too(bias_dps):
    biased = path_after(steady(4.0), bias_dps).curvature_per_m
    assert biased == pytest.approx(path_after(steady(4.0 + bias_dps)).curvature_per_m)


@pytest.mark.parametrize("rate_dps", [-5.0, -2.5, 2.5, 5.0])
def test_a_bend_that_lasts_goes_on(rate_dps):
    """Nearly as an arc: where steering within the lane would be forgotten, 62% of it would be left at 40 m."""
    path = path_after(steady(rate_dps))
    arc_m = 0.5 * math.radians(rate_dps) / SPEED_MPS * 40.0**2
    bent_m = path.lateral_m - float(path.centre_x_m(np.array([40.0]))[0])
    assert 0.8 < bent_m / arc_m < 1.0
    assert 0.2 * abs(arc_m) < float(path.lateral_sigma_m(np.array([40.0]))[0]) < 0.4 * abs(arc_m)


def test_steering_within_the_lane_fades():
    """A weave of 0.6 degrees a second over four seconds: the path bends by what exceeds the noise, for two seconds."""
    path = path_after([0.6 * math.sin(0.5 * math.pi * 0.1 * number) for number in range(90)])
    assert path.memory_m == pytest.approx(2.0 * SPEED_MPS)
    assert abs(float(path.centre_x_m(np.array([40.0]))[0]) - path.lateral_m) < 0.4


def test_without_odometry_the_path_is_straight():
    path = PathPrediction(1.9)
    none = np.zeros((0, 2))
    views = EgoViews((), None, none, none, none, none[:, 0], none[:, 0], none[:, 0], np.zeros(0, np.intp), 0.1)
    assert path.update(MOUNTING, None, views, STEP_S).curvature_per_m == 0.0
