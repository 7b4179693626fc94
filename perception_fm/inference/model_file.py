"""`ModelFile`: an ONNX file that has been looked at, with its hash and the card that it carries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from perception_fm.errors import ModelError
from perception_fm.inference.backend import check_signature
from perception_fm.inference.external_data import has_external_data
from perception_fm.models.card import METADATA_KEY, ModelCard


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file whose card fits its graph. `sha256`: of all its bytes, weights included, hexadecimal."""

    path: Path
    sha256: str
    card: ModelCard

    def read_bytes(self) -> bytes:
        """What was checked, nothing else. Raises `ModelError` where the file is gone or has changed since."""
        data = _bytes_of(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelError(f"{self.path} has changed since it was checked: load it again")
        return data


def read_model_file(path: Path) -> ModelFile:
    """The model at `path`, checked but neither optimised nor run; needs `onnxruntime`, not `onnx`.

    Weights must lie inside the file, so that one hash vouches for all of it. Raises `ModelError` for a file that is
    missing, no ONNX, cut off or damaged, keeps weights in other files, has no card, or whose inputs and outputs are
    not those of its card.
    """
    data = _bytes_of(path)
    if has_external_data(data):
        raise ModelError(f"{path} keeps weights in other files: export it into one file")
    try:
        from perception_fm.inference.onnxruntime_ import describe_graph
    except ImportError as error:
        raise ModelError(f"{path} cannot be read without onnxruntime: pip install onnxruntime ({error})") from error
    graph = describe_graph(data, str(path))
    text = graph.metadata.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no model card: was it exported by `perception-fm export`?")
    card = ModelCard.from_json(text, str(path))
    check_signature(card, graph.inputs, graph.outputs, str(path))
    return ModelFile(path, hashlib.sha256(data).hexdigest(), card)


def _bytes_of(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    if not data:
        raise ModelError(f"the model {path} is empty: copy or export it again")
    return data
