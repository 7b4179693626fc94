"""An exported file says in ONNX Runtime what the network says in PyTorch, and nothing wrong is ever written."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_onnx import tiny_card, tiny_model

from perception_fm.errors import ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxslim", reason="onnxslim is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
export = pytest.importorskip("perception_fm.models.export")
export_file = pytest.importorskip("perception_fm.models.export_file")

# Sums of a few hundred float32 layers in another order: 1e-5 was seen; depth is relative, the rest of order one.
TOLERANCE = 1e-3


def operators(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def assert_agrees(path: Path, module: Any, card: Any) -> None:
    report = export_file.report_of(path, module, card)
    assert list(report.differences) == list(card.heads)
    assert max(report.differences.values()) < TOLERANCE, report.differences


def test_fine_stage_agrees_with_pytorch_and_carries_its_card(lite0: Any, lite0_file: Path) -> None:
    from perception_fm.inference.model_file import read_model_file

    module, card = lite0.at_stage("fine")
    assert_agrees(lite0_file, module, card)
    assert read_model_file(lite0_file).card == card
    assert [path.name for path in lite0_file.parent.iterdir()] == ["lite0.onnx"]


def test_coarse_stage_agrees_and_holds_no_fine_decoder(lite0: Any, lite0_file: Path, tmp_path: Path) -> None:
    module, card = lite0.at_stage("coarse")
    path = export.export_model(module, card, tmp_path / "coarse.onnx")
    assert (card.stage, card.output_stride) == ("coarse", 16)
    assert_agrees(path, module, card)
    saved = sum(value.numel() for name, value in lite0.named_parameters() if "fine_head" in name or "merge4" in name)
    floats = [sum(np.prod(one.dims) for one in onnx.load(file).graph.initializer) for file in (path, lite0_file)]
    assert floats[1] - floats[0] > saved
    assert operators(path)["Conv"] < operators(lite0_file)["Conv"]


def test_transformer_agrees_and_its_attention_is_what_tensorrt_fuses(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    multihead = pytest.importorskip("perception_fm.models.network.multihead")
    network = multihead.build_network("dinov2_small", pretrained_encoder=False, seed=0, width=96, height=64)
    network.encoder.layers = network.encoder.layers[:4]
    network.encoder.taps = (0, 1, 2, 3)
    module, card = network.at_stage("fine")
    path = export.export_model(module, card, tmp_path / "dinov2.onnx")
    assert_agrees(path, module, card)
    graph = onnx.load(path).graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    softmaxes = [node for node in graph.node if node.op_type == "Softmax"]
    readers = {name: node.op_type for node in graph.node for name in node.input}
    assert len(softmaxes) == 4
    assert {(producers[node.input[0]], readers[node.output[0]]) for node in softmaxes} == {("MatMul", "MatMul")}
    # Positions were resampled when the network was built, so only the decoder enlarges.
    assert operators(path)["Resize"] == 4


def test_batch_is_free_unless_it_was_fixed(lite0: Any, lite0_file: Path, tmp_path: Path) -> None:
    from perception_fm.inference.model_file import read_model_file
    from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend

    image = np.zeros((3, 64, 96, 3), np.uint8)
    with OnnxRuntimeBackend(read_model_file(lite0_file)) as backend:
        assert backend.run({"image": image})["normals"].shape == (3, 3, 16, 24)
    fixed = export.export_model(*lite0.at_stage("coarse"), tmp_path / "fixed.onnx", batch=2)
    with OnnxRuntimeBackend(read_model_file(fixed)) as backend:
        assert backend.inputs[0].shape == (2, 64, 96, 3)


def test_export_leaves_a_network_in_training_as_it_was(lite0: Any) -> None:
    modes = [part.training for part in lite0.modules()]
    lite0.train()
    try:
        export.onnx_model(*lite0.at_stage("coarse"))
        assert all(part.training for part in lite0.modules())
    finally:
        for part, is_training in zip(lite0.modules(), modes):
            part.training = is_training


def test_graph_that_answers_with_nan_is_not_written(tmp_path: Path) -> None:
    model = tiny_model()
    near = next(one for one in model.graph.initializer if one.name == "near")
    near.CopyFrom(onnx.numpy_helper.from_array(np.float32("nan"), "near"))
    with pytest.raises(ModelError, match="its head depth is not finite"):
        export.save_model(model, tiny_card(), tmp_path / "nan.onnx")
    assert not list(tmp_path.iterdir())


def test_graph_with_other_heads_than_its_card_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its card names the heads"):
        export.save_model(tiny_model(), tiny_card(heads=("depth",)), tmp_path / "heads.onnx")
    assert not list(tmp_path.iterdir())


def test_invalid_graph_is_not_written(tmp_path: Path) -> None:
    model = tiny_model()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(ModelError, match="does not make a valid ONNX file"):
        export.save_model(model, tiny_card(), tmp_path / "invalid.onnx")
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to write on as it does on a full disk, but with another number.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ModelError, match=r"cannot write .*model\.onnx"):
            export.save_model(tiny_model(), tiny_card(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_labels_and_depth_have_their_own_kind_of_difference() -> None:
    a, b = np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])
    assert export_file.greatest_difference("label", a, b) == 0.25
    assert export_file.greatest_difference("depth", a * 1.0, b * 1.0) == pytest.approx(0.2)
    assert export_file.greatest_difference("normals", a * 1.0, b * 1.0) == 1.0
