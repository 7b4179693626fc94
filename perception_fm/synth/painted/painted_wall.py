"""A painted wall: an upright (or slanted, leaning) rectangle fixed in the world, standing on the road."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.errors import ConfigError, PerceptionError
from perception_fm.geometry.transform import RigidTransform

FloatArray = NDArray[np.float64]

NEAR_M = 0.3  # a canvas closer to the lens than this fills the view and touches the vehicle already
_MIN_TRAVEL_M = 2.0  # a shorter drive does not say where the path goes
_DIRECTION_BASELINE_M = 10.0  # the direction of the path is taken over this length: pose noise is then below 0.1 degree


@dataclass(frozen=True)
class WallPlacement:
    """Size and place of a wall on the driven path.

    `distance_m` along the path from the camera at the sweet spot to the middle of the wall's foot; `lateral_m` of that
    point from the path, positive left; `slant_rad` about the vertical, positive anticlockwise seen from above;
    `lean_rad` positive when the top is farther away. Raises `ConfigError` for values that make no wall.
    """

    width_m: float
    height_m: float
    distance_m: float
    lateral_m: float = 0.0
    slant_rad: float = 0.0
    lean_rad: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width_m", "height_m", "distance_m"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ConfigError(f"a wall needs a positive {name}, got {value:g}; it stands ahead of the sweet spot")
        for name in ("slant_rad", "lean_rad"):
            value = getattr(self, name)
            if not abs(value) < math.radians(85.0):
                raise ConfigError(f"{name} must stay within 85 degrees, got {math.degrees(value):.1f}")
        if not math.isfinite(self.lateral_m):
            raise ConfigError(f"lateral_m must be finite, got {self.lateral_m}")


@dataclass(frozen=True, eq=False)
class PaintedWall:
    """The rectangle in the world.

    `corners_world_m`: (4, 3) foot left, foot right, top right, top left, as seen by who drives at it.
    `approach_world`: (3,) unit vector of the driven path at the wall, pointing from the camera to the wall.
    Raises `PerceptionError` when the corners are no parallelogram or the path runs along the wall.
    """

    corners_world_m: FloatArray
    approach_world: FloatArray

    def __post_init__(self) -> None:
        corners = np.array(self.corners_world_m, dtype=np.float64)
        approach = np.array(self.approach_world, dtype=np.float64)
        if corners.shape != (4, 3) or approach.shape != (3,) or not np.isfinite(corners).all():
            raise PerceptionError(f"a wall has 4 finite corners (4, 3), got {corners.shape}")
        if np.abs(corners[0] + corners[2] - corners[1] - corners[3]).max() > 1e-6:
            raise PerceptionError("the corners of a wall must span a parallelogram, in order round the edge")
        approach /= np.linalg.norm(approach)
        for array in (corners, approach):
            array.setflags(write=False)
        object.__setattr__(self, "corners_world_m", corners)
        object.__setattr__(self, "approach_world", approach)
        if self.width_m < 1e-6 or self.height_m < 1e-6 or float(self.normal_world @ approach) > -1e-3:
            raise PerceptionError("the wall has no painted face towards the path")

    @property
    def width_m(self) -> float:
        """Length of the foot."""
        return float(np.linalg.norm(self.corners_world_m[1] - self.corners_world_m[0]))

    @property
    def height_m(self) -> float:
        """Length of a side (not its vertical extent when the wall leans)."""
        return float(np.linalg.norm(self.corners_world_m[3] - self.corners_world_m[0]))

    @property
    def normal_world(self) -> FloatArray:
        """(3,) unit normal of the painted face, towards the viewer."""
        normal = np.cross(
            self.corners_world_m[1] - self.corners_world_m[0], self.corners_world_m[3] - self.corners_world_m[0]
        )
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12), dtype=np.float64)

    def clearance_m(self, world_from_camera: RigidTransform) -> float:
        """Distance of the camera from the painted plane, at right angles; negative behind it."""
        return float((world_from_camera.translation_m - self.corners_world_m[0]) @ self.normal_world)

    def distance_to_wall_m(self, world_from_camera: RigidTransform) -> float:
        """Distance from the camera to the wall's plane along the driven path's direction; negative once past it."""
        return self.clearance_m(world_from_camera) / -float(self.normal_world @ self.approach_world)

    def polygon_px(self, intrinsics: FloatArray, world_from_camera: RigidTransform) -> FloatArray:
        """Outline of the painted face in the image, (N, 2) pixels, clipped at 0.3 m before the lens, not at the border.

        `intrinsics`: (3, 3) of an image without distortion. Empty when the camera sees no painted face.
        """
        if self.clearance_m(world_from_camera) <= 0.0:
            return np.empty((0, 2))
        corners_camera_m = world_from_camera.inverse().apply(self.corners_world_m)
        visible = clip_near(corners_camera_m, NEAR_M)
        if len(visible) < 3:
            return np.empty((0, 2))
        pixels = visible @ intrinsics.T
        return np.asarray(pixels[:, :2] / pixels[:, 2:], dtype=np.float64)

    def image_from_image(
        self,
        intrinsics: FloatArray,
        world_from_camera: RigidTransform,
        other_intrinsics: FloatArray,
        world_from_other: RigidTransform,
    ) -> FloatArray:
        """(3, 3) homography: a pixel of the camera that shows the wall's plane, in the other camera's image.

        Hartley & Zisserman, Multiple View Geometry, 2nd ed., result 13.1: H = K' (R + t n^T / d) K^-1.
        """
        other_from_camera = world_from_other.inverse() @ world_from_camera
        normal_camera = world_from_camera.rotation.T @ self.normal_world
        # n . X = -clearance for points X on the plane, because the normal points to the viewer.
        plane = -normal_camera / self.clearance_m(world_from_camera)
        bridge = other_from_camera.rotation + np.outer(other_from_camera.translation_m, plane)
        return np.asarray(other_intrinsics @ bridge @ np.linalg.inv(intrinsics), dtype=np.float64)


def place_wall(
    placement: WallPlacement,
    world_from_camera: Sequence[RigidTransform],
    camera_height_m: float,
    camera_pitch_rad: float = 0.0,
    road_pitch_rad: float = 0.0,
) -> PaintedWall:
    """The wall on the driven path, foot on the road.

    `world_from_camera`: poses from the sweet spot (first) on. The road runs `camera_height_m` below the driven path,
    which is prolonged straight where the drive ends before the wall. A drive under 2 m says nothing about the path:
    then the optical axis does, with `camera_pitch_rad` (positive looking down) taken out. `road_pitch_rad` (positive
    uphill) adds a grade from the sweet spot on. Raises `ConfigError` for a camera height that is not positive.
    """
    if not 0.0 < camera_height_m < math.inf:
        raise ConfigError(f"the wall stands on the road: a positive camera height is needed, got {camera_height_m}")
    if not world_from_camera:
        raise PerceptionError("placing a wall needs the pose of the sweet spot")
    eye_m, forward = _path_at(world_from_camera, placement.distance_m, camera_pitch_rad)
    start = world_from_camera[0]
    down = _unit_without(start.rotation[:, 1], forward)
    right = np.cross(down, forward)
    foot_m = eye_m + camera_height_m * down - placement.lateral_m * right
    grade = Rotation.from_rotvec(road_pitch_rad * right)
    foot_m = (
        start.translation_m
        + camera_height_m * down
        + grade.apply(foot_m - start.translation_m - camera_height_m * down)
    )
    turn = Rotation.from_rotvec(-placement.slant_rad * down)
    across = turn.apply(right)
    upward = turn.apply(math.cos(placement.lean_rad) * -down + math.sin(placement.lean_rad) * forward)
    half, rise = 0.5 * placement.width_m * across, placement.height_m * upward
    corners = np.stack([foot_m - half, foot_m + half, foot_m + half + rise, foot_m - half + rise])
    return PaintedWall(corners, grade.apply(forward))


def _path_at(
    poses: Sequence[RigidTransform], distance_m: float, camera_pitch_rad: float
) -> tuple[FloatArray, FloatArray]:
    """Point (3,) on the path of the camera at a distance from its start, and the path's direction (3,) there."""
    points = np.stack([pose.translation_m for pose in poses])
    station_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    if station_m[-1] < _MIN_TRAVEL_M:
        level = RigidTransform(Rotation.from_euler("x", camera_pitch_rad).as_matrix(), np.zeros(3))
        forward = poses[0].rotation @ level.rotation[:, 2]
        return points[0] + distance_m * forward, forward

    def at(station: float) -> FloatArray:
        return np.array([np.interp(station, station_m, points[:, axis]) for axis in range(3)])

    reached_m = min(distance_m, float(station_m[-1]))
    back_m = max(0.0, reached_m - _DIRECTION_BASELINE_M)
    ahead_m = reached_m if reached_m > _MIN_TRAVEL_M else min(_MIN_TRAVEL_M, float(station_m[-1]))
    forward = at(ahead_m) - at(back_m)
    forward = forward / np.linalg.norm(forward)
    return at(reached_m) + (distance_m - reached_m) * forward, forward


def _unit_without(vector: FloatArray, axis: FloatArray) -> FloatArray:
    rest = vector - (vector @ axis) * axis
    return np.asarray(rest / np.linalg.norm(rest), dtype=np.float64)


def clip_near(points_camera_m: FloatArray, near_m: float) -> FloatArray:
    """The part of a convex polygon (N, 3) beyond the near plane, (M, 3) (Sutherland & Hodgman 1974, one plane)."""
    kept: list[FloatArray] = []
    for point, following in zip(points_camera_m, np.roll(points_camera_m, -1, axis=0)):
        if point[2] >= near_m:
            kept.append(point)
        if (point[2] >= near_m) != (following[2] >= near_m):
            fraction = (near_m - point[2]) / (following[2] - point[2])
            kept.append(point + fraction * (following - point))
    return np.array(kept).reshape(-1, 3)
