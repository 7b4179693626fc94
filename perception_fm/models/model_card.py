"""The document that goes with a model: made from its file, its run and its result files, so that no figure is typed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2

from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import ModelError
from perception_fm.models.card import METADATA_KEY, ModelCard
from perception_fm.models.training_facts import TrainingFacts

_TEMPLATES = Path(__file__).parent / "templates"
_UNKNOWN = "–"
_KINDS = {"raw": "depth", "mean_iou": "segmentation", "painted_head": "shards"}
_ORDER = ("depth", "segmentation", "shards")


@dataclass(frozen=True)
class ModelFacts:
    """A model file from outside, and its card."""

    name: str
    size_mb: float
    sha256: str
    card: ModelCard


@dataclass(frozen=True)
class Evaluation:
    """A result file: `kind` is depth, segmentation or shards (docs/result_json.md)."""

    kind: str
    document: dict[str, Any]


def model_facts(path: Path) -> ModelFacts:
    """Of an ONNX or safetensors file; the card of the latter gets the hash of the file, as exports of it do.

    Raises `ModelError` for what is no model of this project.
    """
    if path.suffix == ".safetensors":
        data, card = _safetensors(path)
        sha256 = hashlib.sha256(data).hexdigest()
        return ModelFacts(path.name, len(data) / 1e6, sha256, dataclasses.replace(card, weights_sha256=sha256))
    from perception_fm.inference.model_file import read_model_file

    file = read_model_file(path)
    return ModelFacts(path.name, len(file.read_bytes()) / 1e6, file.sha256, file.card)


def read_evaluation(path: Path, card: ModelCard) -> Evaluation:
    """A result file of this very model.

    Raises `ModelError` for another file, and for the figures of another model or other weights; weights that the card's
    depth error was fitted for are the same with an older header.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        summary, by = document["summary"], document["run"]["predictions"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no result of perception-fm evaluate depth, segmentation or shards") from error
    kind = next((kind for key, kind in _KINDS.items() if key in summary), None)
    if kind is None:
        raise ModelError(f"{path} is no result of perception-fm evaluate depth, segmentation or shards")
    if by["name"] != card.name:
        raise ModelError(f"{path} judges {by['name']}, this is the model {card.name}")
    known = {card.weights_sha256} | (set() if card.depth_error is None else {card.depth_error.weights_sha256})
    if by.get("weights_sha256", "") not in known:
        raise ModelError(f"{path} judges other weights of the model {card.name}: evaluate this file")
    return Evaluation(kind, document)


def model_card(
    facts: ModelFacts,
    training: TrainingFacts | None = None,
    evaluations: Sequence[Evaluation] = (),
    known_failures: str = "",
) -> str:
    """The Markdown. `known_failures`: text that stands as it is."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, autoescape=False, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(
        cell=_cell, figure=_figure, share=_share, std=lambda variance: _share(math.sqrt(variance))
    )
    environment.globals["depth_row"] = _depth_row
    error = facts.card.depth_error
    text = environment.get_template("model_card.md").render(
        file=facts,
        card=facts.card,
        training=training,
        evaluations=sorted(evaluations, key=lambda one: _ORDER.index(one.kind)),
        bands=[] if error is None else _bands(error),
        known_failures=known_failures.strip(),
    )
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(line for line, before in zip(lines, ["", *lines]) if line or before) + "\n"


def _safetensors(path: Path) -> tuple[bytes, ModelCard]:
    import safetensors

    try:
        data = path.read_bytes()
        with safetensors.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(METADATA_KEY)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path} is cut off or no safetensors file: {error}") from error
    if text is None:
        raise ModelError(f"{path} carries no model card: it was not written by perception-fm")
    return data, ModelCard.from_json(text, str(path))


def _bands(error: DepthErrorModel) -> list[dict[str, Any]]:
    edges = [0.0, *error.band_edges_m, math.inf]
    names = [f"over {low:g} m" if high == math.inf else f"{low:g} to {high:g} m" for low, high in pairwise(edges)]
    columns = (error.variance_road, error.bias_road, error.variance_other, error.bias_other)
    keys = ("road", "bias_road", "other", "bias_other")
    return [{"name": name, **dict(zip(keys, values))} for name, *values in zip(names, *columns)]


def _depth_row(figures: dict[str, Any]) -> str:
    cells = (
        _figure(figures["abs_rel"], 3),
        _figure(figures["rmse_m"], 2),
        _figure(figures["silog"], 1),
        _share(figures["delta1"]),
        _share(figures["bias_share"]),
    )
    return " | ".join(cells)


def _cell(text: object) -> str:
    """In one line of a table."""
    return " ".join(str(text).replace("|", "\\|").split())


def _figure(value: float | None, digits: int) -> str:
    return _UNKNOWN if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _share(value: float | None, digits: int = 1) -> str:
    return _UNKNOWN if value is None or math.isnan(value) else f"{100.0 * value:.{digits}f}%"
