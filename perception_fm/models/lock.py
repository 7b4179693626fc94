"""The lock of pulled weights: which revision, which bytes. What differs later is not loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perception_fm.errors import ModelError
from perception_fm.models.atomic_file import write_atomically
from perception_fm.models.cache import weights_folder
from perception_fm.models.zoo import ZooEntry

LOCK_NAME = "zoo.lock.json"
_VERSION = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Locked:
    """One repository: its git hash, and the SHA-256 of each file by name, hexadecimal."""

    revision: str
    sha256: Mapping[str, str]

    def missing(self, folder: Path) -> list[str]:
        """Names that `folder` lacks."""
        return [name for name in self.sha256 if not (folder / name).is_file()]

    def changed(self, folder: Path) -> list[str]:
        """Names whose bytes in `folder` are others; what is missing is not among them."""
        return [
            name for name, want in self.sha256.items() if (folder / name).is_file() and sha256_of(folder / name) != want
        ]


def sha256_of(path: Path) -> str:
    """Of a file, hexadecimal. Raises `ModelError` where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()


def read_lock(cache: Path) -> dict[str, Locked]:
    """All locked repositories by name; empty where nothing was ever pulled. Raises `ModelError` for a damaged file."""
    path = cache / LOCK_NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']}, this program reads {_VERSION}")
        return {
            str(repo): Locked(str(value["revision"]), {str(k): str(v) for k, v in value["sha256"].items()})
            for repo, value in content["repos"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no lock of this program ({error}): move it away and pull again") from error


def write_lock(cache: Path, repo: str, locked: Locked) -> None:
    """Adds or replaces one repository. Raises `ModelError` where the disk does not take it."""
    repos = {**read_lock(cache), repo: locked}
    content = {
        "version": _VERSION,
        "repos": {name: {"revision": one.revision, "sha256": dict(one.sha256)} for name, one in repos.items()},
    }
    write_atomically(cache / LOCK_NAME, json.dumps(content, indent=2, sort_keys=True).encode())


def is_pulled(entry: ZooEntry, cache: Path) -> bool:
    """Whether all files of all parts are there and locked; their bytes are checked when they are loaded."""
    locks = read_lock(cache)
    repos = [part.weights.repo for part in entry.parts]
    return bool(repos) and all(repo in locks and not locks[repo].missing(weights_folder(repo, cache)) for repo in repos)


def locked_folders(entry: ZooEntry, cache: Path) -> dict[str, tuple[Path, Locked]]:
    """Folder and lock of every part by its role, every byte checked.

    Raises `ModelError` for what is not pulled, incomplete or changed since.
    """
    locks, found = read_lock(cache), {}
    for part in entry.parts:
        repo, folder = part.weights.repo, weights_folder(part.weights.repo, cache)
        locked = locks.get(repo)
        if locked is None or locked.missing(folder):
            raise ModelError(f"the weights of {entry.name} are not here: perception-fm models pull {entry.name}")
        refuse_changed(repo, locked, folder)
        found[part.role] = (folder, locked)
    return found


def refuse_changed(repo: str, locked: Locked, folder: Path) -> None:
    """Raises `ModelError` that names the files whose bytes are not the locked ones."""
    changed = locked.changed(folder)
    if changed:
        raise ModelError(
            f"{', '.join(changed)} of {repo} is not what was first pulled: other bytes than those in {LOCK_NAME}; "
            f"delete {folder} and pull again"
        )
