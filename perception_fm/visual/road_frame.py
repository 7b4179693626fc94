"""Where the path lies in the image: points on the road, projected into the stored (distorted) picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import swing_m, turn_rad
from perception_fm.types import CameraFrame, PerceptionResult

FloatArray = NDArray[np.float64]

_NEAR_M = 0.5  # nearer points are below every road camera's view and projecting them folds wide lenses over
CORRIDOR_SAMPLES = 48  # along the corridor: straight to the eye in a curve
_FARTHEST_RAY = 4.0  # tan of the angle off the axis; distortion polynomials mean nothing beyond


@dataclass(frozen=True, eq=False)
class RoadFrame:
    """Axes on the road below the camera, in optical coordinates: `origin_m`, `forward`, `right` are (3,)."""

    origin_m: FloatArray
    forward: FloatArray
    right: FloatArray
    curvature_per_m: float
    memory_m: float

    @staticmethod
    def of(frame: CameraFrame, result: PerceptionResult) -> RoadFrame | None:
        """From the measured road where there is one, else from the mounting; None when neither is known."""
        mounting = result.base_from_camera
        if result.road is not None:
            normal_over_height = stored_axes(frame, result.road.normal_over_height)
        elif mounting is not None:
            normal_over_height = -mounting.rotation[2] / mounting.translation_m[2]
        else:
            return None
        height_m = 1.0 / float(np.linalg.norm(normal_over_height))
        down = normal_over_height * height_m
        heading = np.array([0.0, 0.0, 1.0]) if mounting is None else mounting.rotation[0]
        forward = heading - (heading @ down) * down
        forward = forward / np.linalg.norm(forward)
        right = np.cross(down, forward)
        turn = result.path_heading_rad
        forward, right = np.cos(turn) * forward - np.sin(turn) * right, np.cos(turn) * right + np.sin(turn) * forward
        lateral_m = 0.0 if mounting is None else float(mounting.translation_m[1])
        origin_m = down * height_m + right * lateral_m
        return RoadFrame(origin_m, forward, right, result.path_curvature_per_m, result.path_memory_m)

    def points_camera_m(self, distance_m: FloatArray, right_m: FloatArray) -> FloatArray:
        """Points (K, 3) on the road at distances (K,) along the path, `right_m` (K,) beside its centre."""
        angle = turn_rad(distance_m, self.curvature_per_m, self.memory_m)
        ahead = distance_m + right_m * np.sin(angle)
        right = right_m * np.cos(angle) - swing_m(distance_m, self.curvature_per_m, self.memory_m)
        return np.asarray(self.origin_m + ahead[:, None] * self.forward + right[:, None] * self.right)


def stored_axes(frame: CameraFrame, directions: FloatArray) -> FloatArray:
    """Directions (..., 3) of the rectified optical frame, which results speak of, in that of the stored image."""
    return np.asarray(directions @ frame.camera.rectification)


def project(frame: CameraFrame, points_camera_m: FloatArray) -> FloatArray:
    """Pixels (N, 2) of optical points (N, 3) in the stored image; NaN for points that the lens cannot see."""
    depth_m = points_camera_m[:, 2]
    is_ahead = depth_m > _NEAR_M
    rays = points_camera_m[:, :2] / np.where(is_ahead, depth_m, 1.0)[:, None]
    is_seen = is_ahead & (np.abs(rays) < _FARTHEST_RAY).all(axis=1)
    pixels = np.full((len(rays), 2), np.nan)
    pixels[is_seen] = frame.camera.project_points(points_camera_m[is_seen])
    return pixels


def corridor_m(end_m: float) -> FloatArray:
    """Distances (K,) at which a corridor up to `end_m` is drawn."""
    return np.geomspace(_NEAR_M, max(end_m, 2.0 * _NEAR_M), CORRIDOR_SAMPLES)


def edges_in_view(frame: CameraFrame, crossings_px: FloatArray) -> FloatArray | None:
    """Left and right edge (2, K, 2) of a corridor whose crossings (N, 2, 2) go outward; None when out of view."""
    edges = crossings_px.swapaxes(0, 1)
    is_usable = np.isfinite(edges).all(axis=(0, 2))
    is_inside = is_usable & (edges[:, :, 1] < frame.camera.height).any(axis=0)
    if not is_inside.any():
        return None
    first = int(np.argmax(is_inside))
    if first > 0 and is_usable[first - 1]:
        first -= 1
    return np.asarray(edges[:, first:]) if is_usable[first:].all() else None


def crossings_pixels(frame: CameraFrame, road: RoadFrame, half_width_m: float, distances_m: FloatArray) -> FloatArray:
    """Left and right ends (N, 2, 2) in pixels of lines across the path at distances (N,); NaN when out of view."""
    sides = np.tile([-half_width_m, half_width_m], len(distances_m))
    return project(frame, road.points_camera_m(np.repeat(distances_m, 2), sides)).reshape(-1, 2, 2)


def crossing_pixels(frame: CameraFrame, road: RoadFrame, half_width_m: float, distance_m: float) -> FloatArray | None:
    """Left and right end (2, 2) in pixels of a line across the path; None when out of view."""
    (pixels,) = crossings_pixels(frame, road, half_width_m, np.array([distance_m]))
    return pixels if np.isfinite(pixels).all() else None
