"""The error of a learned depth: moments with a known answer, and what must not be believed."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from perception_fm.depth_error import MOST_POINTS, DepthErrorModel, DepthPoints
from perception_fm.errors import ModelError

MODEL = DepthErrorModel(
    model="tiny", weights_sha256="", source="test", frames=100, points=1000, band_edges_m=(10.0, 30.0),
    variance_road=(0.01, 0.01, 0.01), variance_other=(0.04, 0.09, 0.16), bias_road=(0.0, 0.0, 0.0),
    bias_other=(0.0, 0.0, 0.0), scale_variance=0.0225, smooth_share=0.75, correlation_length=0.1,
)  # fmt: skip


def points(position: list[list[float]], depth_m: float = 20.0, **changes: Any) -> DepthPoints:
    return DepthPoints(np.array(position, np.float64), np.full(len(position), depth_m), **changes)


def test_two_points_share_the_scale_and_what_is_smooth() -> None:
    covariance = MODEL.inverse_depth_covariance(points([[0.3, 0.2], [0.4, 0.2]]))
    smooth = 0.75 * 0.09 * math.exp(-1.0)
    np.testing.assert_allclose(np.diag(covariance), (0.0225 + 0.09) / 20.0**2)
    np.testing.assert_allclose(covariance[0, 1], (0.0225 + smooth) / 20.0**2)
    np.testing.assert_array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > 0.0


def test_mean_over_a_box_keeps_the_scale_and_loses_what_is_independent() -> None:
    far_apart = dataclasses.replace(MODEL, correlation_length=1e-6)
    grid = np.stack(np.meshgrid(np.arange(10) / 20.0, np.arange(10) / 20.0), axis=-1).reshape(-1, 2)
    one = far_apart.mean_inverse_depth_covariance([points(grid.tolist())])
    np.testing.assert_allclose(one, [[(0.0225 + 0.09 / 100) / 20.0**2]])


def test_boxes_of_one_image_fail_together_by_the_scale() -> None:
    near, far = points([[0.3, 0.5], [0.32, 0.5]], 8.0), points([[10.3, 0.5]], 50.0)
    covariance = MODEL.mean_inverse_depth_covariance([near, far])
    np.testing.assert_allclose(covariance[0, 1], 0.0225 / (8.0 * 50.0))
    np.testing.assert_allclose(covariance[1, 1], (0.0225 + 0.16) / 50.0**2)
    assert covariance[0, 1] == covariance[1, 0]


def test_bias_is_no_reason_for_trust() -> None:
    biased = dataclasses.replace(MODEL, bias_other=(0.3, 0.3, 0.3))
    difference = biased.inverse_depth_covariance(points([[0, 0], [1, 0]])) - MODEL.inverse_depth_covariance(
        points([[0, 0], [1, 0]])
    )
    np.testing.assert_allclose(difference, 0.09 / 20.0**2)


def test_std_follows_band_and_road_and_keeps_nothing_where_nothing_is() -> None:
    depth = np.array([[5.0, 10.0, 100.0, np.nan]], np.float32)
    std = MODEL.std_m(depth)
    want = depth[0, :3] * np.sqrt(0.0225 + np.array([0.04, 0.09, 0.16]))
    np.testing.assert_allclose(std[0, :3], want, rtol=1e-6)  # float32
    assert np.isnan(std[0, 3])
    assert std.dtype == np.float32
    np.testing.assert_allclose(MODEL.std_m(depth, depth < 11.0)[0, 1], 10.0 * math.sqrt(0.0325), rtol=1e-6)


def test_predicted_variance_replaces_the_group_where_it_was_fitted() -> None:
    fitted = dataclasses.replace(MODEL, log_variance_offset=0.5, log_variance_slope=2.0)
    at = points([[0.3, 0.2]], log_variance=np.array([-2.0]))
    np.testing.assert_allclose(fitted.inverse_depth_covariance(at), (0.0225 + math.exp(-3.5)) / 20.0**2)
    np.testing.assert_allclose(MODEL.inverse_depth_covariance(at), (0.0225 + 0.09) / 20.0**2)


def test_json_there_and_back() -> None:
    fitted = dataclasses.replace(MODEL, log_variance_offset=0.5, log_variance_slope=2.0)
    for model in (MODEL, fitted):
        assert DepthErrorModel.from_json(model.to_json(), "file") == model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_variance": math.nan}, "finite"),
        ({"scale_variance": -0.1}, "not negative"),
        ({"variance_other": (0.1, 0.0, 0.1)}, "positive"),
        ({"bias_road": (0.0,)}, "2 edges make 3 bands"),
        ({"band_edges_m": (30.0, 10.0)}, "rise"),
        ({"smooth_share": 1.2}, "0 to 1"),
        ({"correlation_length": 0.0}, "positive"),
        ({"log_variance_slope": 1.0}, "belong together"),
    ],
)
def test_impossible_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(MODEL, **changes)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({**json.loads(MODEL.to_json()), "more": 1}),
        json.dumps({**json.loads(MODEL.to_json()), "frames": "many"}),
        json.dumps({**json.loads(MODEL.to_json()), "bias_road": 0.0}),
        json.dumps({**json.loads(MODEL.to_json()), "smooth_share": None}),
    ],
)
def test_damaged_file_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(ModelError, match=r"error\.json is no depth error model"):
        DepthErrorModel.from_json(text, "error.json")


@pytest.mark.parametrize(
    ("position", "depth_m"),
    [
        (np.zeros((0, 2)), np.zeros(0)),
        (np.zeros((2, 2)), np.ones(3)),
        (np.zeros((2, 2)), np.array([1.0, np.nan])),
        (np.zeros((2, 2)), np.array([1.0, 0.0])),
        (np.full((1, 2), np.inf), np.ones(1)),
        (np.zeros((MOST_POINTS + 1, 2)), np.ones(MOST_POINTS + 1)),
    ],
)
def test_points_that_are_nothing_are_refused(position: np.ndarray, depth_m: np.ndarray) -> None:
    with pytest.raises(ModelError, match="depth points"):
        DepthPoints(position, depth_m)


def test_no_boxes_are_refused() -> None:
    with pytest.raises(ModelError, match="at least one box"):
        MODEL.mean_inverse_depth_covariance([])
