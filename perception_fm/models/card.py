"""`ModelCard`: everything that a reader of a model file must know, kept inside the file."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from dataclasses import dataclass
from typing import Any

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.depth_error import DepthErrorModel
from perception_fm.errors import ModelError
from perception_fm.models.heads import HEADS

METADATA_KEY = "perception_fm.card"
"""Key of the ONNX `metadata_props` (and of the safetensors header) that holds the card as JSON."""

PRECISIONS = ("fp32", "fp16", "int8")
STAGES = ("fine", "coarse")
_NEEDS = {"depth_log_variance": "depth", "confidence": "label"}


@dataclass(frozen=True)
class ModelCard:
    """Origin, licence, input, outputs and label map of one model file.

    `input_height`, `input_width`: pixels of the network's input. `output_stride`: input pixels per output cell.
    `canonical_focal_px`: focal length, pixels of the model input, for which `depth` holds as it is; depth scales with
    fx / canonical_focal_px (Yin et al., Metric3D, ICCV 2023); None where the model gives metres for any camera.
    `mean`, `std`: of RGB / 255, applied inside the graph. `class_names`: by label index; `train_ids`: the Cityscapes
    trainId of each, 255 where there is none. `temperature` divides the logits inside the graph (Guo et al., ICML 2017).
    `weights_sha256`: of the safetensors or imported file, "" where the weights were never a file. `revision`: None
    where it has not been seen. `depth_error`: how wrong the head depth is, None where nobody has fitted it. Raises
    `ModelError` when made with what does not fit together.
    """

    name: str
    source: str
    revision: str | None
    licence: str
    is_commercial: bool
    is_trained: bool
    encoder: str
    input_height: int
    input_width: int
    output_stride: int
    heads: tuple[str, ...]
    canonical_focal_px: float | None = None
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    class_names: tuple[str, ...] = CITYSCAPES_CLASSES
    train_ids: tuple[int, ...] = tuple(range(len(CITYSCAPES_CLASSES)))
    temperature: float = 1.0
    weights_sha256: str = ""
    precision: str = "fp32"
    stage: str = "fine"
    depth_error: DepthErrorModel | None = None

    def __post_init__(self) -> None:
        for wrong, message in self._refusals():
            if wrong:
                raise ModelError(f"the card of model {self.name}: {message}")

    def _refusals(self) -> typing.Iterator[tuple[bool, str]]:
        unknown = [head for head in self.heads if head not in HEADS]
        yield bool(unknown), f"unknown heads {', '.join(unknown)}; known: {', '.join(HEADS)}"
        yield not self.heads or len(set(self.heads)) != len(self.heads), "heads must be named, each once"
        for head, needed in _NEEDS.items():
            yield head in self.heads and needed not in self.heads, f"the head {head} needs the head {needed}"
        count = len(self.class_names)
        yield "label" in self.heads and not 0 < count <= UNKNOWN_LABEL, f"1 to 255 class names, got {count}"
        yield len(self.train_ids) != count, f"{count} class names need as many train_ids, got {len(self.train_ids)}"
        legal = {*range(len(CITYSCAPES_CLASSES)), UNKNOWN_LABEL}
        yield not legal.issuperset(self.train_ids), "train_ids are Cityscapes trainIds 0 to 18, or 255"
        sizes = (self.input_height, self.input_width, self.output_stride)
        yield min(sizes) <= 0, f"sizes are positive, got {sizes}"
        yield (
            min(sizes) > 0 and bool(self.input_height % self.output_stride or self.input_width % self.output_stride),
            f"output stride {self.output_stride} does not divide the input {self.input_width}x{self.input_height}",
        )
        focal = self.canonical_focal_px
        yield focal is not None and not 0.0 < focal < math.inf, f"canonical_focal_px is positive or null, got {focal}"
        yield (
            len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0.0,
            "mean and std are three numbers, std > 0",
        )
        yield not 0.0 < self.temperature < math.inf, f"temperature is positive, got {self.temperature}"
        yield self.precision not in PRECISIONS, f"precision is one of {', '.join(PRECISIONS)}, got {self.precision}"
        yield self.depth_error is not None and "depth" not in self.heads, "a depth error needs the head depth"
        yield self.stage not in STAGES, f"stage is one of {', '.join(STAGES)}, got {self.stage}"

    def to_json(self) -> str:
        """For the metadata of a file."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str, where: str) -> ModelCard:
        """The card in `text`; `where` names the file in messages. Raises `ModelError` for anything but a whole card."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{where}: its card is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise ModelError(f"{where}: its card is not a JSON object")
        fields = {item.name: item for item in dataclasses.fields(ModelCard)}
        unknown = sorted(values.keys() - fields.keys())
        missing = sorted(
            name for name, item in fields.items() if item.default is dataclasses.MISSING and name not in values
        )
        if unknown or missing:
            raise ModelError(
                f"{where}: its card lacks {', '.join(missing) or 'nothing'}, unknown {', '.join(unknown) or 'none'}"
            )
        hints = typing.get_type_hints(ModelCard)
        return ModelCard(**{name: _typed(value, hints[name], name, where) for name, value in values.items()})

    def output_shape(self, head: str, batch: int = 1) -> tuple[int, ...]:
        """Of one head for a batch."""
        grid = (self.input_height // self.output_stride, self.input_width // self.output_stride)
        channels = HEADS[head].channels
        return (batch, *grid) if channels is None else (batch, channels, *grid)


def _typed(value: Any, hint: Any, name: str, where: str) -> Any:
    """`value` from JSON in the type of the card's field; raises `ModelError` for another."""
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ModelError(f"{where}: {name} of its card is a list, got {value!r}")
        return tuple(_typed(item, typing.get_args(hint)[0], name, where) for item in value)
    kinds = typing.get_args(hint) or (hint,)
    if DepthErrorModel in kinds and value is not None:
        return DepthErrorModel.from_document(value, f"{where}: {name} of its card")
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ModelError(f"{where}: {name} of its card has the wrong type: {value!r}")
    return value
