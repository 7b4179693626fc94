"""Which pixels of which frames the error of a depth is measured at."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perception_fm.errors import BagError
from perception_fm.evaluation.depth_error_frames import ErrorFrames, frame_errors
from perception_fm.evaluation.depth_score import DepthLimits
from perception_fm.evaluation.grid_sampling import PixelPrediction

NAN = math.nan


def row(**values: list[float]) -> PixelPrediction:
    arrays = {name: np.array([one], np.uint8 if name == "label" else np.float32) for name, one in values.items()}
    return PixelPrediction(np.array([[True] * 4 + [False]]), **arrays)


def test_points_have_truth_in_range_and_a_prediction_on_the_grid() -> None:
    true_m = np.array([[10.0, 20.0, NAN, 90.0, 10.0]], np.float32)
    found = frame_errors(true_m, row(depth_m=[11.0, 18.0, 5.0, 80.0, 10.0]), DepthLimits(), has_variance=False)
    np.testing.assert_allclose(found.depth_m, [11.0, 18.0])
    np.testing.assert_allclose(found.true_m, [10.0, 20.0])
    np.testing.assert_allclose(found.position, [[0.1, 0.1], [0.3, 0.1]])
    assert found.is_road is None
    assert found.log_variance is None


def test_road_is_what_is_predicted_as_road_and_variance_what_is_predicted() -> None:
    true_m = np.full((1, 5), 10.0, np.float32)
    prediction = row(
        depth_m=[10.0, 10.0, NAN, 10.0, 10.0], label=[0, 13, 0, 0, 0], depth_std_m=[1.0, 2.0, NAN, 0.0, 1.0]
    )
    found = frame_errors(true_m, prediction, DepthLimits(), has_variance=True)
    assert found.is_road.tolist() == [True, False]
    np.testing.assert_allclose(found.log_variance, np.log([0.01, 0.04]), rtol=1e-6)
    # A std that was fitted, not predicted, is no cue.
    fitted = frame_errors(true_m, prediction, DepthLimits(), has_variance=False)
    assert fitted.log_variance is None
    assert len(fitted.depth_m) == 3


@pytest.mark.parametrize("depth_m", [NAN, -1.0, 0.0])
def test_frame_without_a_point_is_left_out(depth_m: float) -> None:
    prediction = row(depth_m=[depth_m] * 5)
    assert frame_errors(np.full((1, 5), 10.0, np.float32), prediction, DepthLimits(), has_variance=False) is None


def test_drive_folder_with_depth_is_normal_driving(make_truth_drive: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the tiny model is made with onnx")
    from tiny_onnx import LOG_VARIANCE, write_tiny_model

    from perception_fm.inference.model_file import read_model_file
    from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend

    with OnnxRuntimeBackend(read_model_file(write_tiny_model(tmp_path / "tiny.onnx"))) as backend:
        source = ErrorFrames(make_truth_drive(), backend, DepthLimits())
        errors = list(source.errors())
        assert (source.name, source.count, len(errors)) == ("drive", 2, 2)
        np.testing.assert_allclose(errors[0].depth_m, errors[0].true_m, rtol=1e-5)  # float32
        np.testing.assert_allclose(errors[0].log_variance, LOG_VARIANCE, rtol=1e-5)
        assert errors[0].is_road.all()
        with pytest.raises(BagError):
            ErrorFrames(tmp_path, backend, DepthLimits())
