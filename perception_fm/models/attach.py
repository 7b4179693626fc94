"""A fitted depth error put into a file that is there already."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import ModelError
from perception_fm.models.atomic_file import write_atomically
from perception_fm.models.card import METADATA_KEY, ModelCard


def read_depth_error(path: Path) -> DepthErrorModel:
    """The model in a file of `perception-fm evaluate depth-error`. Raises `ModelError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ModelError(f"cannot read the depth error {path}: {reason}") from error
    return DepthErrorModel.from_json(text, str(path))


def with_depth_error(card: ModelCard, error: DepthErrorModel) -> ModelCard:
    """The card with `error` in it. Raises `ModelError` for the error of another model, or a card without depth."""
    if error.model != card.name:
        raise ModelError(f"the depth error was fitted for the model {error.model}, this is {card.name}: fit it anew")
    if error.weights_sha256 and card.weights_sha256 and error.weights_sha256 != card.weights_sha256:
        raise ModelError(f"the depth error was fitted for other weights of the model {card.name}: fit it anew")
    return dataclasses.replace(card, depth_error=error)


def attach_depth_error(path: Path, error: DepthErrorModel) -> ModelCard:
    """Writes `error` into the card of the ONNX or safetensors file at `path`; nothing else in it changes.

    Returns the card. Compiled engines of an ONNX file are made anew, because its hash is another. Raises `ModelError`
    as `with_depth_error` does, for a file that is no model, and for a full disk; the file is then as it was.
    """
    if path.suffix == ".safetensors":
        return _attach_to_weights(path, error)
    import onnx

    from perception_fm.inference.model_file import read_model_file
    from perception_fm.models.export import save_model

    file = read_model_file(path)
    card = with_depth_error(file.card, error)
    save_model(onnx.load_from_string(file.read_bytes()), card, path)
    return card


def _attach_to_weights(path: Path, error: DepthErrorModel) -> ModelCard:
    """Tensors keep their types; the hash of the file changes with its header."""
    import safetensors
    import safetensors.torch

    from perception_fm.models.model_card import model_facts

    with_depth_error(model_facts(path).card, error)
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    card = dataclasses.replace(ModelCard.from_json(metadata[METADATA_KEY], str(path)), depth_error=error)
    write_atomically(path, safetensors.torch.save(state, {**metadata, METADATA_KEY: card.to_json()}))
    return card
