"""Depth that is too long by a known share, and what a stage believes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scene_builders import CAMERA, POSE, street, street_points

from perception_fm.dense import DensePrediction
from perception_fm.evaluation.scale_score import ScaleScore, true_scale
from perception_fm.scene.ground import MetricScale


def prediction(scale: float) -> DensePrediction:
    return DensePrediction(CAMERA, depth_m=street()[0] * np.float32(scale))


def test_scale_is_measured_on_the_road() -> None:
    assert true_scale(street_points(), prediction(1.0), POSE) == pytest.approx(1.0, abs=1e-6)
    assert true_scale(street_points(), prediction(1.2), POSE) == pytest.approx(1.2, abs=1e-6)


def test_error_of_what_the_stage_says_is_relative_to_the_truth() -> None:
    score = ScaleScore()
    record = score.add(street_points(), prediction(1.2), POSE, MetricScale(1.26, 0.01, 1.14))
    assert record["ratio_error"] == pytest.approx(0.05, abs=1e-6)
    assert record["height_error"] == pytest.approx(-0.05, abs=1e-6)
    document = score.document()
    assert document["true_scale_median"] == pytest.approx(1.2, abs=1e-6)
    assert document["ratio_error"]["median_abs"] == pytest.approx(0.05, abs=1e-6)
    assert document["within_2_sigma"] == 0.0


def test_stage_that_says_nothing_is_not_judged() -> None:
    score = ScaleScore()
    score.add(street_points(), prediction(1.0), POSE, MetricScale())
    document = score.document()
    assert math.isnan(document["ratio_error"]["median"])
    assert math.isnan(document["within_2_sigma"])
    assert document["frames"] == 1
