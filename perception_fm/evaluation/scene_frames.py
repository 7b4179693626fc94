"""A frame as the scene evaluation takes it, and where its dense prediction comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL, DensePrediction
from perception_fm.errors import InferenceError, ModelError
from perception_fm.evaluation.dense_source import model_document
from perception_fm.evaluation.seen_things import REACH_M, TrueThing
from perception_fm.evaluation.true_points import TruePoints
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.inference.backend import InferenceBackend
from perception_fm.models.predictor import ModelPredictor

_NEEDED_HEADS = ("depth", "label")
_GRID_WIDTH = 96  # of the bundled network
_TRUTH_SIGMA_SHARE = 0.02  # of a depth that is exact: half a cell of a plane seen at a slant


@dataclass(frozen=True, eq=False)
class DenseTruth:
    """Rendered truth at the pixels of the frame's `truth_camera`: `depth_m` (H, W) NaN none, `label` (H, W) uint8."""

    depth_m: NDArray[np.float32]
    label: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """One frame. `image` (H, W, 3) BGR or (H, W) of the undistorted `camera`; the truth is at that of `truth_camera`.

    `group`: scenario or drive. `follows`: on the frame before, so that the stage may remember. `points`, `things`: None
    where the source has no such truth for this frame. `things_reach_m`: up to where all of them are known.
    `corridor_m`: true distance of the nearest thing in the corridor, inf where nothing is in it, None where nobody
    says. `skipped`: why truth is missing.
    """

    frame_id: str
    group: str
    stamp_ns: int
    follows: bool
    image: NDArray[np.uint8]
    camera: CameraModel
    truth_camera: CameraModel
    base_from_camera: RigidTransform
    ego: EgoState | None
    dense_truth: DenseTruth | None
    points: TruePoints | None
    things: Sequence[TrueThing] | None
    things_reach_m: float = REACH_M
    corridor_m: float | None = None
    skipped: tuple[str, ...] = ()


class SceneSource(Protocol):
    """Makes the dense predictions."""

    def predict(self, frame: SceneFrame) -> DensePrediction:
        """Of one frame."""

    def document(self) -> dict[str, Any]:
        """What predicted, for the result file."""


class ModelScene:
    """A model through its backend, which stays the caller's. Raises `ModelError` where it lacks depth or classes."""

    def __init__(self, backend: InferenceBackend) -> None:
        missing = [head for head in _NEEDED_HEADS if head not in backend.card.heads]
        if missing:
            raise ModelError(
                f"model {backend.card.name} has no head {' and no head '.join(missing)}; a scene needs both depth and "
                "classes: choose another model"
            )
        self._backend = backend
        self._predictor = ModelPredictor(backend)

    def predict(self, frame: SceneFrame) -> DensePrediction:
        """See `SceneSource`. Raises `InferenceError`, which names the frame."""
        try:
            return self._predictor.predict([frame.image], [frame.camera])[0]
        except InferenceError as error:
            raise InferenceError(f"frame {frame.frame_id}: {error}") from error

    def document(self) -> dict[str, Any]:
        """Card and runtime."""
        return model_document(self._backend)


class TruthScene:
    """True depth and labels as a network with perfect heads would say them: it shows what the geometry alone loses."""

    def predict(self, frame: SceneFrame) -> DensePrediction:
        """Every so many pixels of the truth, so that the grid is about as coarse as that of the bundled network."""
        assert frame.dense_truth is not None
        camera = frame.truth_camera
        stride = max(1, round(camera.width / _GRID_WIDTH))
        first = stride // 2
        depth = np.ascontiguousarray(frame.dense_truth.depth_m[first::stride, first::stride])
        label = np.ascontiguousarray(frame.dense_truth.label[first::stride, first::stride])
        label = np.where(label < len(CITYSCAPES_CLASSES), label, np.uint8(UNKNOWN_LABEL))
        intrinsics = camera.intrinsics.copy()
        intrinsics[:2, 2] -= first
        intrinsics[:2] /= stride
        return DensePrediction(
            camera=CameraModel(depth.shape[1], depth.shape[0], intrinsics),
            depth_m=depth,
            depth_std_m=depth * np.float32(_TRUTH_SIGMA_SHARE),
            label=label,
            confidence=np.where(label == UNKNOWN_LABEL, np.uint8(0), np.uint8(255)),
        )

    def document(self) -> dict[str, Any]:
        """See `SceneSource`."""
        return {"kind": "truth", "name": "true depth and labels", "grid_width": _GRID_WIDTH}
