"""What the synthetic world needs beyond the package's own requirements."""

from __future__ import annotations

import importlib.util

from perception_fm.errors import RenderError

_MODULES = ("moderngl", "trimesh", "shapely", "mapbox_earcut")


def require_extra() -> None:
    """Raises `RenderError` in one line that says what to install."""
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise RenderError(f"the synthetic world needs {', '.join(missing)}; say: pip install 'perception_fm[synth]'")
