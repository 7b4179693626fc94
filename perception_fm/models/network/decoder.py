"""The decoder that all encoders share, and its heads: coarse at stride 16, refined at stride 4."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.models.network.layers import conv_block, separable_block

STRIDE_OF_STAGE = {"coarse": 16, "fine": 4}
_CHANNELS = {"log_depth": 1, "log_variance": 1, "logits": len(CITYSCAPES_CLASSES), "normals": 3, "painted_logit": 1}
# Canonical depth of what matters ahead of a vehicle, for focal lengths of 0.4 to 3 times the canonical one.
NEAREST_M, FARTHEST_M = 0.3, 500.0
# Standard deviations of ln(depth) from 0.7 % to a factor of e^4.5: outside, the likelihood is numerically unstable.
LOG_VARIANCE_RANGE = (-10.0, 3.0)


class Decoder(nn.Module):
    """Top-down pyramid of separable convolutions (Lin et al., FPN, CVPR 2017) with a position prior at stride 32.

    `channels`: of the encoder's maps at strides 4, 8, 16, 32. `width`: channels at strides 4 and 8; half as many more
    below. Nearest enlargement, additions and ReLU6 alone, which INT8 and TensorRT take as they are.
    """

    def __init__(self, channels: tuple[int, int, int, int], width: int) -> None:
        super().__init__()
        deep = width * 3 // 2
        self.lateral4, self.lateral8 = conv_block(channels[0], width, 1), conv_block(channels[1], width, 1)
        self.lateral16, self.lateral32 = conv_block(channels[2], deep, 1), conv_block(channels[3], deep, 1)
        self.place = nn.Conv2d(2, deep, 1)
        self.context = nn.Sequential(separable_block(deep, deep, 5), separable_block(deep, deep, 5))
        self.merge16 = separable_block(deep, deep, 5)
        self.narrow = conv_block(deep, width, 1)
        self.merge8 = separable_block(width, width)
        self.merge4 = separable_block(width, width)
        self.coarse_head = Head(deep, deep)
        self.fine_head = Head(width, deep)

    def coarse(self, features: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Linear outputs (N, 25, h, w) and the features that they are made of, at stride 16, from strides 16 and 32."""
        deepest = self.lateral32(features[3])
        # Height in the image says much about depth on a road, and convolutions alone hardly know it.
        deepest = self.context(deepest + self.place(_coordinates(deepest)))
        merged = self.merge16(self.lateral16(features[2]) + _doubled(deepest))
        return self.coarse_head(merged), merged

    def fine(self, features: tuple[Tensor, ...], coarse: Tensor, merged: Tensor) -> Tensor:
        """Linear outputs (N, 25, h, w) at stride 4: the coarse ones, refined."""
        values = self.merge8(self.lateral8(features[1]) + _doubled(self.narrow(merged)))
        values = self.merge4(self.lateral4(features[0]) + _doubled(values))
        ratio = STRIDE_OF_STAGE["coarse"] // STRIDE_OF_STAGE["fine"]
        coarse = functional.interpolate(coarse, scale_factor=ratio, mode="bilinear", align_corners=False)
        return coarse + self.fine_head(values)


class Head(nn.Module):
    """Linear outputs (N, 25, h, w) of all heads: one separable block, then one pointwise layer named `last`."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = separable_block(channels, hidden)
        self.last = nn.Conv2d(hidden, sum(_CHANNELS.values()), 1)

    def forward(self, values: Tensor) -> Tensor:
        """Of features (N, C, h, w)."""
        return self.last(self.hidden(values))


def raw_outputs(linear: Tensor) -> dict[str, Tensor]:
    """Raw outputs (see `RAW_OF_HEAD`) of linear ones (N, 25, h, w).

    `log_depth`: ln of metres at the canonical focal length, within `NEAREST_M` and `FARTHEST_M`. `log_variance`: ln of
    the variance of ln(depth), clamped. `normals`: of any length. In float32, whatever the convolutions compute in: in
    bfloat16 the logarithm of 50 m comes in steps of 1.6%.
    """
    linear = linear.float()
    parts = dict(zip(_CHANNELS, torch.split(linear, list(_CHANNELS.values()), 1)))
    near, far = math.log(NEAREST_M), math.log(FARTHEST_M)
    return {
        "log_depth": near + (far - near) * torch.sigmoid(parts["log_depth"][:, 0]),
        "log_variance": parts["log_variance"][:, 0].clamp(*LOG_VARIANCE_RANGE),
        "logits": parts["logits"],
        "normals": parts["normals"],
        "painted_logit": parts["painted_logit"][:, 0],
    }


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2, mode="nearest")


def _coordinates(values: Tensor) -> Tensor:
    """Column and row (1, 2, h, w) of every cell centre, from -1 to 1; an export folds what is made of it."""
    height, width = int(values.shape[2]), int(values.shape[3])
    rows = (torch.arange(height, device=values.device, dtype=values.dtype) * 2 + 1) / height - 1
    columns = (torch.arange(width, device=values.device, dtype=values.dtype) * 2 + 1) / width - 1
    return torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)])[None]
