"""Reference outputs of a model on the golden frames, kept so that the gate at each start costs little."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import EngineError, InferenceError, ModelError
from perception_fm.inference.backend import Array
from perception_fm.inference.gate import answers
from perception_fm.inference.golden_frames import hash_of
from perception_fm.inference.model_file import ModelFile
from perception_fm.inference.private_files import make_private_folder, read_private, write_private
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS

SCHEMA = 1
"""Raised when the way to the reference changes."""

_DIGEST = "digest"
_LOG = logging.getLogger(__name__)


def reference_outputs(model: ModelFile, frames: NDArray[np.uint8], folder: Path | None) -> dict[str, Array]:
    """Outputs by head, K of each, of frames (K, H, W, 3): the ONNX file on the CPU, operator by operator.

    `folder`: where they are kept, None to compute them each time. What is kept there is used where it is this user's,
    unchanged, and of the same file, frames and version of ONNX Runtime; otherwise it is made anew. Raises `ModelError`
    where the file cannot run here.
    """
    if folder is None:
        return compute_reference(model, frames)
    path = folder / f"{_key(model, frames)[:32]}.npz"
    try:
        return _read(path, model, frames)
    except EngineError as error:
        if path.exists():
            _LOG.warning("the kept reference outputs are made anew: %s", error)
    outputs = compute_reference(model, frames)
    try:
        make_private_folder(folder)
        write_private(path, _packed(outputs, _key(model, frames)))
    except EngineError as error:
        _LOG.warning("the reference outputs are used but not kept: %s", error)
    return outputs


def compute_reference(model: ModelFile, frames: NDArray[np.uint8]) -> dict[str, Array]:
    """See `reference_outputs`; nothing is kept."""
    from perception_fm.inference.onnxruntime_ import CPU, OnnxRuntimeBackend

    try:
        with OnnxRuntimeBackend(model, providers=(CPU,), is_optimised=False) as backend:
            rows = [answers(backend, frame)[0] for frame in frames]
    except InferenceError as error:
        raise ModelError(f"model {model.card.name} gives no reference outputs: {error}") from error
    return {head: np.stack([row[head] for row in rows]) for head in model.card.heads}


def _key(model: ModelFile, frames: NDArray[np.uint8]) -> str:
    from perception_fm.inference.onnxruntime_ import VERSION

    return hashlib.sha256(f"{SCHEMA} {model.sha256} {hash_of(frames)} {VERSION}".encode()).hexdigest()


def _packed(outputs: Mapping[str, Array], key: str) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{_DIGEST: np.array(_digest(outputs, key))}, **outputs)
    return buffer.getvalue()


def _read(path: Path, model: ModelFile, frames: NDArray[np.uint8]) -> dict[str, Array]:
    """What is kept at `path`. Raises `EngineError` for anything but what was written for this."""
    try:
        with np.load(io.BytesIO(read_private(path)), allow_pickle=False) as kept:
            outputs = {head: kept[head] for head in model.card.heads}
            digest = str(kept[_DIGEST])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise EngineError(f"{path} is damaged: {error}") from error
    if not _fits(outputs, model.card, len(frames)) or digest != _digest(outputs, _key(model, frames)):
        raise EngineError(f"{path} was changed after it was written")
    return outputs


def _fits(outputs: Mapping[str, Array], card: ModelCard, count: int) -> bool:
    return all(
        values.shape == card.output_shape(head, count) and values.dtype == np.dtype(HEADS[head].dtype)
        for head, values in outputs.items()
    )


def _digest(outputs: Mapping[str, Array], key: str) -> str:
    """SHA-256 over the key and all arrays: a byte that changed on disk must not move the reference."""
    digest = hashlib.sha256(key.encode())
    for head in sorted(outputs):
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(outputs[head]).tobytes())
    return digest.hexdigest()
