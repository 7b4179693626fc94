"""`ModelPredictor`: rectified images into the network's input, raw outputs back into dense predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.letterbox import Letterbox
from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL, DensePrediction, ModelState
from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import InferenceError
from perception_fm.inference.backend import Array, InferenceBackend
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import INPUT

_ROAD = CITYSCAPES_CLASSES.index("road")


class ModelPredictor:
    """A `DensePredictor` over one backend, which it owns. Not thread-safe."""

    def __init__(self, backend: InferenceBackend) -> None:
        self.backend = backend
        self._letterboxes: list[Letterbox] = []
        card = backend.card
        self._batch: NDArray[np.uint8] = np.empty((0, card.input_height, card.input_width, 3), np.uint8)

    @property
    def state(self) -> ModelState:
        """See `DensePredictor.state`."""
        card, info = self.backend.card, self.backend.info
        return ModelState(card.name, info.runtime, info.precision, info.fingerprint, card.heads, card.is_trained)

    @property
    def depth_error(self) -> DepthErrorModel | None:
        """See `DensePredictor.depth_error`."""
        return self.backend.card.depth_error

    def unknown(self, camera: CameraModel) -> DensePrediction:
        """See `DensePredictor.unknown`."""
        card = self.backend.card
        grid = Letterbox(camera, card.input_width, card.input_height).grid_camera(card.output_stride)
        shape = (grid.height, grid.width)
        nothing = np.full(shape, np.nan, np.float32)
        return DensePrediction(
            camera=grid,
            depth_m=nothing if "depth" in card.heads else None,
            depth_std_m=nothing if "depth_log_variance" in card.heads or card.depth_error is not None else None,
            label=np.full(shape, UNKNOWN_LABEL, np.uint8) if "label" in card.heads else None,
            confidence=np.zeros(shape, np.uint8) if "confidence" in card.heads else None,
            normals=np.full((*shape, 3), np.nan, np.float32) if "normals" in card.heads else None,
            painted=nothing if "painted" in card.heads else None,
        )

    def predict(
        self, images: Sequence[NDArray[np.uint8]], cameras: Sequence[CameraModel]
    ) -> tuple[DensePrediction, ...]:
        """See `DensePredictor.predict`."""
        raw = self.backend.run(self.feeds(images, cameras))
        return tuple(decode(raw, row, self.backend.card, box) for row, box in enumerate(self._letterboxes))

    def feeds(self, images: Sequence[NDArray[np.uint8]], cameras: Sequence[CameraModel]) -> dict[str, Array]:
        """The model's input for these images, letterboxed; arguments and errors as for `predict`."""
        if len(images) != len(cameras) or not images:
            raise InferenceError(f"one camera per image is needed, got {len(images)} images, {len(cameras)} cameras")
        return {INPUT: self._input(images, self._letterboxes_of(cameras))}

    def close(self) -> None:
        """Frees the backend."""
        self.backend.close()

    def _letterboxes_of(self, cameras: Sequence[CameraModel]) -> list[Letterbox]:
        """Those of the cameras, made anew where a calibration changed."""
        known, card = self._letterboxes, self.backend.card
        if len(known) != len(cameras) or any(not box.source.equals(one) for box, one in zip(known, cameras)):
            self._letterboxes = [Letterbox(camera, card.input_width, card.input_height) for camera in cameras]
        return self._letterboxes

    def _input(self, images: Sequence[NDArray[np.uint8]], letterboxes: Sequence[Letterbox]) -> NDArray[np.uint8]:
        """(N, H, W, 3) BGR; of a single image it is a view."""
        framed = [_colour(box.apply(image)) for box, image in zip(letterboxes, images)]
        if len(framed) == 1:
            return framed[0][None]
        if len(self._batch) != len(framed):
            self._batch = np.empty((len(framed), *framed[0].shape), np.uint8)
        return np.stack(framed, out=self._batch)


def decode(raw: Mapping[str, Array], row: int, card: ModelCard, letterbox: Letterbox) -> DensePrediction:
    """The dense prediction of image `row` of a batch, without the letterbox border; nothing in it is a view of `raw`.

    What is not finite becomes NaN (label: unknown), and so does a depth that is not positive or whose error is unknown,
    and a normal without direction. A model without a head for the error of its depth takes the error that was fitted
    for it, where its card has one. Raises `InferenceError` where nothing of a head is left.
    """
    heads = {name: letterbox.crop(_cells_first(raw[name][row]), card.output_stride) for name in card.heads}
    depth, std = _depth(heads, _focal_ratio(card, letterbox))
    label, confidence = _label(heads, card)
    if depth is not None and std is None and card.depth_error is not None:
        std = card.depth_error.std_m(depth, None if label is None else label == _ROAD)
    normals, painted = _normals(heads), _painted(heads)
    for name, values in (("depth", depth), ("normals", normals), ("painted", painted)):
        if values is not None and np.isnan(values).all():
            raise InferenceError(f"model {card.name} answers with NaN everywhere in its head {name}")
    return DensePrediction(
        camera=letterbox.grid_camera(card.output_stride),
        depth_m=depth,
        depth_std_m=std,
        label=label,
        confidence=confidence,
        normals=normals,
        painted=painted,
    )


def _colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


def _cells_first(values: Array) -> Array:
    """(h, w) as it is, (C, h, w) as a view (h, w, C)."""
    return values if values.ndim == 2 else np.moveaxis(values, 0, -1)


def _focal_ratio(card: ModelCard, letterbox: Letterbox) -> float:
    """fx of the model input over the canonical focal length, 1 where the model gives metres for any camera."""
    if card.canonical_focal_px is None:
        return 1.0
    return letterbox.grid_camera().fx / card.canonical_focal_px


def _depth(
    heads: Mapping[str, Array], focal_ratio: float
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Depth in metres and its standard deviation, to first order depth x the standard deviation of ln(depth)."""
    if "depth" not in heads:
        return None, None
    with np.errstate(over="ignore"):
        depth = np.multiply(heads["depth"], np.float32(focal_ratio), dtype=np.float32)
    depth[~((depth > 0.0) & (depth < np.inf))] = np.nan
    if "depth_log_variance" not in heads:
        return depth, None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        std = depth * np.exp(0.5 * heads["depth_log_variance"].astype(np.float32))
    std[~((std > 0.0) & (std < np.inf))] = np.nan
    depth[np.isnan(std)] = np.nan  # a depth of unknown error is no measurement
    return depth, std


def _normals(heads: Mapping[str, Array]) -> NDArray[np.float32] | None:
    """Unit vectors again: the roundings of FP16 and INT8 stretch them."""
    if "normals" not in heads:
        return None
    found = heads["normals"]
    normals = np.empty(found.shape, np.float32)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        length = np.sqrt(found[..., 0] ** 2 + found[..., 1] ** 2 + found[..., 2] ** 2)
        scale = np.where((length > 0.0) & (length < np.inf), 1.0 / length, np.nan)
        np.multiply(found, scale[..., None], out=normals)
    return normals


def _painted(heads: Mapping[str, Array]) -> NDArray[np.float32] | None:
    if "painted" not in heads:
        return None
    painted = np.array(heads["painted"], np.float32)
    painted[~np.isfinite(painted)] = np.nan
    return np.clip(painted, 0.0, 1.0, out=painted)


def _label(heads: Mapping[str, Array], card: ModelCard) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Cityscapes trainIds and the confidence as a byte; what has no trainId or no confidence is unknown."""
    if "label" not in heads:
        return None, None
    count = len(card.train_ids)
    index = heads["label"]
    # One entry beyond the classes: whatever index a damaged engine makes up is unknown.
    table = np.array([*card.train_ids, UNKNOWN_LABEL], np.uint8)
    label = table[np.where((index >= 0) & (index < count), index, count)]
    if "confidence" not in heads:
        return label, None
    probability = heads["confidence"].astype(np.float32)
    is_known = np.isfinite(probability)
    if not is_known.any():
        raise InferenceError(f"model {card.name} answers with NaN everywhere in its head confidence")
    probability[~is_known] = 0.0
    label[~is_known] = UNKNOWN_LABEL
    return label, np.rint(np.clip(probability, 0.0, 1.0) * 255.0).astype(np.uint8)
