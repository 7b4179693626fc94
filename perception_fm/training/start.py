"""The network that a run starts from, and the configuration that fits a model to be tuned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_fm.errors import DatasetError, ModelError
from perception_fm.models.cache import cache_folder, packaged_path
from perception_fm.models.locate import next_step
from perception_fm.models.lock import is_pulled
from perception_fm.models.network.encoders import ENCODERS, encoder_spec
from perception_fm.models.network.multihead import MultiHeadNetwork, build_network
from perception_fm.models.network.weights import load_network
from perception_fm.models.zoo import entry_named
from perception_fm.models.zoo_entries import ZOO
from perception_fm.training.config import TrainConfig

_LAYOUTS = (
    ("drive", ("meta.json", "*/meta.json")),
    ("shards", ("dataset.json",)),
    ("cityscapes", ("leftImg8bit",)),
    ("kitti", ("*/*_sync", "training/semantic")),
)


def first_network(config: TrainConfig) -> MultiHeadNetwork:
    """Of `config.initial`, else with untrained heads on the encoder that `config` asks for.

    Raises `ModelError` for a file that cannot be used, another encoder than the configuration's, and encoder weights
    that have not been pulled.
    """
    if config.initial:
        network = load_network(Path(config.initial))
        if network.card.encoder != config.encoder:
            raise ModelError(f"{config.initial} has the encoder {network.card.encoder}, the settings {config.encoder}")
        network.set_input_size(config.width_px, config.height_px)
        return network
    spec, state = encoder_spec(config.encoder), None
    if config.is_pretrained and not spec.has_packaged_weights:
        from perception_fm.models.foundation.network import backbone_state

        entry, cache = entry_named(config.encoder), cache_folder()
        if not is_pulled(entry, cache):
            raise ModelError(f"the weights of {config.encoder} are not here: {next_step(entry, cache)}")
        state = backbone_state(entry, cache=cache)
    return build_network(
        config.encoder,
        pretrained_encoder=config.is_pretrained,
        seed=config.seed,
        width=config.width_px,
        height=config.height_px,
        encoder_state=state,
    )


def tuning_settings(model: str) -> dict[str, Any]:
    """Settings that fit `model`: a checkpoint, the bundled model, or an encoder, whose heads are then untrained.

    Raises `ModelError` for anything else.
    """
    path = packaged_path(model, ".safetensors") if model == "bundled" else Path(model)
    if path.suffix == ".safetensors":
        card = load_network(path).card
        return {
            "initial": str(path.resolve()),
            "encoder": card.encoder,
            "width_px": card.input_width,
            "height_px": card.input_height,
        }
    if model in ENCODERS:
        # Heads that know nothing yet need the whole encoder, and the usual rates.
        return {"encoder": model, "schedule": {"frozen_stages": 0, "learning_rate": 1e-3}}
    if model in ZOO:
        raise ModelError(
            f"{model} is a finished {ZOO[model].kind} with heads of its own: tune a checkpoint of perception-fm train, "
            f"bundled, or an encoder ({', '.join(ENCODERS)})"
        )
    raise ModelError(
        f"there is no model {model!r} to tune: name a .safetensors file, bundled, or one of {', '.join(ENCODERS)}"
    )


def tuning_datasets(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Entries of `datasets` for folders of any layout that training reads. Raises `DatasetError` for others."""
    return [{"kind": kind_of(folder), "path": str(folder.resolve())} for folder in folders]


def kind_of(folder: Path) -> str:
    """The layout of a data folder. Raises `DatasetError` for none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder")
    for kind, patterns in _LAYOUTS:
        if any(next(folder.glob(pattern), None) is not None for pattern in patterns):
            return kind
    raise DatasetError(
        f"{folder} holds nothing to train on: expected a drive folder (meta.json, docs/data_format.md), frames of "
        "perception-fm synth dataset, or a Cityscapes or KITTI layout"
    )


def merged(*documents: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several documents, the later ones first, group by group."""
    result: dict[str, Any] = {}
    for document in documents:
        for key, value in document.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return result


def with_minutes(config: TrainConfig, minutes: float | None) -> TrainConfig:
    """`config` with another limit of its training time; None leaves it."""
    if minutes is None:
        return config
    return dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, max_minutes=minutes))
