"""PyTorch as a runtime: the reference that every other is compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import nn

from perception_fm.errors import InferenceError
from perception_fm.inference.backend import Array, BackendInfo, InferenceBackend, TensorSpec
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS, INPUT
from perception_fm.models.network.deployed import DeployedNetwork


class TorchBackend(InferenceBackend):
    """A raw network (see `DeployedNetwork`) with the heads of `card`, in FP32 on `device`.

    The module is moved there and put into evaluation mode. `is_compiled`: by `torch.compile`, at the first call, which
    takes a minute and needs a C++ compiler. Raises `ModelError` where it does not give what the card promises.
    """

    def __init__(
        self, module: nn.Module, card: ModelCard, device: str = "cpu", *, is_compiled: bool = False
    ) -> None:
        self._device = torch.device(device)
        self._network: DeployedNetwork | None = DeployedNetwork(module, card).eval().to(self._device)
        self._network.check()
        self._call = torch.compile(self._network) if is_compiled else self._network
        self.card = card
        self.inputs = (TensorSpec(INPUT, "uint8", (None, card.input_height, card.input_width, 3)),)
        self.outputs = tuple(
            TensorSpec(head, HEADS[head].dtype, (None, *card.output_shape(head)[1:])) for head in card.heads
        )
        name = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else self._device.type.upper()
        self.info = BackendInfo("torch", torch.__version__, name, "fp32", _fingerprint(self._network))

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        if self._call is None:
            raise InferenceError("torch: this backend has been closed")
        try:
            with torch.inference_mode():
                heads = self._call(torch.tensor(feeds[INPUT]).to(self._device))
                return {name: values.cpu().numpy() for name, values in heads.items()}
        except RuntimeError as error:
            raise InferenceError(f"torch: {str(error).strip().partition(chr(10))[0]}") from error

    def close(self) -> None:
        """Frees the weights, where nobody else holds them."""
        self._network = self._call = None


def fastest_device() -> str:
    """cuda where PyTorch finds a GPU, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _fingerprint(network: DeployedNetwork) -> str:
    """SHA-256 of card and weights, hexadecimal."""
    digest = hashlib.sha256(network.card.to_json().encode())
    for name, values in network.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
