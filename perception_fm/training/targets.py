"""The truth of a batch on the grid of one stage of the network."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.training.batch import Batch

# Pixels about the centre of a cell, along each axis, in which a target is looked for. All of a cell of stride 4; of a
# cell of stride 16 the middle, since what lies at its rim may be another thing.
_REACH_PX = 4


@dataclass(frozen=True, eq=False)
class Targets:
    """Of N images on a grid (h, w).

    `log_depth` (N, h, w) float32: ln of metres at the canonical focal length (what the network says), NaN unknown or
    infinite. `is_far` (N, h, w) bool: infinitely far. `label` (N, h, w) int64, 255 unknown. `normals` (N, 3, h, w)
    float32, NaN unknown. `painted` (N, h, w) float32, 0 or 1, NaN unknown.
    """

    log_depth: Tensor
    is_far: Tensor
    label: Tensor
    normals: Tensor
    painted: Tensor


def targets_at(batch: Batch, stride: int, canonical_focal_px: float) -> Targets:
    """Targets of cells of `stride` pixels.

    A cell takes the known value nearest to its centre, of the `_REACH_PX` pixels about it: values are never averaged
    across an edge, and the points of a LiDAR, of which few fall on a centre, are not lost. Depth becomes that of a
    camera of the canonical focal length (Yin et al., Metric3D, ICCV 2023, section 3.2, transformed labels).
    """
    scale = (canonical_focal_px / batch.focal_px)[:, None, None]
    depth_m = _nearest(batch.depth_m, ~torch.isnan(batch.depth_m), stride)
    log_depth = torch.log(depth_m * scale)
    is_far = torch.isposinf(log_depth)
    painted = _nearest(batch.painted, batch.painted != UNKNOWN_LABEL, stride)
    return Targets(
        log_depth=torch.where(torch.isfinite(log_depth), log_depth, torch.nan),
        is_far=is_far,
        label=_nearest(batch.label, batch.label != UNKNOWN_LABEL, stride).long(),
        normals=_nearest_normals(batch.normals, stride),
        painted=torch.where(painted == UNKNOWN_LABEL, torch.nan, painted.float()),
    )


def _nearest(values: Tensor, is_known: Tensor, stride: int) -> Tensor:
    """(N, h, w) of values (N, H, W), the first known one by distance, else the central one."""
    candidates = torch.stack([values[:, row::stride, column::stride] for row, column in _offsets(stride)])
    known = torch.stack([is_known[:, row::stride, column::stride] for row, column in _offsets(stride)])
    first = known.to(torch.uint8).argmax(0)  # of several greatest the first one; all unknown gives 0
    return candidates.gather(0, first[None])[0]


def _nearest_normals(normals: Tensor, stride: int) -> Tensor:
    """(N, 3, h, w), by `_nearest`; all three parts of one pixel."""
    known = ~torch.isnan(normals).any(1)
    return torch.stack([_nearest(normals[:, axis], known, stride) for axis in range(3)], 1)


@functools.lru_cache(maxsize=8)
def _offsets(stride: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns within a cell, by distance to its centre."""
    reach = min(stride, _REACH_PX)
    start = (stride - reach) // 2
    span = range(start, start + reach)
    middle = (stride - 1) / 2.0
    # The pixel below and right of the centre first: of four as near it is the one that strided slicing usually takes.
    return tuple(
        sorted(
            ((row, column) for row in span for column in span),
            key=lambda at: ((at[0] - middle) ** 2 + (at[1] - middle) ** 2, -at[0], -at[1]),
        )
    )
