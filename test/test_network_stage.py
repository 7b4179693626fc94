"""The network beside the other stages: its answer, its failure, and a picture that it must not see."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from perception_fm.camera.integrity import BLACK
from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.camera.watch import WatchedFrame
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction, ModelState
from perception_fm.errors import InferenceError, PerceptionError
from perception_fm.network_stage import NetworkStage
from perception_fm.pipeline import MODEL_UNTRAINED, PerceptionPipeline
from perception_fm.types import CameraFrame, Mode

CAMERA = CameraModel(64, 48, np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]))


class Predictor:
    """Depth is the mean of the picture, in metres; -1 where nothing is claimed."""

    def __init__(self, error: Exception | None = None, state: ModelState | None = None) -> None:
        self.error = error
        self.state = state or ModelState("plain", "test", "fp32", "0", ("depth",))
        self.seen: list[np.ndarray] = []

    depth_error = None

    def unknown(self, camera: CameraModel) -> DensePrediction:
        return DensePrediction(camera, depth_m=np.full((camera.height, camera.width), np.nan, np.float32))

    def predict(self, images, cameras):
        self.seen += images
        if self.error is not None:
            raise self.error
        return tuple(
            DensePrediction(camera, depth_m=np.full((camera.height, camera.width), image.mean(), np.float32))
            for image, camera in zip(images, cameras)
        )


def answer(predictor, image, is_usable=True):
    stage = NetworkStage(predictor)
    stage.begin([watched(image, is_usable=is_usable)])
    return stage.end()


def watched(image, camera=CAMERA, is_usable=True):
    shown = CameraFrame(1, "front_optical", image, camera)
    return WatchedFrame(shown, Rectifier(camera), image[..., 0], None, () if is_usable else (BLACK,))


def textured(seed=0):
    return np.random.default_rng(seed).integers(40, 200, (48, 64, 3), dtype=np.uint8)


def test_answer_belongs_to_the_frame_that_was_begun():
    stage = NetworkStage(Predictor())
    for level in (10, 20, 30):
        stage.begin([watched(np.full((48, 64, 3), level, np.uint8))])
        assert stage.end().dense[0].depth_m[0, 0] == level


def test_several_cameras_share_one_call_and_keep_their_order():
    calls = []

    class Counting(Predictor):
        def predict(self, images, cameras):
            calls.append(len(images))
            return super().predict(images, cameras)

    stage = NetworkStage(Counting())
    stage.begin([watched(np.full((48, 64, 3), level, np.uint8), is_usable=level != 20) for level in (10, 20, 30)])
    first, second, third = (one.depth_m[0, 0] for one in stage.end().dense)
    assert (first, third) == (10.0, 30.0)
    assert np.isnan(second)
    assert calls == [2]


def test_network_sees_the_rectified_picture():
    bent = CameraModel(64, 48, CAMERA.intrinsics, "plumb_bob", np.array([-0.3, 0.05, 0.0, 0.0, 0.0]))
    predictor, rectifier, image = Predictor(), Rectifier(bent), textured()
    stage = NetworkStage(predictor)
    stage.begin([watched(image, bent)])
    stage.end()
    np.testing.assert_array_equal(predictor.seen[0], rectifier.rectify(image))
    assert not np.array_equal(predictor.seen[0], image)


def test_failed_inference_makes_the_prediction_unknown():
    found = answer(Predictor(InferenceError("out of memory")), textured())
    assert np.isnan(found.dense[0].depth_m).all()
    assert found.failure == "out of memory"


def test_unusable_picture_is_not_shown_to_the_network():
    predictor = Predictor()
    found = answer(predictor, textured(), is_usable=False)
    assert np.isnan(found.dense[0].depth_m).all()
    assert predictor.seen == []
    assert found.failure == ""


def test_bug_in_the_network_is_not_taken_for_an_answer():
    with pytest.raises(ZeroDivisionError):
        answer(Predictor(ZeroDivisionError()), textured())


def frame(number, image):
    return CameraFrame(1_000_000_000 + number * 100_000_000, "front_optical", image, CAMERA)


def test_pipeline_carries_the_prediction_and_its_time():
    result = PerceptionPipeline(PerceptionConfig(), Predictor()).process(frame(0, textured()))
    assert result.dense.depth_m[0, 0] == pytest.approx(textured().mean(), rel=1e-5)
    assert result.latency_ms["network"] >= 0.0


def test_pipeline_without_a_model_has_no_prediction():
    pipeline = PerceptionPipeline(PerceptionConfig())
    result = pipeline.process(frame(0, textured()))
    assert result.dense is None
    assert pipeline.model == ModelState()
    assert "network" not in result.latency_ms


def test_failed_inference_is_a_reason_and_geometry_goes_on():
    result = PerceptionPipeline(PerceptionConfig(), Predictor(InferenceError("lost"))).process(frame(0, textured()))
    assert "the model gave no answer: lost" in result.reasons
    assert result.mode is not Mode.NOMINAL
    assert np.isnan(result.dense.depth_m).all()


def test_black_picture_makes_the_prediction_unknown():
    predictor = Predictor()
    result = PerceptionPipeline(PerceptionConfig(), predictor).process(frame(0, np.zeros((48, 64, 3), np.uint8)))
    assert np.isnan(result.dense.depth_m).all()
    assert predictor.seen == []
    assert result.mode is Mode.UNTRUSTED


def test_untrained_model_is_never_nominal():
    state = ModelState("raw", "test", "fp32", "0", ("depth",), is_trained=False)
    result = PerceptionPipeline(PerceptionConfig(), Predictor(state=state)).process(frame(0, textured()))
    assert MODEL_UNTRAINED in result.reasons
    assert result.mode is not Mode.NOMINAL


def test_refused_model_is_a_reason_on_every_frame():
    pipeline = PerceptionPipeline(PerceptionConfig(), None, "the gate refused it: depth AbsRel 0.3")
    for number in range(2):
        result = pipeline.process(frame(number, textured(number)))
        assert "geometry only: the gate refused it: depth AbsRel 0.3" in result.reasons
        assert result.mode is not Mode.NOMINAL


@pytest.mark.parametrize(
    "changes",
    [
        {"depth_m": np.zeros((4, 4), np.float32)},
        {"depth_m": np.zeros((48, 64), np.float64)},
        {"label": np.zeros((48, 64), np.int32)},
        {"normals": np.zeros((48, 64), np.float32)},
        {"depth_std_m": np.zeros((48, 64), np.float32)},
    ],
)
def test_prediction_of_another_grid_or_type_is_refused(changes):
    with pytest.raises(PerceptionError):
        DensePrediction(CAMERA, **changes)


def test_prediction_is_read_only():
    whole = Predictor().unknown(CAMERA)
    with pytest.raises(ValueError, match="read-only"):
        whole.depth_m[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        whole.depth_m = None
