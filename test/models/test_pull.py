"""Pulling from a hub that is really there, on 127.0.0.1: locked, checked, and honest about every failure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="pulling needs the extra `models`")

from fake_hub import OTHER_REVISION, REVISION, FakeHub, running

from perception_fm.errors import ModelError
from perception_fm.models.cache import weights_folder
from perception_fm.models.lock import LOCK_NAME, Locked, is_pulled, read_lock
from perception_fm.models.pull import pull
from perception_fm.models.zoo_entries import ZOO

ENTRY = ZOO["dinov2_small"]
REPO = ENTRY.parts[0].weights.repo
CONTENTS = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 256, "pytorch_model.bin": b"cos\nsystem\n"}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as hub:
        hub.publish(REPO, dict(CONTENTS))
        yield hub


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()


def refusal(hub: FakeHub, cache: Path, entry: str = ENTRY.name) -> str:
    with pytest.raises(ModelError) as error:
        pull(ZOO[entry], cache=cache, endpoint=hub.url)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_first_pull_locks_what_it_saw(hub: FakeHub, tmp_path: Path) -> None:
    folder = pull(ENTRY, cache=tmp_path, endpoint=hub.url)["encoder"]
    assert folder == weights_folder(REPO, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == CONTENTS["model.safetensors"]
    locked = read_lock(tmp_path)[REPO]
    assert locked.revision == REVISION
    assert set(locked.sha256) == {"config.json", "model.safetensors"}
    assert is_pulled(ENTRY, tmp_path)


def test_pickle_beside_the_weights_is_never_fetched(hub: FakeHub, tmp_path: Path) -> None:
    assert names(pull(ENTRY, cache=tmp_path, endpoint=hub.url)["encoder"]) == {"config.json", "model.safetensors"}
    assert not any("pytorch_model.bin" in path for path in hub.requests)


def test_repository_with_pickles_only_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.publish(REPO, {"config.json": b"{}", "pytorch_model.bin": b"cos\nsystem\n"})
    assert "has no model.safetensors" in refusal(hub, tmp_path)
    assert not is_pulled(ENTRY, tmp_path)


def test_second_pull_needs_no_network(hub: FakeHub, tmp_path: Path) -> None:
    pull(ENTRY, cache=tmp_path, endpoint=hub.url)
    hub.requests.clear()
    pull(ENTRY, cache=tmp_path, endpoint=hub.url)
    assert hub.requests == []


def test_revision_and_hash_that_the_table_names_bind_the_first_pull(hub: FakeHub, tmp_path: Path) -> None:
    hub.publish(REPO, {**CONTENTS, "model.safetensors": b"retrained"}, OTHER_REVISION)
    digest = hashlib.sha256(CONTENTS["model.safetensors"]).hexdigest()
    part = ENTRY.parts[0]
    files = dataclasses.replace(part.weights, revision=REVISION, sha256=(("model.safetensors", digest),))
    pinned = dataclasses.replace(ENTRY, parts=(dataclasses.replace(part, weights=files),))
    folder = pull(pinned, cache=tmp_path, endpoint=hub.url)["encoder"]
    assert read_lock(tmp_path)[REPO] == Locked(REVISION, {"model.safetensors": digest})
    assert (folder / "model.safetensors").read_bytes() == CONTENTS["model.safetensors"]


def test_missing_file_comes_from_the_locked_revision_not_from_the_newest(hub: FakeHub, tmp_path: Path) -> None:
    folder = pull(ENTRY, cache=tmp_path, endpoint=hub.url)["encoder"]
    hub.publish(REPO, {**CONTENTS, "model.safetensors": b"retrained"}, OTHER_REVISION)
    (folder / "model.safetensors").unlink()
    pull(ENTRY, cache=tmp_path, endpoint=hub.url)
    assert (folder / "model.safetensors").read_bytes() == CONTENTS["model.safetensors"]


def test_file_that_was_tampered_with_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    folder = pull(ENTRY, cache=tmp_path, endpoint=hub.url)["encoder"]
    (folder / "model.safetensors").write_bytes(b"evil")
    assert "not what was first pulled" in refusal(hub, tmp_path)


def test_hub_with_other_bytes_under_the_same_revision_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    folder = pull(ENTRY, cache=tmp_path, endpoint=hub.url)["encoder"]
    hub.publish(REPO, {**CONTENTS, "model.safetensors": b"swapped"})
    (folder / "model.safetensors").unlink()
    assert "other bytes than promised" in refusal(hub, tmp_path)
    assert "model.safetensors" not in names(folder)


def test_bytes_that_flip_on_the_way_are_not_locked(hub: FakeHub, tmp_path: Path) -> None:
    hub.corrupt.add("model.safetensors")
    assert "other bytes than promised" in refusal(hub, tmp_path)
    assert read_lock(tmp_path) == {}


def test_download_that_breaks_off_leaves_nothing_that_is_taken_for_whole(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the library waits between its own retries
    hub.cut_off.add("model.safetensors")
    assert "cannot fetch" in refusal(hub, tmp_path)
    assert "model.safetensors" not in names(weights_folder(REPO, tmp_path))
    assert not is_pulled(ENTRY, tmp_path)
    hub.cut_off.clear()
    pull(ENTRY, cache=tmp_path, endpoint=hub.url)
    assert is_pulled(ENTRY, tmp_path)


def test_no_network_says_what_to_do_and_what_runs_without(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub = FakeHub(url=f"http://127.0.0.1:{port}")
    text = refusal(hub, tmp_path)
    assert "connect and pull again" in text
    assert "the bundled model and geometry only (model: none) run without" in text
    assert list(tmp_path.iterdir()) == []


def test_offline_mode_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perception_fm.cli", "models", "pull", ENTRY.name, "--cache", str(tmp_path)]
    done = subprocess.run(
        command, env={"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"perception-fm: cannot fetch {REPO} from the hub")


def test_gated_repository_names_the_login(hub: FakeHub, tmp_path: Path) -> None:
    gated = ZOO["dinov3_small"].parts[0].weights.repo
    hub.publish(gated, dict(CONTENTS))
    hub.gated.add(gated)
    assert "hf auth login" in refusal(hub, tmp_path, "dinov3_small")


def test_repository_that_is_gone_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    assert "has no repository facebook/dinov2-base" in refusal(hub, tmp_path, "dinov2_base")


def test_branch_that_is_gone_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    hub.publish(ZOO["segformer_b0_cityscapes"].parts[0].weights.repo, dict(CONTENTS))  # but not as refs/pr/4
    assert "no longer has the revision" in refusal(hub, tmp_path, "segformer_b0_cityscapes")


def test_disk_that_takes_no_more_is_one_line(hub: FakeHub, tmp_path: Path) -> None:
    limit = 8192  # bytes per file, less than the weights have

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "perception_fm.cli", "models", "pull", ENTRY.name, "--cache", str(tmp_path)]
    done = subprocess.run(
        command,
        env={"HF_ENDPOINT": hub.url, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=fill,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "File too large; make room" in done.stderr.splitlines()[-1]
    assert not is_pulled(ENTRY, tmp_path)
    assert "model.safetensors" not in names(weights_folder(REPO, tmp_path))


def test_composed_pair_comes_from_two_repositories_and_the_branch_that_is_safe(hub: FakeHub, tmp_path: Path) -> None:
    depth, segmentation = (part.weights.repo for part in ZOO["dav2_segformer"].parts)
    hub.publish(depth, dict(CONTENTS))
    hub.publish(segmentation, dict(CONTENTS), OTHER_REVISION, branch="refs/pr/4")
    folders = pull(ZOO["dav2_segformer"], cache=tmp_path, endpoint=hub.url)
    assert set(folders) == {"depth", "segmentation"}
    assert read_lock(tmp_path)[segmentation].revision == OTHER_REVISION
    assert is_pulled(ZOO["dav2_small_outdoor"], tmp_path)


def test_onnx_file_brings_the_weights_beside_it_but_no_other_precision(hub: FakeHub, tmp_path: Path) -> None:
    repo = ZOO["depth_anything_3"].parts[0].weights.repo
    hub.publish(repo, {"model.onnx": b"graph", "model.onnx.data": b"weights", "model_fp16.onnx": b"half", "a.bin": b""})
    folder = pull(ZOO["depth_anything_3"], cache=tmp_path, endpoint=hub.url)["depth"]
    assert names(folder) == {"model.onnx", "model.onnx.data"}


def test_bundled_model_is_not_on_a_hub(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="comes with the package"):
        pull(ZOO["bundled"], cache=tmp_path)


def test_command_pulls_from_the_hub_of_the_environment(hub: FakeHub, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "perception_fm.cli", "models", "pull", ENTRY.name, "--json"]
    environment = {"HF_ENDPOINT": hub.url, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    record = json.loads(done.stdout)
    assert record["is_pulled"]
    assert record["parts"][0]["revision"] == REVISION
    assert (tmp_path / "perception_fm" / LOCK_NAME).is_file()
