"""Surfaces that follow a road line: strips between stations and laterals, and flat figures laid on their facets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

_SAGITTA_M = 0.004  # facets leave the road line by no more: below the roughness of asphalt
_LONGEST_M, _SHORTEST_M = 12.0, 1.0
_THIN_M2 = 1e-7  # slivers of a cut figure that show nothing


def tessellation(line: RoadLine, from_m: float, to_m: float, breaks_m: Sequence[float] = ()) -> FloatArray:
    """Stations from `from_m` to `to_m`, as dense as bends and hills need, with the given ones among them.

    A chord over a step h leaves an arc of curvature k by k h^2 / 8.
    """
    fine = np.linspace(from_m, to_m, max(int((to_m - from_m) / 0.5), 1) + 1)
    inner = np.clip(fine, 0.0, line.length_m)
    bend = np.interp(inner, line.station_m, np.abs(np.gradient(line.heading_rad, line.station_m)))
    crest = np.interp(inner, line.station_m, np.abs(np.gradient(line.grade, line.station_m)))
    step = np.clip(np.sqrt(8.0 * _SAGITTA_M / np.maximum(np.maximum(bend, crest), 1e-6)), _SHORTEST_M, _LONGEST_M)
    cells = np.concatenate([[0.0], np.cumsum(0.5 * (1.0 / step[1:] + 1.0 / step[:-1]) * np.diff(fine))])
    marks = np.unique([from_m, *(at for at in (0.0, line.length_m, *breaks_m) if from_m < at < to_m), to_m])
    number = np.interp(marks, fine, cells)
    pieces = [
        np.interp(np.linspace(low, high, int(np.ceil(high - low - 1e-9)) + 1)[:-1], cells, fine)
        for low, high in itertools.pairwise(number)
    ]
    found = np.concatenate([*pieces, [to_m]])
    found[np.searchsorted(found, marks - 1e-6).clip(max=len(found) - 1)] = marks
    return found


def strip(
    line: RoadLine,
    station_m: FloatArray,
    lateral_m: ArrayLike,
    height_m: ArrayLike,
    material: Material,
    tints: ArrayLike = (1.0, 1.0, 1.0),
) -> Mesh:
    """A surface through the profile `lateral_m`, `height_m` (C,) at each station (R,); its front looks up when the
    laterals increase, to the right of an upright profile that runs upwards. `tints` broadcasts to (R, C, 3).
    """
    lateral, height = np.asarray(lateral_m, np.float64), np.asarray(height_m, np.float64)
    points = line.points(station_m[:, None], lateral, height)
    along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normals = np.cross(along, across)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    width = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(lateral), np.diff(height)))]) + lateral[0]
    uv = np.stack(np.broadcast_arrays(station_m[:, None], width), axis=-1)
    mesh = surface(
        points.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), _cells(*points.shape[:2]), material
    )
    colours = np.broadcast_to(np.asarray(tints, np.float32), points.shape).reshape(-1, 3)
    return Mesh(mesh.positions_m, mesh.normals, mesh.uv_m, colours, mesh.material_of, mesh.triangles, mesh.materials)


def _cells(rows: int, columns: int) -> NDArray[np.int64]:
    """Two triangles per cell, cut from its right rear to its left front corner."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    ahead = first + columns
    return np.stack([first, ahead, ahead + 1, first, ahead + 1, first + 1], axis=1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class Carriageway:
    """The facets of a road's asphalt: `station_m` (R,) by `lateral_m` (C,), both increasing."""

    line: RoadLine
    station_m: FloatArray
    lateral_m: FloatArray

    def draped(self, figures: Sequence[ArrayLike], material: Material) -> Mesh | None:
        """Convex figures, each (K, 2) of stations and laterals, anticlockwise from above, cut along the facets' edges
        so that each piece lies in one facet. What lies off the carriageway is left out; None when nothing remains.
        """
        if not figures:
            return None
        polygons, count = _padded(figures)
        figure, row, column, is_left = self._touched(polygons, count)
        s0, s1 = self.station_m[row], self.station_m[row + 1]
        l0, l1 = self.lateral_m[column], self.lateral_m[column + 1]
        # Into the cell: its coordinates run from 0 to 1.
        size = np.stack([s1 - s0, l1 - l0], axis=1)[:, None]
        pieces = (polygons[figure] - np.stack([s0, l0], axis=1)[:, None]) / size
        count = count[figure]
        sign = np.where(is_left, -1.0, 1.0)
        ones, zeros = np.ones_like(sign), np.zeros_like(sign)
        # Right facet: l >= 0, s <= 1, s >= l. Left facet: s >= 0, l <= 1, l >= s.
        for a, b, c in (
            (sign, -sign, zeros),
            (np.where(is_left, 1.0, 0.0), np.where(is_left, 0.0, 1.0), zeros),
            (np.where(is_left, 0.0, -1.0), np.where(is_left, -1.0, 0.0), ones),
        ):
            pieces, count = clipped(pieces, count, np.stack([a, b], axis=1), c)
        kept = (count >= 3) & (_area(pieces, count) * size[:, 0].prod(axis=1) > _THIN_M2)
        return self._mesh(pieces[kept], count[kept], row[kept], column[kept], is_left[kept], material)

    def _touched(self, polygons: FloatArray, count: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Figure, row, column and half of every facet that a figure's bounding box touches."""
        lists: list[NDArray[np.int64]] = []
        for number, (points, used) in enumerate(zip(polygons, count)):
            low, high = points[:used].min(axis=0), points[:used].max(axis=0)
            rows = _range(self.station_m, low[0], high[0])
            columns = _range(self.lateral_m, low[1], high[1])
            grid = np.stack(np.meshgrid(number, rows, columns, (0, 1), indexing="ij"), axis=-1)
            lists.append(grid.reshape(-1, 4))
        figure, row, column, half = np.concatenate(lists).astype(np.int64).T
        return figure, row, column, half.astype(bool)

    def _mesh(
        self,
        pieces: FloatArray,
        count: NDArray[np.int64],
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        is_left: NDArray[np.bool_],
        material: Material,
    ) -> Mesh | None:
        if not len(pieces):
            return None
        corner = self.line.points(self.station_m[:, None], self.lateral_m)
        rear_right, front_left = corner[row, column], corner[row + 1, column + 1]
        third = np.where(is_left[:, None], corner[row, column + 1], corner[row + 1, column])
        along = np.where(is_left[:, None], front_left - third, third - rear_right)
        across = np.where(is_left[:, None], third - rear_right, front_left - third)
        points = rear_right[:, None] + pieces[..., :1] * along[:, None] + pieces[..., 1:] * across[:, None]
        normals = np.cross(along, across)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        low = np.stack([self.station_m[row], self.lateral_m[column]], axis=1)
        size = np.stack([np.diff(self.station_m)[row], np.diff(self.lateral_m)[column]], axis=1)
        uv = low[:, None] + pieces * size[:, None]
        widest = pieces.shape[1]
        fan = np.arange(1, widest - 1)
        faces = np.stack(np.broadcast_arrays(0, fan, fan + 1), axis=1) + widest * np.arange(len(pieces))[:, None, None]
        faces = faces[fan + 1 < count[:, None]]
        used, faces = np.unique(faces, return_inverse=True)
        normals = np.repeat(normals, widest, axis=0)
        return surface(
            points.reshape(-1, 3)[used], normals[used], uv.reshape(-1, 2)[used], faces.reshape(-1, 3), material
        )


def clipped(
    polygons: FloatArray, count: NDArray[np.int64], direction: FloatArray, offset: FloatArray
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Convex polygons (N, K, 2), the first `count` (N,) points of each used, cut to where
    direction (N, 2) . p + offset (N,) >= 0 (Sutherland & Hodgman 1974): polygons (N, K + 1, 2) and their counts.
    """
    number, widest = polygons.shape[:2]
    index = np.arange(widest)
    is_used = index < count[:, None]
    following = np.where(index + 1 < count[:, None], index + 1, 0)
    value = np.einsum("nkd,nd->nk", polygons, direction) + offset[:, None]
    after = np.take_along_axis(value, following, axis=1)
    target = np.take_along_axis(polygons, following[..., None], axis=1)
    crosses = is_used & ((value >= 0.0) != (after >= 0.0))
    share = value / np.where(crosses, value - after, 1.0)
    crossing = polygons + share[..., None] * (target - polygons)
    points = np.stack([polygons, crossing], axis=2).reshape(number, 2 * widest, 2)
    is_kept = np.stack([is_used & (value >= 0.0), crosses], axis=2).reshape(number, 2 * widest)
    order = np.argsort(~is_kept, axis=1, kind="stable")[:, : widest + 1]
    return np.take_along_axis(points, order[..., None], axis=1), is_kept.sum(axis=1)


def _padded(figures: Sequence[ArrayLike]) -> tuple[FloatArray, NDArray[np.int64]]:
    arrays = [np.asarray(figure, np.float64) for figure in figures]
    count = np.array([len(array) for array in arrays])
    polygons = np.zeros((len(arrays), count.max(), 2))
    for polygon, array in zip(polygons, arrays):
        polygon[: len(array)] = array
    return polygons, count


def _range(edges: FloatArray, low: float, high: float) -> NDArray[np.int64]:
    """Numbers of the intervals between edges that [low, high] touches."""
    first = max(int(np.searchsorted(edges, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(edges, high, side="left")), len(edges) - 1)
    return np.arange(first, last)


def _area(polygons: FloatArray, count: NDArray[np.int64]) -> FloatArray:
    """Signed areas, anticlockwise positive."""
    index = np.arange(polygons.shape[1])
    following = np.where(index + 1 < count[:, None], index + 1, 0)
    target = np.take_along_axis(polygons, following[..., None], axis=1)
    cross = polygons[..., 0] * target[..., 1] - polygons[..., 1] * target[..., 0]
    return 0.5 * np.asarray(np.where(index < count[:, None], cross, 0.0).sum(axis=1))
