"""The wrapper gives the heads of the contract exactly, and refuses networks that do not fit their card."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from tiny_onnx import tiny_card

from perception_fm.errors import ModelError
from perception_fm.models.card import ModelCard
from perception_fm.models.heads import HEADS

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
deployed = pytest.importorskip("perception_fm.models.network.deployed", reason="PyTorch is not installed")

CARD = tiny_card(temperature=2.0)
GRID = (8, 16)


class Constant(torch.nn.Module):
    """Raw outputs that do not depend on the image, which it keeps."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        logits = torch.zeros(19)
        logits[13], logits[2] = 4.0, 2.0
        self.outputs = {
            "log_depth": torch.full((1, *GRID), math.log(7.0)),
            "log_variance": torch.full((1, *GRID), -3.0),
            "logits": logits.reshape(1, 19, 1, 1).expand(1, 19, *GRID),
            "normals": torch.tensor([3.0, 0.0, -4.0]).reshape(1, 3, 1, 1).expand(1, 3, *GRID),
            "painted_logit": torch.full((1, *GRID), math.log(3.0)),
            **changes,
        }
        self.image = torch.empty(0)
        self.scale = torch.nn.Parameter(torch.ones(2))

    def forward(self, image: Any) -> dict[str, Any]:
        self.image = image
        return {name: value for name, value in self.outputs.items() if value is not None}


def heads_of(module: Any, card: ModelCard = CARD) -> dict[str, Any]:
    return deployed.DeployedNetwork(module, card)(torch.zeros(1, 32, 64, 3, dtype=torch.uint8))


def test_heads_are_those_of_the_contract() -> None:
    heads = heads_of(Constant())
    # exp(0) + exp((2 - 4) / 2) + 17 exp((0 - 4) / 2): softmax of the logits over the temperature.
    confidence = 1.0 / (1.0 + math.exp(-1.0) + 17.0 * math.exp(-2.0))
    expected = {"depth": 7.0, "depth_log_variance": -3.0, "label": 13, "confidence": confidence, "painted": 0.75}
    for head, value in expected.items():
        np.testing.assert_allclose(heads[head].numpy(), value, rtol=1e-6)
    np.testing.assert_allclose(heads["normals"][0, :, 5, 9].numpy(), [0.6, 0.0, -0.8], rtol=1e-6)
    assert list(heads) == list(CARD.heads)
    assert {name: str(values.dtype) for name, values in heads.items()} == {
        name: f"torch.{HEADS[name].dtype}" for name in CARD.heads
    }
    assert {name: tuple(values.shape) for name, values in heads.items()} == {
        name: CARD.output_shape(name) for name in CARD.heads
    }


def test_network_sees_normalised_rgb_not_bgr() -> None:
    module = Constant()
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).expand(1, 32, 64, 3)
    deployed.DeployedNetwork(module, CARD)(image)
    expected = (np.array([30, 20, 10]) / 255.0 - np.array(CARD.mean)) / np.array(CARD.std)
    np.testing.assert_allclose(module.image[0, :, 3, 4].numpy(), expected, rtol=1e-5)


def test_huge_logits_and_a_normal_of_no_length_stay_finite() -> None:
    logits = torch.full((1, 19, *GRID), -1e30)
    logits[:, 4] = 1e30
    heads = heads_of(Constant(logits=logits, normals=torch.zeros(1, 3, *GRID)))
    assert float(heads["confidence"].min()) == 1.0
    assert float(heads["normals"].abs().max()) == 0.0


def test_metres_are_taken_as_they_are_and_unneeded_outputs_left_out() -> None:
    card = dataclasses.replace(CARD, heads=("depth",))
    heads = heads_of(Constant(log_depth=None, depth=torch.full((1, *GRID), 12.5)), card)
    assert list(heads) == ["depth"]
    assert float(heads["depth"].mean()) == 12.5


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"normals": None}, "its head normals needs the output normals"),
        ({"log_depth": None}, "its head depth needs the output log_depth or depth"),
        ({"logits": torch.zeros(1, 21, *GRID)}, "a label map of 19 classes for 21 logits"),
        ({"painted_logit": torch.zeros(1, 4, 8)}, r"painted_logit is \(1, 8, 16\), got \(1, 4, 8\)"),
    ],
)
def test_network_that_is_not_what_its_card_says_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        deployed.DeployedNetwork(Constant(**changes), CARD).check()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(value: float) -> None:
    module = Constant()
    module.scale.data[1] = value
    with pytest.raises(ModelError, match=r"NaN or infinite in inner\.scale"):
        deployed.DeployedNetwork(module, CARD).check()


def test_evaluation_mode_ends_where_it_began() -> None:
    module = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Dropout())
    module[0].eval()
    with deployed.evaluating(module):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, False, True]
