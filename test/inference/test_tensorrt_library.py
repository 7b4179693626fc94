"""Which TensorRT is used, and one clear line where there is none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from perception_fm.errors import EngineError
from perception_fm.inference.tensorrt_.library import load_library


def test_tensorrt_for_rtx_builds_for_gpus_that_are_not_here() -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    library = load_library("tensorrt_rtx")
    assert library.name == "tensorrt_rtx"
    assert {"SM86", "SM89", "SM120"} <= set(library.targets)
    assert not {"CURRENT", "NONE"} & set(library.targets)
    assert not library.has_timing_cache
    assert library.has_own_cuda_graphs


def test_auto_takes_tensorrt_before_tensorrt_for_rtx(monkeypatch: pytest.MonkeyPatch) -> None:
    full = ModuleType("tensorrt")
    full.__version__ = "10.3.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", full)
    library = load_library()
    assert (library.name, library.version, library.targets) == ("tensorrt", "10.3.0", ())
    assert library.has_timing_cache
    assert not library.has_own_cuda_graphs


def test_auto_falls_back_to_tensorrt_for_rtx() -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
    if importlib.util.find_spec("tensorrt") is not None:
        pytest.skip("TensorRT is installed")
    assert load_library().name == "tensorrt_rtx"


def test_old_tensorrt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("tensorrt")
    old.__version__ = "8.6.1"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", old)
    with pytest.raises(EngineError, match=r"TensorRT 8\.6\.1 is too old"):
        load_library("tensorrt")


def test_missing_library_is_one_line_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineError, match=r"TensorRT cannot be used here.*ONNX Runtime") as refusal:
        load_library()
    assert "\n" not in str(refusal.value)


def test_library_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tensorrt.py").write_text('raise ImportError("libnvinfer.so.10: cannot open shared object file")')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(EngineError, match=r"tensorrt does not load \(libnvinfer\.so\.10"):
        load_library("tensorrt")


def test_unknown_name_is_refused() -> None:
    with pytest.raises(EngineError, match="choose auto, tensorrt, tensorrt_rtx"):
        load_library("openvino")
