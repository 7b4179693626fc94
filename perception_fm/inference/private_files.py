"""Files that only their owner can have written: compiled engines are code."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from perception_fm.errors import EngineError, ModelError
from perception_fm.models.atomic_file import write_atomically

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private_folder(folder: Path) -> None:
    """Makes the folder, with its parents, for its owner alone; one that is there is checked.

    Raises `EngineError` where it cannot be made, belongs to another user, or others may write into it.
    """
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"cannot make the folder {folder} for engines ({error.strerror}): point XDG_CACHE_HOME to one that you own"
        ) from error
    check_private_folder(folder)


def check_private_folder(folder: Path) -> None:
    """Raises `EngineError` for a folder that is missing, of another user, or writable by others."""
    try:
        found = folder.stat()
    except OSError as error:
        raise EngineError(f"cannot look into {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise EngineError(f"{folder} is no folder: move it away")
    _check_owner(found, folder)


def read_private(path: Path) -> bytes:
    """The content of a file of this user that nobody else may write. Raises `EngineError` for every other file."""
    check_private_folder(path.parent)
    try:
        # The file that was checked is the one that is read, and never one that a link points to.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise EngineError(f"{path} is no plain file: delete it")
        _check_owner(found, path)
        try:
            return file.read()
        except OSError as error:
            raise EngineError(f"cannot read {path}: {error.strerror}") from error


def write_private(path: Path, data: bytes) -> None:
    """Writes a file for its owner alone, whole or not at all. Raises `EngineError` where the disk does not take it."""
    try:
        write_atomically(path, data, _FILE_MODE)
    except ModelError as error:
        raise EngineError(str(error)) from error


def _check_owner(found: os.stat_result, path: Path) -> None:
    if found.st_uid != os.geteuid():
        raise EngineError(
            f"{path} belongs to user {found.st_uid}, you are {os.geteuid()}: an engine is code, so it is not loaded"
        )
    if found.st_mode & _OTHERS_MAY_WRITE:
        mode = stat.S_IMODE(found.st_mode)
        raise EngineError(
            f"other users may write {path} (mode {mode:o}): an engine is code, so it is not loaded; delete it, or"
            " chmod go-w it if you trust it"
        )
