"""Areas seen from above: united, rounded, widened, cut, and cut into triangles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.polygon import orient

FloatArray = NDArray[np.float64]

_ROUND = 6  # segments per quarter circle


@dataclass(frozen=True, eq=False)
class Area:
    """Polygons with holes in the plane, metres."""

    shape: shapely.Geometry

    @staticmethod
    def outlined(points_m: ArrayLike) -> Area:
        """Within a closed line (K, 2); where the line crosses itself, all that it runs round."""
        return Area(shapely.Polygon(np.asarray(points_m, np.float64)).buffer(0.0))

    @staticmethod
    def rectangle(from_x: float, to_x: float, from_y: float, to_y: float) -> Area:
        """Between two x and two y."""
        return Area(shapely.box(from_x, from_y, to_x, to_y))

    @staticmethod
    def joined(areas: list[Area]) -> Area:
        """All of them."""
        return Area(shapely.union_all([area.shape for area in areas]))

    def __or__(self, other: Area) -> Area:
        return Area(self.shape | other.shape)

    def __and__(self, other: Area) -> Area:
        return Area(self.shape & other.shape)

    def __sub__(self, other: Area) -> Area:
        return Area(self.shape - other.shape)

    def grown(self, by_m: float) -> Area:
        """Wider by a distance on all sides, narrower where it is negative."""
        return Area(self.shape.buffer(by_m, quad_segs=_ROUND))

    def filleted(self, radius_m: float) -> Area:
        """Its inward corners filled with an arc; outward corners stay sharp."""
        wide = self.shape.buffer(radius_m, quad_segs=_ROUND, join_style="mitre")
        return Area(wide.buffer(-radius_m, quad_segs=2 * _ROUND))

    def moved(self, x_m: float, y_m: float, turn_rad: float) -> Area:
        """Turned anticlockwise about the origin, then moved."""
        c, s = np.cos(turn_rad), np.sin(turn_rad)
        return Area(shapely.transform(self.shape, lambda xy: xy @ np.array([[c, s], [-s, c]]) + (x_m, y_m)))

    def outlines(self) -> Iterator[FloatArray]:
        """Closed lines (K, 2) without repeating the first point: of each polygon, then of its holes."""
        for polygon in self._polygons():
            for ring in (polygon.exterior, *polygon.interiors):
                yield shapely.get_coordinates(ring)[:-1]

    def ring_points(self, offset_m: float, spacing_m: float) -> FloatArray:
        """Points (N, 2) along the outline widened by `offset_m`, at most `spacing_m` apart."""
        wide = self.shape.buffer(offset_m, quad_segs=4)
        lines = shapely.segmentize(wide.simplify(0.02 * spacing_m).boundary, spacing_m)
        return shapely.get_coordinates(lines)

    def distances(self, points_m: FloatArray) -> FloatArray:
        """From points (N, 2) to this area, 0 within."""
        return np.asarray(shapely.distance(self.shape, shapely.points(points_m)), dtype=np.float64)

    def border_within(self, other: Area) -> Iterator[FloatArray]:
        """Pieces (K, 2) of its outline inside another area, this area on their left."""
        for polygon in self._polygons():
            inside = shapely.line_merge(orient(polygon).boundary & other.shape)
            for line in shapely.get_parts(inside):
                points = shapely.get_coordinates(line)
                if len(points) >= 2:
                    yield points if self._is_left_of(points) else points[::-1]

    def _is_left_of(self, points: FloatArray) -> bool:
        step = points[1] - points[0]
        beside = 0.5 * (points[0] + points[1]) + 1e-3 * np.array([-step[1], step[0]]) / np.hypot(*step)
        return bool(shapely.contains_xy(self.shape, *beside))

    def triangles(self) -> tuple[FloatArray, NDArray[np.int64]]:
        """Points (V, 2) and triangles (T, 3), anticlockwise."""
        points, faces, start = [np.empty((0, 2))], [np.empty((0, 3), np.int64)], 0
        for polygon in self._polygons():
            rings = [shapely.get_coordinates(ring)[:-1] for ring in (polygon.exterior, *polygon.interiors)]
            corners = np.concatenate(rings)
            ends = np.cumsum([len(ring) for ring in rings]).astype(np.uint32)
            found = np.asarray(mapbox_earcut.triangulate_float64(corners, ends), np.int64).reshape(-1, 3)
            points.append(corners)
            faces.append(_anticlockwise(corners, found) + start)
            start += len(corners)
        return np.concatenate(points), np.concatenate(faces)

    def _polygons(self) -> Iterator[shapely.Polygon]:
        for part in shapely.get_parts(self.shape):
            if part.geom_type == "Polygon" and part.area > 1e-6:
                yield part


def _anticlockwise(points: FloatArray, faces: NDArray[np.int64]) -> NDArray[np.int64]:
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return np.where(area[:, None] < 0.0, faces[:, ::-1], faces)[np.abs(area) > 1e-9]
