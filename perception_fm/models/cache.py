"""Where model files lie: in the package; pulled weights, exported models and the lock in one folder per user."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGED = Path(__file__).resolve().parent / "weights"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/perception_fm`, `~/.cache/perception_fm` where that is unset; it need not exist."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(home) if os.path.isabs(home) else Path.home() / ".cache"
    return base / "perception_fm"


def weights_folder(repo: str, cache: Path) -> Path:
    """Of one hub repository, shared by all entries that use it."""
    return cache / "weights" / repo.replace("/", "--")


def packaged_path(name: str, suffix: str = ".onnx") -> Path:
    """A file of a model that comes with the package; it need not exist."""
    return _PACKAGED / f"{name}{suffix}"


def exported_path(name: str, cache: Path) -> Path:
    """The ONNX file of a zoo model, where `perception-fm export NAME` puts it."""
    return cache / "models" / f"{name}.onnx"
