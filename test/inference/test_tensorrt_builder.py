"""ONNX files become real engines, built ahead of time by TensorRT for RTX: no GPU is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_fm.errors import EngineError, ModelError
from perception_fm.inference.tensorrt_.builder import BuildOptions, BuiltEngine, build_engine
from perception_fm.inference.tensorrt_.cuda_memory import current_gpu
from perception_fm.inference.tensorrt_.library import Library, load_library
from perception_fm.inference.tensorrt_.messages import MessageLog
from perception_fm.inference.tensorrt_.precision import network_precision

pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
GENERATIONS = ("SM86", "SM120")  # Ampere and Blackwell
SIZE = (3, 8, 8)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library("tensorrt_rtx")


@pytest.fixture(scope="module")
def tiny() -> bytes:
    from tiny_onnx import tiny_model

    return tiny_model().SerializeToString()


def built(model: bytes, library: Library, target: str = "SM89", **options: Any) -> BuiltEngine:
    return build_engine(model, BuildOptions(target=target, **options), library=library, where="model.onnx")


def serialised(nodes: Sequence[Any], constants: dict[str, np.ndarray], shape: Sequence[int | str]) -> bytes:
    """An ONNX file of nodes from the uint8 input `image` to the float32 output `y`."""
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def convolution(dtype: type[np.floating], shape: Sequence[int | str] = ("N", *SIZE)) -> bytes:
    """One convolution that computes in `dtype`."""
    node, types = onnx.helper.make_node, {np.float16: onnx.TensorProto.FLOAT16, np.float32: onnx.TensorProto.FLOAT}
    nodes = [
        node("Cast", ["image"], ["x"], to=types[dtype]),
        node("Conv", ["x", "weight"], ["z"], name="conv"),
        node("Cast", ["z"], ["y"], to=onnx.TensorProto.FLOAT),
    ]
    return serialised(nodes, {"weight": np.ones((8, 3, 3, 3), dtype)}, shape)


def quantised_convolution() -> bytes:
    """One convolution between Q/DQ pairs, weights in INT8."""
    node = onnx.helper.make_node
    nodes = [
        node("Cast", ["image"], ["x"], to=onnx.TensorProto.FLOAT),
        node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        node("DequantizeLinear", ["q", "scale", "zero"], ["dq"]),
        node("DequantizeLinear", ["weight", "scale", "zero"], ["w"]),
        node("Conv", ["dq", "w"], ["y"], name="conv"),
    ]
    constants = {
        "scale": np.array(0.5, np.float32),
        "zero": np.array(0, np.int8),
        "weight": np.full((8, 3, 3, 3), 2, np.int8),
    }
    return serialised(nodes, constants, ("N", *SIZE))


def refusal_of(engine: bytes, library: Library) -> str:
    """All that the runtime says when it deserialises an engine on a machine that cannot run it."""
    messages = MessageLog(library.module)
    runtime = library.module.Runtime(messages.logger)
    runtime.deserialize_cuda_engine(engine)
    return " ".join(messages.errors)


def test_engine_is_built_for_two_generations(tiny: bytes, library: Library) -> None:
    engines = [built(tiny, library, target, max_batch=2) for target in GENERATIONS]
    assert engines[0].engine != engines[1].engine
    assert {engine.precision for engine in engines} == {"fp32"}
    assert all("Serialization" not in refusal_of(engine.engine, library) for engine in engines)


def test_truncated_engine_is_known_as_such_by_the_runtime(tiny: bytes, library: Library) -> None:
    engine = built(tiny, library).engine
    assert "Serialization" in refusal_of(engine[: len(engine) // 2], library)


@pytest.mark.parametrize(
    "model, has_tf32, precision",
    [
        (lambda: convolution(np.float32), False, "fp32"),
        (lambda: convolution(np.float32), True, "tf32"),
        (lambda: convolution(np.float16), False, "fp16"),
        (lambda: convolution(np.float16), True, "fp16"),
        (quantised_convolution, False, "int8"),
    ],
)
def test_precision_is_that_of_the_onnx(model: Any, has_tf32: bool, precision: str, library: Library) -> None:
    assert built(model(), library, has_tf32=has_tf32).precision == precision


def test_half_quantised_convolution_is_not_called_int8(library: Library) -> None:
    model = onnx.load_from_string(quantised_convolution())
    model.graph.node[4].input[1] = "plain"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "plain"))
    del model.graph.node[3]
    trt, messages = library.module, MessageLog(library.module)
    builder = trt.Builder(messages.logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    assert trt.OnnxParser(network, messages.logger).parse(model.SerializeToString())
    assert network_precision(network, has_tf32=False) == "fp32"


def test_progress_goes_through_nested_phases_to_the_end(tiny: bytes, library: Library) -> None:
    seen: list[tuple[str, int, int]] = []
    options = BuildOptions(target="SM89")
    build_engine(tiny, options, lambda *step: seen.append(step), library=library, where="model.onnx")
    phase, _, steps = seen[0]
    assert seen[0] == (phase, 0, steps)
    assert seen[-1] == (phase, steps, steps)
    assert len({name for name, _, _ in seen}) > 3
    assert all(0 <= step <= steps for _, step, steps in seen)


def test_build_is_stopped_by_the_callback(tiny: bytes, library: Library) -> None:
    calls: list[str] = []

    def stop(phase: str, step: int, steps: int) -> None:
        calls.append(phase)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engine(tiny, BuildOptions(target="SM89"), stop, library=library, where="model.onnx")
    assert len(calls) == 1


@pytest.mark.parametrize("content", [b"", b"no ONNX at all", "half"])
def test_damaged_onnx_is_one_clear_line(content: bytes | str, tiny: bytes, library: Library) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx") as refusal:
        built(tiny[: len(tiny) // 2] if isinstance(content, str) else content, library)
    assert "\n" not in str(refusal.value)


def test_unknown_operator_is_named_with_its_node(library: Library) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("Cast", ["image"], ["x"], to=onnx.TensorProto.FLOAT),
        node("Smell", ["x"], ["y"], name="nose", domain="org.example"),
    ]
    with pytest.raises(ModelError, match=r"model\.onnx: tensorrt_rtx [\d.]+ cannot take node nose \(operator Smell\)"):
        built(serialised(nodes, {}, ("N", *SIZE)), library)


def test_fixed_batch_must_be_the_one_asked_for(library: Library) -> None:
    model = convolution(np.float32, (2, *SIZE))
    assert built(model, library, max_batch=2).engine
    with pytest.raises(ModelError, match="takes 2 images per call, not 1 to 3"):
        built(model, library, max_batch=3)


def test_free_image_size_is_refused(library: Library) -> None:
    with pytest.raises(ModelError, match="only the batch may be free"):
        built(convolution(np.float32, ("N", 3, "H", "W")), library)


def test_target_that_the_library_lacks_is_refused_with_those_it_has(tiny: bytes, library: Library) -> None:
    with pytest.raises(EngineError, match=r"SM86, SM89, .*not for SM87"):
        built(tiny, library, "SM87")


def test_machine_without_gpu_is_told_to_name_a_target(tiny: bytes, library: Library) -> None:
    try:
        current_gpu()
    except EngineError:
        with pytest.raises(EngineError, match=r"no CUDA device.*name a target instead.*SM89"):
            build_engine(tiny, BuildOptions(), library=library, where="model.onnx")
    else:
        pytest.skip("this machine has a GPU")


@pytest.mark.parametrize("options", [{"max_batch": 0}, {"workspace_mib": 0}])
def test_options_that_are_not_positive_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(EngineError, match="at least 1"):
        BuildOptions(**options)


@pytest.fixture(scope="module", params=["multi_head", "vit"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of this package as ONNX: random weights, a small image, of the transformer a third of the layers."""
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    from perception_fm.models.export import export_model
    from perception_fm.models.network.multihead import build_network

    name = {"multi_head": "efficientnet_lite0", "vit": "dinov2_small"}[request.param]
    network = build_network(name, pretrained_encoder=False, seed=0, width=96, height=64)
    if request.param == "vit":
        network.encoder.layers, network.encoder.taps = network.encoder.layers[:4], (0, 1, 2, 3)
    return export_model(network, network.card, tmp_path_factory.mktemp("exported") / "fp32.onnx")


def test_networks_of_the_package_are_built_for_two_generations(exported: Path, library: Library) -> None:
    model = exported.read_bytes()
    engines = [built(model, library, target, max_batch=2) for target in GENERATIONS]
    assert engines[0].engine != engines[1].engine
    for engine in engines:
        assert engine.precision == "fp32"
        assert len(engine.engine) > 0.9 * len(model)  # all weights are in it
        assert "Serialization" not in refusal_of(engine.engine, library)


def test_networks_in_fp16_and_int8_are_built_and_called_so(exported: Path, library: Library) -> None:
    from perception_fm.models.precision import to_fp16
    from perception_fm.models.quantise import to_int8

    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    half = built(to_fp16(exported, exported.with_name("fp16.onnx")).read_bytes(), library)
    quantised = built(to_int8(exported, exported.with_name("int8.onnx"), [image]).read_bytes(), library)
    assert half.precision == "fp16+fp32"  # the last layer of every head stays wide
    assert set(quantised.precision.split("+")) == {"int8", "fp32"}
    assert len(half.engine) < 0.8 * exported.stat().st_size
