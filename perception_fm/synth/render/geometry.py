"""Meshes as vertex buffers: what stands still in chunks that can be left out of view, what moves one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import RenderError
from perception_fm.synth.labels import train_id
from perception_fm.synth.scene import Material, SceneObject, Texture

FloatArray = NDArray[np.float64]

CHUNK_M = 24.0
_MATT_ROUGHNESS = 0.6  # beyond, a dielectric's highlight is some percent of its diffuse light, and wider than its shape
_BULKY = frozenset({"car", "van", "truck", "bus"})  # whose details are much smaller than they are
_CLUSTER_M = 0.3  # some texels of the farther shadow maps
VERTEX_FORMAT = "3f 3f 2f 4f1 4u2"
VERTEX_NAMES = ("in_position", "in_normal", "in_uv", "in_tint", "in_ids")
_VERTEX = np.dtype(
    [("position", "<f4", 3), ("normal", "<f4", 3), ("uv", "<f4", 2), ("tint", "u1", 4), ("ids", "<u2", 4)]
)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Indices `first` to `first + count` of a buffer, inside the box `low_m` to `high_m` (3,) of the world, all glossy
    or all not.
    """

    first: int
    count: int
    is_glossy: bool
    low_m: FloatArray
    high_m: FloatArray


@dataclass(frozen=True, eq=False)
class Triangles:
    """Triangle `indices` (T, 3) uint32 of a vertex buffer, in `chunks`."""

    indices: NDArray[np.uint32]
    chunks: tuple[Chunk, ...]

    @cached_property
    def bounds_m(self) -> tuple[FloatArray, FloatArray]:
        """Least and greatest corner (C, 3) of every chunk's box."""
        return np.array([chunk.low_m for chunk in self.chunks]), np.array([chunk.high_m for chunk in self.chunks])

    @cached_property
    def corners(self) -> FloatArray:
        """All corners (C, 8, 4) of every chunk's box, homogeneous."""
        low, high = self.bounds_m
        picks = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
        corners = low[:, None] * (1.0 - picks) + high[:, None] * picks
        return np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)


@dataclass(frozen=True, eq=False)
class Geometry:
    """Packed `vertices`, their triangles, and fewer triangles with nearly the same silhouette, for soft shadows."""

    vertices: NDArray[np.void]
    exact: Triangles
    coarse: Triangles


class MaterialTable:
    """Numbers materials in the order of their first use. `is_wet`: rain makes everything glossy."""

    def __init__(self, textures: Mapping[str, Texture], *, is_wet: bool) -> None:
        self._numbers: dict[Material, int] = {}
        self._smoothest = {name: float(texture.roughness[::8, ::8].min()) / 255.0 for name, texture in textures.items()}
        self._is_wet = is_wet

    def numbers(self, materials: Sequence[Material]) -> NDArray[np.uint16]:
        """The numbers (M,) of materials."""
        found = [self._numbers.setdefault(material, len(self._numbers)) for material in materials]
        if len(self._numbers) > 4096:
            raise RenderError(f"a scene has at most 4096 materials, got {len(self._numbers)}")
        return np.array(found, dtype=np.uint16)

    def is_glossy(self, numbers: NDArray[np.uint16]) -> NDArray[np.bool_]:
        """Whether materials reflect enough to be seen, by their numbers (N,)."""
        glossy = [
            self._is_wet or material.metallic > 0.0
            or material.roughness * self._smoothest.get(material.texture, 1.0) < _MATT_ROUGHNESS
            for material in self._numbers
        ]  # fmt: skip
        return np.array(glossy, dtype=np.bool_)[numbers]

    def rows(self, layers: dict[str, int]) -> NDArray[np.float32]:
        """(M, 3, 4): albedo and roughness; metallic, emission, texture layer (-1 none), bump; 1 / tile_m."""
        table = np.zeros((max(1, len(self._numbers)), 3, 4), dtype=np.float32)
        for material, number in self._numbers.items():
            layer = layers[material.texture] if material.texture else -1
            table[number] = (
                (*material.albedo, material.roughness),
                (material.metallic, material.emission, layer, material.bump),
                (1.0 / material.tile_m, 0.0, 0.0, 0.0),
            )
        return table


def pack(items: Sequence[SceneObject], table: MaterialTable, *, is_in_world: bool) -> Geometry:
    """One buffer of objects; `is_in_world`: moved to where they stand and cut into chunks, else in their own frame."""
    vertices, exact, coarse, start = [np.zeros(0, dtype=_VERTEX)], [], [], 0
    for item in items:
        mesh = item.mesh.moved(item.world_from_object) if is_in_world else item.mesh
        packed = np.zeros(len(mesh.positions_m), dtype=_VERTEX)
        packed["position"], packed["normal"], packed["uv"] = mesh.positions_m, mesh.normals, mesh.uv_m
        packed["tint"][:, :3] = np.clip(np.rint(mesh.tints * 127.0), 0, 255)  # 0..2, 1 exactly
        numbers = table.numbers(mesh.materials)
        packed["ids"][:, 0] = numbers[mesh.material_of] if len(numbers) else 0
        packed["ids"][:, 1], packed["ids"][:, 2] = train_id(item.kind), item.instance
        vertices.append(packed)
        exact.append(mesh.triangles.astype(np.uint32) + np.uint32(start))
        is_bulky = item.kind in _BULKY
        coarse.append(_clustered(mesh.positions_m, mesh.triangles) + np.uint32(start) if is_bulky else exact[-1])
        start += len(packed)
    joined = np.concatenate(vertices)
    size_m = CHUNK_M if is_in_world else np.inf
    return Geometry(joined, _chunked(joined, exact, table, size_m), _chunked(joined, coarse, table, size_m))


def _clustered(positions_m: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.uint32]:
    """Triangles between the first vertices of cubic cells (J. Rossignac & P. Borrel, 1993)."""
    cells = np.floor(positions_m / np.float32(_CLUSTER_M)).astype(np.int64)
    _, first, cluster = np.unique(cells @ np.array([1, 1 << 20, 1 << 40]), return_index=True, return_inverse=True)
    joined = first[cluster.ravel()][triangles]
    a, b, c = joined.T
    joined = np.unique(np.sort(joined[(a != b) & (b != c) & (a != c)], axis=1), axis=0)
    return joined.astype(np.uint32)


def _chunked(
    vertices: NDArray[np.void], parts: Sequence[NDArray[np.uint32]], table: MaterialTable, size_m: float
) -> Triangles:
    indices = np.concatenate(parts) if parts else np.zeros((0, 3), dtype=np.uint32)
    if not len(indices):
        return Triangles(indices, ())
    corners = vertices["position"][indices]
    cells = np.zeros((len(indices), 3), dtype=np.int64)
    if np.isfinite(size_m):
        cells[:, :2] = np.floor(corners[..., :2].mean(axis=1) / size_m)
    cells[:, 2] = table.is_glossy(vertices["ids"][indices[:, 0], 0])
    # Stable: within a chunk the order of the objects stays, which decides between decals that overlap.
    order = np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0]))
    indices, corners, cells = indices[order], corners[order], cells[order]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(cells, axis=0) != 0).any(axis=1)]))
    ends = np.append(starts[1:], len(indices))
    lows = np.minimum.reduceat(corners.min(axis=1), starts, axis=0).astype(np.float64)
    highs = np.maximum.reduceat(corners.max(axis=1), starts, axis=0).astype(np.float64)
    chunks = tuple(
        Chunk(3 * int(first), 3 * int(end - first), bool(cells[first, 2]), low, high)
        for first, end, low, high in zip(starts, ends, lows, highs)
    )
    return Triangles(np.ascontiguousarray(indices), chunks)


def chunks_in_view(
    triangles: Triangles, clip_from_mesh: FloatArray, eye_m: FloatArray
) -> Iterator[tuple[Chunk, float]]:
    """The chunks that the view may show with their distance from the eye in metres, nearest first."""
    if not triangles.chunks:
        return
    low, high = triangles.bounds_m
    clip = triangles.corners @ clip_from_mesh.T
    w = clip[..., 3:]
    hidden = (clip[..., :3] > w).all(axis=1) | (clip[..., :3] < -w).all(axis=1)
    beyond = np.maximum(np.maximum(low - eye_m, eye_m - high), 0.0)
    gap_m = np.sqrt(np.einsum("ij,ij->i", beyond, beyond))
    gap_m[hidden.any(axis=1)] = np.inf
    for index in np.argsort(gap_m, kind="stable"):
        if gap_m[index] == np.inf:
            return
        yield triangles.chunks[index], float(gap_m[index])
