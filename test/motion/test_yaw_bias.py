"""What odometry turns too much is learned, but not from what stands still in the picture while the vehicle turns."""

import math

import pytest

from perception_fm.motion.yaw_bias import YawBias

STEP_S, ALL, HALF = 0.1, 0.95, 0.5


def learned_dps(told_dps: float, seen_dps: float, consensus: float, seconds: float = 3.0) -> float:
    """The bias after a while at a yaw rate that odometry tells and one that the tracks show."""
    bias = YawBias()
    for _ in range(round(seconds / STEP_S)):
        corrected = math.radians(told_dps) + bias.rps
        bias.learn(math.radians(seen_dps) - corrected, corrected, consensus, STEP_S)
    return math.degrees(bias.rps)


@pytest.mark.parametrize("told_dps", [-1.0, -0.3, 0.4, 1.0])
@pytest.mark.parametrize("consensus", [HALF, ALL])
def test_on_a_straight_road_it_is_learned_whatever_the_tracks_follow(told_dps, consensus):
    assert learned_dps(told_dps, 0.0, consensus) == pytest.approx(-told_dps, abs=0.05)


@pytest.mark.parametrize(("told_dps", "seen_dps"), [(8.6, 7.9), (2.7, 3.5), (-5.0, -4.0)])
def test_in_a_bend_it_is_learned_where_the_tracks_agree(told_dps, seen_dps):
    assert learned_dps(told_dps, seen_dps, ALL) == pytest.approx(seen_dps - told_dps, abs=0.05)


@pytest.mark.parametrize(("told_dps", "seen_dps"), [(8.6, 7.0), (8.6, 2.0), (2.2, 0.4), (-3.0, 0.0)])
def test_in_a_bend_tracks_that_disagree_are_not_asked(told_dps, seen_dps):
    """Drops or a lorry beside us would straighten it."""
    assert learned_dps(told_dps, seen_dps, HALF) == 0.0


def test_odometry_is_known_the_better_the_longer_it_was_compared():
    bias = YawBias()
    before = bias.sigma_rps(0.0)
    for _ in range(30):
        bias.learn(0.0, 0.0, ALL, STEP_S)
    after = bias.sigma_rps(0.0)
    assert math.degrees(before) > 1.0 > 0.3 > math.degrees(after) >= 0.15
    assert bias.sigma_rps(math.radians(10.0)) > 2.0 * after  # of a turn a share is unsure
    bias.reset()
    assert bias.sigma_rps(0.0) == before


def test_a_frame_at_the_same_time_says_nothing():
    bias = YawBias()
    bias.learn(0.01, 0.0, ALL, 0.0)
    assert bias.rps == 0.0


def test_a_faster_camera_does_not_learn_faster():
    slow, fast = YawBias(), YawBias()
    for _ in range(10):
        slow.learn(math.radians(0.3) - slow.rps, slow.rps, ALL, 0.1)
    for _ in range(50):
        fast.learn(math.radians(0.3) - fast.rps, fast.rps, ALL, 0.02)
    assert fast.rps == pytest.approx(slow.rps, rel=0.05)
    assert fast.sigma_rps(0.0) == pytest.approx(slow.sigma_rps(0.0), rel=0.05)
