"""Confusion, IoU and calibration of confidences, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.evaluation.segmentation_metrics import ECE_BINS, Confusion, Reliability


def test_iou_by_hand() -> None:
    true = np.array([0, 0, 0, 0, 1, 1])
    predicted = np.array([0, 0, 1, 3, 1, 0])  # 3 is none of the three classes
    confusion = Confusion.of(predicted, true, 3)
    assert confusion.counts.tolist() == [[2, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    iou = confusion.iou()
    assert iou[0] == 2 / (4 + 3 - 2)
    assert iou[1] == 1 / (2 + 2 - 1)
    assert math.isnan(iou[2])  # the truth holds none of it
    assert confusion.mean_iou() == pytest.approx((2 / 5 + 1 / 3) / 2)
    assert confusion.accuracy() == 0.5
    assert confusion.recall()[:2].tolist() == [0.5, 0.5]
    assert confusion.precision()[0] == pytest.approx(2 / 3)


def test_class_that_is_never_found_counts_as_zero() -> None:
    confusion = Confusion.of(np.array([0, 0]), np.array([0, 1]), 2)
    assert confusion.iou().tolist() == [0.5, 0.0]
    assert confusion.mean_iou() == 0.25


def test_constant_label_has_the_share_of_its_class_as_accuracy() -> None:
    true = np.repeat([0, 1], [300, 100])
    confusion = Confusion.of(np.zeros(400, np.int64), true, 2)
    assert confusion.accuracy() == confusion.iou()[0] == 0.75


def test_images_add_up() -> None:
    generator = np.random.default_rng(1)
    true, predicted = generator.integers(0, 4, 500), generator.integers(0, 5, 500)
    parts = Confusion.of(predicted[:200], true[:200], 4) + Confusion.of(predicted[200:], true[200:], 4)
    assert np.array_equal(parts.counts, Confusion.of(predicted, true, 4).counts)


def test_nothing_judged_is_nan() -> None:
    empty = Confusion.empty(3)
    assert math.isnan(empty.mean_iou())
    assert math.isnan(empty.accuracy())
    assert math.isnan(Reliability.empty().ece())


def test_ece_by_hand() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5, 0.5])
    is_right = np.array([True, True, True, False, True, False])
    reliability = Reliability.of(confidence, is_right)
    assert reliability.ece() == pytest.approx(4 / 6 * abs(0.75 - 0.9) + 2 / 6 * 0.0)
    mean, right = reliability.shares()
    assert mean[13] == pytest.approx(0.9)
    assert right[13] == 0.75
    assert math.isnan(right[0])


def test_sure_and_always_wrong_is_the_largest_error() -> None:
    assert Reliability.of(np.ones(10), np.zeros(10, np.bool_)).ece() == 1.0


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (1 / 15, 0), (0.067, 1), (0.6, 8), (1.0, ECE_BINS - 1)])
def test_a_bin_holds_its_upper_edge(confidence: float, place: int) -> None:
    pixels = Reliability.of(np.array([confidence], np.float32), np.array([True])).pixels
    assert pixels.tolist() == [int(index == place) for index in range(ECE_BINS)]
