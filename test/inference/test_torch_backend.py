"""The PyTorch reference follows the backend contract."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tiny_onnx import tiny_card

from perception_fm.errors import InferenceError, ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
torch_backend = pytest.importorskip("perception_fm.inference.torch_backend")

CARD = tiny_card(heads=("depth", "label"), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Darkness(torch.nn.Module):
    """ln(depth) is the mean over RGB of a cell; class 13 where that is above a half, else class 0."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, image: Any) -> dict[str, Any]:
        cells = torch.nn.functional.avg_pool2d(image.mean(1, keepdim=True), 4) * self.factor
        logits = torch.zeros(len(image), 19, *cells.shape[2:])
        logits[:, 13] = cells[:, 0] - 0.5
        return {"log_depth": cells[:, 0], "logits": logits}


def test_answers_and_shapes_are_those_of_the_network() -> None:
    image = np.zeros((2, 32, 64, 3), np.uint8)
    image[1] = 255
    with torch_backend.TorchBackend(Darkness(), CARD) as backend:
        raw = backend.run({"image": image})
        assert {spec.name: spec.shape for spec in backend.outputs} == {"depth": (None, 8, 16), "label": (None, 8, 16)}
        assert (backend.info.runtime, backend.info.device, backend.info.precision) == ("torch", "CPU", "fp32")
    np.testing.assert_allclose(raw["depth"][0], 1.0)
    np.testing.assert_allclose(raw["depth"][1], math.e, rtol=1e-6)
    assert raw["label"].dtype == np.int32
    assert (raw["label"][0] == 0).all()
    assert (raw["label"][1] == 13).all()


def test_fingerprint_follows_weights_and_card() -> None:
    prints = [
        torch_backend.TorchBackend(Darkness(factor), card).info.fingerprint
        for factor, card in ((1.0, CARD), (1.0, CARD), (2.0, CARD), (1.0, tiny_card(heads=("depth",))))
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_wrong_input_closed_backend_and_wrong_heads_are_refused() -> None:
    backend = torch_backend.TorchBackend(Darkness(), CARD)
    with pytest.raises(InferenceError, match="image is uint8 Nx32x64x3, got uint8 1x32x65x3"):
        backend.run({"image": np.zeros((1, 32, 65, 3), np.uint8)})
    backend.close()
    backend.close()
    with pytest.raises(InferenceError, match="closed"):
        backend.run({"image": np.zeros((1, 32, 64, 3), np.uint8)})
    with pytest.raises(ModelError, match="head normals needs the output normals"):
        torch_backend.TorchBackend(Darkness(), tiny_card(heads=("depth", "normals")))
