"""The land beside the roads: level next to them, hilly farther out, cut out where they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from perception_fm.synth.scene import Material, Mesh, Part
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.ground.ground_materials import GRASS, SOIL
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

_UNDER_M = 0.04  # the land slips under the verge by this much
_SUNK_M = 0.5
# Rings of points around all roads: distance from the verge's edge, distance between points. Dense at first so that
# the triangulation keeps to the rings.
_INNER_RINGS = ((-1.5, 1.8), (-0.4, 1.8))
_RINGS = ((2.5, 3.0), (6.0, 5.0), (12.0, 8.0), (24.0, 12.0), (45.0, 22.0), (80.0, 36.0), (140.0, 60.0))
_FAR_RINGS = ((260.0, 110.0), (480.0, 200.0), (800.0, 300.0))
_HILL_M = {"town": 2.0, "suburb": 4.0, "country": 12.0, "motorway": 9.0}  # height of hills far from the road
_HILLS_BEGIN_M, _HILLS_FULL_M = 15.0, 160.0


def build_terrain(
    corridor: Area, lines: Sequence[RoadLine], ground_m: float, style: str, rng: np.random.Generator
) -> list[Part]:
    """Triangles from the edge of `corridor` (plan) outwards; `ground_m` over the nearest line beside it."""
    hills = _hills(_HILL_M[style], rng)
    points, heights, is_inner = [], [], []
    for offset, spacing in (*_INNER_RINGS, *_RINGS, *_FAR_RINGS):
        xy = corridor.ring_points(offset, spacing)
        level = nearest_height(lines, xy) + ground_m - _UNDER_M
        if offset > 0.0:
            rise = np.clip((offset - _HILLS_BEGIN_M) / (_HILLS_FULL_M - _HILLS_BEGIN_M), 0.0, 1.0)
            level = level + hills(xy) * rise
        points.append(xy)
        heights.append(level - (_SUNK_M if offset == _INNER_RINGS[0][0] else 0.0))
        is_inner.append(np.full(len(xy), offset == _INNER_RINGS[0][0]))
    xy, z, inner = np.concatenate(points), np.concatenate(heights), np.concatenate(is_inner)
    faces = Delaunay(xy).simplices
    faces = faces[~inner[faces].all(axis=1)]
    return _dressed(np.column_stack([xy, z]), faces, style, rng)


def nearest_height(lines: Sequence[RoadLine], xy: FloatArray) -> FloatArray:
    """Height (N,) of the road that is nearest to each point (N, 2)."""
    best = np.full(len(xy), np.inf)
    height = np.zeros(len(xy))
    for line in lines:
        station = line.nearest(xy)[0]
        station = np.clip(station, line.station_m[0], line.station_m[-1])
        foot = np.column_stack(
            [np.interp(station, line.station_m, line.x_m), np.interp(station, line.station_m, line.y_m)]
        )
        away = np.hypot(*(xy - foot).T)
        is_nearer = away < best
        best = np.where(is_nearer, away, best)
        height = np.where(is_nearer, np.interp(station, line.station_m, line.z_m), height)
    return height


def _hills(height_m: float, rng: np.random.Generator) -> Callable[[FloatArray], FloatArray]:
    """Waves of 90 to 500 m; the land rather rises than falls, so that it hides its own end."""
    direction, phase = rng.uniform(0.0, 2.0 * np.pi, (2, 6))
    rate = 2.0 * np.pi / rng.uniform(90.0, 500.0, 6)

    def at(xy: FloatArray) -> FloatArray:
        along = xy[:, :1] * np.cos(direction) + xy[:, 1:] * np.sin(direction)
        return np.asarray(height_m * (0.5 + np.sin(along * rate + phase).sum(axis=1) / 4.0), dtype=np.float64)

    return at


def _dressed(points: FloatArray, faces: NDArray[np.int64], style: str, rng: np.random.Generator) -> list[Part]:
    """Meadows, and fields among them in the open country, in patches of about 50 m."""
    centre = points[faces].mean(axis=1)
    seeds = rng.uniform(centre[:, :2].min(axis=0), centre[:, :2].max(axis=0), (400, 2))
    patch = ((centre[:, None, :2] - seeds) ** 2).sum(axis=2).argmin(axis=1)
    is_field = np.zeros(len(faces), dtype=bool)
    if style in ("country", "motorway"):
        is_field = (rng.random(len(seeds)) < 0.35)[patch]
    tint = rng.uniform((0.75, 0.8, 0.7), (1.15, 1.1, 1.05), (len(seeds), 3))[patch]
    edges = points[faces]
    normals = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    smooth = np.zeros_like(points)
    for corner in range(3):
        np.add.at(smooth, faces[:, corner], normals)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    meshes = [
        _patches(points, smooth, faces[chosen], tint[chosen], material)
        for material, chosen in ((GRASS, ~is_field), (SOIL, is_field))
        if chosen.any()
    ]
    return [Part("grass", mesh) for mesh in meshes]


def _patches(
    points: FloatArray, normals: FloatArray, faces: NDArray[np.int64], tint: FloatArray, material: Material
) -> Mesh:
    """Triangles that share no vertices, so that each has its own tint."""
    corner = faces.ravel()
    mesh = surface(points[corner], normals[corner], points[corner, :2], np.arange(len(corner)).reshape(-1, 3), material)
    tints = np.repeat(tint, 3, axis=0)
    return Mesh(mesh.positions_m, mesh.normals, mesh.uv_m, tints, mesh.material_of, mesh.triangles, mesh.materials)
