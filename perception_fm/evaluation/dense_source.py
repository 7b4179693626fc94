"""Where predictions come from, and a model as such a source."""

from __future__ import annotations

from typing import Any, Protocol

from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import InferenceError, ModelError
from perception_fm.evaluation.dense_drive import Task, TruthFrame
from perception_fm.evaluation.grid_sampling import GridSampler, PixelPrediction
from perception_fm.inference.backend import InferenceBackend
from perception_fm.models.predictor import ModelPredictor

_HEADS: dict[Task, str] = {"depth": "depth", "segmentation": "label"}


class DenseSource(Protocol):
    """Predictions of the frames of one drive."""

    def predict(self, frame: TruthFrame) -> PixelPrediction:
        """At the pixels of the stored image."""

    def document(self) -> dict[str, Any]:
        """What predicted, for the result file."""


class ModelSource:
    """A model through its backend, which stays the caller's. Raises `ModelError` where it lacks the task's head."""

    def __init__(
        self, backend: InferenceBackend, camera: CameraModel, task: Task, *, is_interpolated: bool = True
    ) -> None:
        card = backend.card
        if _HEADS[task] not in card.heads:
            heads = ", ".join(card.heads)
            raise ModelError(f"model {card.name} has no head {_HEADS[task]}, only {heads}; choose another model")
        self._backend = backend
        self._predictor = ModelPredictor(backend)
        self._rectifier = Rectifier(camera)
        self._is_interpolated = is_interpolated
        self._sampler: GridSampler | None = None

    def predict(self, frame: TruthFrame) -> PixelPrediction:
        """See `DenseSource`. Raises `InferenceError`, which names the frame."""
        rectified = self._rectifier.rectify(frame.image)
        try:
            prediction = self._predictor.predict([rectified], [self._rectifier.rectified])[0]
        except InferenceError as error:
            raise InferenceError(f"frame {frame.frame_id}: {error}") from error
        if self._sampler is None:
            self._sampler = GridSampler(
                self._rectifier.source, prediction.camera, is_interpolated=self._is_interpolated
            )
        return self._sampler.sample(prediction)

    def document(self) -> dict[str, Any]:
        """Card and runtime."""
        return model_document(self._backend, is_interpolated=self._is_interpolated)


def model_document(backend: InferenceBackend, *, is_interpolated: bool = True) -> dict[str, Any]:
    """What predicted, for a result file: the model's card and its runtime."""
    card, info = backend.card, backend.info
    return {
        "kind": "model",
        "name": card.name,
        "source": card.source,
        "revision": card.revision,
        "weights_sha256": card.weights_sha256,
        "licence": card.licence,
        "is_trained": card.is_trained,
        "input_width_px": card.input_width,
        "input_height_px": card.input_height,
        "output_stride": card.output_stride,
        "runtime": info.runtime,
        "runtime_version": info.version,
        "device": info.device,
        "precision": info.precision,
        "fingerprint": info.fingerprint,
        "depth_sampling": "bilinear in 1/depth" if is_interpolated else "nearest",
    }
