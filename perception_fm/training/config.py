"""Settings of a training run: the only home of their defaults and limits. Needs no PyTorch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_fm.config import brief, from_mapping, refuse_unknown, setting
from perception_fm.errors import ConfigError
from perception_fm.synth.scenario.strict_yaml import parse_yaml, read_yaml
from perception_fm.training.augment.config import AugmentConfig

KINDS = ("shards", "drive", "cityscapes", "kitti")
SPLITS = ("train", "validation", "divided")
_SIZE_STEP_PX = 32


@dataclass(frozen=True)
class DatasetConfig:
    """One data set of the mixture."""

    kind: str = setting("", "layout of the files", choices=KINDS)
    path: str = setting("", "folder, looked for in the data folders of the command where it is relative")
    weight: float = setting(1.0, "share of the training samples, relative to the other data sets", low=0.0, high=1e6)
    split: str = setting(
        "divided",
        "train: all of it trains; validation: all of it judges; divided: a part of it judges, the data set's own or "
        "`validation.share` of its drives, worlds or stretches, so that no frame is judged whose neighbour was learnt",
        choices=SPLITS,
    )
    label_map: str = setting("", "map of its labels to Cityscapes classes, a name or a file; empty: by its class names")
    name: str = setting("", "in figures and messages; empty: the last part of the path")

    def __post_init__(self) -> None:
        if not self.name and self.path:
            object.__setattr__(self, "name", Path(self.path).name)


@dataclass(frozen=True)
class ScheduleConfig:
    """How long and how fast. Rates rise linearly, then fall along half a cosine (Loshchilov, Hutter, ICLR 2017)."""

    steps: int = setting(20_000, "steps of the optimiser", low=1, high=10_000_000)
    max_minutes: float = setting(
        math.nan, "training time; the learning rate then falls with whichever of steps and time is further", low=0.01
    )
    batch_size: int = setting(16, "samples of one batch of one device", low=1, high=4096)
    accumulate: int = setting(1, "batches of one step", low=1, high=1024)
    learning_rate: float = setting(1e-3, "highest, of decoder and heads", low=0.0, high=1.0)
    encoder_learning_rate: float = setting(2e-4, "highest, of the encoder", low=0.0, high=1.0)
    warmup_share: float = setting(0.03, "of the run, in which the learning rate rises", low=0.0, high=0.9)
    final_share: float = setting(0.01, "of the highest learning rate, at the end", low=0.0, high=1.0)
    weight_decay: float = setting(0.01, "of AdamW (Loshchilov, Hutter, ICLR 2019); none on biases and norms", low=0.0)
    gradient_clip: float = setting(1.0, "greatest norm of the gradient; 0: any", low=0.0)
    ema_decay: float = setting(0.999, "of the averaged weights, which are judged and kept", low=0.0, high=0.999999)
    frozen_stages: int = setting(0, "encoder stages, from the image on, that keep their weights", low=0, high=4)


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms (`training.losses`); 0 leaves one out."""

    depth: float = setting(1.0, "scale-invariant log error", low=0.0)
    depth_lambda: float = setting(0.85, "1: any scale is right; 0: plain mean square", low=0.0, high=1.0)
    variance: float = setting(0.2, "likelihood of the depth error under the predicted variance", low=0.0)
    likelihood: str = setting("laplace", "distribution of that error", choices=("laplace", "gaussian"))
    gradient: float = setting(0.5, "differences to neighbours in log depth, on dense depth only", low=0.0)
    far: float = setting(0.2, "sky nearer than the far limit", low=0.0)
    normals: float = setting(0.5, "1 - cosine", low=0.0)
    label: float = setting(1.0, "cross-entropy", low=0.0)
    label_smoothing: float = setting(0.05, "share of probability for the other classes", low=0.0, high=0.5)
    class_weights: tuple[float, ...] = setting((), "of the 19 classes in cross-entropy; empty: all 1", low=0.0)
    lovasz: float = setting(0.25, "Lovasz softmax, a surrogate of IoU", low=0.0)
    painted: float = setting(0.5, "binary cross-entropy of the painted surface", low=0.0)
    coarse: float = setting(0.4, "weight of the coarse stage beside the fine one", low=0.0)

    def __post_init__(self) -> None:
        if len(self.class_weights) not in (0, 19):
            raise ConfigError(f"losses.class_weights holds 19 numbers or none, got {len(self.class_weights)}")


@dataclass(frozen=True)
class ValidationConfig:
    """When and on what the run is judged."""

    every_steps: int = setting(500, "steps between two validations", low=1)
    frames: int = setting(200, "frames of each data set, evenly spread; 0: all", low=0)
    pictures: int = setting(4, "of each data set, written at every validation", low=0, high=100)
    share: float = setting(0.15, "of a data set whose split is `divided`", low=0.0, high=0.9)


@dataclass(frozen=True)
class MachineConfig:
    """What Lightning gets for `Trainer`; other machines give other roundings, nothing else changes."""

    accelerator: str = setting("auto", "cpu, gpu or auto")
    devices: int = setting(0, "of one node; 0: all GPUs, or one process on the CPU", low=0)
    nodes: int = setting(1, "machines, each of which runs the command", low=1)
    strategy: str = setting("auto", "how devices share the work: ddp and so on")
    precision: str = setting("32-true", "arithmetic", choices=("32-true", "bf16-mixed", "16-mixed"))
    workers: int = setting(2, "processes that read data; 0: the main one", low=0, high=256)
    checkpoint_steps: int = setting(200, "steps between two checkpoints", low=1)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on besides its data and its machine. `datasets` has one entry or more."""

    encoder: str = setting("efficientnet_lite0", "encoder of the network, see perception-fm models list")
    initial: str = setting("", "safetensors file whose weights are the first ones; empty: a pretrained encoder alone")
    is_pretrained: bool = setting(True, "the encoder starts from its published weights, else from random ones")
    name: str = setting("trained", "of the model, in its card")
    licence: str = setting("", "of the weights, in their card; empty: the encoder's")
    is_commercial: bool = setting(False, "the licences of all data allow commercial use of the weights")
    width_px: int = setting(640, "width of the input", low=32, high=4096)
    height_px: int = setting(384, "height of the input", low=32, high=4096)
    seed: int = setting(0, "of weights, data order and augmentation", low=0, high=2**31 - 1)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)
    datasets: tuple[DatasetConfig, ...] = ()

    def __post_init__(self) -> None:
        if self.width_px % _SIZE_STEP_PX or self.height_px % _SIZE_STEP_PX:
            raise ConfigError(
                f"width_px and height_px are multiples of {_SIZE_STEP_PX}, got {self.width_px}x{self.height_px}"
            )

    @property
    def training_sets(self) -> tuple[DatasetConfig, ...]:
        """Those that samples are drawn from."""
        return tuple(one for one in self.datasets if one.split != "validation" and one.weight > 0.0)

    @property
    def validation_sets(self) -> tuple[DatasetConfig, ...]:
        """Those that are judged."""
        return tuple(one for one in self.datasets if one.split != "train")


def read_train_config(file: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """From a YAML file and `key=value` texts, whose keys are dotted (`schedule.steps=200`, `datasets.0.weight=2`).

    Raises `ConfigError` that names the key.
    """
    document = read_yaml(file)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{file} is no training configuration: expected encoder, schedule, datasets and so on")
    return build_train_config(overridden(document, overrides))


def build_train_config(document: Mapping[str, Any]) -> TrainConfig:
    """From plain values as YAML gives them. Raises `ConfigError`."""
    refuse_unknown(document, [item.name for item in dataclasses.fields(TrainConfig)])
    entries = document.get("datasets")
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise ConfigError(f"datasets is a list with at least one data set, got {brief(entries)}")
    plain = from_mapping(TrainConfig, {key: value for key, value in document.items() if key != "datasets"})
    config = dataclasses.replace(plain, datasets=tuple(_dataset(entry, n) for n, entry in enumerate(entries)))
    if not config.training_sets:
        raise ConfigError("none of the datasets trains: at least one needs a weight and the split train or divided")
    names = [one.name for one in config.datasets]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ConfigError(f"two datasets are called {double}: give each a name of its own")
    return config


def to_document(config: TrainConfig) -> dict[str, Any]:
    """The plain values that `build_train_config` makes `config` from."""
    return _plain(config)


def overridden(document: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`document` with the settings of `key=value` texts in their places. Raises `ConfigError`."""
    changed = _copy(document)
    for text in overrides:
        key, is_there, value = text.partition("=")
        if not is_there or not key:
            raise ConfigError(f"--set takes key=value such as schedule.steps=200, got {text!r}")
        _put(changed, key.split("."), parse_yaml(value, f"--set {key}"), key)
    return changed


def _dataset(entry: Any, number: int) -> DatasetConfig:
    if not isinstance(entry, Mapping) or not {"kind", "path"} <= entry.keys():
        raise ConfigError(f"datasets.{number} is a group with kind, path, weight, split ..., got {brief(entry)}")
    return from_mapping(DatasetConfig, entry, f"datasets.{number}.")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(one) for key, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _put(group: Any, keys: list[str], value: Any, name: str) -> None:
    head, rest = keys[0], keys[1:]
    if isinstance(group, list):
        if not head.isdecimal() or int(head) >= len(group):
            raise ConfigError(f"--set {name}: there are {len(group)} entries, counted from 0; {head!r} is none")
        place: Any = int(head)
    elif isinstance(group, dict):
        place = head
        if rest:
            group.setdefault(head, {})
    else:
        raise ConfigError(f"--set {name}: {head!r} lies in no group of settings")
    if rest:
        _put(group[place], rest, value, name)
    else:
        group[place] = value
