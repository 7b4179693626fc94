"""Prints: believed or not, and found or not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.errors import DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.evaluation.depth_score import DepthLimits
from perception_fm.evaluation.grid_sampling import PixelPrediction
from perception_fm.evaluation.print_score import PrintDepthScore, PrintHeadScore, PrintLabelScore
from perception_fm.evaluation.shard_frames import ShardFrame

INF = math.inf
CAMERA = CameraModel(1, 1, np.array([[50.0, 0.0, 0.0], [0.0, 50.0, 0.0], [0.0, 0.0, 1.0]]))


def frame(true: list[float], pictured: list[float], painted: list[bool], kind: str = "scene") -> ShardFrame:
    """One row of pixels."""
    depth = np.array([true], np.float32)
    image = np.zeros((*depth.shape, 3), np.uint8)
    truth = TruthFrame(0, "0", "0", image, depth, np.zeros(depth.shape, np.int16))
    return ShardFrame(
        truth, CAMERA, CAMERA, np.array([pictured], np.float32), None, np.array([painted]), kind, "painted_wall", 1
    )


def prediction(**values: list[float]) -> PixelPrediction:
    rows = {name: np.array([one], np.uint8 if name == "label" else np.float32) for name, one in values.items()}
    return PixelPrediction(np.ones(next(iter(rows.values())).shape, np.bool_), **rows)


def test_nearer_to_the_picture_is_believing_it_and_sky_can_be_believed() -> None:
    score = PrintDepthScore(DepthLimits())
    # Half way between 1 / 10 m and 1 / 40 m lies 16 m, between 1 / 10 m and the sky 20 m.
    share = score.add(
        frame([10.0] * 6, [40.0, 40.0, INF, INF, 11.0, 40.0], [True] * 5 + [False]),
        prediction(depth_m=[15.0, 17.0, 19.0, 21.0, 11.0, 40.0]),
    )
    assert share == 0.5
    document = score.document()
    assert document["asked"] == 4  # 11 m is too near to 10 m to say anything
    assert document["raw"]["pixels"] == 5  # but its depth counts
    assert document["frames"] == 1


def test_kinds_of_prints_and_bands_share_the_pixels_out() -> None:
    score = PrintDepthScore(DepthLimits(1.0, 80.0, (20.0,)))
    score.add(frame([10.0, 30.0], [40.0, 80.0], [True, True], "scene"), prediction(depth_m=[40.0, 30.0]))
    score.add(frame([10.0], [40.0], [True], "tunnel"), prediction(depth_m=[10.0]))
    document = score.document()
    assert [(one["print"], one["believing_share"]) for one in document["prints"]] == [("scene", 0.5), ("tunnel", 0.0)]
    assert [one["believing_share"] for one in document["bands"]] == [0.5, 0.0]


def test_frame_without_a_print_in_range_judges_nothing() -> None:
    score = PrintDepthScore(DepthLimits())
    assert math.isnan(score.add(frame([10.0], [10.0], [False]), prediction(depth_m=[10.0])))
    assert math.isnan(score.add(frame([90.0], [200.0], [True]), prediction(depth_m=[10.0])))
    assert math.isnan(score.add(frame([10.0], [40.0], [True]), prediction(depth_m=[math.nan])))
    assert score.document() is None


def test_head_is_judged_per_kind_against_all_other_surfaces() -> None:
    score = PrintHeadScore()
    score.add(frame([10.0] * 3, [10.0] * 3, [True, False, False], "scene"), prediction(painted=[0.9, 0.1, 0.6]))
    score.add(frame([10.0] * 3, [10.0] * 3, [True, False, False], "tunnel"), prediction(painted=[0.5, 0.1, math.nan]))
    document = score.document()
    assert document["auroc"] == pytest.approx(5.0 / 6.0)
    assert [one["auroc"] for one in document["prints"]] == [1.0, pytest.approx(2.0 / 3.0)]
    assert document["invalid"] == 1
    assert document["calibration"]["pixels"] == 5


def test_labels_on_prints_are_counted_on_prints_only() -> None:
    score = PrintLabelScore()
    assert score.document() is None
    score.add(frame([10.0] * 4, [10.0] * 4, [True, True, True, False]), prediction(label=[0, 10, 255, 13]))
    document = score.document()
    assert document["pixels"] == 3
    assert document["predicted_share"] == {"road": pytest.approx(1 / 3), "sky": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    "score", [PrintDepthScore(DepthLimits()), PrintHeadScore(), PrintLabelScore()], ids=["depth", "head", "labels"]
)
def test_missing_prediction_is_refused(score: PrintDepthScore | PrintHeadScore | PrintLabelScore) -> None:
    with pytest.raises(DatasetError, match="frame 0"):
        score.add(frame([10.0], [10.0], [True]), PixelPrediction(np.ones((1, 1), np.bool_)))
