"""The lock of pulled weights: what was seen once is what is loaded ever after."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from perception_fm.errors import ModelError
from perception_fm.models.cache import cache_folder, weights_folder
from perception_fm.models.lock import LOCK_NAME, Locked, is_pulled, locked_folders, read_lock, sha256_of, write_lock
from perception_fm.models.zoo_entries import ZOO

REVISION = "c" * 40
ENTRY = ZOO["dinov2_small"]
REPO = ENTRY.parts[0].weights.repo


def pulled(cache: Path, content: bytes = b"weights") -> Path:
    """A cache with the entry in it; the file."""
    file = weights_folder(REPO, cache) / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    write_lock(cache, REPO, Locked(REVISION, {file.name: sha256_of(file)}))
    return file


def test_hash_is_the_published_one_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty") == hashlib.sha256(b"").hexdigest()
    with pytest.raises(ModelError, match="cannot read"):
        sha256_of(tmp_path / "gone")


def test_locks_of_several_repositories_stay(tmp_path: Path) -> None:
    first, second = Locked("a" * 40, {"x": "1"}), Locked("b" * 40, {"y": "2"})
    write_lock(tmp_path, "one/one", first)
    write_lock(tmp_path, "two/two", second)
    assert read_lock(tmp_path) == {"one/one": first, "two/two": second}
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_nothing_pulled_is_an_empty_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "nowhere") == {}
    assert not is_pulled(ENTRY, tmp_path)
    assert not is_pulled(ZOO["bundled"], tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "repos": {}}', '{"version": 1, "repos": {"a": 1}}'])
def test_damaged_lock_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    with pytest.raises(ModelError, match="move it away and pull again") as refusal:
        read_lock(tmp_path)
    assert "\n" not in str(refusal.value)


def test_pulled_weights_are_found_with_their_lock(tmp_path: Path) -> None:
    file = pulled(tmp_path)
    assert is_pulled(ENTRY, tmp_path)
    folder, locked = locked_folders(ENTRY, tmp_path)["encoder"]
    assert (folder, locked.revision) == (file.parent, REVISION)


def test_weights_that_were_tampered_with_are_not_loaded(tmp_path: Path) -> None:
    pulled(tmp_path).write_bytes(b"WEIGHTS")
    with pytest.raises(ModelError, match="not what was first pulled"):
        locked_folders(ENTRY, tmp_path)


def test_missing_weights_name_the_command(tmp_path: Path) -> None:
    pulled(tmp_path).unlink()
    assert not is_pulled(ENTRY, tmp_path)
    with pytest.raises(ModelError, match="perception-fm models pull dinov2_small"):
        locked_folders(ENTRY, tmp_path)


def test_lock_on_a_disk_that_does_not_take_it_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot write"):
        write_lock(tmp_path / "gone", REPO, Locked(REVISION, {}))


def test_cache_follows_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "perception_fm"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "perception_fm"


def test_lock_is_plain_json(tmp_path: Path) -> None:
    pulled(tmp_path)
    content = json.loads((tmp_path / LOCK_NAME).read_text())
    assert content["repos"][REPO]["revision"] == REVISION
