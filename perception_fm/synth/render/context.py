"""OpenGL without a window: EGL on a GPU where there is one, else Mesa's llvmpipe on the CPU, the same code."""

from __future__ import annotations

from typing import Any

from perception_fm.errors import RenderError

EGL_PACKAGES = "libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri"
_GLSL_330 = 330


def create_context() -> Any:
    """A `moderngl.Context` of its own. Raises `RenderError` in one line that says what to install."""
    try:
        import moderngl
    except ImportError as error:
        raise RenderError("rendering needs moderngl; say: pip install 'perception_fm[synth]'") from error
    try:
        return moderngl.create_context(standalone=True, backend="egl", require=_GLSL_330)
    except Exception as error:  # glcontext raises bare Exception
        raise RenderError(f"no OpenGL 3.3 through EGL ({error}); say: apt-get install {EGL_PACKAGES}") from error
