"""`DeployedNetwork`: any network of raw outputs becomes a model of the file contract, uint8 in, heads out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard

RawOutputs = Mapping[str, Tensor]

RAW_OF_HEAD = {
    "depth": ("log_depth", "depth"),
    "depth_log_variance": ("log_variance",),
    "label": ("logits",),
    "confidence": ("logits",),
    "normals": ("normals",),
    "painted": ("painted_logit",),
}
"""Which raw output a head is made of; of depth either the natural logarithm or metres.

`log_depth`, `depth`, `log_variance`, `painted_logit`: (N, h, w). `logits`: (N, classes, h, w). `normals`: (N, 3, h, w),
of any length but zero. All float, on the grid of the card's output stride.
"""

_LEAST_SQUARE = 1e-12  # keeps a normal of length 0 finite


class DeployedNetwork(nn.Module):
    """`inner` between the input and the heads of `card`.

    `inner` maps (N, 3, H, W) float32, RGB, normalised by the card's mean and std, to `RawOutputs`; outputs that no head
    of the card needs are left out of an export. Only operators that ONNX Runtime and TensorRT share.
    """

    def __init__(self, inner: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self.inner = inner
        self.card = card
        scale, offset = _normalisation(card)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """The card's heads, in its order, of (N, H, W, 3) uint8 BGR."""
        raw = self.raw(image)
        return {head: self._head(head, raw) for head in self.card.heads}

    def raw(self, image: Tensor) -> RawOutputs:
        """What `inner` says about (N, H, W, 3) uint8 BGR."""
        # Cast first: TensorRT takes uint8 as an input only where a cast follows at once.
        pixels = image.to(torch.float32).permute(0, 3, 1, 2)
        return self.inner(pixels[:, [2, 1, 0]] * self.scale + self.offset)

    def check(self) -> None:
        """Raises `ModelError` where weights are not finite, or where `inner` does not give what the card promises."""
        check_weights(self, self.card.name)
        size = (1, self.card.input_height, self.card.input_width, 3)
        with torch.inference_mode():
            raw = self.raw(torch.full(size, 114, dtype=torch.uint8, device=self.scale.device))
        for head in self.card.heads:
            names = [name for name in RAW_OF_HEAD[head] if name in raw]
            if not names:
                want, got = " or ".join(RAW_OF_HEAD[head]), ", ".join(raw) or "none"
                raise ModelError(f"model {self.card.name}: its head {head} needs the output {want}, it has {got}")
            want, got = self._raw_shape(head), tuple(raw[names[0]].shape)
            if head == "label" and len(got) == 4 and got[1] != want[1]:
                raise ModelError(f"model {self.card.name}: a label map of {want[1]} classes for {got[1]} logits")
            if got != want:
                raise ModelError(f"model {self.card.name}: its output {names[0]} is {want}, got {got}")

    def _raw_shape(self, head: str) -> tuple[int, ...]:
        shape = self.card.output_shape(head)
        return (1, len(self.card.class_names), *shape[1:]) if "logits" in RAW_OF_HEAD[head] else shape

    def _head(self, head: str, raw: RawOutputs) -> Tensor:
        if head == "depth":
            return torch.exp(raw["log_depth"].float()) if "log_depth" in raw else raw["depth"].float()
        if head == "depth_log_variance":
            return raw["log_variance"].float()
        if head == "label":
            return raw["logits"].argmax(1).to(torch.int32)
        if head == "confidence":
            return _confidence(raw["logits"].float(), self.card.temperature)
        if head == "normals":
            normals = raw["normals"].float()
            return normals / torch.sqrt((normals * normals).sum(1, keepdim=True) + _LEAST_SQUARE)
        return torch.sigmoid(raw["painted_logit"].float())


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode; every part goes back to its own mode at the end."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, is_training in modes:
            part.training = is_training


def check_weights(module: nn.Module, name: str) -> None:
    """Raises `ModelError` that names the first parameters and buffers of `module` with NaN or infinity."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    broken = [key for key, value in tensors if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken:
        listed = ", ".join(broken[:3]) + (f" and {len(broken) - 3} more" if len(broken) > 3 else "")
        raise ModelError(f"model {name}: weights are NaN or infinite in {listed}; load or train it again")


def _confidence(logits: Tensor, temperature: float) -> Tensor:
    """max softmax(logits / temperature) = 1 / sum exp((logits - max) / temperature): one exponential per logit."""
    shifted = logits - logits.amax(1, keepdim=True)
    return torch.reciprocal(torch.exp(shifted / temperature).sum(1))


def _normalisation(card: ModelCard) -> tuple[Tensor, Tensor]:
    """Scale and offset (1, 3, 1, 1) that take RGB bytes to normalised RGB."""
    std = torch.tensor(card.std, dtype=torch.float64).reshape(1, 3, 1, 1)
    mean = torch.tensor(card.mean, dtype=torch.float64).reshape(1, 3, 1, 1)
    return (1.0 / (255.0 * std)).float(), (-mean / std).float()
