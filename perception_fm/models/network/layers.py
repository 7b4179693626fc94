"""Convolution blocks that every runtime fuses: convolution, batch norm, ReLU6."""

from __future__ import annotations

from torch import nn


def conv_block(channels_in: int, channels_out: int, size: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution of odd `size`, batch norm and ReLU6, whose fixed range suits INT8."""
    convolution = nn.Conv2d(channels_in, channels_out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU6())


def separable_block(channels_in: int, channels_out: int, size: int = 3) -> nn.Sequential:
    """Depthwise then pointwise convolution, each with batch norm and ReLU6."""
    depthwise = conv_block(channels_in, channels_in, size, groups=channels_in)
    return nn.Sequential(depthwise, conv_block(channels_in, channels_out, 1))
