"""From a zoo entry to a raw network with its card, ready for `export_model`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.foundation.loading import WEIGHTS_NAME, build, load
from perception_fm.models.foundation.parts import Composed, DepthAnythingPart, EomtPart, Renormalised, SegformerPart
from perception_fm.models.lock import Locked, locked_folders
from perception_fm.models.zoo import Part, ZooEntry

_ADAPTERS = {
    "depth_anything_v2_small_metric_outdoor": DepthAnythingPart,
    "segformer_b0_cityscapes": SegformerPart,
    "eomt_large_cityscapes": EomtPart,
}
_WEIGHTS = (".safetensors", ".onnx")


def zoo_network(
    entry: ZooEntry, *, cache: Path, height: int | None = None, width: int | None = None
) -> tuple[nn.Module, ModelCard]:
    """The raw network of a pulled entry of kind "network" for one input size, in evaluation mode, and its card.

    Every byte is checked against the lock first. Raises `ModelError` for what is not pulled or was changed, for weights
    that do not fit, and for an input size that the network cannot take.
    """
    folders = locked_folders(entry, cache)
    models = {
        part.role: load(
            part.architecture,
            folders[part.role][0],
            class_names=entry.class_names if part.role == "segmentation" else (),
        )
        for part in entry.parts
    }
    locks = {role: locked for role, (_, locked) in folders.items()}
    return _adapted(entry, models, height, width), zoo_card(entry, locks, height=height, width=width)


def random_network(
    entry: ZooEntry,
    *,
    height: int | None = None,
    width: int | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[nn.Module, ModelCard]:
    """The same with random weights and nothing pulled. `changes`: of published configurations, by role of the part."""
    models = {part.role: build(part.architecture, **(changes or {}).get(part.role, {})) for part in entry.parts}
    return _adapted(entry, models, height, width), zoo_card(entry, None, height=height, width=width)


def backbone_state(entry: ZooEntry, *, cache: Path) -> dict[str, Tensor]:
    """The published tensors of a pulled backbone, by their published names, for `build_network(encoder_state=...)`.

    Raises `ModelError` for another kind of entry, for what is not pulled, and for a file that was changed or damaged.
    """
    if entry.kind != "backbone":
        raise ModelError(f"{entry.name} is no backbone, but a {entry.kind}")
    folder, _ = locked_folders(entry, cache)["encoder"]
    try:
        return safetensors.torch.load_file(folder / WEIGHTS_NAME)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{folder / WEIGHTS_NAME} cannot be read: {error}") from error


def zoo_card(
    entry: ZooEntry, locks: dict[str, Locked] | None, *, height: int | None = None, width: int | None = None
) -> ModelCard:
    """What a file of `entry` says about itself. `locks`: by role, of its weights; None for random weights.

    The revision and hash of a composed model are those of its parts, in their order, joined by "+". Raises `ModelError`
    for an input size that the network cannot take.
    """
    height, width = height or entry.input_height, width or entry.input_width
    entry.check_size(height, width)
    used = [locks[part.role] for part in entry.parts] if locks else []
    hashes = ["".join(digest for name, digest in one.sha256.items() if name.endswith(_WEIGHTS)) for one in used]
    has_label = "label" in entry.heads
    return ModelCard(
        name=entry.name,
        source=" + ".join(part.weights.repo for part in entry.parts),
        revision="+".join(one.revision for one in used) or None,
        licence=entry.licence.name,
        is_commercial=entry.licence.is_commercial,
        is_trained=bool(used),
        encoder=entry.encoder,
        input_height=height,
        input_width=width,
        output_stride=entry.output_stride,
        heads=entry.heads,
        canonical_focal_px=entry.canonical_focal_px(height) if "depth" in entry.heads else None,
        mean=entry.parts[0].mean,
        std=entry.parts[0].std,
        class_names=entry.class_names if has_label else (),
        train_ids=entry.train_ids if has_label else (),
        weights_sha256="+".join(hashes),
    )


def _adapted(entry: ZooEntry, models: dict[str, Any], height: int | None, width: int | None) -> nn.Module:
    height, width = height or entry.input_height, width or entry.input_width
    entry.check_size(height, width)
    grid = (height // entry.output_stride, width // entry.output_stride)
    parts = [_part(entry, part, models[part.role], height, width, grid) for part in entry.parts]
    return (parts[0] if len(parts) == 1 else Composed(parts)).eval()


def _part(entry: ZooEntry, part: Part, model: Any, height: int, width: int, grid: tuple[int, int]) -> nn.Module:
    if part.architecture not in _ADAPTERS:
        raise ModelError(f"{entry.name} is a {entry.kind}: it has no network of its own to be exported")
    module = _ADAPTERS[part.architecture](model, height, width, grid)
    given, wanted = (entry.parts[0].mean, entry.parts[0].std), (part.mean, part.std)
    return module if given == wanted else Renormalised(module, given, wanted)
