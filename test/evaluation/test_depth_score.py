"""Depth of a drive: where every true pixel went, bands, classes, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError, DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.evaluation.depth_score import DepthLimits, DepthScore
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import NO_LABEL, choose_label_map

NAN = math.nan


def frame(depth_m: list[float], label: list[int] | None = None) -> TruthFrame:
    """One row of pixels."""
    depth = np.array([depth_m], np.float32)
    ids = None if label is None else np.array([label], np.int16)
    return TruthFrame(0, "0", "00", np.zeros((*depth.shape, 3), np.uint8), depth, ids)


def prediction(
    depth_m: list[float], on_grid: list[bool] | None = None, std_m: list[float] | None = None
) -> PixelPrediction:
    depth = np.array([depth_m], np.float32)
    everywhere = np.ones(depth.shape, np.bool_)
    std = None if std_m is None else np.array([std_m], np.float32)
    return PixelPrediction(everywhere if on_grid is None else np.array([on_grid]), depth, std)


def test_every_true_pixel_is_counted_once() -> None:
    score = DepthScore(DepthLimits(), None)
    score.add(
        frame([NAN, 0.5, 90.0, 10.0, 10.0, 10.0, 10.0]),
        prediction([5.0, 5.0, 5.0, NAN, -1.0, 12.0, 5.0], [True] * 6 + [False]),
    )
    document = score.document()
    assert document["counts"] == {
        "truth": 6, "out_of_range": 2, "in_range": 4, "outside_grid": 1, "invalid": 2, "judged": 1, "coverage": 0.25
    }  # fmt: skip
    assert document["raw"]["abs_rel"] == pytest.approx(0.2)


def test_raw_and_median_scaled_stand_apart_and_scales_are_per_frame() -> None:
    score = DepthScore(DepthLimits(), None)
    score.add(frame([2.0, 4.0, 8.0]), prediction([4.0, 8.0, 16.0]))
    score.add(frame([2.0, 4.0, 8.0]), prediction([1.0, 2.0, 4.0]))
    document = score.document()
    assert document["raw"]["abs_rel"] == pytest.approx(0.75)
    assert document["median_scaled"]["abs_rel"] == 0.0
    assert document["median_scaled"]["scale_median"] == pytest.approx(1.25)
    assert document["median_scaled"]["scale_std"] == pytest.approx(0.75)
    assert [one["scale"] for one in score.frame_documents()] == [0.5, 2.0]


def test_bands_share_the_pixels_out_and_hold_both_limits() -> None:
    score = DepthScore(DepthLimits(1.0, 20.0, (5.0, 10.0)), None)
    score.add(frame([1.0, 4.0, 5.0, 20.0]), prediction([1.0, 8.0, 5.0, NAN]))
    bands = score.document()["bands"]
    assert [(one["from_m"], one["to_m"], one["in_range"], one["coverage"]) for one in bands] == [
        (1.0, 5.0, 2, 1.0), (5.0, 10.0, 1, 1.0), (10.0, 20.0, 1, 0.0)
    ]  # fmt: skip
    assert bands[0]["raw"]["abs_rel"] == 0.5


def test_classes_follow_the_label_map() -> None:
    label_map = choose_label_map("pandaset", {}, "drive")
    score = DepthScore(DepthLimits(), label_map)
    score.add(frame([10.0] * 4, [7, 10, 13, NO_LABEL]), prediction([10.0, 10.0, 20.0, 10.0]))
    classes = {one["name"]: one["raw"] for one in score.document()["classes"]}
    assert set(classes) == {"road", "vehicle"}
    assert (classes["road"]["pixels"], classes["road"]["abs_rel"]) == (2, 0.0)
    assert classes["vehicle"]["abs_rel"] == 1.0


def test_std_of_judged_pixels_is_judged_too() -> None:
    score = DepthScore(DepthLimits(), None)
    score.add(frame([10.0] * 4), prediction([11.0, 12.5, NAN, 10.0], std_m=[2.0, 1.0, NAN, 0.0]))
    calibration = score.document()["calibration"]
    assert calibration["pixels"] == 2  # a std of zero claims nothing that could be tested
    assert (calibration["within_1_sigma"], calibration["within_2_sigma"]) == (0.5, 0.5)


def test_nothing_predicted_is_coverage_zero_not_a_good_score() -> None:
    score = DepthScore(DepthLimits(), None)
    score.add(frame([10.0, 20.0]), prediction([NAN, NAN]))
    document = score.document()
    assert document["counts"]["coverage"] == 0.0
    assert math.isnan(document["raw"]["abs_rel"])
    assert document["calibration"] is None


def test_no_truth_within_the_limits_is_refused() -> None:
    score = DepthScore(DepthLimits(30.0, 40.0), None)
    score.add(frame([10.0]), prediction([10.0]))
    with pytest.raises(DatasetError, match=r"none of the 1 true depths lies between 30 and 40 m"):
        score.document()


def test_prediction_without_depth_is_refused() -> None:
    with pytest.raises(DatasetError, match="no predicted depth"):
        DepthScore(DepthLimits(), None).add(frame([10.0]), PixelPrediction(np.ones((1, 1), np.bool_)))


@pytest.mark.parametrize(
    "values",
    [(0.0, 80.0), (80.0, 80.0), (1.0, math.inf), (NAN, 80.0), (1.0, 80.0, (10.0, 5.0)), (1.0, 80.0, (5.0, 5.0))],
)
def test_limits_that_cannot_be_are_refused(values: tuple) -> None:
    with pytest.raises(ConfigError):
        DepthLimits(*values)
