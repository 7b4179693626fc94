"""Samples of one size as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import DatasetError
from perception_fm.training.sample import PAINTED_UNKNOWN, UNKNOWN_FOCAL_WIDTHS, TrainingSample


@dataclass(frozen=True, eq=False)
class Batch:
    """N samples; what a sample does not know is NaN or 255.

    `image` (N, H, W, 3) uint8 BGR. `focal_px` (N,) float32, fx, always finite and positive. `depth_m` (N, H, W)
    float32, NaN unknown, inf sky or too far. `label` (N, H, W) uint8. `normals` (N, 3, H, W) float32, NaN unknown.
    `painted` (N, H, W) uint8, 0, 1 or 255. `pictured_m` (N, H, W) float32 as `depth_m`. `has_camera` (N,) bool.
    `damaged`: what could not be read on the way to these samples, one line each.
    """

    image: Tensor
    focal_px: Tensor
    depth_m: Tensor
    label: Tensor
    normals: Tensor
    painted: Tensor
    pictured_m: Tensor
    has_camera: Tensor
    names: tuple[str, ...]
    sources: tuple[str, ...]
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The same on another device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, as `torch.utils.data.DataLoader` asks for."""
        return self._mapped(lambda tensor: tensor.pin_memory())

    def _mapped(self, change: Any) -> Batch:
        tensors = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(self, **{name: change(one) for name, one in tensors.items() if isinstance(one, Tensor)})


def collate(samples: Sequence[TrainingSample]) -> Batch:
    """One batch of samples of the same size. Raises `DatasetError` for none, or for different sizes."""
    sizes = sorted({sample.size for sample in samples})
    if len(sizes) != 1:
        raise DatasetError(f"a batch is made of samples of one size, got {', '.join(map(str, sizes)) or 'none'}")
    width, height = sizes[0]
    grid = (height, width)
    return Batch(
        image=_stack([sample.image for sample in samples], (*grid, 3), 0, np.uint8),
        focal_px=torch.tensor([_focal_px(sample) for sample in samples], dtype=torch.float32),
        depth_m=_stack([sample.depth_m for sample in samples], grid, np.nan, np.float32),
        label=_stack([sample.label for sample in samples], grid, UNKNOWN_LABEL, np.uint8),
        normals=_stack([_channels_first(sample.normals) for sample in samples], (3, *grid), np.nan, np.float32),
        painted=_stack([sample.painted for sample in samples], grid, PAINTED_UNKNOWN, np.uint8),
        pictured_m=_stack([sample.pictured_m for sample in samples], grid, np.nan, np.float32),
        has_camera=torch.tensor([sample.camera is not None for sample in samples]),
        names=tuple(sample.name for sample in samples),
        sources=tuple(sample.source for sample in samples),
    )


def _stack(arrays: Sequence[NDArray[Any] | None], shape: tuple[int, ...], unknown: float, dtype: type) -> Tensor:
    stacked = np.full((len(arrays), *shape), unknown, dtype)
    for row, array in enumerate(arrays):
        if array is not None:
            stacked[row] = array
    return torch.from_numpy(stacked)


def _channels_first(normals: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if normals is None else np.moveaxis(normals, -1, 0)


def _focal_px(sample: TrainingSample) -> float:
    return UNKNOWN_FOCAL_WIDTHS * sample.size[0] if sample.camera is None else sample.camera.fx
