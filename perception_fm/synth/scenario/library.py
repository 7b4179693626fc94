"""Where scenario files are found: by path, or by name in the library that is installed with the package."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from perception_fm.errors import ConfigError

_SHARE = Path("share") / "perception_fm" / "config" / "scenarios"


def find_scenario(path: str | Path) -> Path:
    """The file at a path, or the library's file of that name. Raises `ConfigError` where there is neither."""
    file = Path(path)
    if file.is_file():
        return file
    if file.suffix in (".yaml", ".yml") or len(file.parts) > 1:
        raise ConfigError(f"cannot read {file}: there is no such scenario file")
    names = library()
    if str(path) in names:
        return names[str(path)]
    close = difflib.get_close_matches(str(path), names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the library has {', '.join(names) or 'none'}"
    raise ConfigError(f"{path} is neither a scenario file nor one of the library; {hint}")


def library() -> dict[str, Path]:
    """Name -> file of every scenario that comes with the package, in the order of their names."""
    folder = next((folder for folder in _folders() if folder.is_dir()), None)
    return {} if folder is None else {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def config_file(name: str) -> Path:
    """A file of `config/` that comes with the package. Raises `ConfigError` where it is not installed."""
    for folder in _folders():
        if (folder.parent / name).is_file():
            return folder.parent / name
    raise ConfigError(f"config/{name} is not installed with the package; name a file")


def _folders() -> Iterator[Path]:
    """The checkout that this module lies in, else the prefix that it was installed under."""
    package = Path(__file__).resolve().parents[2]
    yield package.parent / "config" / "scenarios"
    for parent in package.parents:
        yield parent / _SHARE
    for prefix in (sys.prefix, *filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))):
        yield Path(prefix) / _SHARE
