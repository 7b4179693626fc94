"""Files that somebody else could have written are not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perception_fm.errors import EngineError
from perception_fm.inference.private_files import make_private_folder, read_private, write_private

STRANGER = 12345


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_private_folder(tmp_path / "below" / "engines")
    return tmp_path / "below" / "engines"


def test_what_is_written_is_for_the_owner_alone(folder: Path) -> None:
    old = os.umask(0)
    try:
        write_private(folder / "file", b"content")
        make_private_folder(folder / "deeper")
    finally:
        os.umask(old)
    assert read_private(folder / "file") == b"content"
    assert (folder / "file").stat().st_mode & 0o777 == 0o600
    assert (folder / "deeper").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    write_private(folder / "file", b"content")
    (folder / "file").chmod(mode)
    with pytest.raises(EngineError, match=r"other users may write .*file"):
        read_private(folder / "file")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_folder_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    write_private(folder / "file", b"content")
    folder.chmod(mode)
    for refused in (lambda: read_private(folder / "file"), lambda: make_private_folder(folder)):
        with pytest.raises(EngineError, match=r"other users may write .*engines"):
            refused()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_and_folder_of_another_user_are_refused(folder: Path) -> None:
    write_private(folder / "file", b"content")
    os.chown(folder / "file", STRANGER, STRANGER)
    with pytest.raises(EngineError, match=f"belongs to user {STRANGER}"):
        read_private(folder / "file")
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(EngineError, match=f"engines belongs to user {STRANGER}"):
        make_private_folder(folder)


def test_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    write_private(tmp_path / "elsewhere", b"content")
    (folder / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EngineError, match="cannot read"):
        read_private(folder / "file")


@pytest.mark.timeout(20)
def test_pipe_does_not_hang_the_reader(folder: Path) -> None:
    os.mkfifo(folder / "file", 0o600)
    with pytest.raises(EngineError, match="no plain file"):
        read_private(folder / "file")


def test_missing_file_and_a_file_for_a_folder_are_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match="No such file"):
        read_private(folder / "missing")
    write_private(folder / "file", b"content")
    with pytest.raises(EngineError, match="cannot make the folder"):
        make_private_folder(folder / "file" / "below")
