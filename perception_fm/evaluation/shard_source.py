"""A model's predictions for the frames of a dataset, at the pixels of the truth."""

from __future__ import annotations

from typing import Any

from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import InferenceError
from perception_fm.evaluation.dense_source import model_document
from perception_fm.evaluation.grid_sampling import GridSampler, PixelPrediction
from perception_fm.evaluation.shard_frames import ShardFrame
from perception_fm.inference.backend import InferenceBackend
from perception_fm.models.predictor import ModelPredictor


class ShardSource:
    """A model through its backend, which stays the caller's. Cameras may change from world to world."""

    def __init__(self, backend: InferenceBackend) -> None:
        self._backend = backend
        self._predictor = ModelPredictor(backend)
        self._rectifier: Rectifier | None = None
        self._sampler: GridSampler | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        """Of the model."""
        return self._backend.card.heads

    def predict(self, frame: ShardFrame) -> PixelPrediction:
        """Raises `InferenceError`, which names the frame."""
        if self._rectifier is None or not self._rectifier.source.equals(frame.stored_camera):
            self._rectifier, self._sampler = Rectifier(frame.stored_camera), None
        rectified = self._rectifier.rectify(frame.truth.image)
        try:
            prediction = self._predictor.predict([rectified], [self._rectifier.rectified])[0]
        except InferenceError as error:
            raise InferenceError(f"frame {frame.truth.frame_id}: {error}") from error
        if self._sampler is None:
            self._sampler = GridSampler(frame.camera, prediction.camera)
        return self._sampler.sample(prediction)

    def document(self) -> dict[str, Any]:
        """Card and runtime."""
        return model_document(self._backend)
