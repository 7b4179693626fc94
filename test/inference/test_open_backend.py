"""A backend is handed out only after the gate, in every way that there is to one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx", reason="the models of this test are made with onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny_onnx import BRIGHT_LABEL, NEAR_M, tiny_card, tiny_model, write_tiny_model

from perception_fm.errors import EngineError, ModelError
from perception_fm.inference import open_backend as module
from perception_fm.inference.backend import Array, BackendInfo
from perception_fm.inference.engine_cache import EngineCache
from perception_fm.inference.engine_file import EngineRecord, StoredEngine, record_of
from perception_fm.inference.fingerprint import EngineFingerprint
from perception_fm.inference.model_file import ModelFile, read_model_file
from perception_fm.inference.onnxruntime_ import OnnxRuntimeBackend
from perception_fm.inference.open_backend import gate_files, open_backend
from perception_fm.inference.tensorrt_.builder import BuildOptions


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "cache")


def saved(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def altered(constants: dict[str, float], path: Path, **card: object) -> Path:
    """The tiny model with other constants, which stand for damaged weights."""
    model = tiny_model(tiny_card(**card))
    for initializer in model.graph.initializer:
        if initializer.name in constants:
            value = np.array(constants[initializer.name], np.float32)
            initializer.CopyFrom(numpy_helper.from_array(value, initializer.name))
    return saved(model, path)


def flickering(path: Path) -> Path:
    """Its depth is scaled by another factor at each call."""
    model = tiny_model()
    for node in model.graph.node:
        if node.output[0] == "depth":
            node.output[0] = "steady"
    model.graph.node.extend(
        [
            helper.make_node("RandomUniform", [], ["factor"], dtype=TensorProto.FLOAT, low=0.9, high=1.1, shape=[1]),
            helper.make_node("Mul", ["steady", "factor"], ["depth"]),
        ]
    )
    return saved(model, path)


def full_checks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows at each check by whether it was a full one."""
    calls: list[bool] = []
    real = module.check_backend

    def noted(*args: object, is_quick: bool, **options: object) -> object:
        calls.append(not is_quick)
        return real(*args, is_quick=is_quick, **options)

    monkeypatch.setattr(module, "check_backend", noted)
    return calls


def test_good_model_runs(tmp_path: Path, cache: EngineCache) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    with open_backend(path, runtime="onnxruntime", cache=cache, max_batch=2, threads=1) as backend:
        depth = backend.run({"image": np.full((2, 32, 64, 3), 100, np.uint8)})["depth"]
    np.testing.assert_allclose(depth, NEAR_M + 10.0, rtol=1e-5)


def test_all_frames_once_then_a_quick_check_at_each_start(
    tmp_path: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    checks = full_checks(monkeypatch)
    for _ in range(3):
        open_backend(path, runtime="onnxruntime", cache=cache).close()
    assert checks == [True, False, False]


@pytest.mark.parametrize(
    "change", [{"golden": "another set"}, {"is_accepted": False}, {"runs": 2}, {"schema": 0}, {"onnx_sha256": "0"}]
)
def test_verdict_about_something_else_is_followed_by_a_full_check(
    tmp_path: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    open_backend(path, runtime="onnxruntime", cache=cache).close()
    (verdict,) = cache.folder.glob("*.verdict.json")
    verdict.write_text(json.dumps({**json.loads(verdict.read_text()), **change}))
    checks = full_checks(monkeypatch)
    open_backend(path, runtime="onnxruntime", cache=cache).close()
    assert checks == [False, True]


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_verdict_that_cannot_be_read_costs_a_full_check(
    tmp_path: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    open_backend(path, runtime="onnxruntime", cache=cache).close()
    (verdict,) = cache.folder.glob("*.verdict.json")
    verdict.write_text(text)
    checks = full_checks(monkeypatch)
    open_backend(path, runtime="onnxruntime", cache=cache).close()
    assert checks == [True]


def test_nan_weights_are_refused(tmp_path: Path, cache: EngineCache) -> None:
    path = altered({"near": np.nan}, tmp_path / "nan.onnx")
    with pytest.raises(EngineError, match=r"depth: not finite.*weights are damaged"):
        open_backend(path, runtime="onnxruntime", cache=cache)


def test_flickering_model_is_refused(tmp_path: Path, cache: EngineCache) -> None:
    with pytest.raises(EngineError, match="depth: flicker, "):
        open_backend(flickering(tmp_path / "flicker.onnx"), runtime="onnxruntime", cache=cache)


def test_accepted_verdict_does_not_shield_an_engine_that_went_bad(
    tmp_path: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    open_backend(path, runtime="onnxruntime", cache=cache).close()
    real = onnxruntime.InferenceSession.run_with_iobinding

    def damaged(session: object, binding: object) -> None:
        real(session, binding)
        backends[-1]._results["depth"] *= 1.05

    backends: list = []
    from perception_fm.inference import onnxruntime_

    class Watched(onnxruntime_.OnnxRuntimeBackend):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            backends.append(self)

    monkeypatch.setattr(onnxruntime_, "OnnxRuntimeBackend", Watched)
    monkeypatch.setattr(onnxruntime.InferenceSession, "run_with_iobinding", damaged)
    with pytest.raises(EngineError, match="depth: scale"):
        open_backend(path, runtime="onnxruntime", cache=cache)
    assert backends[-1]._session is None  # closed


class Engine(OnnxRuntimeBackend):
    """Stands for an engine, which needs a GPU: the same answers, scaled by `scale`, under the name of TensorRT."""

    scale = 1.0

    def __init__(self, model: ModelFile, version: str) -> None:
        super().__init__(model)
        self.info = BackendInfo("tensorrt", version, "GPU", "fp32", "00")

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        raw = super()._run(feeds)
        return {**raw, "depth": raw["depth"] * np.float32(self.scale)}


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """TensorRT 10.3 without a GPU; grows by one at each build."""
    built: list[str] = []
    library = SimpleNamespace(name="tensorrt", version="10.3.0.30")

    def obtain(
        model: ModelFile, options: BuildOptions, cache: EngineCache, on_progress: object, *, library: object
    ) -> StoredEngine:
        fingerprint = EngineFingerprint(
            model.card.name, model.sha256, "tensorrt", "10.3.0.30", "GPU", "8.7", "12.6", "fp32",
            (options.max_batch, 32, 64, 3), "{}",
        )  # fmt: skip

        def build() -> tuple[bytes, EngineRecord]:
            built.append(model.card.name)
            return b"engine", record_of(b"engine", fingerprint, model.card, "fp32", ())

        return cache.obtain(fingerprint, build)

    def start(stored: StoredEngine, library: object) -> Engine:
        return Engine(read_model_file(stored.path.parents[1] / "tiny.onnx"), "10.3.0.30")

    monkeypatch.setattr(module, "_library", lambda runtime: library)
    monkeypatch.setattr("perception_fm.inference.tensorrt_.obtain.obtain_engine", obtain)
    monkeypatch.setattr("perception_fm.inference.tensorrt_.obtain.start_engine", start)
    return built


def test_engine_is_built_and_judged_once_and_its_verdict_lies_beside_it(
    tmp_path: Path, cache: EngineCache, engines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    checks = full_checks(monkeypatch)
    for _ in range(2):
        with open_backend(path, cache=cache, max_batch=3) as backend:
            assert backend.info.runtime == "tensorrt"
    assert len(engines) == 1
    assert checks == [True, False]
    (record,) = cache.folder.glob("*.engine.json")
    assert json.loads(record.read_text())["gate"]["is_accepted"] is True


def test_engine_outside_the_tolerances_is_refused_and_its_bad_version_named(
    tmp_path: Path, cache: EngineCache, engines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    open_backend(path, cache=cache).close()
    monkeypatch.setattr(Engine, "scale", 1.02)  # it was accepted once, and jumps now
    for _ in range(2):
        with pytest.raises(EngineError, match=r"depth: scale 0\.02.*10\.3\.0\.30 is known for wrong answers"):
            open_backend(path, cache=cache)


def test_unknown_runtime_and_named_runtime_that_is_not_there(
    tmp_path: Path, cache: EngineCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_model(tmp_path / "tiny.onnx")
    with pytest.raises(ModelError, match="choose auto, onnxruntime, tensorrt"):
        open_backend(path, runtime="tensor", cache=cache)

    def none(name: str) -> None:
        raise EngineError(f"{name} is not installed")

    monkeypatch.setattr("perception_fm.inference.tensorrt_.library.load_library", none)
    with pytest.raises(EngineError, match="tensorrt_rtx is not installed"):
        open_backend(path, runtime="tensorrt_rtx", cache=cache)
    with open_backend(path, runtime="auto", cache=cache) as backend:
        assert backend.info.runtime == "onnxruntime"


def test_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = write_tiny_model(tmp_path / "tiny.onnx")
    open_backend(path, runtime="onnxruntime", cache=EngineCache(tmp_path / "file" / "cache")).close()


def test_precision_that_agrees_with_its_original(tmp_path: Path) -> None:
    original = write_tiny_model(tmp_path / "tiny.onnx")
    candidate = altered({"near": NEAR_M * 1.001}, tmp_path / "fp16.onnx", precision="fp16")
    report = gate_files(candidate, original)
    assert report.kind == "fp16"
    assert report.is_accepted


@pytest.mark.parametrize(
    "constants, measure",
    [({"near": NEAR_M * 1.05, "tenth": 0.105}, "scale"), ({"bright": BRIGHT_LABEL + 1.0}, "differs where decided")],
)
def test_precision_that_broke_the_model_is_refused(tmp_path: Path, constants: dict[str, float], measure: str) -> None:
    original = write_tiny_model(tmp_path / "tiny.onnx")
    report = gate_files(altered(constants, tmp_path / "int8.onnx", precision="int8"), original)
    assert not report.is_accepted
    assert measure in {figure.measure for figure in report.figures if not figure.is_met}


def test_files_that_cannot_be_compared(tmp_path: Path) -> None:
    original = write_tiny_model(tmp_path / "tiny.onnx")
    half = altered({}, tmp_path / "fp16.onnx", precision="fp16")
    with pytest.raises(ModelError, match="FP32 file that it was made from"):
        gate_files(original, half)
    other = write_tiny_model(tmp_path / "other.onnx", tiny_card(canonical_focal_px=60.0))
    with pytest.raises(ModelError, match="canonical_focal_px differ"):
        gate_files(other, original)
