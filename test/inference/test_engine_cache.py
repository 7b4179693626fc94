"""Engines are found again for exactly what they were built for; whatever was tampered with is refused."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perception_fm.errors import EngineError
from perception_fm.inference.engine_cache import EngineCache, default_folder
from perception_fm.inference.engine_file import EngineRecord, StoredEngine, record_of, record_path
from perception_fm.inference.fingerprint import EngineFingerprint
from perception_fm.models.card import ModelCard

ENGINE = bytes(range(256)) * 40
CARD = ModelCard(
    name="tiny", source="generated", revision="1", licence="Apache-2.0", is_commercial=True, is_trained=True,
    encoder="none", input_height=32, input_width=64, output_stride=4, heads=("depth",),
)  # fmt: skip
PRINT = EngineFingerprint(
    model="tiny", onnx_sha256="a" * 64, library="tensorrt", library_version="10.3.0.30", gpu="Orin", capability="8.7",
    driver="12.6", precision="fp16", input_shape=(1, 32, 64, 3), options="{}",
)  # fmt: skip
OTHER_GPU = dataclasses.replace(PRINT, gpu="RTX 4090", capability="8.9")


def record(fingerprint: EngineFingerprint = PRINT, engine: bytes = ENGINE) -> EngineRecord:
    return record_of(engine, fingerprint, CARD, "fp16", ("a warning",))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, said: list[str]) -> EngineCache:
    return EngineCache(tmp_path / "engines", kept=2, say=said.append)


@pytest.fixture
def stored(cache: EngineCache) -> Path:
    return cache.store(ENGINE, record())


def never() -> tuple[bytes, EngineRecord]:
    raise AssertionError("built although the engine is there")


def test_engine_is_found_again(cache: EngineCache, stored: Path, said: list[str]) -> None:
    found = cache.obtain(PRINT, never)
    assert found == StoredEngine(ENGINE, record(), stored)
    assert said == []
    assert {path.stat().st_mode & 0o777 for path in (stored, record_path(stored))} == {0o600}
    assert cache.folder.stat().st_mode & 0o777 == 0o700


def test_empty_cache_has_nothing_to_say(cache: EngineCache, said: list[str]) -> None:
    assert cache.load(PRINT) is None
    assert said == []
    assert not cache.folder.exists()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"gpu": "RTX 4090"}, "GPU: Orin became RTX 4090"),
        ({"library_version": "10.8.0.1"}, "library version: 10.3.0.30 became 10.8.0.1"),
        ({"onnx_sha256": "b" * 64}, "ONNX file: aaaaaaaaaaaa became bbbbbbbbbbbb"),
    ],
)
def test_stale_engine_is_built_again_and_the_change_is_named(
    cache: EngineCache, stored: Path, said: list[str], changes: dict[str, str], words: str
) -> None:
    wanted = dataclasses.replace(PRINT, **changes)
    assert cache.load(wanted) is None
    assert len(said) == 1
    assert words in said[0]


def test_nearest_engine_is_the_one_compared(cache: EngineCache, said: list[str]) -> None:
    cache.store(ENGINE, record(dataclasses.replace(PRINT, driver="12.4")))
    cache.store(ENGINE, record(dataclasses.replace(OTHER_GPU, driver="12.4")))
    assert cache.load(PRINT) is None
    assert said[0].endswith("stale: driver (CUDA): 12.4 became 12.6")


def truncate(path: Path) -> None:
    path.write_bytes(ENGINE[:-1])


def tamper(path: Path) -> None:
    path.write_bytes(ENGINE[:-1] + b"\0")


def world_writable(path: Path) -> None:
    path.chmod(0o606)


def garble_record(path: Path) -> None:
    record_path(path).write_text("{")


def binary_record(path: Path) -> None:
    record_path(path).write_bytes(b"\xff\xfe")


def strip_record(path: Path) -> None:
    values = json.loads(record_path(path).read_text())
    del values["sha256"]
    record_path(path).write_text(json.dumps(values))


def break_card(path: Path) -> None:
    values = json.loads(record_path(path).read_text())
    values["card"]["heads"] = ["smell"]
    record_path(path).write_text(json.dumps(values))


def drop_engine(path: Path) -> None:
    path.unlink()


def link_engine(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def of_another_gpu(path: Path) -> None:
    values = json.loads(record_path(path).read_text())
    values["fingerprint"] = json.loads(OTHER_GPU.to_json())
    record_path(path).write_text(json.dumps(values))


@pytest.mark.parametrize(
    "damage, words",
    [
        (truncate, "has 10239 bytes instead of 10240"),
        (tamper, "was changed after it was built"),
        (world_writable, "other users may write"),
        (garble_record, "cannot be read as the record"),
        (binary_record, "is no text"),
        (strip_record, "cannot be read as the record"),
        (break_card, "unknown heads smell"),
        (drop_engine, "No such file"),
        (link_engine, "cannot read"),
        (of_another_gpu, "GPU: RTX 4090 became Orin"),
    ],
)
def test_damaged_engine_is_refused(
    cache: EngineCache, stored: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(stored)
    with pytest.raises(EngineError, match=words) as refusal:
        cache.obtain(PRINT, never)
    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_engine_of_another_user_is_refused(cache: EngineCache, stored: Path) -> None:
    os.chown(stored, 12345, 12345)
    with pytest.raises(EngineError, match="belongs to user 12345"):
        cache.load(PRINT)


def test_world_writable_folder_is_refused_before_anything_is_built(cache: EngineCache, stored: Path) -> None:
    cache.folder.chmod(0o777)
    with pytest.raises(EngineError, match="other users may write"):
        cache.obtain(OTHER_GPU, never)


def test_engine_whose_writer_was_killed_is_built_again(cache: EngineCache, stored: Path, said: list[str]) -> None:
    record_path(stored).unlink()
    leftover = cache.folder / f".{stored.name}.999.partial"
    leftover.write_bytes(b"half")
    found = cache.obtain(PRINT, lambda: (ENGINE, record()))
    assert found.path == stored
    assert "interrupted" in said[0]
    assert not leftover.exists()


def test_full_disk_costs_a_line_and_leaves_nothing(cache: EngineCache, said: list[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(ENGINE) // 2, hard))
    try:
        found = cache.obtain(PRINT, lambda: (ENGINE, record()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found == StoredEngine(ENGINE, record(), None)
    assert len(said) == 1
    assert os.strerror(errno.EFBIG) in said[0]
    assert [path.name for path in cache.folder.iterdir()] == ["lock"]


def test_disk_that_fills_with_the_record_keeps_no_engine_alone(cache: EngineCache, said: list[str]) -> None:
    short = b"engine"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(short), hard))
    try:
        with pytest.raises(EngineError, match=r"\.engine\.json"):
            cache.store(short, record(engine=short))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(cache.folder.iterdir()) == []


def test_oldest_engines_of_the_model_go_and_others_stay(cache: EngineCache) -> None:
    other = cache.store(ENGINE, record(dataclasses.replace(PRINT, model="tiny-large")))
    paths = []
    for day, version in enumerate(("1.0", "2.0", "3.0")):
        paths.append(cache.store(ENGINE, record(dataclasses.replace(PRINT, library_version=version))))
        os.utime(paths[-1], ns=(day, day))
    assert [path.exists() for path in paths] == [False, True, True]
    assert not record_path(paths[0]).exists()
    assert other.exists()


def test_verdict_of_the_gate_is_kept_with_the_engine(cache: EngineCache, stored: Path) -> None:
    found = cache.load(PRINT)
    assert found is not None
    judged = cache.write_gate(found, {"has_passed": True, "depth_abs_rel": 0.001, "normals": math.nan})
    again = cache.load(PRINT)
    assert again is not None
    assert again.record.gate == {"has_passed": True, "depth_abs_rel": 0.001, "normals": None}
    assert again.engine == judged.engine == ENGINE


def test_verdict_of_an_engine_in_memory_is_kept_in_memory(cache: EngineCache) -> None:
    judged = cache.write_gate(StoredEngine(ENGINE, record(), None), {"has_passed": False})
    assert judged.record.gate == {"has_passed": False}
    assert not cache.folder.exists()


def test_timings_are_kept_per_library_and_gpu_and_not_trusted_blindly(cache: EngineCache, stored: Path) -> None:
    cache.write_timings(PRINT, b"timings")
    assert cache.read_timings(PRINT) == b"timings"
    assert cache.read_timings(OTHER_GPU) == b""
    (path,) = cache.folder.glob("*.timings")
    path.chmod(0o666)
    assert cache.read_timings(PRINT) == b""


def build_slowly(folder: Path, log: Path) -> None:
    def build() -> tuple[bytes, EngineRecord]:
        with log.open("a") as file:
            file.write("built\n")
        time.sleep(0.3)
        return ENGINE, record()

    assert EngineCache(folder, say=lambda line: None).obtain(PRINT, build).engine == ENGINE


def test_two_builders_at_once_build_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    builders = [context.Process(target=build_slowly, args=(tmp_path / "engines", tmp_path / "log")) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(30)
    assert [builder.exitcode for builder in builders] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "built\n"


def test_waiting_builder_says_so(cache: EngineCache, said: list[str]) -> None:
    context = multiprocessing.get_context("fork")
    is_held = context.Event()

    def hold() -> None:
        with cache.building():
            is_held.set()
            time.sleep(0.3)

    holder = context.Process(target=hold)
    holder.start()
    assert is_held.wait(30)
    with cache.building():
        pass
    holder.join(30)
    assert len(said) == 1
    assert "another process builds an engine" in said[0]


def test_failed_build_leaves_the_lock_free(cache: EngineCache) -> None:
    with pytest.raises(AssertionError):
        cache.obtain(PRINT, never)
    assert cache.obtain(PRINT, lambda: (ENGINE, record())).path is not None


def test_model_name_cannot_leave_the_folder(cache: EngineCache) -> None:
    path = cache.path_of(dataclasses.replace(PRINT, model="../../etc/passwd"))
    assert path.parent == cache.folder


def test_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "perception_fm" / "engines"
