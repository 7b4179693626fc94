"""What the pipeline gets from a network: metres for its own camera, its own grid, and nothing made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import CameraError, ImageError, InferenceError
from perception_fm.inference.backend import Array, BackendInfo, InferenceBackend, TensorSpec
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS
from perception_fm.models.predictor import ModelPredictor

CARD = ModelCard(
    name="grid", source="", revision=None, licence="Apache-2.0", is_commercial=True, is_trained=False, encoder="none",
    input_height=32, input_width=64, output_stride=4, heads=tuple(HEADS), canonical_focal_px=50.0,
)  # fmt: skip
GRID = (8, 16)


def camera(width: int, height: int, focal_px: float = 100.0) -> CameraModel:
    k = np.array([[focal_px, 0.0, width / 2 - 0.5], [0.0, focal_px, height / 2 - 0.5], [0.0, 0.0, 1.0]])
    return CameraModel(width, height, k)


class Answering(InferenceBackend):
    """Answers with the mean of each cell as depth, and with arrays that were set for the other heads."""

    def __init__(self, card: ModelCard = CARD, **answers: object) -> None:
        self.card = card
        self.info = BackendInfo("recorded", "1", "CPU", "fp32", "00")
        self.inputs = (TensorSpec("image", "uint8", (None, card.input_height, card.input_width, 3)),)
        self.outputs = ()
        self.answers = answers
        self.seen: np.ndarray | None = None
        self.is_closed = False

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        self.seen = feeds["image"].copy()
        count = len(self.seen)
        cells = self.seen.reshape(count, *GRID[:1], 4, GRID[1], 4, 3).mean(axis=(2, 4, 5), dtype=np.float32)
        raw: dict[str, Array] = {
            "depth": cells,
            "depth_log_variance": np.full((count, *GRID), np.log(0.01), np.float32),
            "label": np.full((count, *GRID), 13, np.int32),
            "confidence": np.full((count, *GRID), 0.5, np.float32),
            "normals": np.tile(np.array([0, 0, -1], np.float32)[None, :, None, None], (count, 1, *GRID)),
            "painted": np.full((count, *GRID), 0.25, np.float32),
        }
        for head, alter in self.answers.items():
            raw[head] = alter(raw[head]) if callable(alter) else np.broadcast_to(alter, raw[head].shape)
        self.last = {head: raw[head] for head in self.card.heads}
        return self.last

    def close(self) -> None:
        self.is_closed = True


def predict(backend: Answering, level: int = 20, size: tuple[int, int] = (128, 64), focal_px: float = 100.0):
    """Of one uniform image that fills the model's input."""
    image = np.full((size[1], size[0], 3), level, np.uint8)
    return ModelPredictor(backend).predict([image], [camera(*size, focal_px)])[0]


def cell(row: int, column: int, value: float):
    """Alters one cell of a head, in all its channels."""

    def alter(values: Array) -> Array:
        values = values.copy()
        values[..., row, column] = value
        return values

    return alter


def test_all_heads_of_a_known_image() -> None:
    prediction = predict(Answering())
    # 128 pixels shrink to 64, so fx in the model input is 50, the canonical focal length.
    np.testing.assert_allclose(prediction.depth_m, 20.0)
    np.testing.assert_allclose(prediction.depth_std_m, 2.0, rtol=1e-6)
    assert (prediction.label == 13).all()
    assert (prediction.confidence == 128).all()
    np.testing.assert_array_equal(prediction.normals[0, 0], [0.0, 0.0, -1.0])
    np.testing.assert_array_equal(prediction.painted, 0.25)
    assert (prediction.camera.width, prediction.camera.height) == (16, 8)
    assert prediction.camera.fx == pytest.approx(100.0 / 8)


def test_depth_scales_with_the_focal_length() -> None:
    np.testing.assert_allclose(predict(Answering(), focal_px=300.0).depth_m, 60.0, rtol=1e-6)
    np.testing.assert_allclose(predict(Answering(), focal_px=300.0).depth_std_m, 6.0, rtol=1e-6)


def test_same_camera_at_another_resolution_gives_the_same_metres() -> None:
    np.testing.assert_allclose(predict(Answering(), size=(256, 128), focal_px=200.0).depth_m, 20.0, rtol=1e-6)


def test_model_that_knows_metres_is_not_scaled() -> None:
    card = dataclasses.replace(CARD, canonical_focal_px=None)
    np.testing.assert_allclose(predict(Answering(card), focal_px=300.0).depth_m, 20.0)


def test_letterbox_border_never_reaches_the_prediction() -> None:
    # A square image in a 2:1 input: 16 columns of border on either side, which is 4 cells.
    backend = Answering()
    prediction = predict(backend, level=20, size=(64, 64))
    assert (backend.seen[0, :, :16] == 114).all()
    assert prediction.depth_m.shape == (8, 8)
    np.testing.assert_allclose(prediction.depth_m, 20.0)  # 50 px of focal length in the model input
    centre = [(prediction.camera.width - 1) / 2, (prediction.camera.height - 1) / 2]
    np.testing.assert_allclose([prediction.camera.cx, prediction.camera.cy], centre)


def test_several_cameras_in_one_call_keep_their_own_grids_and_scales() -> None:
    backend = Answering()
    images = [np.full((64, 128, 3), 10, np.uint8), np.full((64, 64, 3), 30, np.uint8)]
    predictor = ModelPredictor(backend)
    wide, square = predictor.predict(images, [camera(128, 64), camera(64, 64, 200.0)])
    assert backend.seen.shape == (2, 32, 64, 3)
    assert (wide.depth_m.shape, square.depth_m.shape) == ((8, 16), (8, 8))
    np.testing.assert_allclose(wide.depth_m, 10.0)
    np.testing.assert_allclose(square.depth_m, 60.0)


def test_calibration_that_changes_is_followed() -> None:
    predictor = ModelPredictor(Answering())
    image = np.full((64, 128, 3), 20, np.uint8)
    for focal_px, depth_m in ((100.0, 20.0), (50.0, 10.0), (100.0, 20.0)):
        (prediction,) = predictor.predict([image], [camera(128, 64, focal_px)])
        np.testing.assert_allclose(prediction.depth_m, depth_m)


def test_grey_image_is_shown_to_the_network_in_three_channels() -> None:
    backend = Answering()
    ramp = np.tile(np.arange(128, dtype=np.uint8), (64, 1))
    (grey,) = ModelPredictor(backend).predict([ramp], [camera(128, 64)])
    seen = backend.seen
    (colour,) = ModelPredictor(backend).predict([np.dstack([ramp] * 3)], [camera(128, 64)])
    np.testing.assert_array_equal(seen, backend.seen)
    np.testing.assert_array_equal(grey.depth_m, colour.depth_m)


def test_outputs_that_the_next_call_overwrites_are_copied() -> None:
    backend = Answering()
    prediction = predict(backend)
    for head, values in backend.last.items():
        name = {"depth": "depth_m", "depth_log_variance": "depth_std_m"}.get(head, head)
        assert not np.shares_memory(values, getattr(prediction, name)), head


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -3.0, 3e38])
def test_depth_that_is_no_distance_is_nan(value: float) -> None:
    prediction = predict(Answering(depth=cell(2, 3, value)), focal_px=300.0)
    assert np.isnan(prediction.depth_m[2, 3])
    assert np.isnan(prediction.depth_std_m[2, 3])
    assert np.isnan(prediction.depth_m).sum() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e4, -1e4])
def test_depth_of_unknown_or_impossibly_small_error_is_no_measurement(value: float) -> None:
    prediction = predict(Answering(depth_log_variance=cell(2, 3, value)))
    assert np.isnan(prediction.depth_m[2, 3])
    assert np.isnan(prediction.depth_std_m[2, 3])
    assert np.nanmin(prediction.depth_std_m) > 0.0


def test_labels_follow_the_map_of_the_card() -> None:
    card = dataclasses.replace(CARD, class_names=("car", "lamp", "road"), train_ids=(13, 255, 0))
    label = np.zeros((1, *GRID), np.int32)
    label[0, 0, :5] = (0, 1, 2, 3, -1)
    prediction = predict(Answering(card, label=label))
    # An index that no class has is unknown, not a class by accident.
    np.testing.assert_array_equal(prediction.label[0, :5], [13, 255, 0, 255, 255])


def test_confidence_in_bytes_and_unknown_where_there_is_none() -> None:
    confidence = np.full((1, *GRID), 1.0, np.float32)
    confidence[0, 0, :5] = (0.0, 0.5, 1.01, np.nan, -0.1)
    prediction = predict(Answering(confidence=confidence))
    np.testing.assert_array_equal(prediction.confidence[0, :5], [0, 128, 255, 0, 0])
    np.testing.assert_array_equal(prediction.label[0, :5], [13, 13, 13, 255, 13])


def test_normals_are_unit_vectors_or_nan() -> None:
    normals = np.zeros((1, 3, *GRID), np.float32)
    normals[:, 2] = -1.02
    normals[0, :, 0, 1] = 0.0
    normals[0, 0, 0, 2] = np.nan
    normals[0, 1, 0, 3] = np.inf
    normals[0, 1, 0, 4] = 3e38
    found = predict(Answering(normals=normals)).normals
    np.testing.assert_allclose(found[0, 0], [0.0, 0.0, -1.0])
    assert np.isnan(found[0, 1:5]).all()
    np.testing.assert_allclose(np.linalg.norm(found[1:], axis=2), 1.0, rtol=1e-6)


def test_painted_is_a_probability_or_nan() -> None:
    painted = np.full((1, *GRID), 0.5, np.float32)
    painted[0, 0, :4] = (-0.1, 1.1, np.nan, np.inf)
    found = predict(Answering(painted=painted)).painted
    np.testing.assert_array_equal(found[0, :5], [0.0, 1.0, np.nan, np.nan, 0.5])


@pytest.mark.parametrize("head", ["depth", "depth_log_variance", "confidence", "normals", "painted"])
def test_head_that_is_nan_everywhere_is_a_failure_of_the_frame(head: str) -> None:
    with pytest.raises(InferenceError, match="NaN everywhere in its head"):
        predict(Answering(**{head: np.float32(np.nan)}))


def test_depth_that_is_positive_nowhere_is_a_failure_of_the_frame() -> None:
    with pytest.raises(InferenceError, match="head depth"):
        predict(Answering(depth=np.float32(-1.0)))


@pytest.mark.parametrize("heads", [("depth",), ("label",), ("depth", "label", "confidence"), ("normals",)])
def test_head_that_the_model_lacks_is_none(heads: tuple[str, ...]) -> None:
    prediction = predict(Answering(dataclasses.replace(CARD, heads=heads)))
    names = {"depth_m": "depth", "depth_std_m": "depth_log_variance"}
    for field in ("depth_m", "depth_std_m", "label", "confidence", "normals", "painted"):
        assert (getattr(prediction, field) is not None) == (names.get(field, field) in heads)


FITTED = DepthErrorModel(
    model="grid", weights_sha256="", source="test", frames=20, points=2000, band_edges_m=(15.0,),
    variance_road=(0.01, 0.03), variance_other=(0.02, 0.08), bias_road=(0.0, 0.0), bias_other=(0.0, 0.0),
    scale_variance=0.01, smooth_share=0.5, correlation_length=0.1,
)  # fmt: skip


def test_model_without_variance_head_takes_the_error_that_was_fitted_for_it() -> None:
    card = dataclasses.replace(CARD, heads=("depth", "label"), depth_error=FITTED)
    label = np.full((1, *GRID), 13, np.int32)
    label[0, 0, 0] = 0
    prediction = predict(Answering(card, label=label, depth=cell(2, 3, np.nan)))
    np.testing.assert_allclose(prediction.depth_std_m[0, :2], 20.0 * np.sqrt([0.04, 0.09]), rtol=1e-6)
    assert np.isnan(prediction.depth_std_m[2, 3])
    assert np.isfinite(prediction.depth_std_m).sum() == prediction.depth_std_m.size - 1
    nothing = ModelPredictor(Answering(card)).unknown(camera(128, 64))
    assert np.isnan(nothing.depth_std_m).all()


def test_predicted_variance_goes_before_the_fitted_error() -> None:
    prediction = predict(Answering(dataclasses.replace(CARD, depth_error=FITTED)))
    np.testing.assert_allclose(prediction.depth_std_m, 2.0, rtol=1e-6)


def test_images_and_cameras_must_match() -> None:
    predictor = ModelPredictor(Answering())
    image = np.zeros((64, 128, 3), np.uint8)
    with pytest.raises(InferenceError, match="2 images, 1 cameras"):
        predictor.predict([image, image], [camera(128, 64)])
    with pytest.raises(InferenceError, match="0 images"):
        predictor.predict([], [])
    with pytest.raises(ImageError, match="128x64 images"):
        predictor.predict([image[:32]], [camera(128, 64)])
    with pytest.raises(InferenceError, match="image is uint8"):
        predictor.predict([np.zeros((64, 128, 4), np.uint8)], [camera(128, 64)])


def test_distorted_camera_is_refused() -> None:
    lens = CameraModel(128, 64, camera(128, 64).intrinsics, "plumb_bob", np.array([0.1, 0.0, 0.0, 0.0, 0.0]))
    with pytest.raises(CameraError, match="rectify"):
        ModelPredictor(Answering()).predict([np.zeros((64, 128, 3), np.uint8)], [lens])


def test_closing_frees_the_backend() -> None:
    backend = Answering()
    ModelPredictor(backend).close()
    assert backend.is_closed
