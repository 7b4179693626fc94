"""The land beside the roads: level next to them, hilly farther out, cut out where they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from perception_fm.synth.scene import Part
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.ground.fields import CROPS, Fields
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
# Borders of fields: distance between points, up to this distance from the roads.
_BORDERS = ((5.0, 60.0), (16.0, 220.0))
_HEADLAND_M = 2.5  # grass between the verge and the fields
_HILL_M = {"town": 2.0, "suburb": 4.0, "country": 12.0, "motorway": 9.0}  # height of hills far from the road
_MEAN_TINT, _TINT_SWING = (0.95, 0.95, 0.88), (0.3, 0.22, 0.26)
_HILLS_BEGIN_M, _HILLS_FULL_M = 15.0, 160.0


@dataclass(frozen=True, eq=False)
class Land:
    """`parts` in the world, and how high they lie."""

    parts: tuple[Part, ...]
    surface: LinearNDInterpolator

    def heights_m(self, xy: FloatArray) -> FloatArray:
        """Heights (N,) at points (N, 2), NaN beyond the land's end; under roads those of the land that they cut off."""
        return np.asarray(self.surface(xy), dtype=np.float64)


def build_terrain(
    corridor: Area, lines: Sequence[RoadLine], ground_m: float, style: str, rng: np.random.Generator
) -> Land:
    """Triangles from the edge of `corridor` (plan) outwards; `ground_m` over the nearest line beside it."""
    hills = _hills(_HILL_M[style], rng)

    def level_m(xy: FloatArray, away_m: ArrayLike) -> FloatArray:
        return nearest_height(lines, xy) + ground_m - _UNDER_M + hills(xy) * _rise(away_m)

    fields = _fields(corridor, rng) if style in ("country", "motorway") else None
    points, heights, is_inner = [], [], []
    for offset, spacing in (*_INNER_RINGS, *_RINGS, *_FAR_RINGS):
        xy = corridor.ring_points(offset, spacing)
        if fields is not None and offset > _HEADLAND_M:
            # Nothing comes between the points along a border, which would make it ragged.
            xy = xy[fields.borders_m(xy) > 0.8 * next((s for s, reach in _BORDERS if offset < reach), 0.0)]
        level = level_m(xy, max(offset, 0.0))
        points.append(xy)
        heights.append(level - (_SUNK_M if offset == _INNER_RINGS[0][0] else 0.0))
        is_inner.append(np.full(len(xy), offset == _INNER_RINGS[0][0]))
    if fields is not None:
        xy, away_m = _border_points(fields, corridor)
        points.append(xy)
        heights.append(level_m(xy, away_m))
        is_inner.append(np.zeros(len(xy), dtype=bool))
    xy, z, inner = np.concatenate(points), np.concatenate(heights), np.concatenate(is_inner)
    triangulation = Delaunay(xy)
    faces = triangulation.simplices
    faces = faces[~inner[faces].all(axis=1)]
    crop = np.zeros(len(faces), np.int64)
    if fields is not None:
        middle = xy[faces].mean(axis=1)
        crop = np.where(corridor.distances(middle) < _HEADLAND_M - 0.2, 0, fields.crops_at(middle))
    parts = _dressed(np.column_stack([xy, z]), faces, _tints(xy, rng), crop, fields)
    return Land(tuple(parts), LinearNDInterpolator(triangulation, z))


def _rise(away_m: ArrayLike) -> FloatArray:
    """Share of the hills' height at a distance from the roads."""
    return np.clip((np.asarray(away_m) - _HILLS_BEGIN_M) / (_HILLS_FULL_M - _HILLS_BEGIN_M), 0.0, 1.0)


def _fields(corridor: Area, rng: np.random.Generator) -> Fields:
    xy = corridor.ring_points(_FAR_RINGS[-1][0], _FAR_RINGS[-1][1])
    return Fields.drawn(xy.min(axis=0), xy.max(axis=0), rng)


def _border_points(fields: Fields, corridor: Area) -> tuple[FloatArray, FloatArray]:
    """Points along the borders of fields, dense near the roads, and their distances from those."""
    points, distances, nearer_m = [], [], _HEADLAND_M + 0.5
    for spacing_m, reach_m in _BORDERS:
        xy = fields.border_points(spacing_m)
        low, high = (np.array(corridor.shape.bounds[at : at + 2]) for at in (0, 2))
        xy = xy[((xy > low - reach_m) & (xy < high + reach_m)).all(axis=1)]
        away_m = corridor.distances(xy)
        is_here = (away_m > nearer_m) & (away_m <= reach_m)
        points.append(xy[is_here])
        distances.append(away_m[is_here])
        nearer_m = reach_m
    return np.concatenate(points), np.concatenate(distances)


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


def _tints(xy: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Factors (N, 3) on the colour of what grows: wetter and drier ground in waves of 20 to 90 m."""
    direction, phase = rng.uniform(0.0, 2.0 * np.pi, (2, 5))
    rate = 2.0 * np.pi / rng.uniform(20.0, 90.0, 5)
    waves = np.sin((xy[:, :1] * np.cos(direction) + xy[:, 1:] * np.sin(direction)) * rate + phase).sum(axis=1) / 5.0
    return np.array(_MEAN_TINT) + np.outer(waves, _TINT_SWING)


def _dressed(
    points: FloatArray, faces: NDArray[np.int64], tints: FloatArray, crop: NDArray[np.int64], fields: Fields | None
) -> list[Part]:
    """Triangles by their crop, the number of each in `CROPS`."""
    edges = points[faces]
    normals = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    smooth = np.zeros_like(points)
    for corner in range(3):
        np.add.at(smooth, faces[:, corner], normals)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    uv = points[:, :2] if fields is None else fields.local(points[:, :2])
    parts = []
    for number in np.unique(crop):
        used, corners = np.unique(faces[crop == number], return_inverse=True)
        mesh = surface(points[used], smooth[used], uv[used], corners.reshape(-1, 3), CROPS[number])
        parts.append(Part("grass", replace(mesh, tints=tints[used])))
    return parts
