"""Rotation, focus of expansion and expansions from random points, a known motion and known noise."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.motion.egomotion import (
    MotionPrior,
    RelativeMotion,
    is_above_ground,
    refine_motion,
)

SIGMA = 0.3 / 700.0  # 0.3 px at f = 700 px
FLOOR = 0.05 / 700.0
TRAVEL_M = np.array([0.05, -0.03, 3.0])
FOCUS = TRAVEL_M[:2] / TRAVEL_M[2]
ROTATION_SIGMA = np.radians([0.5, 0.2, 0.3])
FOCUS_SIGMA = np.radians(1.0)
SEEDS = range(80)


def tracks(rng, count: int = 250, sigma: float = SIGMA, outliers: float = 0.0):
    """Rays at both ends, the true rotation, inverse depths; points from 6 to 80 m over a field of view of 70 x 40."""
    rotation = Rotation.from_rotvec(rng.normal(0.0, ROTATION_SIGMA)).as_matrix()
    current = np.column_stack([rng.uniform(-0.7, 0.7, count), rng.uniform(-0.36, 0.36, count), np.ones(count)])
    depth = 1.0 / rng.uniform(1.0 / 80.0, 1.0 / 6.0, count)
    before = (current * depth[:, None] + TRAVEL_M) @ rotation  # R^T (X + c), written for rows
    seen = current[:, :2] + rng.normal(0.0, sigma, (count, 2))
    wrong = rng.random(count) < outliers
    seen[wrong] += rng.uniform(-0.05, 0.05, (int(wrong.sum()), 2))
    return before[:, :2] / before[:, 2:], seen, rotation, 1.0 / depth, wrong


def prior_around(rng) -> MotionPrior:
    """A level prior whose stated uncertainty is the one that `tracks` draws from; a focus as wrong as it says."""
    return MotionPrior(
        np.eye(3), ROTATION_SIGMA, FOCUS + rng.normal(0.0, FOCUS_SIGMA, 2), FOCUS_SIGMA, float(TRAVEL_M[2])
    )


def error_of(motion: RelativeMotion, rotation: np.ndarray) -> np.ndarray:
    """True minus estimated (5,): rotation vector and focus."""
    turn = Rotation.from_matrix(rotation @ motion.rotation.T).as_rotvec()
    return np.concatenate([turn, FOCUS - motion.focus])


def test_exact_tracks_give_the_exact_motion():
    rng = np.random.default_rng(0)
    before, now, rotation, inverse, _ = tracks(rng, sigma=0.0)
    motion = refine_motion(before, now, prior_around(rng), FLOOR)
    # What is left is the pull of the prior at the noise floor.
    np.testing.assert_allclose(error_of(motion, rotation), 0.0, atol=2e-5)
    away = np.linalg.norm(now - FOCUS, axis=1) > 0.1
    np.testing.assert_allclose(motion.expansion[away], TRAVEL_M[2] * inverse[away], rtol=2e-3)


def test_errors_are_as_large_as_the_covariance_says():
    squared = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        before, now, rotation, _, _ = tracks(rng)
        motion = refine_motion(before, now, prior_around(rng), FLOOR)
        error = error_of(motion, rotation)
        squared.append(error @ np.linalg.solve(motion.covariance, error))
        assert (np.abs(error) < 5.0 * np.sqrt(np.diag(motion.covariance))).all()
    # Chi-square of 5 degrees of freedom: mean 5, and its mean over 80 seeds scatters by sqrt(10 / 80) = 0.35.
    # Cauchy weights are 10% less efficient on Gaussian noise than the covariance assumes.
    assert 5.0 - 4 * 0.35 < np.mean(squared) < 1.1 * 5.0 + 4 * 0.35


def test_tracks_improve_on_the_prior():
    rng = np.random.default_rng(3)
    before, now, _, _, _ = tracks(rng)
    motion = refine_motion(before, now, prior_around(rng), FLOOR)
    assert (np.sqrt(np.diag(motion.covariance)[:3]) < 0.3 * ROTATION_SIGMA).all()
    assert (np.sqrt(np.diag(motion.covariance)[3:]) < 0.3 * FOCUS_SIGMA).all()


def test_expansions_are_unbiased_and_as_certain_as_they_say():
    scores = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        before, now, _, inverse, _ = tracks(rng)
        motion = refine_motion(before, now, prior_around(rng), FLOOR)
        known = np.isfinite(motion.expansion_sigma)
        assert known.sum() > 240  # only those at the focus say nothing
        score = (motion.expansion - TRAVEL_M[2] * inverse)[known] / motion.expansion_sigma[known]
        scores.append(score)
    means = np.array([score.mean() for score in scores])
    # Tracks of one frame share the error of the rotation, so the means of frames are compared.
    assert abs(means.mean()) < 4.0 * means.std() / np.sqrt(len(means))
    assert 0.85 < np.sqrt(np.mean(np.concatenate(scores) ** 2)) < 1.15


def test_third_of_wrong_tracks_does_not_bend_the_motion():
    squared = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        before, now, rotation, _, wrong = tracks(rng, outliers=0.3)
        motion = refine_motion(before, now, prior_around(rng), FLOOR)
        error = error_of(motion, rotation)
        squared.append(error @ np.linalg.solve(motion.covariance, error))
        assert np.median(np.abs(motion.residual[wrong])) > 4.0
        assert (np.abs(motion.residual[~wrong]) < 4.0).mean() > 0.99
    # 99% of chi-square of 5 lie below 15.1. Four steps from a prior that is 6 px off leave a few frames short of it.
    assert np.mean(np.array(squared) < 15.1) > 0.9
    assert np.median(squared) < 2.0 * 4.35  # the median of chi-square of 5


@pytest.mark.parametrize("sigma_px", [0.1, 0.3, 1.0])
def test_online_sigma_is_that_of_the_noise(sigma_px):
    estimates = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        before, now, *_ = tracks(rng, count=400, sigma=sigma_px / 700.0)
        estimates.append(refine_motion(before, now, prior_around(rng), FLOOR).sigma * 700.0)
    # The MAD of 400 residuals scatters by 1.17/sqrt(400) = 6%, that of ten frames by 2%. Four steps from a prior that
    # is 6 px off leave a hundredth of a pixel.
    assert np.mean(estimates) == pytest.approx(sigma_px, rel=0.08, abs=0.015)


def test_sigma_never_falls_below_the_floor():
    rng = np.random.default_rng(0)
    before, now, *_ = tracks(rng, sigma=0.0)
    assert refine_motion(before, now, prior_around(rng), FLOOR).sigma == FLOOR


def test_tracks_at_the_focus_have_no_known_expansion():
    rng = np.random.default_rng(0)
    before, now, rotation, *_ = tracks(rng)
    at_focus = np.array([*FOCUS, 1.0])
    start = at_focus @ rotation
    before, now = np.vstack([before, start[:2] / start[2]]), np.vstack([now, FOCUS])
    motion = refine_motion(before, now, prior_around(rng), FLOOR)
    assert motion.expansion_sigma[-1] == np.inf


def test_without_tracks_the_prior_stays():
    prior = prior_around(np.random.default_rng(0))
    motion = refine_motion(np.empty((0, 2)), np.empty((0, 2)), prior, FLOOR)
    np.testing.assert_array_equal(motion.rotation, prior.rotation)
    np.testing.assert_array_equal(motion.focus, prior.focus)
    expected = np.concatenate([ROTATION_SIGMA**2, [FOCUS_SIGMA**2] * 2])
    np.testing.assert_allclose(motion.covariance, np.diag(expected))


ROAD_M = np.array([0.0, 1.0 / 1.3, 0.0])  # a level road 1.3 m below


def on_lane_line(rng, count: int = 60):
    """Corners that slide along the edge of a line beside the path: they stay in their row, while the vehicle moves a
    little sideways."""
    y = rng.uniform(0.2, 0.35, count)
    now = np.column_stack([1.2 * y, y])
    return now - np.column_stack([0.03 * y, np.zeros(count)]), now


def test_what_slides_along_a_lane_line_lies_below_the_ground():
    rng = np.random.default_rng(3)
    prior = MotionPrior(np.eye(3), ROTATION_SIGMA, np.zeros(2), FOCUS_SIGMA, 5.0)
    assert not is_above_ground(*on_lane_line(rng), prior, ROAD_M).any()


def test_road_things_and_sky_are_above_the_ground():
    rng = np.random.default_rng(4)
    prior = MotionPrior(np.eye(3), ROTATION_SIGMA, np.zeros(2), FOCUS_SIGMA, 5.0)
    now = np.column_stack([rng.uniform(-0.7, 0.7, 400), rng.uniform(-0.36, 0.36, 400)])
    ground = np.maximum(now[:, 1] / 1.3, 0.0)
    for inverse in (ground, 0.7 * ground, ground + rng.uniform(0.0, 0.1, 400)):  # 0.7: ground that falls away
        points = np.column_stack([now, np.ones(400)]) + np.multiply.outer(inverse, [0.0, 0.0, 5.0])
        wrong = Rotation.from_rotvec(ROTATION_SIGMA * [1.0, 1.0, 1.0]).as_matrix()  # what odometry does not know
        turned = points @ wrong.T
        before = turned[:, :2] / turned[:, 2:]
        assert is_above_ground(before, now, prior, ROAD_M).all()


def test_without_them_the_rotation_is_right():
    rng = np.random.default_rng(5)
    before, now, rotation, _, _ = tracks(rng, count=40)
    slid = on_lane_line(rng)
    prior = prior_around(rng)
    kept = is_above_ground(*slid, prior, ROAD_M)
    all_of = [np.concatenate(both) for both in zip((before, now), slid)]
    without = [np.concatenate([real, one[kept]]) for real, one in zip((before, now), slid)]
    wrong = np.linalg.norm(error_of(refine_motion(*all_of, prior, FLOOR), rotation)[:3])
    right = np.linalg.norm(error_of(refine_motion(*without, prior, FLOOR), rotation)[:3])
    assert right < np.radians(0.1) < wrong
