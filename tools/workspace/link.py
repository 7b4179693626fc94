"""Show both packages to a colcon workspace: colcon and rosdep do not look inside a package for another one."""

from __future__ import annotations

from pathlib import Path

from console import SetupError
from layout import MESSAGES_PACKAGE


def link(root: Path, workspace: str) -> None:
    """Link the packages into `<workspace>/src`; raises `SetupError` when something else has their name."""
    if not workspace:
        raise SetupError("which workspace? say: make link WS=~/ws")
    folder = Path(workspace).expanduser().resolve() / "src"
    if root in (folder, *folder.parents):
        raise SetupError(f"{folder} lies inside the checkout; name a colcon workspace around or beside it")
    folder.mkdir(parents=True, exist_ok=True)
    targets = {MESSAGES_PACKAGE: root / MESSAGES_PACKAGE}
    # A checkout below src is found without a link.
    if folder not in root.parents:
        targets["perception_fm"] = root
    for name, target in targets.items():
        place = folder / name
        if place.is_symlink() and place.resolve() == target:
            print(f"{place} is there already")
        elif place.is_symlink() or place.exists():
            raise SetupError(f"{place} exists and is not a link to {target}; move it away first")
        else:
            place.symlink_to(target, target_is_directory=True)
            print(f"{place} -> {target}")
    print(f"now: cd {folder.parent} && rosdep install --from-paths src -y && colcon build --symlink-install")
