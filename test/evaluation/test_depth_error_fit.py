"""Fields of errors whose parts are known give the error model back that they were made of."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from perception_fm.depth_error import DepthErrorModel, DepthPoints
from perception_fm.errors import DatasetError
from perception_fm.evaluation.depth_error_fit import LEAST_FRAMES, LEAST_POINTS, FrameErrors, fit_depth_error

SCALE, SMOOTH, WHITE, LENGTH = 0.12, 0.15, 0.05, 0.15
FRAMES = 150


@functools.cache
def fields(predicts_variance: bool = False) -> tuple[FrameErrors, ...]:
    """Frames of 300 points; with `predicts_variance` half of them have four times the local variance, and say so."""
    rng = np.random.default_rng(3)
    frames = []
    position = rng.uniform(0.0, 1.0, (300, 2)) * (1.0, 0.6)
    apart = np.linalg.norm(position[:, None] - position[None], axis=2)
    root = np.linalg.cholesky(np.exp(-apart / LENGTH) + 1e-9 * np.eye(300))
    for _ in range(FRAMES):
        local = SMOOTH * (root @ rng.normal(size=300)) + WHITE * rng.normal(size=300)
        is_worse = rng.random(300) < 0.5
        error = rng.normal(0.0, SCALE) + local * (np.where(is_worse, 2.0, 1.0) if predicts_variance else 1.0)
        true_m = rng.choice([15.0, 100.0], 300)
        variance = np.where(is_worse, np.log(0.04), np.log(0.01)) + rng.normal(0.0, 0.01, 300)
        frames.append(
            FrameErrors(position, true_m * np.exp(error), true_m, None, variance if predicts_variance else None)
        )
    return tuple(frames)


def test_known_parts_are_recovered_within_their_sampling_error() -> None:
    model = fit_depth_error(fields(), model="tiny", band_edges_m=(40.0,))
    # Of a variance from F frames: sqrt(2 / F) = 12%; three times that. The rest mixes over frames and points.
    assert model.scale_variance == pytest.approx(SCALE**2, rel=3.0 * np.sqrt(2.0 / FRAMES))
    local = SMOOTH**2 + WHITE**2
    np.testing.assert_allclose([*model.variance_other, *model.variance_road], local, rtol=0.25)
    assert model.smooth_share == pytest.approx(SMOOTH**2 / local, abs=0.1)
    assert model.correlation_length == pytest.approx(LENGTH, rel=0.25)
    np.testing.assert_allclose(model.bias_other, 0.0, atol=3.0 * SCALE / np.sqrt(FRAMES))
    assert (model.frames, model.points) == (FRAMES, FRAMES * 300)
    assert model.log_variance_slope is None


def test_mean_of_a_box_varies_as_the_fitted_model_predicts() -> None:
    model = fit_depth_error(fields(), model="tiny", band_edges_m=(40.0,))
    means, predicted = [], []
    for one in fields():
        inside = (np.abs(one.position - (0.5, 0.3)) < 0.1).all(axis=1)
        means.append((np.log(one.depth_m / one.true_m)[inside]).mean())
        ones = DepthPoints(one.position[inside], np.ones(inside.sum()))
        predicted.append(model.mean_inverse_depth_covariance([ones])[0, 0])
    assert np.mean(np.square(means)) == pytest.approx(np.mean(predicted), rel=3.0 * np.sqrt(2.0 / FRAMES))
    single = model.inverse_depth_covariance(DepthPoints(np.zeros((1, 2)), np.ones(1)))[0, 0]
    assert SCALE**2 * 0.6 < np.mean(predicted) < 0.9 * single


def test_predicted_variance_that_is_right_gets_the_slope_one() -> None:
    model = fit_depth_error(fields(predicts_variance=True), model="tiny", band_edges_m=(40.0,))
    assert model.log_variance_slope == pytest.approx(1.0, abs=0.15)
    better, worse = model.local_variance(np.full(2, 15.0), None, np.log([0.01, 0.04]))
    assert worse / better == pytest.approx(4.0, rel=0.2)
    assert model.smooth_share == pytest.approx(0.9, abs=0.1)


def test_road_and_bands_get_their_own_moments() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(60):
        true_m = rng.choice([8.0, 60.0], 400)
        is_road = rng.random(400) < 0.5
        std = np.where(is_road, 0.02, 0.1) * np.where(true_m > 20.0, 2.0, 1.0)
        error = np.where(is_road, 0.0, 0.1) + std * rng.normal(size=400)
        frames.append(FrameErrors(rng.uniform(0, 1, (400, 2)), true_m * np.exp(error), true_m, is_road))
    model = fit_depth_error(frames, model="tiny", band_edges_m=(20.0,))
    np.testing.assert_allclose(model.bias_other, 0.1, atol=0.01)
    np.testing.assert_allclose(model.bias_road, 0.0, atol=0.002)
    np.testing.assert_allclose(np.sqrt(model.variance_road), [0.02, 0.04], rtol=0.05)
    np.testing.assert_allclose(np.sqrt(model.variance_other), [0.1, 0.2], rtol=0.05)
    assert model.scale_variance < 1e-4
    assert model.smooth_share < 0.1


def test_fitted_model_survives_its_file() -> None:
    model = fit_depth_error(fields(), model="tiny", source="drives")
    assert DepthErrorModel.from_json(model.to_json(), "file") == model


def test_too_few_frames_are_refused_and_frames_of_few_points_do_not_count() -> None:
    with pytest.raises(DatasetError, match=f"needs {LEAST_FRAMES} frames"):
        fit_depth_error([], model="tiny")
    with pytest.raises(DatasetError, match="got 19"):
        fit_depth_error(fields()[: LEAST_FRAMES - 1], model="tiny")
    few = LEAST_POINTS - 1
    short = [FrameErrors(one.position[:few], one.depth_m[:few], one.true_m[:few]) for one in fields()[:LEAST_FRAMES]]
    with pytest.raises(DatasetError, match="got 0"):
        fit_depth_error(short, model="tiny")


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_depth_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(DatasetError, match="leave out what is NaN"):
        FrameErrors(np.zeros((2, 2)), np.array([1.0, bad]), np.ones(2))
    with pytest.raises(DatasetError, match="as many positions"):
        FrameErrors(np.zeros((3, 2)), np.ones(2), np.ones(2))
