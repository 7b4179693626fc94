"""Depth metrics against values by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from perception_fm.evaluation.depth_metrics import DepthSums, mean_of_figures, median_scale

TRUE = np.array([2.0, 5.0, 10.0, 40.0])


def test_twice_too_far_is_seen_raw_and_hidden_by_the_median_scale() -> None:
    raw = DepthSums.of(2.0 * TRUE, TRUE).figures()
    assert (raw.abs_rel, raw.bias_share, raw.delta1, raw.delta3) == (1.0, 1.0, 0.0, 0.0)
    assert raw.sq_rel_m == pytest.approx(TRUE.mean())
    assert raw.rmse_m == pytest.approx(math.sqrt((TRUE**2).mean()))
    assert raw.rmse_log == pytest.approx(math.log(2.0))
    assert raw.silog == pytest.approx(0.0, abs=1e-5)  # the root of a rounding error of 1e-16
    scaled = DepthSums.of(2.0 * TRUE * median_scale(2.0 * TRUE, TRUE), TRUE).figures()
    assert (scaled.abs_rel, scaled.delta1, scaled.bias_m) == (0.0, 1.0, 0.0)


def test_figures_of_two_pixels_by_hand() -> None:
    figures = DepthSums.of([2.0, 4.0], [1.0, 5.0]).figures()
    logs = np.array([math.log(2.0), math.log(0.8)])
    assert figures.pixels == 2
    assert figures.abs_rel == pytest.approx((1.0 + 0.2) / 2)
    assert figures.sq_rel_m == pytest.approx((1.0 + 0.2) / 2)
    assert figures.rmse_m == pytest.approx(1.0)
    assert figures.bias_m == pytest.approx(0.0)
    assert figures.bias_share == pytest.approx((1.0 - 0.2) / 2)
    assert figures.rmse_log == pytest.approx(math.sqrt((logs**2).mean()))
    assert figures.silog == pytest.approx(100.0 * logs.std())
    # 5 / 4 is 1.25 exactly, which is not below 1.25.
    assert (figures.delta1, figures.delta2, figures.delta3) == (0.0, 0.5, 0.5)


def test_too_near_and_too_far_count_alike_in_delta_but_not_in_bias() -> None:
    far, near = DepthSums.of(1.2 * TRUE, TRUE).figures(), DepthSums.of(TRUE / 1.2, TRUE).figures()
    assert far.delta1 == near.delta1 == 1.0
    assert far.bias_m > 0.0 > near.bias_m


def test_parts_add_up_to_the_whole() -> None:
    generator = np.random.default_rng(4)
    true = generator.uniform(1.0, 80.0, 200)
    predicted = true * generator.uniform(0.5, 2.0, 200)
    parts = DepthSums.of(predicted[:50], true[:50]) + DepthSums.of(predicted[50:], true[50:])
    whole = DepthSums.of(predicted, true)
    for mine, its in zip(dataclasses.astuple(parts.figures()), dataclasses.astuple(whole.figures())):
        assert mine == pytest.approx(its)


def test_nothing_judged_is_nan_not_zero() -> None:
    figures = DepthSums().figures()
    assert figures.pixels == 0
    assert all(math.isnan(value) for value in dataclasses.astuple(figures)[1:])
    assert math.isnan(median_scale([], []))


def test_mean_of_frames_weighs_frames_alike_and_leaves_empty_ones_out() -> None:
    small, large = DepthSums.of([2.0], [1.0]), DepthSums.of(np.ones(99), np.ones(99))
    mean = mean_of_figures([one.figures() for one in (small, large, DepthSums())])
    assert mean.abs_rel == 0.5
    assert mean.pixels == 100
    assert (small + large).figures().abs_rel == pytest.approx(0.01)
    assert math.isnan(mean_of_figures([]).abs_rel)
