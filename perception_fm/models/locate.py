"""`resolve_model`: from a zoo name or a path to the ONNX file. Needs the standard library only."""

from __future__ import annotations

from pathlib import Path

from perception_fm.errors import ModelError
from perception_fm.models.cache import cache_folder, exported_path, packaged_path
from perception_fm.models.lock import is_pulled
from perception_fm.models.zoo import ZooEntry, entry_named


def resolve_model(name_or_path: str | Path, *, cache: Path | None = None) -> Path:
    """The ONNX file that is meant; its content is not looked at.

    What ends in .onnx or holds a slash is a path, anything else the name of a model that comes with the package or was
    exported. Raises `ModelError` with one line that says what to do for a file that is not there, an unknown name, and
    a model that is not exported yet.
    """
    text = str(name_or_path)
    if text.endswith(".onnx") or "/" in text:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ModelError(f"there is no model file {path}; a name without a slash is looked up in the zoo")
        if path.suffix != ".onnx":
            raise ModelError(f"{path} is not an ONNX file; make one with perception-fm export")
        return path
    cache = cache or cache_folder()
    ready = ready_file(text, cache)
    if ready is not None:
        return ready
    entry = entry_named(text)
    if entry.kind == "bundled":
        raise ModelError(f"the package lacks its model {packaged_path(text)}: install it again")
    raise ModelError(f"model {entry.name} is not ready here: {next_step(entry, cache)}")


def next_step(entry: ZooEntry, cache: Path) -> str:
    """The command that brings `entry` nearer to an ONNX file."""
    if entry.parts and not is_pulled(entry, cache):
        return f"perception-fm models pull {entry.name}"
    if entry.kind == "backbone":
        return f"it has no heads; train them first: perception-fm train --encoder {entry.encoder}"
    return f"perception-fm export {entry.name}"


def ready_file(name: str, cache: Path) -> Path | None:
    """The ONNX file of a model, of the package or exported; None where it has to be made."""
    files = (packaged_path(name), exported_path(name, cache))
    return next((path for path in files if path.is_file()), None)
