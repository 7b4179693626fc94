"""`perception-fm build-engine` says what it made, and refuses in one line."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from perception_fm.cli import EXIT_BAD_INPUT, main
from perception_fm.inference.engine_cache import default_folder
from perception_fm.inference.engine_file import read_engine, read_record

pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT for RTX is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from tiny_onnx import write_tiny_model

    return write_tiny_model(tmp_path / "tiny.onnx")


def build(model: Path | str, *arguments: str) -> int:
    return main(["build-engine", str(model), "--library", "tensorrt_rtx", *arguments])


def test_engine_is_built_cached_and_written(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out" / "tiny.engine"
    output.parent.mkdir(0o700)
    assert build(model, "--target", "SM89", "--max-batch", "2", "-o", str(output)) == 0
    out = capsys.readouterr().out
    record = read_record(output)
    (cached,) = default_folder().glob("tiny-*.engine")
    assert "tiny for every GPU of compute capability 8.9, 1 to 2 images per call" in out
    assert "precision:   fp32, the model file says fp32" in out
    assert f"fingerprint: {record.fingerprint.digest}" in out
    assert f"cached:      {cached}" in out
    assert "gate:        not run" in out
    assert read_engine(output, record.fingerprint).engine == cached.read_bytes()


def test_several_targets_give_an_engine_each_and_the_second_run_builds_none(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert build(model, "--target", "SM86", "--target", "SM120") == 0
    assert len(list(default_folder().glob("*.engine"))) == 2
    fingerprints = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fingerprint")]
    assert fingerprints[:2] == fingerprints[2:]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--target", "SM87"), "not for SM87"),
        (("--target", "SM86", "--target", "SM89", "-o", "x.engine"), "one --target only"),
        (("--max-batch", "0"), "--max-batch"),
    ],
)
def test_bad_usage_is_refused_in_one_line(
    model: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(model, *arguments) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_damaged_model_is_refused_and_nothing_is_cached(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.write_bytes(model.read_bytes()[:200])
    assert build(model, "--target", "SM89") == EXIT_BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1
    assert not default_folder().exists()


def test_engine_that_no_disk_takes_is_no_success(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # a quarter of the engine
    try:
        assert build(model, "--target", "SM89") == EXIT_BAD_INPUT
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "kept nowhere" in capsys.readouterr().err
    assert [path.name for path in default_folder().iterdir()] == ["lock"]


def test_missing_model_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert build(tmp_path / "none.onnx", "--target", "SM89") == EXIT_BAD_INPUT
    assert "none.onnx" in capsys.readouterr().err


def test_world_writable_cache_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    default_folder().mkdir(parents=True)
    default_folder().chmod(0o777)
    assert build(model, "--target", "SM89") == EXIT_BAD_INPUT
    assert "other users may write" in capsys.readouterr().err
