"""Foundation models as raw networks (see `DeployedNetwork`): normalised RGB in, metres or logits on one grid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_fm.errors import ModelError

_LEAST_SCORE = 1e-6  # of a class that no query votes for: keeps its logarithm finite, also in FP16


class Renormalised(nn.Module):
    """`inner` for an image that was normalised with another mean and std than it was trained with."""

    def __init__(self, inner: nn.Module, given: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]]) -> None:
        """`given`, `wanted`: mean and std of RGB / 255."""
        super().__init__()
        self.inner = inner
        (mean, std), (own_mean, own_std) = (torch.tensor(pair, dtype=torch.float64) for pair in (given, wanted))
        self.register_buffer("scale", (std / own_std).float().reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("offset", ((mean - own_mean) / own_std).float().reshape(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Raw outputs of (N, 3, H, W)."""
        return self.inner(image * self.scale + self.offset)


class DepthAnythingPart(nn.Module):
    """`model`: `DepthAnythingForDepthEstimation`, metric. Puts out `depth` (N, h, w) in metres, `grid` = (h, w)."""

    patch_px = 14

    def __init__(self, model: Any, height: int, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        if model.config.depth_estimation_type != "metric":
            raise ModelError("this Depth Anything gives relative depth; only its metric models give metres")
        self.model, self.grid = model, grid
        self.size = _multiple(height, self.patch_px), _multiple(width, self.patch_px)
        _fix_positions(model.backbone.embeddings, self.size)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Of (N, 3, H, W), its normalisation."""
        depth = self.model(pixel_values=_sized(image, self.size)).predicted_depth
        return {"depth": _sized(depth[:, None], self.grid)[:, 0]}


class SegformerPart(nn.Module):
    """`model`: `SegformerForSemanticSegmentation`. Puts out `logits` (N, classes, h, w), natively at stride 4."""

    multiple_px = 32

    def __init__(self, model: Any, height: int, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.model, self.grid = model, grid
        self.size = _multiple(height, self.multiple_px), _multiple(width, self.multiple_px)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Of (N, 3, H, W), its normalisation."""
        return {"logits": _sized(self.model(pixel_values=_sized(image, self.size)).logits, self.grid)}


class EomtPart(nn.Module):
    """`model`: `EomtForUniversalSegmentation`, semantic. Puts out `logits` (N, classes, h, w), natively at stride 4.

    Its masks are not fed back into attention: mask annealing ends at zero (Kerssies et al., "Your ViT is Secretly an
    Image Segmentation Model", CVPR 2025, section 3.3). Position embeddings are resampled to the input, bicubic.
    """

    def __init__(self, model: Any, height: int, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        patch, trained = model.config.patch_size, model.config.image_size // model.config.patch_size
        self.model, self.grid = model, grid
        self.size = _multiple(height, patch), _multiple(width, patch)
        model.grid_size = tuple(side // patch for side in self.size)
        positions = model.embeddings.position_embeddings.weight.detach()
        resampled = _resampled(positions[None], (trained, trained), model.grid_size)[0]
        model.embeddings.position_embeddings = nn.Embedding.from_pretrained(resampled)
        model.embeddings.position_ids = torch.arange(len(resampled), device=resampled.device)[None]
        del model.attn_mask_probs
        model.attn_mask_probs = (0.0,) * model.config.num_blocks

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Of (N, 3, H, W), its normalisation.

        The score of a class is the sum over queries of softmax(class) sigmoid(mask), the query's "no object" left out
        (Cheng et al., Mask2Former, CVPR 2022); softmax of its logarithm is the score over the sum of all scores.
        """
        found = self.model(pixel_values=_sized(image, self.size))
        classes = found.class_queries_logits.softmax(-1)[..., :-1]
        masks = _sized(found.masks_queries_logits, self.grid).sigmoid()
        scores = (classes.transpose(1, 2) @ masks.flatten(2)).unflatten(2, self.grid)
        return {"logits": torch.log(scores + _LEAST_SCORE)}


class Composed(nn.Module):
    """Several raw networks that look at the same image; each puts out what the others do not.

    All answer on one grid. In the zoo that is stride 4: what SegFormer and EoMT have by themselves, and fine enough for
    depth, of which Depth Anything has a value per pixel.
    """

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Raw outputs of all parts."""
        outputs: dict[str, Tensor] = {}
        for part in self.parts:
            outputs.update(part(image))
        return outputs


def _multiple(size: int, step: int) -> int:
    """The multiple of `step` nearest to a side of the input."""
    return max(step, round(size / step) * step)


def _sized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) at `size`; of a grid the values at its cell centres, so that depth edges stay as sharp as can be."""
    if tuple(values.shape[-2:]) == size:
        return values
    return functional.interpolate(values, size, mode="bilinear", align_corners=False)


def _fix_positions(embeddings: Any, size: tuple[int, int]) -> None:
    """Resamples DINOv2's position embeddings once, so that no resampling is left in an export."""
    patch, trained = embeddings.patch_embeddings.patch_size, embeddings.patch_embeddings.image_size
    positions = embeddings.position_embeddings.detach()
    old = (trained[0] // patch[0], trained[1] // patch[1])
    new = (size[0] // patch[0], size[1] // patch[1])
    fixed = torch.cat((positions[:, :1], _resampled(positions[:, 1:], old, new)), 1)
    embeddings.position_embeddings = nn.Parameter(fixed, requires_grad=False)
    embeddings.interpolate_pos_encoding = lambda embedded, height, width: embeddings.position_embeddings


def _resampled(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Position embeddings (1, h w, C) of another grid, bicubic as DINOv2 does it."""
    if old == new:
        return positions
    grid = positions.float().unflatten(1, old).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, new, mode="bicubic", align_corners=False)
    return grid.permute(0, 2, 3, 1).flatten(1, 2).to(positions.dtype).contiguous()
