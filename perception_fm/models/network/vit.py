"""DINOv2 and DINOv3 as encoders: transformer features at stride 16, a small stem for the detail above it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional

from perception_fm.errors import ModelError
from perception_fm.models.network.encoders import Encoder
from perception_fm.models.network.layers import conv_block

PATCH_PX = 16  # DINOv3's own; DINOv2's kernels are resampled to it, so that every encoder has the strides 4 to 32
_TAPS = 4  # layers whose tokens are used, evenly spread, as in DPT (Ranftl et al., ICCV 2021)
_STEM_CHANNELS = (32, 64, 96)
_DEEP_CHANNELS = 192
# Hidden size, layers, heads of the published configs.
_SIZES = {"small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}

# DINOv2's published names by those of newer releases of transformers: files keep the former.
_PUBLISHED_NAMES = {
    ".attention.q_proj.": ".attention.attention.query.",
    ".attention.k_proj.": ".attention.attention.key.",
    ".attention.v_proj.": ".attention.attention.value.",
    ".attention.o_proj.": ".attention.output.dense.",
}


class VitEncoder(Encoder):
    """Transformer `family` (dinov2 or dinov3) of one size, randomly initialised or from its published checkpoint.

    Attention is `scaled_dot_product_attention`. Call `set_input_size` before the first image. Its state dict has the
    same names whichever release of transformers is installed. Raises `ModelError` for a checkpoint with missing,
    unknown or misshapen tensors.
    """

    channels = (_STEM_CHANNELS[1], _STEM_CHANNELS[2], _DEEP_CHANNELS, _DEEP_CHANNELS)

    def __init__(self, family: str, variant: str, state: Mapping[str, Tensor] | None) -> None:
        super().__init__()
        vit = _transformer(family, variant, state)
        embeddings = vit.embeddings
        if family == "dinov2":
            patch, self.layers, self.norm = embeddings.patch_embeddings.projection, vit.encoder.layer, vit.layernorm
            position = embeddings.position_embeddings.detach()
            prefix = embeddings.cls_token.detach() + position[:, :1]
            grid = embeddings.patch_embeddings.image_size[0] // embeddings.patch_embeddings.patch_size[0]
            self.position: nn.Parameter | None = nn.Parameter(position[:, 1:].clone())
            self.grid = (grid, grid)
            self.rope = None
        else:
            patch, self.norm, self.rope = embeddings.patch_embeddings, vit.norm, vit.rope_embeddings
            self.layers = vit.layer if hasattr(vit, "layer") else vit.model.layer
            prefix = torch.cat([embeddings.cls_token, embeddings.register_tokens], 1).detach()
            self.position, self.grid = None, (0, 0)
        self.patch = _patch_of(patch)
        self.prefix = nn.Parameter(prefix.clone())
        count, hidden = len(self.layers), self.patch.out_channels
        self.taps = tuple(count * (tap + 1) // _TAPS - 1 for tap in range(_TAPS))
        first, second, third = _STEM_CHANNELS
        self.stem4 = nn.Sequential(conv_block(3, first, 3, stride=2), conv_block(first, second, 3, stride=2))
        self.stem8 = conv_block(second, third, 3, stride=2)
        self.join16 = conv_block(_TAPS * hidden, _DEEP_CHANNELS, 1)
        self.down32 = conv_block(_DEEP_CHANNELS, _DEEP_CHANNELS, 3, stride=2)
        if family == "dinov2" and any(".q_proj." in name for name, _ in self.layers.named_parameters()):
            self.register_state_dict_post_hook(_to_published)
            self.register_load_state_dict_pre_hook(_from_published)

    def set_input_size(self, height: int, width: int) -> None:
        """Resamples the learned positions, or computes the rotary ones, once for all images."""
        super().set_input_size(height, width)
        grid = (height // PATCH_PX, width // PATCH_PX)
        if self.rope is not None:
            device = self.prefix.device
            is_training = self.rope.training
            with torch.no_grad():
                cosine, sine = self.rope.eval()(torch.empty(1, 3, height, width, device=device))
            self.rope.train(is_training)
            self.register_buffer("cosine", cosine.clone(), persistent=False)
            self.register_buffer("sine", sine.clone(), persistent=False)
        elif grid != self.grid:
            self.position = nn.Parameter(_resampled(self.position.detach(), self.grid, grid))
        self.grid = grid

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features at strides 4, 8, 16 and 32."""
        fine = self.stem4(image)
        deep = self.join16(torch.cat(self._tapped(image), 1))
        return fine, self.stem8(fine), deep, self.down32(deep)

    def _tapped(self, image: Tensor) -> list[Tensor]:
        """Normalised patch tokens of the tapped layers as maps (N, hidden, H / 16, W / 16)."""
        tokens = self.patch(image).flatten(2).transpose(1, 2)
        if self.position is not None:
            tokens = tokens + self.position
        tokens = torch.cat([self.prefix.expand(image.shape[0], -1, -1), tokens], 1)
        turn = {} if self.rope is None else {"position_embeddings": (self.cosine, self.sine)}
        maps, first = [], self.prefix.shape[1]
        for index, layer in enumerate(self.layers):
            tokens = layer(tokens, **turn)
            tokens = tokens[0] if isinstance(tokens, tuple) else tokens
            if index in self.taps:
                patches = self.norm(tokens)[:, first:].transpose(1, 2)
                maps.append(patches.reshape(-1, self.patch.out_channels, *self.grid))
        return maps


def _transformer(family: str, variant: str, state: Mapping[str, Tensor] | None) -> nn.Module:
    """The published architecture, with its weights where `state` has them."""
    hidden, layers, heads = _SIZES[variant]
    sizes = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    if family == "dinov2":
        kind = transformers.Dinov2Model
        config = transformers.Dinov2Config(**sizes, patch_size=14, image_size=518)
    else:
        kind = transformers.DINOv3ViTModel
        sizes["intermediate_size"] = 4 * hidden
        config = transformers.DINOv3ViTConfig(**sizes, patch_size=PATCH_PX, num_register_tokens=4)
    config._attn_implementation = "sdpa"
    if state is None:
        return kind(config)
    try:
        vit, report = kind.from_pretrained(None, config=config, state_dict=dict(state), output_loading_info=True)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ModelError(f"no weights of {family} {variant}: {str(error).strip().partition(chr(10))[0]}") from error
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(fault):
            names = sorted(map(str, report[fault]))[:3]
            raise ModelError(f"no weights of {family} {variant}: {fault.replace('_', ' ')} {', '.join(names)}")
    return vit


def _to_published(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    _rename(state, f"{prefix}layers.", _PUBLISHED_NAMES)


def _from_published(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    _rename(state, f"{prefix}layers.", {published: name for name, published in _PUBLISHED_NAMES.items()})


def _rename(state: dict[str, Tensor], prefix: str, names: Mapping[str, str]) -> None:
    """In place, in the order of the state dict."""
    for key in list(state):
        value, new = state.pop(key), key
        if key.startswith(prefix):
            for old, renamed in names.items():
                new = new.replace(old, renamed)
        state[new] = value


def _patch_of(patch: nn.Conv2d) -> nn.Conv2d:
    """A patch embedding of `PATCH_PX`."""
    size = patch.kernel_size[0]
    if size == PATCH_PX:
        return patch
    resized = nn.Conv2d(3, patch.out_channels, PATCH_PX, PATCH_PX)
    resized.weight = nn.Parameter(resample_patch(patch.weight.detach(), PATCH_PX))
    resized.bias = nn.Parameter(patch.bias.detach().clone())
    return resized


def resample_patch(kernel: Tensor, size: int) -> Tensor:
    """(C, 3, size, size) that answers to a bilinearly enlarged patch as `kernel` (C, 3, s, s) does to the patch itself.

    The pseudo-inverse of the resize (Beyer et al., FlexiViT, CVPR 2023, eq. 4); size >= s.
    """
    old = kernel.shape[-1]
    basis = torch.eye(old * old, dtype=torch.float64).reshape(old * old, 1, old, old)
    resize = functional.interpolate(basis, (size, size), mode="bilinear", align_corners=False).reshape(old * old, -1)
    # Rows: enlarged unit patches. resize @ new = old, of least norm.
    flat = kernel.to(torch.float64).reshape(-1, old * old)
    return (flat @ torch.linalg.pinv(resize).T).reshape(*kernel.shape[:2], size, size).to(kernel.dtype)


def _resampled(position: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Position embeddings (1, h w, C) of another grid, bicubic as DINOv2 does it."""
    channels = position.shape[-1]
    grid = position.reshape(1, *old, channels).permute(0, 3, 1, 2)
    grid = functional.interpolate(grid, new, mode="bicubic", align_corners=False)
    return grid.permute(0, 2, 3, 1).reshape(1, -1, channels).contiguous()
