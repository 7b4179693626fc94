"""Where the parts of a workspace lie, and the stamps that say which parts are complete."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MESSAGES_PACKAGE = "perception_fm_msgs"
WORKSPACE_FILES = ("package.xml", "setup.py", "setup.cfg")
# Folders whose files colcon links one by one: a new name needs a build, a changed content does not.
LINKED_FOLDERS = ("launch", "config", "resource")


@dataclass(frozen=True)
class Layout:
    """The checkout and the folders that the set-up makes in it."""

    root: Path
    venv: Path
    products: Path
    is_compat: bool = False

    @classmethod
    def main(cls, root: Path) -> Layout:
        """`.venv`, and `build`, `install` and `log` where colcon has them."""
        return cls(root, root / ".venv", root)

    @classmethod
    def compat(cls, root: Path) -> Layout:
        """Everything below `.venv-compat`, beside the main workspace."""
        return cls(root, root / ".venv-compat", root / ".venv-compat" / "workspace", is_compat=True)

    @property
    def python(self) -> Path:
        """The interpreter of the virtual environment."""
        return self.venv / "bin" / "python"

    @property
    def build(self) -> Path:
        """colcon's build folder."""
        return self.products / "build"

    @property
    def install(self) -> Path:
        """colcon's install folder."""
        return self.products / "install"

    @property
    def log(self) -> Path:
        """colcon's log folder, and ours."""
        return self.products / "log"

    @property
    def venv_stamp(self) -> Path:
        """Exists only beside a complete virtual environment."""
        return self.venv / "workspace.json"

    @property
    def build_stamp(self) -> Path:
        """Exists only beside a complete build."""
        return self.install / "workspace.json"


def base_python() -> Path:
    """The interpreter below any virtual environment that is active."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def read_stamp(path: Path) -> dict[str, Any]:
    """The stamp's content; empty where there is none or it was cut off."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_stamp(path: Path, content: dict[str, Any]) -> None:
    """Write the stamp in one move, so that a killed set-up leaves none."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
    os.replace(partial, path)


def digest(parts: Iterable[str | bytes]) -> str:
    """One hash over all parts, in their order."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


def build_inputs(root: Path) -> Iterable[str | bytes]:
    """Everything that a build depends on: contents of what is compiled, names of what is linked."""
    compiled = [root / name for name in WORKSPACE_FILES]
    compiled += sorted((root / MESSAGES_PACKAGE).rglob("*")) + sorted((root / "tools" / "workspace").glob("*.py"))
    for path in compiled:
        if path.is_file():
            yield str(path.relative_to(root))
            yield path.read_bytes()
    for folder in LINKED_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(root))
