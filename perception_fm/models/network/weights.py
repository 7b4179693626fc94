"""Networks in safetensors files that carry their card."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ModelError
from perception_fm.models.atomic_file import write_atomically
from perception_fm.models.card import METADATA_KEY, ModelCard
from perception_fm.models.network.deployed import check_weights
from perception_fm.models.network.multihead import MultiHeadNetwork, network_of

_NAMED = 3  # tensors that a refusal lists


def save_network(network: MultiHeadNetwork, path: Path, *, is_half: bool = False) -> Path:
    """`path` with weights and card; `is_half`: the matrices in FP16, to be kept and shared, not to compute in.

    Raises `ModelError` for weights that are not finite, in FP16 where that is asked for, and for a full disk.
    """
    state = {name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()}
    if is_half:
        state = {name: value.half() if value.ndim > 1 else value for name, value in state.items()}
        network = network_of(network.card)
        network.load_state_dict(state)
    check_weights(network, network.card.name)
    return write_atomically(path, safetensors.torch.save(state, {METADATA_KEY: network.card.to_json()}))


def load_network(path: Path) -> MultiHeadNetwork:
    """The network in a safetensors file, in evaluation mode; its card's `weights_sha256` is that of the file.

    Raises `ModelError` for a file that is missing, cut off or damaged, has no card or one of another kind of network,
    a label map of another length, missing, unexpected or misshapen tensors, and weights that are not finite.
    """
    data, text = _read(path)
    card = ModelCard.from_json(text, str(path))
    if len(card.class_names) != len(CITYSCAPES_CLASSES):
        raise ModelError(f"{path}: a label map of {len(card.class_names)} classes, expected {len(CITYSCAPES_CLASSES)}")
    state = safetensors.torch.load(data)
    network = network_of(dataclasses.replace(card, weights_sha256=hashlib.sha256(data).hexdigest()))
    _refuse_other_tensors(network.state_dict(), state, path)
    network.load_state_dict(state)
    check_weights(network, str(path))
    return network


def _read(path: Path) -> tuple[bytes, str]:
    """The bytes of a file that safetensors accepts, and the JSON of its card."""
    try:
        data = path.read_bytes()
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path} is cut off or no safetensors file, copy it again: {error}") from error
    if METADATA_KEY not in metadata:
        raise ModelError(f"{path} carries no model card: it was not written by perception-fm")
    return data, metadata[METADATA_KEY]


def _refuse_other_tensors(expected: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    """Raises `ModelError` that names the first tensors of each fault."""
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    misshapen = [
        f"{name} {tuple(found[name].shape)}, expected {tuple(value.shape)}"
        for name, value in expected.items()
        if name in found and found[name].shape != value.shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of the wrong shape": misshapen}
    lines = [f"{len(names)} {fault} ({'; '.join(names[:_NAMED])})" for fault, names in faults.items() if names]
    if lines:
        raise ModelError(f"{path}: tensors {', '.join(lines)}: is this another network?")
