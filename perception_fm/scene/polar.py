"""Free space of one frame, seen from the camera: along each bearing the road as far as it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_sectors import Boundary, FreeSpaceSectors
from perception_fm.scene.points import LabeledPoints, Surface

FloatArray = NDArray[np.float64]

STEP_M = 0.25
_MIN_SECTOR_RAD = np.radians(0.5)
_AXES_RAD = np.array([0.0, 0.5 * np.pi])
_OUTSIDE = 255  # of the image


def polar_free_space(
    points: LabeledPoints,
    ground: PlaneEstimate,
    base_from_camera: RigidTransform,
    max_range_m: float,
    standing: LabeledPoints | None = None,
) -> FreeSpaceSectors:
    """Walks outward along the ground; the first step that does not show confirmed road ends the free range.

    `points` as the depth says, `standing` the same with its things on their feet (scene/footing.py): those say where a
    thing is, and the nearer of both ends what is free.

    Every step of a bearing is a point of the plane `ground`; the cell that it falls into says what is seen there. What
    stands nearer ends the range too, by its own distance.
    """
    width, bearings = _bearings(points, base_from_camera)
    ranges = np.arange(STEP_M, max_range_m + 0.5 * STEP_M, STEP_M)
    surface, confidence = _seen(points, ranges, *_ground_rays(bearings, ground, base_from_camera))
    sectors = _Sectors(bearings, width, 0.5 / points.camera.fx, _ground_rays(_AXES_RAD, ground, base_from_camera)[1])
    solid_m = (points if standing is None else standing).points_m
    obstacle = sectors.nearest(solid_m[points.surface == Surface.STANDING])
    beside = _beside(np.minimum(obstacle, sectors.nearest(solid_m[points.surface == Surface.EDGE])))

    is_shown = surface != _OUTSIDE
    first, steps = np.argmax(is_shown, axis=1), np.arange(len(ranges))
    is_before = steps < first[:, None]
    is_end = ~is_before & ((surface != Surface.ROAD) | (ranges + 0.5 * STEP_M >= beside[:, None]))
    # Steps up to the boundary, those before the image included.
    last = np.where(is_end.any(axis=1), np.argmax(is_end, axis=1), len(ranges))
    is_any = is_shown.any(axis=1) & (last > first)
    free = np.where(is_any, ranges[np.maximum(last - 1, 0)], 0.0)
    inside = np.minimum(last, len(ranges) - 1)
    seen = surface[np.arange(len(bearings)), inside]
    is_blocked = (beside <= ranges[inside] + 0.5 * STEP_M) | (seen == Surface.STANDING)
    boundary = np.where(is_blocked, Boundary.OBSTACLE, Boundary.UNKNOWN)
    boundary = np.where(is_any & (last == len(ranges)) & ~is_blocked, Boundary.FREE_END, boundary)
    is_counted = ~is_before & (steps < last[:, None])
    mean = (confidence * is_counted).sum(axis=1) / np.where(is_any, last - first, np.nan)
    return FreeSpaceSectors(
        origin_m=(float(base_from_camera.translation_m[0]), float(base_from_camera.translation_m[1])),
        width_rad=width,
        bearing_rad=bearings,
        near_m=np.where(is_shown.any(axis=1), ranges[first], np.inf),
        free_m=free,
        obstacle_m=obstacle,
        boundary=np.where(is_shown.any(axis=1), boundary, Boundary.UNKNOWN).astype(np.uint8),
        confidence=mean / 255.0,
    )


def _bearings(points: LabeledPoints, base_from_camera: RigidTransform) -> tuple[float, FloatArray]:
    """Width and middles of the sectors that the image spans, no narrower than a cell."""
    camera = points.camera
    sides = np.array([[-0.5 - camera.cx, camera.width - 0.5 - camera.cx]]).T / camera.fx
    rays = np.column_stack([sides, np.zeros(2), np.ones(2)]) @ base_from_camera.rotation.T
    middle = np.array([0.0, 0.0, 1.0]) @ base_from_camera.rotation.T
    centre = float(np.arctan2(middle[1], middle[0]))
    offset = np.arctan2(rays[:, 1], rays[:, 0]) - centre
    right, left = sorted(float(one) for one in np.arctan2(np.sin(offset), np.cos(offset)))
    left = max(left, right + _MIN_SECTOR_RAD)
    count = max(1, int((left - right) / max(_MIN_SECTOR_RAD, 1.0 / camera.fx)))
    width = (left - right) / count
    return width, np.asarray(centre + right + width * (np.arange(count) + 0.5), np.float64)


def _ground_rays(
    bearings: FloatArray, ground: PlaneEstimate, base_from_camera: RigidTransform
) -> tuple[FloatArray, FloatArray]:
    """The camera's foot (3,) on the plane, and unit directions (B, 3) in the plane, optical frame."""
    normal = ground.m * ground.height_m
    level = np.column_stack([np.cos(bearings), np.sin(bearings), np.zeros(len(bearings))]) @ base_from_camera.rotation
    level -= (level @ normal)[:, None] * normal
    return normal * ground.height_m, level / np.linalg.norm(level, axis=1, keepdims=True)


def _seen(
    points: LabeledPoints, ranges_m: FloatArray, foot_m: FloatArray, directions: FloatArray
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Surface and confidence (B, R) of the cells where the ground is seen at ranges (R,) along directions (B, 3)."""
    camera = points.camera
    # Column and row by depth, and depth, are linear in the range.
    project = np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]])
    column, row, depth = (project @ foot_m)[:, None, None] + (project @ directions.T)[..., None] * ranges_m
    inverse = 1.0 / np.where(depth > 0.0, depth, np.inf)  # what lies behind is seen nowhere
    column = np.where(depth > 0.0, column * inverse, -1.0).astype(np.float32)
    row = (row * inverse).astype(np.float32)
    surface, confidence = (
        np.asarray(cv2.remap(values, column, row, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, otherwise))
        for values, otherwise in ((points.surface, _OUTSIDE), (points.confidence, 0))
    )
    return surface, confidence


def _beside(obstacle_m: FloatArray) -> FloatArray:
    """The nearest (B,) of each sector and its neighbours: what stands reaches over the ground beside it."""
    padded = np.pad(obstacle_m, 1, constant_values=np.inf)
    return np.asarray(np.minimum(np.minimum(padded[:-2], padded[2:]), obstacle_m))


@dataclass(frozen=True, eq=False)
class _Sectors:
    """`axes` (2, 3): forward and left in the plane of the ground, optical frame. `half_cell_rad`: half a cell."""

    bearing_rad: FloatArray
    width_rad: float
    half_cell_rad: float
    axes: FloatArray

    def nearest(self, points_m: NDArray[np.float32]) -> FloatArray:
        """Horizontal range (B,) of the nearest of points (N, 3) in each sector; a cell covers all that it touches."""
        nearest = np.full(len(self.bearing_rad), np.inf)
        along, across = self.axes @ points_m.T.astype(np.float64)
        ranges, bearing = np.hypot(along, across), np.arctan2(across, along)
        place, half = (bearing - self.bearing_rad[0]) / self.width_rad, self.half_cell_rad / self.width_rad
        for side in (place - half, place + half):
            sector = np.clip(np.rint(side), 0, len(nearest) - 1).astype(np.intp)
            np.minimum.at(nearest, sector, ranges)
        return nearest
