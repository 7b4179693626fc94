"""Worlds of textured planes whose depth and motion are known by geometry, seen by a camera that drives along +x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate, plane_from_mounting
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.road_alignment import RoadAlignment
from perception_fm.motion.warp import GrayPyramid, ReferenceView
from perception_fm.synth.planar import procedural
from perception_fm.synth.planar.planar_world import PlanarWorld
from perception_fm.synth.planar.ripmap import RipMap
from perception_fm.synth.planar.surface import Surface

X, Y, Z = np.eye(3)
HEIGHT_M = 1.4
SIZE = (480, 288)
INTRINSICS = np.array([[400.0, 0.0, 239.5], [0.0, 400.0, 143.5], [0.0, 0.0, 1.0]])
HALF_WIDTH_M = 0.95
SPEED_MPS = 12.0
ROAD, BUILDING = 0, 2  # Cityscapes trainIds
GREY = np.full((8, 8, 3), 110, np.uint8)
SKY = np.full((64, 256, 3), 190, np.uint8)


def noise_texture(seed: int, contrast: float = 0.22) -> np.ndarray:
    """Periodic noise (512, 512, 3) with detail at every scale: 25 grey levels of contrast, as in print and asphalt."""
    return procedural.mottled((512, 512), contrast, 0.9, (112.0, 112.0, 112.0), np.random.default_rng(seed))


def periodic(picture: np.ndarray, texel_m: float = 0.03) -> RipMap:
    return RipMap.build(picture, texel_m, texel_m, is_periodic=True)


def road(picture: np.ndarray, length_m: float = 400.0) -> Surface:
    return Surface(np.array([-20.0, -200.0, 0.0]), X, Y, (length_m, 400.0), periodic(picture), ROAD, is_hazy=False)


def ramp(picture: np.ndarray, start_m: float, grade_rad: float) -> Surface:
    """Road that rises from `start_m` on; the flat road below it stays hidden behind it. A negative grade falls."""
    along = np.array([math.cos(grade_rad), 0.0, math.sin(grade_rad)])
    return Surface(np.array([start_m, -200.0, 0.0]), along, Y, (300.0, 400.0), periodic(picture), ROAD, is_hazy=False)


def wall(
    picture: np.ndarray, x_m: float, width_m: float = 8.0, height_m: float = 4.0, lean_rad: float = 0.0
) -> Surface:
    """An upright rectangle across the path at x, its foot on the road; `lean_rad` tips its top away."""
    down = -np.array([math.sin(lean_rad), 0.0, math.cos(lean_rad)])
    top_left = np.array([x_m, 0.5 * width_m, 0.0]) - height_m * down
    return Surface(top_left, -Y, down, (width_m, height_m), periodic(picture), BUILDING, is_hazy=False)


def house_front(picture: np.ndarray, y_m: float) -> Surface:
    """An upright wall along the road, 12 m high."""
    origin = np.array([-20.0, y_m, 12.0])
    return Surface(origin, X, -Z, (400.0, 12.0), periodic(picture), BUILDING, is_hazy=False)


def front_across(picture: np.ndarray, x_m: float, y_m: float) -> Surface:
    """An upright wall at x that faces us, 12 m high, from `y_m` to the right."""
    return Surface(np.array([x_m, y_m, 12.0]), -Y, -Z, (60.0, 12.0), periodic(picture), BUILDING, is_hazy=False)


@dataclass(frozen=True, eq=False)
class Scene:
    """A world, and the camera's mounting on the vehicle that drives through it."""

    world: PlanarWorld
    mounting: RigidTransform

    def gray(self, x_m: float, y_m: float = 0.0) -> np.ndarray:
        """Grey image (288, 480) from `x_m` along the road."""
        return self.gray_from(RigidTransform(np.eye(3), x_m * X + y_m * Y))

    def gray_from(self, world_from_base: RigidTransform) -> np.ndarray:
        """Grey image (288, 480) from a pose of the vehicle."""
        pose = world_from_base @ self.mounting
        return cv2.cvtColor(self.world.render(INTRINSICS, SIZE, pose).image, cv2.COLOR_BGR2GRAY)

    def pyramid(self, x_m: float) -> GrayPyramid:
        return GrayPyramid.build(self.gray(x_m), INTRINSICS)

    def view(self, x_m: float, travel_m: float, window_s: float = 0.5) -> ReferenceView:
        """The frame `travel_m` before `x_m`, with the exact motion since."""
        travel = self.mounting.rotation.T @ np.array([travel_m, 0.0, 0.0])
        return ReferenceView(self.pyramid(x_m - travel_m), np.eye(3), travel, window_s)

    def views(self, x_m: float) -> tuple[ReferenceView, ...]:
        """References over 0.1, 0.2 and 0.5 s at 12 m/s."""
        return tuple(self.view(x_m, SPEED_MPS * window_s, window_s) for window_s in (0.1, 0.2, 0.5))

    @property
    def plane(self) -> PlaneEstimate:
        """The road as the mounting has it: the truth on a flat road."""
        return plane_from_mounting(self.mounting)

    @property
    def path(self) -> PredictedPath:
        """Straight ahead."""
        forward = self.mounting.rotation[0]
        return PredictedPath(float(forward[0] / forward[2]), 0.0, HALF_WIDTH_M)

    def aligned(self, *references: ReferenceView) -> RoadAlignment:
        """References with the true road."""
        return RoadAlignment(self.plane, self.plane, references)


def make_scene(*surfaces: Surface, pitch_rad: float = 0.0) -> Scene:
    """What stands in the world, nearest rendered last or first alike."""
    return Scene(PlanarWorld(surfaces, SKY), base_from_camera(HEIGHT_M, pitch_rad))


@cache
def free_road() -> Scene:
    """Textured road to the horizon."""
    return make_scene(road(noise_texture(1)))


@cache
def canyon() -> Scene:
    """Textured road between two rows of houses, 8 m to either side."""
    return make_scene(road(noise_texture(1)), house_front(noise_texture(3), 8.0), house_front(noise_texture(4), -8.0))


@cache
def wall_at_30_m() -> Scene:
    """The same road and a textured wall across it at x = 30 m."""
    return make_scene(road(noise_texture(1)), wall(noise_texture(2), 30.0))


@cache
def plain_road() -> Scene:
    """A road of one grey."""
    return make_scene(road(GREY))
