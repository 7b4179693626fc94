"""FP16 and INT8 files stay within the gate's tolerances, keep their islands, and build in TensorRT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_onnx import tiny_card, tiny_model, write_tiny_model

from perception_fm.errors import ModelError
from perception_fm.inference.agreement import measures_of
from perception_fm.inference.tolerances import tolerance

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("torch", reason="PyTorch is not installed")
precision = pytest.importorskip("perception_fm.models.precision")
quantise = pytest.importorskip("perception_fm.models.quantise")
islands = pytest.importorskip("perception_fm.models.islands")

LAYOUTS = ("tensorrt", "onnxruntime")
FLOAT, HALF, INT8 = 1, 10, 3
LAST_LAYERS = 2  # of the coarse and of the fine head


@pytest.fixture(scope="module")
def half(lite0_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return precision.to_fp16(lite0_file, tmp_path_factory.mktemp("half") / "half.onnx")


@pytest.fixture(scope="module")
def quantised(lite0_file: Path, road_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By layout."""
    folder = tmp_path_factory.mktemp("int8")
    return {
        layout: quantise.to_int8(lite0_file, folder / f"{layout}.onnx", iter(road_frames), layout=layout)
        for layout in LAYOUTS
    }


def outside(path: Path, reference: Path, frames: np.ndarray, kind: str) -> list[str]:
    """Every measure on every frame that leaves the gate's tolerance."""
    from perception_fm.inference.model_file import read_model_file
    from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend

    found = []
    with (
        OnnxRuntimeBackend(read_model_file(reference), threads=1) as expected,
        OnnxRuntimeBackend(read_model_file(path), threads=1) as candidate,
    ):
        for index, frame in enumerate(frames):
            theirs = {name: values[0] for name, values in expected.run({"image": frame[None]}).items()}
            mine = {name: values[0] for name, values in candidate.run({"image": frame[None]}).items()}
            for head in expected.card.heads:
                for measure, value in measures_of(head, mine, theirs).items():
                    bound = tolerance(head, measure, kind)
                    if not value <= bound:
                        found.append(f"frame {index}: {head} {measure} {value:.3g} > {bound}")
    return found


def types_of(model: Any) -> dict[str, int]:
    """Element type of every constant."""
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def card_of(path: Path) -> Any:
    from perception_fm.inference.model_file import read_model_file

    return read_model_file(path).card


def test_fp16_is_within_the_gates_tolerances(half: Path, lite0_file: Path, road_frames: np.ndarray) -> None:
    assert outside(half, lite0_file, road_frames, "fp16") == []
    assert card_of(half).precision == "fp16"
    assert half.stat().st_size < 0.6 * lite0_file.stat().st_size


def test_fp16_keeps_the_ends_in_fp32_without_rounding_between(half: Path) -> None:
    model = onnx.load(half)
    types = types_of(model)
    weights = [types[node.input[1]] for node in model.graph.node if node.op_type == "Conv"]
    assert weights.count(FLOAT) == LAST_LAYERS
    assert weights.count(HALF) == len(weights) - LAST_LAYERS
    to_half = [node for node in model.graph.node if node.op_type == "Cast" and node.attribute[0].i == HALF]
    # One: normalised pixels into the first convolution.
    assert len(to_half) == 1
    ends = islands.float_nodes(model)
    assert {node.op_type for node in model.graph.node if node.name in ends} >= {"Exp", "Sigmoid", "Sqrt", "ArgMax"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_int8_is_within_the_gates_tolerances(
    quantised: dict[str, Path], layout: str, lite0_file: Path, road_frames: np.ndarray
) -> None:
    assert outside(quantised[layout], lite0_file, road_frames, "int8") == []
    assert card_of(quantised[layout]).precision == "int8"
    assert quantised[layout].stat().st_size < 0.35 * lite0_file.stat().st_size


@pytest.mark.parametrize("layout", LAYOUTS)
def test_int8_leaves_the_last_layers_in_float(quantised: dict[str, Path], layout: str) -> None:
    model = onnx.load(quantised[layout])
    constants = types_of(model)
    plain = [node for node in model.graph.node if node.op_type == "Conv" and constants.get(node.input[1]) == FLOAT]
    assert len(plain) == LAST_LAYERS
    assert sum(value == INT8 for value in constants.values()) >= 60


def test_int8_for_tensorrt_has_no_zero_points_and_float_biases(quantised: dict[str, Path]) -> None:
    model = onnx.load(quantised["tensorrt"])
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            assert values[node.input[2]].dtype == np.int8
            assert not values[node.input[2]].any()
        if node.op_type == "Conv":
            assert len(node.input) == 3
            assert values[node.input[2]].dtype == np.float32


def test_every_precision_builds_in_tensorrt(half: Path, quantised: dict[str, Path], lite0_file: Path) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    from perception_fm.inference.tensorrt_.builder import BuildOptions, build_engine
    from perception_fm.inference.tensorrt_.library import load_library

    library = load_library("tensorrt_rtx")
    for path in (lite0_file, half, quantised["tensorrt"]):
        built = build_engine(path.read_bytes(), BuildOptions(target="SM89"), library=library, where=path.name)
        assert len(built.engine) > 1_000_000


def test_attention_between_tokens_is_not_quantised() -> None:
    node, weight = onnx.helper.make_node, onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [node("MatMul", ["x", "w"], ["q"], name="project"), node("MatMul", ["q", "x"], ["y"], name="attend")]
    graph = onnx.helper.make_graph(nodes, "attention", [], [], [weight])
    assert islands.products_of_activations(onnx.helper.make_model(graph)) == ["attend"]


def test_only_fp32_files_are_converted(half: Path, tmp_path: Path, road_frames: np.ndarray) -> None:
    with pytest.raises(ModelError, match="is fp16 already: export it as fp32 first"):
        precision.to_fp16(half, tmp_path / "again.onnx")
    with pytest.raises(ModelError, match="is fp16 already"):
        quantise.to_int8(half, tmp_path / "again.onnx", iter(road_frames))
    assert not list(tmp_path.iterdir())


def test_damaged_source_is_refused(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny.onnx")
    source.write_bytes(source.read_bytes()[:-300])
    with pytest.raises(ModelError, match=r"tiny\.onnx"):
        precision.to_fp16(source, tmp_path / "half.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]


@pytest.mark.parametrize(
    "images, layout, words",
    [
        ((), "tensorrt", "needs images to calibrate on, got none"),
        ((np.zeros((8, 8), np.uint8),), "tensorrt", r"uint8 \(H, W, 3\), got uint8 \(8, 8\)"),
        ((np.zeros((8, 8, 3), np.float32),), "onnxruntime", "got float32"),
        ((np.zeros((8, 8, 3), np.uint8),), "openvino", "no INT8 layout openvino; known: tensorrt, onnxruntime"),
    ],
)
def test_calibration_that_cannot_be_is_refused(
    lite0_file: Path, tmp_path: Path, images: tuple[np.ndarray, ...], layout: str, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        quantise.to_int8(lite0_file, tmp_path / "int8.onnx", images, layout=layout)
    assert not list(tmp_path.iterdir())


def test_images_of_any_size_are_counted_one_by_one() -> None:
    def images() -> Iterator[np.ndarray]:
        yield np.zeros((20, 100, 3), np.uint8)
        yield np.zeros((300, 40, 3), np.uint8)

    seen: list[int] = []
    reader = quantise._Calibration(images(), tiny_card(), seen.append)
    shapes = [reader.get_next()["image"].shape, reader.get_next()["image"].shape]
    assert shapes == [(1, 32, 64, 3)] * 2
    assert reader.get_next() is None
    assert seen == [1, 2]


def test_nodes_without_a_name_get_one_of_their_own() -> None:
    model = tiny_model()
    model.graph.node[1].name = model.graph.node[2].name = "same"
    islands.name_nodes(model)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert "" not in names
