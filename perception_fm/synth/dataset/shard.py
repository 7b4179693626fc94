"""A shard in the WebDataset format: an ordinary tar file in which a sample's files share a name and follow each other.

(Aizman, Maltby & Breuel, High performance I/O for large scale deep learning, 2019.) The standard library writes it with
nothing in it but the samples: no times, owners or rights, so that equal samples make equal files.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from perception_fm.errors import DatasetError
from perception_fm.synth.dataset.sample_codec import decode

PARTIAL = ".partial"


def shard_path(folder: Path, split: str, number: int) -> Path:
    """`train-000000.tar`."""
    return folder / f"{split}-{number:06d}.tar"


def write_shard(path: Path, samples: Iterable[Mapping[str, bytes]]) -> Iterator[None]:
    """Write encoded samples, yielding after each; the name appears at the end, when all of it is on the disk.

    Keys are shard and position. Raises `DatasetError` when the disk does not take it (`samples` themselves must not
    raise `OSError`). Nothing stays behind after an error, and after a kill only a hidden partial file.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for position, files in enumerate(samples):
                    _add(tar, f"{path.stem}-{position:05d}", files)
                    yield
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DatasetError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def read_samples(path: Path) -> Iterator[dict[str, Any]]:
    """The samples of a shard as `sample_codec.decode` gives them, with their `key`. Raises `DatasetError`."""
    for key, files in _members(path):
        try:
            yield {"key": key, **decode(files)}
        except KeyError as error:
            raise DatasetError(f"{path}: sample {key} has no {error.args[0]}") from error


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """The facts of every sample of a shard; pictures are passed over. Raises `DatasetError`."""
    for _, files in _members(path, ending="json"):
        yield json.loads(files["json"])


def sync_folder(folder: Path) -> None:
    """New names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _members(path: Path, ending: str = "") -> Iterator[tuple[str, dict[str, bytes]]]:
    """Keys with files by ending, or only those of one ending."""
    current, files = "", {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, name = member.name.partition(".")
                if key != current and files:
                    yield current, files
                    files = {}
                current = key
                content = tar.extractfile(member) if name == ending or not ending else None
                if content is not None:
                    files[name] = content.read()
    except (OSError, tarfile.TarError) as error:
        raise DatasetError(f"cannot read the shard {path}: {error}") from error
    if files:
        yield current, files


def _add(tar: tarfile.TarFile, key: str, files: Mapping[str, bytes]) -> None:
    for ending, content in files.items():
        member = tarfile.TarInfo(f"{key}.{ending}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
