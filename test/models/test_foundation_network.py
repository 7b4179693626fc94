"""Foundation models in the contract: one image in, heads on one grid out, the same in PyTorch and ONNX Runtime."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="foundation models need the extra `models`")
pytest.importorskip("transformers", reason="foundation models need the extra `models`")
pytest.importorskip("onnxslim", reason="exports need the extra `models`")

import onnxruntime
import torch
from safetensors.torch import save_file
from torch import nn

from perception_fm.errors import ModelError
from perception_fm.inference.model_file import read_model_file
from perception_fm.models.cache import weights_folder
from perception_fm.models.export import export_model
from perception_fm.models.foundation.loading import build
from perception_fm.models.foundation.network import backbone_state, random_network, zoo_network
from perception_fm.models.foundation.parts import DepthAnythingPart, EomtPart, Renormalised
from perception_fm.models.lock import Locked, sha256_of, write_lock
from perception_fm.models.network.deployed import DeployedNetwork
from perception_fm.models.zoo_entries import ZOO

# Fewer layers than published (their code is the same), weights large enough that the answers differ over the image.
SPREAD = {"initializer_range": 0.06}
FEW_LAYERS = {
    "depth": {
        **SPREAD,
        "backbone_config": {**SPREAD, "num_hidden_layers": 4, "out_indices": [1, 2, 3, 4]},
    },
    "segmentation": {**SPREAD, "depths": [1, 1, 1, 1]},
}
SMALL_EOMT = {
    "segmentation": {
        "initializer_range": 0.2, "hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 4,
        "num_queries": 20, "image_size": 64,
    }
}  # fmt: skip
REVISION = "e" * 40


def small_network(name: str, height: int, width: int) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    changes = SMALL_EOMT if name == "eomt_dinov2" else FEW_LAYERS
    return random_network(ZOO[name], height=height, width=width, changes=changes)


def test_composed_pair_takes_one_image_and_answers_on_one_grid(tmp_path: Path) -> None:
    network, card = small_network("dav2_segformer", 56, 84)
    check_parity(network, card, tmp_path)
    assert card.heads == ("depth", "label", "confidence")
    assert not card.is_commercial
    assert not card.is_trained
    assert card.canonical_focal_px == pytest.approx(725.0087 * 56 / 375)


def test_mask_transformer_agrees_between_runtimes(tmp_path: Path) -> None:
    network, card = small_network("eomt_dinov2", 32, 96)
    check_parity(network, card, tmp_path)
    assert card.canonical_focal_px is None


def check_parity(network: nn.Module, card: Any, folder: Path) -> None:
    """Exports, and compares two random images and a flat one with PyTorch."""
    path = export_model(network, card, folder / "model.onnx")
    assert read_model_file(path).card == card
    shape = (3, card.input_height, card.input_width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images[2] = 114
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = dict(zip(card.heads, session.run(list(card.heads), {"image": images})))
    with torch.inference_mode():
        want = {name: value.numpy() for name, value in DeployedNetwork(network, card)(torch.from_numpy(images)).items()}
    for head in card.heads:
        assert got[head].shape == card.output_shape(head, 3)
        if head == "label":
            # Two classes within rounding of one another may swap.
            assert (got[head] == want[head]).mean() > 0.99
            assert len(np.unique(want[head])) > 1
        else:
            assert np.ptp(want[head]) > 1e-2 * np.abs(want[head]).max()  # constant answers would agree by chance
            np.testing.assert_allclose(got[head], want[head], rtol=1e-3)


def test_model_without_a_head_puts_out_nothing_for_it(tmp_path: Path) -> None:
    network, card = random_network(ZOO["segformer_b0_cityscapes"], height=32, width=64)
    assert card.heads == ("label", "confidence")
    assert set(network(torch.zeros(1, 3, 32, 64))) == {"logits"}


@pytest.mark.parametrize(("height", "width"), [(60, 84), (56, 90), (0, 84)])
def test_input_size_that_does_not_match_is_refused_before_anything_is_built(height: int, width: int) -> None:
    with pytest.raises(ModelError, match="multiples of 28"):
        ZOO["dav2_segformer"].check_size(height, width)


def test_backbone_has_no_network_of_its_own() -> None:
    with pytest.raises(ModelError, match="no network of its own"), torch.device("meta"):
        random_network(ZOO["dinov2_small"])


def test_other_normalisation_is_undone_exactly() -> None:
    class Same(nn.Module):
        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"depth": image}

    given, wanted = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    rgb = torch.rand(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in wanted)
    out = Renormalised(Same(), given, wanted)((rgb - 0.5) / 0.5)["depth"]
    torch.testing.assert_close(out, (rgb - mean) / std, rtol=0, atol=1e-6)


def test_positions_are_resampled_as_the_library_would() -> None:
    torch.manual_seed(0)
    embeddings = build("dinov2_small", num_hidden_layers=1).embeddings
    embeddings.position_embeddings.data.normal_()
    image = torch.rand(1, 3, 28, 42)
    with torch.inference_mode():
        want = embeddings(image)
        model = SimpleNamespace(embeddings=embeddings)
        DepthAnythingPart(
            _Backbone(model, SimpleNamespace(depth_estimation_type="metric")), 28, 42, (7, 10)
        )  # fixes the positions in place
        torch.testing.assert_close(embeddings(image), want)


class _Backbone(nn.Module):
    def __init__(self, backbone: Any, config: Any) -> None:
        super().__init__()
        self.backbone, self.config = backbone, config


def test_relative_depth_is_refused() -> None:
    with pytest.raises(ModelError, match="only its metric models give metres"):
        DepthAnythingPart(_Backbone(None, SimpleNamespace(depth_estimation_type="relative")), 28, 28, (7, 7))


def test_label_of_a_mask_transformer_is_the_class_that_its_queries_vote_for() -> None:
    """Two queries: the first says class 3 on the left half, the second class 5 on the right."""
    grid = (2, 4)

    class TwoQueries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = SimpleNamespace(patch_size=16, image_size=32, num_blocks=1)
            self.embeddings = nn.Module()
            self.embeddings.position_embeddings = nn.Embedding(4, 8)
            self.register_buffer("attn_mask_probs", torch.ones(1))

        def forward(self, pixel_values: torch.Tensor) -> Any:
            classes = torch.full((1, 2, 20), -20.0)
            classes[0, 0, 3], classes[0, 1, 5] = 20.0, 20.0
            masks = torch.full((1, 2, *grid), -20.0)
            masks[0, 0, :, :2], masks[0, 1, :, 2:] = 20.0, 20.0
            return SimpleNamespace(class_queries_logits=classes, masks_queries_logits=masks)

    logits = EomtPart(TwoQueries(), 32, 64, grid)(torch.zeros(1, 3, 32, 64))["logits"]
    assert logits.argmax(1)[0].tolist() == [[3, 3, 5, 5]] * 2
    assert float(logits.softmax(1).amax(1).min()) > 0.99


def pulled(name: str, cache: Path, edit: Any = None) -> None:
    """Random weights of a one-part entry in the cache, locked."""
    entry = ZOO[name]
    part = entry.parts[0]
    folder = weights_folder(part.weights.repo, cache)
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    build(part.architecture).save_pretrained(folder)
    if edit:
        edit(folder)
    hashes = {file.name: sha256_of(file) for file in folder.iterdir()}
    write_lock(cache, part.weights.repo, Locked(REVISION, hashes))


def test_pulled_weights_become_a_trained_model_with_their_revision_and_hash(tmp_path: Path) -> None:
    pulled("segformer_b0_cityscapes", tmp_path)
    network, card = zoo_network(ZOO["segformer_b0_cityscapes"], cache=tmp_path, height=32, width=64)
    file = weights_folder(ZOO["segformer_b0_cityscapes"].parts[0].weights.repo, tmp_path) / "model.safetensors"
    assert (card.is_trained, card.revision, card.weights_sha256) == (True, REVISION, sha256_of(file))
    DeployedNetwork(network, card).check()
    same, _ = zoo_network(ZOO["segformer_b0_cityscapes"], cache=tmp_path, height=32, width=64)
    image = torch.rand(1, 3, 32, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(image)["logits"], same(image)["logits"])


def test_weights_with_nan_are_refused_at_export(tmp_path: Path) -> None:
    network, card = random_network(ZOO["segformer_b0_cityscapes"], height=32, width=64)
    network.model.decode_head.classifier.bias.data[3] = float("nan")
    with pytest.raises(ModelError, match="NaN or infinite"):
        export_model(network, card, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_model_that_is_not_pulled_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="perception-fm models pull eomt_dinov2"):
        zoo_network(ZOO["eomt_dinov2"], cache=tmp_path)


def test_label_map_of_another_length_is_refused(tmp_path: Path) -> None:
    network, card = random_network(ZOO["segformer_b0_cityscapes"], height=32, width=64)
    short = dataclasses.replace(card, class_names=card.class_names[:18], train_ids=card.train_ids[:18])
    with pytest.raises(ModelError, match="label map of 18 classes for 19 logits"):
        export_model(network, short, tmp_path / "model.onnx")


def test_backbone_hands_over_its_published_tensors(tmp_path: Path) -> None:
    repo = ZOO["dinov2_small"].parts[0].weights.repo
    folder = weights_folder(repo, tmp_path)
    folder.mkdir(parents=True)
    save_file({"embeddings.cls_token": torch.ones(1, 1, 384)}, folder / "model.safetensors")
    write_lock(tmp_path, repo, Locked(REVISION, {"model.safetensors": sha256_of(folder / "model.safetensors")}))
    assert list(backbone_state(ZOO["dinov2_small"], cache=tmp_path)) == ["embeddings.cls_token"]
    with pytest.raises(ModelError, match="is no backbone"):
        backbone_state(ZOO["dav2_segformer"], cache=tmp_path)
