"""Engines on the GPU give the answers of the ONNX file; without a GPU only the refusals can be seen.

Run on a machine with an NVIDIA GPU, these tests build for it: with `tensorrt`, or with `tensorrt_rtx` from Turing on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perception_fm.errors import EngineError, InferenceError, ModelError
from perception_fm.inference.engine_cache import EngineCache
from perception_fm.inference.model_file import ModelFile, read_model_file
from perception_fm.inference.tensorrt_.builder import BuildOptions
from perception_fm.inference.tensorrt_.cuda_memory import Gpu, Stream, TensorBuffer, current_gpu
from perception_fm.inference.tensorrt_.engine import TensorRtBackend
from perception_fm.inference.tensorrt_.library import Library, load_library
from perception_fm.inference.tensorrt_.obtain import fingerprint_of, obtain_engine, start_engine
from perception_fm.models.heads import INPUT

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
MOST = 3


@pytest.fixture(scope="module")
def library() -> Library:
    try:
        return load_library()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def device() -> Gpu:
    """Any GPU that CUDA can use."""
    try:
        return current_gpu()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def gpu(device: Gpu, library: Library) -> Gpu:
    """One that the library builds for."""
    if library.targets and device.target not in library.targets:
        pytest.skip(f"{library.name} does not build for {device.name} ({device.target})")
    return device


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    from tiny_onnx import write_tiny_model

    return read_model_file(write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> EngineCache:
    return EngineCache(tmp_path_factory.mktemp("cache") / "engines")


@pytest.fixture
def backend(gpu: Gpu, library: Library, model: ModelFile, cache: EngineCache) -> Iterator[TensorRtBackend]:
    with start_engine(obtain_engine(model, BuildOptions(max_batch=MOST), cache, library=library), library) as one:
        yield one


def images(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 64, 3), np.uint8)


def depth_of(batch: np.ndarray) -> np.ndarray:
    """The known answer of the tiny model, see `tiny_onnx`."""
    cells = batch.reshape(len(batch), 8, 4, 16, 4, 3).astype(np.float32)
    return 2.0 + cells.mean(axis=(2, 4, 5)) / 10.0


def test_answers_are_those_of_the_model_for_every_batch(backend: TensorRtBackend) -> None:
    # Three calls per batch: the plain one, and replays of the captured graph, which must see the new images.
    for call, count in enumerate((1, 1, 1, MOST, MOST, MOST, 2, 1)):
        batch = images(call, count)
        answers = backend.run({INPUT: batch})
        assert answers.keys() == set(backend.card.heads)
        # Sums of bytes are exact in float32; the mean and its tenth are rounded a few times.
        np.testing.assert_allclose(answers["depth"], depth_of(batch), rtol=1e-5)
        assert answers["label"].dtype == np.int32
        assert {name: values.shape for name, values in answers.items()} == {
            name: backend.card.output_shape(name, count) for name in backend.card.heads
        }


def test_engine_says_what_it_is(backend: TensorRtBackend, gpu: Gpu, library: Library) -> None:
    info = backend.info
    assert (info.runtime, info.version, info.device) == (library.name, library.version, gpu.name)
    assert info.precision == "fp32"
    assert len(info.fingerprint) == 64


def test_too_many_images_are_refused_and_the_next_call_works(backend: TensorRtBackend) -> None:
    with pytest.raises(InferenceError, match=f"takes 1 to {MOST} images, got {MOST + 1}"):
        backend.run({INPUT: images(0, MOST + 1)})
    batch = images(1, 1)
    np.testing.assert_allclose(backend.run({INPUT: batch})["depth"], depth_of(batch), rtol=1e-5)


def test_closed_engine_refuses_and_closing_twice_is_harmless(backend: TensorRtBackend) -> None:
    backend.close()
    backend.close()
    with pytest.raises(InferenceError, match="is closed"):
        backend.run({INPUT: images(0, 1)})


def test_truncated_engine_does_not_start(gpu: Gpu, library: Library, model: ModelFile, cache: EngineCache) -> None:
    stored = obtain_engine(model, BuildOptions(max_batch=MOST), cache, library=library)
    with pytest.raises(EngineError, match="refuses the engine of tiny"):
        TensorRtBackend(stored.engine[: len(stored.engine) // 2], model.card, library=library)


def test_engine_with_other_heads_than_its_card_does_not_start(
    gpu: Gpu, library: Library, model: ModelFile, cache: EngineCache
) -> None:
    from tiny_onnx import tiny_card

    stored = obtain_engine(model, BuildOptions(max_batch=MOST), cache, library=library)
    with pytest.raises(ModelError, match="names the heads depth"):
        TensorRtBackend(stored.engine, tiny_card(heads=("depth",)), library=library)


@pytest.fixture
def stream(device: Gpu) -> Iterator[Stream]:
    one = Stream()
    yield one
    one.close()
    one.close()


@pytest.fixture
def buffer(device: Gpu) -> Iterator[TensorBuffer]:
    one = TensorBuffer((2, 5), "float32")
    yield one
    one.close()
    one.close()


def test_bytes_survive_the_way_to_the_device_and_back(stream: Stream, buffer: TensorBuffer) -> None:
    buffer.host[:] = np.arange(10, dtype=np.float32).reshape(2, 5)
    stream.upload(buffer, buffer.byte_count)
    stream.synchronise()
    buffer.host[:] = 0.0
    stream.download(buffer, buffer.byte_count // 2)
    stream.synchronise()
    assert buffer.host.tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0], [0.0] * 5]


def test_captured_graph_sees_what_was_written_after_the_capture(stream: Stream, buffer: TensorBuffer) -> None:
    buffer.host[:] = 1.0
    stream.begin_capture()
    stream.upload(buffer, buffer.byte_count)
    graph = stream.end_capture()
    buffer.host[:] = 2.0
    stream.launch(graph)
    stream.synchronise()
    buffer.host[:] = 0.0
    stream.download(buffer, buffer.byte_count)
    stream.synchronise()
    graph.close()
    graph.close()
    assert (buffer.host == 2.0).all()


def test_abandoned_capture_leaves_the_stream_usable(stream: Stream, buffer: TensorBuffer) -> None:
    stream.begin_capture()
    with pytest.raises(InferenceError, match="CUDA error"):
        stream.synchronise()  # not allowed while capturing
    stream.abandon_capture()
    stream.upload(buffer, buffer.byte_count)
    stream.synchronise()


def test_device_memory_that_is_not_there_is_refused_and_the_next_allocation_works(device: Gpu) -> None:
    with pytest.raises(InferenceError, match="CUDA error 2"):
        TensorBuffer((1 << 50,), "uint8")
    TensorBuffer((8,), "uint8").close()


def test_engine_does_not_start_without_a_gpu(library: Library, model: ModelFile, cache: EngineCache) -> None:
    if not library.targets:
        pytest.skip(f"{library.name} builds nothing without a GPU")
    stored = obtain_engine(model, BuildOptions(target="SM89"), cache, library=library)
    try:
        current_gpu()
    except EngineError:
        with pytest.raises(EngineError, match="no CUDA device can be used"):
            start_engine(stored, library)
    else:
        pytest.skip("this machine has a GPU")


def test_engine_built_ahead_of_time_fits_every_gpu_of_its_capability(
    library: Library, model: ModelFile, cache: EngineCache
) -> None:
    if not library.targets:
        pytest.skip(f"{library.name} builds for the GPU of this machine alone")
    fingerprint = fingerprint_of(model, BuildOptions(max_batch=2, target="SM120"), library)
    assert (fingerprint.gpu, fingerprint.driver, fingerprint.capability) == ("", "", "12.0")
    assert fingerprint.input_shape == (2, 32, 64, 3)
    assert fingerprint.onnx_sha256 == model.sha256
    others = (
        BuildOptions(max_batch=2, target="SM89"),
        BuildOptions(max_batch=1, target="SM120"),
        BuildOptions(max_batch=2, target="SM120", has_tf32=True),
        BuildOptions(max_batch=2, target="SM120", workspace_mib=7),
    )
    words = ("compute capability", "input shape", "builder options", "builder options")
    for options, word in zip(others, words):
        (line,) = fingerprint.differences(fingerprint_of(model, options, library))
        assert line.startswith(word)


def test_model_that_changed_since_it_was_read_is_not_built(
    library: Library, cache: EngineCache, tmp_path: Path
) -> None:
    from tiny_onnx import tiny_card, write_tiny_model

    if not library.targets:
        pytest.skip(f"{library.name} builds nothing without a GPU")
    path = write_tiny_model(tmp_path / "tiny.onnx", tiny_card(name="changing"))
    model = read_model_file(path)
    write_tiny_model(path, tiny_card(name="changed"))
    with pytest.raises(ModelError, match="has changed"):
        obtain_engine(model, BuildOptions(target="SM89"), cache, library=library)


def test_engine_of_another_library_does_not_start(library: Library, model: ModelFile, cache: EngineCache) -> None:
    if not library.targets:
        pytest.skip(f"{library.name} builds nothing without a GPU")
    stored = obtain_engine(model, BuildOptions(target="SM89"), cache, library=library)
    with pytest.raises(EngineError, match="is for tensorrt_rtx, not tensorrt"):
        start_engine(stored, Library("tensorrt", "10.3.0", library.module))
