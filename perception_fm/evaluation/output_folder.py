"""The folder of a run's results: whole under its name, or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perception_fm.errors import PerceptionError


@contextmanager
def output_folder(path: Path, *, overwrite: bool, mark: str = "result.json") -> Iterator[Path]:
    """A hidden sibling folder to write into; it takes the name `path` when the block ends without an exception.

    After an exception nothing is left; after a kill only the hidden `.NAME.partial`, which the next run replaces.
    `mark`: a file that tells earlier results of the same kind; a folder without it is never replaced. Raises
    `PerceptionError` where `path` exists (with `overwrite`: exists and holds something else than results).
    """
    path = Path(os.path.abspath(path))
    _refuse_existing(path, overwrite, mark)
    partial = path.parent / f".{path.name}.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise PerceptionError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield partial
        if path.exists():
            shutil.rmtree(path)
        partial.rename(path)
    except OSError as error:
        raise PerceptionError(f"cannot finish {path}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_existing(path: Path, overwrite: bool, mark: str) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise PerceptionError(f"{path} is a file; choose a folder for the results")
    is_empty = not any(path.iterdir())
    if is_empty or (overwrite and (path / mark).is_file()):
        return
    if overwrite:
        raise PerceptionError(f"{path} holds something else than results and is not overwritten; choose another folder")
    raise PerceptionError(f"{path} exists already; choose another folder or add --overwrite")
