"""Buffers on the GPU, and the uniforms of programs."""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.render.geometry import (
    VERTEX_FORMAT,
    VERTEX_NAMES,
    Geometry,
    MaterialTable,
    chunks_in_view,
    pack,
)
from perception_fm.synth.render.projection import matrix
from perception_fm.synth.scene import SceneObject

FloatArray = NDArray[np.float64]

RELIEF_REACH_M = 14.0  # farther off, hardly any relief is as large as a pixel
_PIECE_BYTES = {"3f": 12, "2f": 8, "4f1": 4, "4u2": 8}


class Programs:
    """One shader as one program, or compiled for what a chunk needs: gloss, relief."""

    def __init__(self, context: Any, vertex: str, fragment: str, *, has_variants: bool = False) -> None:
        flags = [(g, r) for g in (False, True) for r in (False, True)] if has_variants else [(True, True)]
        self._made = {flag: _compiled(context, vertex, fragment, *flag) for flag in flags}

    def suited(self, *, is_glossy: bool, gap_m: float) -> Any:
        """The program for a chunk at a distance from the eye."""
        return self._made.get((is_glossy, gap_m < RELIEF_REACH_M)) or self._made[True, True]

    def set(self, name: str, value: Any) -> None:
        """Set a uniform of all programs that have it."""
        for program in self._made.values():
            set_uniform(program, name, value)


def _compiled(context: Any, vertex: str, fragment: str, is_glossy: bool, has_relief: bool) -> Any:
    defines = "#version 330\n" + "#define GLOSSY\n" * is_glossy + "#define RELIEF\n" * has_relief
    defines += f"const float RELIEF_REACH = {RELIEF_REACH_M:.1f};\n"
    return context.program(vertex_shader="#version 330\n" + vertex, fragment_shader=defines + fragment)


class Drawable:
    """Vertex and index buffers of one geometry with a vertex array per program."""

    def __init__(self, context: Any, geometry: Geometry) -> None:
        self._context = context
        self._levels = (geometry.exact, geometry.coarse)
        self._arrays: dict[tuple[int, bool], Any] = {}
        if geometry.exact.chunks:
            self._vertices = context.buffer(geometry.vertices.tobytes())
            self._indices = [context.buffer(level.indices.tobytes()) for level in self._levels]

    def draw(
        self, programs: Programs, clip_from_mesh: FloatArray, eye_m: FloatArray, *, is_coarse: bool = False
    ) -> None:
        """All chunks that may be seen, nearest to `eye_m` (in the mesh's frame) first."""
        for chunk, gap_m in chunks_in_view(self._levels[is_coarse], clip_from_mesh, eye_m):
            program = programs.suited(is_glossy=chunk.is_glossy, gap_m=gap_m)
            array = self._arrays.get((program.glo, is_coarse))
            if array is None:
                content = [(self._vertices, *_layout(program))]
                array = self._context.vertex_array(program, content, self._indices[is_coarse])
                self._arrays[program.glo, is_coarse] = array
            array.render(vertices=chunk.count, first=chunk.first)


class Placed:
    """One object with its own buffers, drawn where it is at the time."""

    def __init__(self, context: Any, item: SceneObject, table: MaterialTable) -> None:
        self.item = item
        self._time_s = math.nan
        self._pose = item.world_from_object
        self._drawable = Drawable(context, pack([item], table, is_in_world=False))

    def draw(
        self,
        programs: Programs,
        clip_from_world: FloatArray,
        eye_m: FloatArray,
        time_s: float,
        *,
        is_coarse: bool = False,
    ) -> None:
        """Draw with the uniform `u_world_from_object`, or `u_clip_from_object` where the programs have that."""
        if time_s != self._time_s:  # a frame draws everything several times
            self._time_s, self._pose = time_s, self.item.pose(time_s)
        pose = self._pose
        world_from_object = matrix(pose)
        programs.set("u_world_from_object", world_from_object)
        programs.set("u_clip_from_object", clip_from_world @ world_from_object)
        eye_in_object_m = (eye_m - pose.translation_m) @ pose.rotation
        self._drawable.draw(programs, clip_from_world @ world_from_object, eye_in_object_m, is_coarse=is_coarse)


def _layout(program: Any) -> tuple[Any, ...]:
    """Format of the buffer with padding for what the program does not read, and the names of what it reads."""
    pieces, names = [], []
    for piece, name in zip(VERTEX_FORMAT.split(), VERTEX_NAMES):
        if name in program:
            pieces.append(piece)
            names.append(name)
        else:
            pieces.append(f"{_PIECE_BYTES[piece]}x")
    return (" ".join(pieces), *names)


def shader(name: str) -> str:
    """The text of a shader."""
    return resources.files("perception_fm.synth.render").joinpath("shaders", name).read_text(encoding="utf-8")


def set_uniform(program: Any, name: str, value: Any) -> None:
    """Set a uniform if the program has it (the compiler drops those that nothing reads). Matrices are given as in
    mathematics, (..., n, n), and stored column by column as OpenGL wants them; a list is an array of numbers or rows.
    """
    if name not in program:
        return
    if isinstance(value, np.ndarray) and value.ndim >= 2:
        square = value.shape[-1] == value.shape[-2]
        program[name].write(np.ascontiguousarray(value.swapaxes(-1, -2) if square else value, dtype="f4").tobytes())
    elif isinstance(value, list):
        program[name].write(np.array(value, dtype="f4").tobytes())
    else:
        program[name].value = tuple(value.tolist()) if isinstance(value, np.ndarray) else value
