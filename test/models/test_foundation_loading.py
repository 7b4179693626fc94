"""Published architectures: names, shapes and sizes as published; what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="foundation models need the extra `models`")
pytest.importorskip("transformers", reason="foundation models need the extra `models`")
pytest.importorskip("safetensors", reason="foundation models need the extra `models`")

import torch
from safetensors.torch import load_file, save_file

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ModelError
from perception_fm.models.foundation.loading import build, load
from perception_fm.models.foundation.published import PUBLISHED, architecture_named
from perception_fm.models.zoo_entries import ZOO

SEGFORMER = "segformer_b0_cityscapes"
# Tensors with the names and shapes of the published files: of Depth Anything V2 and DINOv2 as their conversion scripts
# in transformers write them, of SegFormer as its first conversion did.
PUBLISHED_TENSORS = {
    "depth_anything_v2_small_metric_outdoor": {
        "backbone.embeddings.position_embeddings": (1, 1370, 384),
        "backbone.embeddings.patch_embeddings.projection.weight": (384, 3, 14, 14),
        "backbone.encoder.layer.11.attention.attention.query.weight": (384, 384),
        "backbone.encoder.layer.0.layer_scale1.lambda1": (384,),
        "neck.reassemble_stage.layers.0.resize.weight": (48, 48, 4, 4),
        "neck.fusion_stage.layers.0.residual_layer1.convolution1.weight": (64, 64, 3, 3),
        "neck.convs.3.weight": (64, 384, 3, 3),
        "head.conv3.weight": (1, 32, 1, 1),
    },
    SEGFORMER: {
        "segformer.encoder.patch_embeddings.0.proj.weight": (32, 3, 7, 7),
        "segformer.encoder.block.0.0.attention.self.query.weight": (32, 32),
        "segformer.encoder.block.3.1.mlp.dwconv.dwconv.weight": (1024, 1, 3, 3),
        "decode_head.linear_c.0.proj.weight": (256, 32),
        "decode_head.linear_fuse.weight": (256, 1024, 1, 1),
        "decode_head.classifier.weight": (19, 256, 1, 1),
    },
    "dinov2_small": {
        "embeddings.cls_token": (1, 1, 384),
        "embeddings.position_embeddings": (1, 1370, 384),
        "encoder.layer.11.attention.output.dense.weight": (384, 384),
        "encoder.layer.0.mlp.fc1.weight": (1536, 384),
        "layernorm.weight": (384,),
    },
    "dinov3_small": {
        "embeddings.register_tokens": (1, 4, 384),
        "embeddings.patch_embeddings.weight": (384, 3, 16, 16),
        "layer.11.attention.o_proj.weight": (384, 384),
        "layer.0.mlp.up_proj.weight": (1536, 384),
        "norm.weight": (384,),
    },
}
# On the hub, megabytes of model.safetensors.
PUBLISHED_MB = {"depth_anything_v2_small_metric_outdoor": 99.2, SEGFORMER: 14.9, "dinov2_small": 88.2}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with random weights in the published layout, as the library writes it."""
    torch.manual_seed(0)
    folders = {}
    for name in PUBLISHED_TENSORS:
        folders[name] = tmp_path_factory.mktemp(name)
        with torch.device("meta"):  # the library's own initialisation takes seconds
            model = build(name)
        model.to_empty(device="cpu")
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.uniform_(-0.02, 0.02)
            else:
                value.zero_()
        model.save_pretrained(folders[name])
    return folders


def copied(folder: Path, to: Path, edit: Any = lambda state: state) -> Path:
    """A copy of a folder whose tensors went through `edit`."""
    state = edit(load_file(folder / "model.safetensors"))
    save_file(state, to / "model.safetensors", metadata={"format": "pt"})
    (to / "config.json").write_text((folder / "config.json").read_text())
    return to


@pytest.mark.parametrize("name", PUBLISHED_TENSORS)
def test_tensors_have_the_published_names_and_shapes(name: str, saved: dict[str, Path]) -> None:
    state = load_file(saved[name] / "model.safetensors")
    found = {key: tuple(state[key].shape) if key in state else None for key in PUBLISHED_TENSORS[name]}
    assert found == PUBLISHED_TENSORS[name]


@pytest.mark.parametrize("name", PUBLISHED_MB)
def test_file_has_the_published_size(name: str, saved: dict[str, Path]) -> None:
    size_mb = (saved[name] / "model.safetensors").stat().st_size / 1e6
    assert size_mb == pytest.approx(PUBLISHED_MB[name], abs=0.051)  # the hub shows one digit


@pytest.mark.parametrize("name", PUBLISHED)
def test_size_in_the_zoo_is_that_of_the_architecture(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    size_mb = sum(value.numel() for value in model.parameters()) * 4 / 1e6
    parts = [part for entry in ZOO.values() for part in entry.parts if part.architecture == name]
    assert parts
    for part in parts:
        assert part.size_mb == pytest.approx(size_mb, rel=2e-3)  # files have a header besides


def test_large_segmentation_has_the_published_shapes() -> None:
    with torch.device("meta"):
        state = build("eomt_large_cityscapes").state_dict()
    want = {
        "embeddings.position_embeddings.weight": (64 * 64, 1024),
        "embeddings.register_tokens": (1, 4, 1024),
        "query.weight": (100, 1024),
        "class_predictor.weight": (20, 1024),
        "layers.23.attention.q_proj.weight": (1024, 1024),
        "upscale_block.block.1.conv1.weight": (1024, 1024, 2, 2),
    }
    assert {key: tuple(state[key].shape) for key in want} == want


@pytest.mark.parametrize("name", PUBLISHED_TENSORS)
def test_weights_come_back_as_they_were_saved(name: str, saved: dict[str, Path]) -> None:
    model = load(name, saved[name])
    again = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
    stored = load_file(saved[name] / "model.safetensors")
    assert not model.training
    assert sum(float(value.double().sum()) for value in again.values()) == pytest.approx(
        sum(float(value.double().sum()) for value in stored.values() if value.is_floating_point()), rel=1e-9
    )


def test_missing_unexpected_and_misshapen_tensors_are_named_at_once(saved: dict[str, Path], tmp_path: Path) -> None:
    def damage(state: dict[str, Any]) -> dict[str, Any]:
        state["somebody_elses"] = state.pop("decode_head.classifier.bias")
        state["decode_head.classifier.weight"] = state["decode_head.classifier.weight"][:18].contiguous()
        return state

    with pytest.raises(ModelError) as refusal:
        load(SEGFORMER, copied(saved[SEGFORMER], tmp_path, damage))
    text = str(refusal.value)
    assert "lacks decode_head.classifier.bias" in text
    assert "unexpected somebody_elses" in text
    assert "decode_head.classifier.weight (18, 256, 1, 1) instead of (19, 256, 1, 1)" in text
    assert "\n" not in text


def test_weights_of_another_model_are_refused(saved: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="is not segformer_b0_cityscapes: it lacks"):
        load(SEGFORMER, saved["dinov3_small"])


@pytest.mark.parametrize("content", [b"", b"\x80\x02pickle", None])
def test_damaged_file_is_one_line(saved: dict[str, Path], tmp_path: Path, content: bytes | None) -> None:
    whole = (saved[SEGFORMER] / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ModelError, match="cannot be loaded") as refusal:
        load(SEGFORMER, tmp_path)
    assert "\n" not in str(refusal.value)


def test_folder_with_a_pickle_only_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="never from pickles"):
        load(SEGFORMER, tmp_path)


@pytest.mark.parametrize(
    ("id2label", "what"),
    [
        ({str(index): name for index, name in enumerate(reversed(CITYSCAPES_CLASSES))}, "calls label 0 'bicycle'"),
        ({"0": "road"}, "label map of 1 classes, expected 19"),
        ("road", "not the configuration"),
    ],
)
def test_wrong_label_map_is_refused(saved: dict[str, Path], tmp_path: Path, id2label: object, what: str) -> None:
    copied(saved[SEGFORMER], tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"id2label": id2label}))
    with pytest.raises(ModelError, match=what):
        load(SEGFORMER, tmp_path, class_names=CITYSCAPES_CLASSES)


def test_right_label_map_and_placeholders_are_accepted(saved: dict[str, Path], tmp_path: Path) -> None:
    copied(saved[SEGFORMER], tmp_path)
    for names in (CITYSCAPES_CLASSES, [f"LABEL_{index}" for index in range(19)]):
        labels = {str(index): name for index, name in enumerate(names)}
        (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
        assert load(SEGFORMER, tmp_path, class_names=CITYSCAPES_CLASSES).config.num_labels == 19


def test_indoor_depth_is_not_taken_for_outdoor_depth(saved: dict[str, Path], tmp_path: Path) -> None:
    name = "depth_anything_v2_small_metric_outdoor"
    (tmp_path / "model.safetensors").symlink_to(saved[name] / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"max_depth": 20}))  # no tensor differs
    with pytest.raises(ModelError, match="says max_depth 20, expected 80"):
        load(name, tmp_path)


def test_unknown_architecture_is_refused_with_the_list() -> None:
    with pytest.raises(ModelError, match="dinov3_large"):
        architecture_named("resnet")
