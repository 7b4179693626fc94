"""ONNX Runtime answers as the graph says, refuses what does not fit, and never falls back in silence."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the models of this test are made with onnx")

import onnxruntime
from onnx import TensorProto, helper
from tiny_onnx import BRIGHT_LABEL, CONFIDENCE, LOG_VARIANCE, NEAR_M, PAINTED, tiny_model, write_tiny_model

from perception_fm.errors import InferenceError, ModelError
from perception_fm.inference.model_file import ModelFile, read_model_file
from perception_fm.inference.onnxruntime_ import CPU, OnnxRuntimeBackend, physical_cores


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    return read_model_file(write_tiny_model(tmp_path / "tiny.onnx"))


def grey(*levels: int) -> np.ndarray:
    return np.stack([np.full((32, 64, 3), level, np.uint8) for level in levels])


def test_known_answers_of_a_batch(model: ModelFile) -> None:
    with OnnxRuntimeBackend(model) as backend:
        raw = backend.run({"image": grey(100, 200)})
    assert raw["depth"].shape == (2, 8, 16)
    np.testing.assert_allclose(raw["depth"][0], NEAR_M + 10.0, rtol=1e-5)
    np.testing.assert_allclose(raw["depth"][1], NEAR_M + 20.0, rtol=1e-5)
    assert (raw["label"][0] == 0).all()
    assert (raw["label"][1] == BRIGHT_LABEL).all()
    assert raw["normals"].shape == (2, 3, 8, 16)
    np.testing.assert_array_equal(raw["normals"][1, :, 3, 3], [0.0, 0.0, -1.0])
    for head, value in (("depth_log_variance", LOG_VARIANCE), ("confidence", CONFIDENCE), ("painted", PAINTED)):
        np.testing.assert_array_equal(raw[head], value)


def test_batch_may_change_between_calls(model: ModelFile) -> None:
    with OnnxRuntimeBackend(model) as backend:
        for levels in ((10,), (20, 30, 40), (50,)):
            depth = backend.run({"image": grey(*levels)})["depth"]
            np.testing.assert_allclose(depth[:, 0, 0], NEAR_M + np.array(levels) / 10.0, rtol=1e-5)


def test_view_that_is_not_contiguous_is_read_rightly(model: ModelFile) -> None:
    wide = np.zeros((1, 32, 128, 3), np.uint8)
    wide[:, :, ::2] = 100
    with OnnxRuntimeBackend(model) as backend:
        depth = backend.run({"image": wide[:, :, ::2]})["depth"]
    np.testing.assert_allclose(depth, NEAR_M + 10.0, rtol=1e-5)


@pytest.mark.parametrize(
    "feeds, words",
    [
        ({"image": np.zeros((1, 32, 65, 3), np.uint8)}, "Nx32x64x3, got uint8 1x32x65x3"),
        ({"image": np.zeros((32, 64, 3), np.uint8)}, "got uint8 32x64x3"),
        ({"image": np.zeros((1, 32, 64, 3), np.float32)}, "got float32"),
        ({"picture": np.zeros((1, 32, 64, 3), np.uint8)}, "inputs are image; got picture"),
        ({}, "got none"),
    ],
)
def test_wrong_input_is_refused_with_what_was_expected(model: ModelFile, feeds: dict, words: str) -> None:
    with OnnxRuntimeBackend(model) as backend, pytest.raises(InferenceError, match=words):
        backend.run(feeds)


def test_what_runs_is_reported(model: ModelFile) -> None:
    with OnnxRuntimeBackend(model, providers=(CPU,)) as backend:
        info = backend.info
    assert (info.runtime, info.version, info.device) == ("onnxruntime", onnxruntime.__version__, "CPU")
    assert (info.precision, info.fingerprint) == ("fp32", model.sha256)


def test_provider_that_is_not_there_is_no_silent_cpu(model: ModelFile) -> None:
    if "ROCMExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has the provider")
    with pytest.raises(ModelError, match="not ROCMExecutionProvider"):
        OnnxRuntimeBackend(model, providers=("ROCMExecutionProvider", CPU))
    with pytest.raises(ModelError, match="an empty list"):
        OnnxRuntimeBackend(model, providers=())


def test_failure_inside_the_runtime_is_one_line(tmp_path: Path) -> None:
    graph = tiny_model()
    # The declared shape has a free batch; this reshape holds for one image alone.
    for node in graph.graph.node:
        if node.op_type == "ReduceMean":
            node.output[0] = "mean_of_any"
    graph.graph.initializer.append(helper.make_tensor("one_image", TensorProto.INT64, [3], [1, 8, 16]))
    index = next(i for i, node in enumerate(graph.graph.node) if node.op_type == "ReduceMean")
    graph.graph.node.insert(index + 1, helper.make_node("Reshape", ["mean_of_any", "one_image"], ["mean"]))
    path = tmp_path / "one.onnx"
    path.write_bytes(graph.SerializeToString())
    with OnnxRuntimeBackend(read_model_file(path)) as backend:
        with pytest.raises(InferenceError, match="ONNX Runtime failed on model tiny") as caught:
            backend.run({"image": grey(1, 2)})
        assert "\n" not in str(caught.value)
        np.testing.assert_allclose(backend.run({"image": grey(100)})["depth"], NEAR_M + 10.0, rtol=1e-5)


def test_closed_model_gives_no_answer_and_closes_twice(model: ModelFile) -> None:
    backend = OnnxRuntimeBackend(model)
    backend.close()
    backend.close()
    with pytest.raises(InferenceError, match="closed"):
        backend.run({"image": grey(1)})


def test_other_threads_run_meanwhile(model: ModelFile) -> None:
    """Were the GIL held inside the runtime, the other thread would count nothing there."""
    images = np.zeros((3000, 32, 64, 3), np.uint8)
    steps_inside, is_inside, is_done = [0], threading.Event(), threading.Event()

    def count() -> None:
        while not is_done.is_set():
            steps_inside[0] += is_inside.is_set()

    with OnnxRuntimeBackend(model, threads=1) as backend:
        binding = backend._bound(len(images))
        binding.bind_cpu_input("image", images)
        run = backend._session.run_with_iobinding
        counter = threading.Thread(target=count)
        counter.start()
        is_inside.set()
        run(binding)
        is_inside.clear()
        is_done.set()
        counter.join()
    assert steps_inside[0] > 1000


def test_threads_are_no_more_than_this_process_may_use() -> None:
    assert 1 <= physical_cores() <= len(os.sched_getaffinity(0))
