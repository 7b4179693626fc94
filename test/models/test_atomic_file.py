"""A file is whole or as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perception_fm.errors import ModelError
from perception_fm.models.atomic_file import write_atomically


def test_content_replaces_the_old_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    assert write_atomically(path, b"new") == path
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_empty_content_is_content(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "file", b"").read_bytes() == b""


def test_permissions_are_those_that_were_asked_for(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "file", b"x", mode=0o600).stat().st_mode & 0o777 == 0o600


def test_missing_folder_and_a_folder_in_the_way_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot write .*No such file"):
        write_atomically(tmp_path / "none" / "file", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=r"cannot write .*folder"):
        write_atomically(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]


def test_device_without_room_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    # The hidden file is a link to a device that is always full.
    (tmp_path / f".file.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(ModelError, match=r"cannot write .*No space left"):
        write_atomically(tmp_path / "file", b"x" * 100_000)
    assert os.listdir(tmp_path) == []
