"""A network and data that train in milliseconds, for tests of the run itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from perception_fm.camera.model import CameraModel
from perception_fm.models.network.encoders import Encoder
from perception_fm.models.network.layers import conv_block
from perception_fm.models.network.multihead import MultiHeadNetwork, untrained_card
from perception_fm.training.batch import Batch, collate
from perception_fm.training.config import TrainConfig, build_train_config
from perception_fm.training.sample import TrainingSample

WIDTH, HEIGHT, FOCAL_PX = 64, 32, 50.0
HORIZON = 12


class TinyEncoder(Encoder):
    """Four strided convolutions and nothing else."""

    channels = (8, 8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(conv_block(3, 8, 3, stride=2), conv_block(8, 8, 3, stride=2))
        self.blocks = torch.nn.ModuleList(conv_block(8, 8, 3, stride=2) for _ in range(3))
        self.taps = (0, 0, 1, 2)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = [self.stem(image)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return tuple(maps)


def tiny_network() -> MultiHeadNetwork:
    """The same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MultiHeadNetwork(TinyEncoder(), untrained_card("efficientnet_lite0", WIDTH, HEIGHT)).eval()


def tiny_config(**changes: Any) -> TrainConfig:
    """A run of 20 steps, judged every 10; `changes` by dotted key, with `__` for the dot."""
    document = {
        "width_px": WIDTH,
        "height_px": HEIGHT,
        "schedule.steps": 20,
        "schedule.batch_size": 2,
        "schedule.learning_rate": 5e-3,
        "schedule.encoder_learning_rate": 5e-3,
        "schedule.ema_decay": 0.9,
        "validation.every_steps": 10,
        "validation.pictures": 1,
        "machine.accelerator": "cpu",
        "machine.devices": 1,
        "machine.workers": 0,
        "machine.checkpoint_steps": 4,
        "datasets": [{"kind": "drive", "path": "street"}],
    }
    return build_train_config({**document, **{name.replace("__", "."): value for name, value in changes.items()}})


class TinyData:
    """Streets of flat road, sky and a wall across, all of whose targets are known by geometry."""

    def __init__(self, batch_size: int = 2, poisoned: int = -1) -> None:
        self._size, self._poisoned = batch_size, poisoned

    def training_batches(self, first: int, rank: int, ranks: int) -> Iterator[Batch]:
        """A batch per number; number `poisoned` has a normal of infinite length."""
        for number in itertools.count(first):
            yield street_batch(number * ranks + rank, self._size, is_poisoned=number == self._poisoned)

    def validation_batches(self) -> Mapping[str, DataLoader[Batch]]:
        """Two batches."""
        batches = [street_batch(10_000 + number, self._size) for number in range(2)]
        return {"street": DataLoader(batches, batch_size=None)}

    def documents(self) -> Mapping[str, Mapping[str, object]]:
        """One data set."""
        return {"street": {"licence": "CC0"}}


def street_batch(number: int, size: int, *, is_poisoned: bool = False) -> Batch:
    """Of streets that follow from the number alone."""
    rng = np.random.default_rng(number)
    return collate([_street(rng, is_poisoned) for _ in range(size)])


def _street(rng: np.random.Generator, is_poisoned: bool) -> TrainingSample:
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, 1)
    wall_m = float(rng.uniform(5.0, 20.0))
    with np.errstate(divide="ignore"):
        ground_m = np.where(rows > HORIZON, FOCAL_PX * 1.5 / (rows - HORIZON), np.inf)
    is_wall = (ground_m > wall_m) & (rows >= HORIZON - 6)
    is_sky = ~is_wall & np.isinf(ground_m)
    depth_m = np.where(is_wall, wall_m, ground_m).astype(np.float32)
    label = np.where(is_sky, 10, np.where(is_wall, 2, 0)).astype(np.uint8)
    normals = np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)
    normals[label == 0], normals[is_wall] = (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)
    shade = np.select([is_sky, is_wall], [220.0, 30.0 + 8.0 * wall_m], 90.0)[..., None]
    image = np.clip(shade + rng.normal(0.0, 6.0, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    if is_poisoned:
        normals[20:24, 20:24] = np.inf
    matrix = np.array([[FOCAL_PX, 0, (WIDTH - 1) / 2], [0, FOCAL_PX, HORIZON], [0, 0, 1]])
    camera = CameraModel(WIDTH, HEIGHT, matrix)
    return TrainingSample(
        image, camera, "street", "street", depth_m, label, normals, is_wall.astype(np.uint8) * (rng.random() < 0.5)
    )
