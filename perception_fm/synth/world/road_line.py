"""The reference line of a road: where its middle runs, how it climbs, and the poses beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoadLine:
    """Samples along a road, (N,) each: `station_m` increasing horizontal way, `x_m`, `y_m`, `z_m` in the world,
    `heading_rad` anticlockwise from world x, `grade` = dz/ds. The surface has no bank: it is level across.
    """

    station_m: FloatArray
    x_m: FloatArray
    y_m: FloatArray
    z_m: FloatArray
    heading_rad: FloatArray
    grade: FloatArray

    @staticmethod
    def integrated(curvature_per_m: ArrayLike, grade: ArrayLike, step_m: float) -> RoadLine:
        """From curvature (left positive) and grade at stations 0, step, 2 step, ..., starting at the origin along x."""
        curvature, slope = np.asarray(curvature_per_m, np.float64), np.asarray(grade, np.float64)
        if curvature.shape != slope.shape or curvature.ndim != 1 or len(curvature) < 2 or not step_m > 0.0:
            raise PerceptionError("a road line needs curvature and grade at two or more stations and a positive step")

        def summed(rate: FloatArray) -> FloatArray:
            return np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * step_m)])

        heading = summed(curvature)
        station = step_m * np.arange(len(curvature))
        return RoadLine(station, summed(np.cos(heading)), summed(np.sin(heading)), summed(slope), heading, slope)

    @property
    def length_m(self) -> float:
        """Horizontal length."""
        return float(self.station_m[-1])

    def points(self, station_m: ArrayLike, lateral_m: ArrayLike = 0.0, height_m: ArrayLike = 0.0) -> FloatArray:
        """World points (..., 3) at stations, `lateral_m` to the left of the line and `height_m` above the surface.

        Beyond both ends the line goes on straight.
        """
        s, lateral, height = np.broadcast_arrays(
            np.asarray(station_m, np.float64), np.asarray(lateral_m, np.float64), np.asarray(height_m, np.float64)
        )
        heading, beyond = self.heading(s), s - np.clip(s, 0.0, self.length_m)
        x = np.interp(s, self.station_m, self.x_m) + beyond * np.cos(heading) - lateral * np.sin(heading)
        y = np.interp(s, self.station_m, self.y_m) + beyond * np.sin(heading) + lateral * np.cos(heading)
        z = np.interp(s, self.station_m, self.z_m) + beyond * np.interp(s, self.station_m, self.grade)
        return np.stack([x, y, z + height], axis=-1)

    def heading(self, station_m: ArrayLike) -> FloatArray:
        """Direction (...,) in rad."""
        return np.asarray(np.interp(station_m, self.station_m, self.heading_rad), dtype=np.float64)

    def pose(
        self, station_m: float, lateral_m: float = 0.0, height_m: float = 0.0, yaw_rad: float = 0.0
    ) -> RigidTransform:
        """`world_from_object` of something that stands on the road: x along it (turned left by `yaw_rad`), z at right
        angles to the surface.
        """
        climb = float(np.arctan(np.interp(station_m, self.station_m, self.grade)))
        rotation = Rotation.from_euler("ZYZ", [float(self.heading(station_m)), -climb, yaw_rad])
        return RigidTransform(rotation.as_matrix(), self.points(station_m, lateral_m, height_m))

    def nearest(self, points_xy_m: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Station and lateral offset (left positive), (N,) each, of points (N, 2) or (N, 3), to a sample's accuracy."""
        xy = np.asarray(points_xy_m, np.float64)[:, :2]
        _, index = cKDTree(np.column_stack([self.x_m, self.y_m])).query(xy)
        offset = xy - np.column_stack([self.x_m, self.y_m])[index]
        c, s = np.cos(self.heading_rad[index]), np.sin(self.heading_rad[index])
        return self.station_m[index] + offset[:, 0] * c + offset[:, 1] * s, offset[:, 1] * c - offset[:, 0] * s
