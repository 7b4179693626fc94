"""Classes of a drive: merges, ignored and missing pixels, confidence."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.label_map import NO_LABEL, choose_label_map
from perception_fm.evaluation.segmentation_score import SegmentationScore

ROAD, SKY, CAR, BUS, UNKNOWN = 0, 10, 13, 15, 255


def score_of(
    truth: list[int], predicted: list[int], on_grid: list[bool] | None = None, confidence: list[float] | None = None
) -> SegmentationScore:
    """One row of PandaSet ids against trainIds."""
    ids = np.array([truth], np.int16)
    frame = TruthFrame(0, "0", "00", np.zeros((*ids.shape, 3), np.uint8), None, ids)
    sure = None if confidence is None else np.array([confidence], np.float32)
    grid = np.ones(ids.shape, np.bool_) if on_grid is None else np.array([on_grid])
    score = SegmentationScore(choose_label_map("pandaset", {}, "drive"))
    score.add(frame, PixelPrediction(grid, label=np.array([predicted], np.uint8), confidence=sure))
    return score


def iou(score: SegmentationScore) -> dict[str, float]:
    return {one["name"]: one["iou"] for one in score.document()["classes"] if one["true_pixels"]}


def test_merged_classes_are_one() -> None:
    score = score_of([7, 8, 9, 10, 13, 16], [ROAD, ROAD, ROAD, ROAD, BUS, CAR])
    assert iou(score) == {"road": 1.0, "vehicle": 1.0}
    assert score.document()["mean_iou"] == score.document()["pixel_accuracy"] == 1.0


def test_every_labelled_pixel_is_counted_once() -> None:
    score = score_of([NO_LABEL, 42, 7, 7, 7, 13], [ROAD, ROAD, ROAD, UNKNOWN, ROAD, SKY], [True] * 4 + [False, True])
    assert score.document()["counts"] == {
        "labelled": 5, "ignored": 1, "outside_grid": 1, "judged": 3, "unknown": 1
    }  # fmt: skip
    assert iou(score) == {"road": 0.5, "vehicle": 0.0}
    assert score.document()["pixel_accuracy"] == pytest.approx(1 / 3)


def test_prediction_of_no_class_stands_in_the_last_column() -> None:
    confusion = score_of([7, 7], [SKY, ROAD]).document()["confusion"]
    assert confusion["predicted"][-1] == "none of them"
    road = confusion["pixels"][confusion["true"].index("road")]
    assert (road[confusion["true"].index("road")], road[-1]) == (1, 1)


def test_confidence_of_what_is_judged_and_claimed() -> None:
    score = score_of([7, 7, 7, 42], [ROAD, CAR, UNKNOWN, ROAD], confidence=[0.9, 0.9, 0.9, 0.1])
    calibration = score.document()["calibration"]
    assert calibration["pixels"] == 2
    assert calibration["ece"] == pytest.approx(0.4)
    assert score_of([7], [ROAD]).document()["calibration"] is None


def test_truth_that_the_map_ignores_whole_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"none of the 2 labelled pixels has a class"):
        score_of([42, 6], [ROAD, ROAD]).document()


def test_unknown_id_is_refused_with_its_frame() -> None:
    with pytest.raises(DatasetError, match="frame 0: the truth holds the id 99"):
        score_of([99], [ROAD])


def test_model_without_labels_is_refused() -> None:
    frame = TruthFrame(0, "7", "07", np.zeros((1, 1, 3), np.uint8), None, np.zeros((1, 1), np.int16))
    score = SegmentationScore(choose_label_map("camvid", {}, "drive"))
    with pytest.raises(DatasetError, match="frame 7 has no predicted labels"):
        score.add(frame, PixelPrediction(np.ones((1, 1), np.bool_)))
