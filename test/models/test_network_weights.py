"""Weights go into a safetensors file and come back as they were; what does not fit is refused in one line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perception_fm.errors import ModelError
from perception_fm.models.card import METADATA_KEY

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
weights = pytest.importorskip("perception_fm.models.network.weights")


@pytest.fixture(scope="module")
def saved(lite0: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights.save_network(lite0, tmp_path_factory.mktemp("weights") / "lite0.safetensors")


def test_network_comes_back_bit_by_bit_with_the_hash_of_its_file(lite0: Any, saved: Path) -> None:
    loaded = weights.load_network(saved)
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    assert loaded.card == dataclasses.replace(lite0.card, weights_sha256=digest)
    assert not loaded.training
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mine, theirs = loaded.stages(image), lite0.stages(image)
    for stage, outputs in mine.items():
        for name, values in outputs.items():
            assert torch.equal(values, theirs[stage][name]), (stage, name)


def rewritten(
    saved: Path,
    path: Path,
    change: Callable[[dict[str, Any]], None] = lambda state: None,
    **card: Any,
) -> Path:
    """The file with other tensors or another card."""
    state = safetensors_torch.load(saved.read_bytes())
    change(state)
    with weights.safetensors.safe_open(saved, framework="pt") as file:
        document = json.loads(file.metadata()[METADATA_KEY])
    text = json.dumps({**document, **card})
    path.write_bytes(safetensors_torch.save(state, {METADATA_KEY: text}))
    return path


def fill_with_nan(state: dict[str, Any]) -> None:
    state["decoder.place.bias"] = torch.full_like(state["decoder.place.bias"], float("nan"))


def drop(state: dict[str, Any]) -> None:
    del state["decoder.place.bias"]


def add(state: dict[str, Any]) -> None:
    state["decoder.extra"] = torch.zeros(1)


def reshape(state: dict[str, Any]) -> None:
    state["decoder.place.bias"] = torch.zeros(7)


@pytest.mark.parametrize(
    "change, words",
    [
        (fill_with_nan, r"NaN or infinite in decoder\.place\.bias"),
        (drop, r"1 missing \(decoder\.place\.bias\)"),
        (add, r"1 unexpected \(decoder\.extra\)"),
        (reshape, r"1 of the wrong shape \(decoder\.place\.bias \(7,\), expected \(144,\)\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(saved: Path, tmp_path: Path, change: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        weights.load_network(rewritten(saved, tmp_path / "changed.safetensors", change))


@pytest.mark.parametrize(
    "card, words",
    [
        ({"heads": ["depth"]}, "a multi-head network has the heads"),
        ({"class_names": ["road"], "train_ids": [0]}, "a label map of 1 classes, expected 19"),
        ({"encoder": "vgg"}, "there is no encoder vgg"),
        ({"input_width": 100}, "input size is a multiple of 32"),
        ({"surprise": 1}, "unknown surprise"),
    ],
)
def test_card_of_another_network_is_refused(saved: Path, tmp_path: Path, card: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        weights.load_network(rewritten(saved, tmp_path / "card.safetensors", **card))


@pytest.mark.parametrize("kept", [0, 4, 100, -1000])
def test_truncated_file_is_refused(saved: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(ModelError, match="cut off or no safetensors file"):
        weights.load_network(path)


def test_file_without_card_and_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    path.write_bytes(safetensors_torch.save({"a": torch.zeros(1)}))
    with pytest.raises(ModelError, match="carries no model card"):
        weights.load_network(path)
    with pytest.raises(ModelError, match="cannot read"):
        weights.load_network(tmp_path / "none.safetensors")


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    module = torch.nn.Linear(1, 1)
    module.bias.data[0] = float("inf")
    module.card = type("Card", (), {"name": "broken"})
    with pytest.raises(ModelError, match="NaN or infinite in bias"):
        weights.save_network(module, tmp_path / "inf.safetensors")
    assert not list(tmp_path.iterdir())
