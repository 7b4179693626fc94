"""Pictures for painted surfaces: the scene itself, another scene, a tunnel, plain paint, an advert."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.surface import PaintedSurface, Print, texture_from_eye
from perception_fm.synth.render.frame import View
from perception_fm.synth.render.renderer import Renderer

FloatArray = NDArray[np.float64]

_MARGIN = 0.02  # of the picture round the face, so that filtering at its edge finds picture
_MAX_SIDE_PX = 2048
_MIN_SIDE_PX = 8


@dataclass(frozen=True, eq=False)
class Eye:
    """The camera of the drive at one moment: `world_from_camera` in optical axes, and the time of the drive."""

    world_from_camera: RigidTransform
    time_s: float = 0.0

    def moved(self, up_m: float, left_m: float) -> Eye:
        """Another eye, higher in the world and further left across the line of sight."""
        across = -self.world_from_camera.rotation[:, 0] * np.array([1.0, 1.0, 0.0])
        shift = left_m * across / np.linalg.norm(across) + np.array([0.0, 0.0, up_m])
        pose = RigidTransform(self.world_from_camera.rotation, self.world_from_camera.translation_m + shift)
        return Eye(pose, self.time_s)


def print_view(surface: PaintedSurface, eye: Eye) -> View:
    """A view from the eye that just covers the face, at the resolution of the print where the face is nearest.

    Raises `ConfigError` where the face reaches behind the eye.
    """
    pose = surface.face.pose(eye.time_s)
    points = (eye.world_from_camera.inverse() @ pose).apply(surface.face.mesh.positions_m.astype(np.float64))
    if points[:, 2].min() < 0.5:
        raise ConfigError(
            f"the wall at {surface.config.station_m:g} m stands behind or at the eye of its print: raise sweet_spot_m"
        )
    slopes = points[:, :2] / points[:, 2:]
    low, high = slopes.min(axis=0), slopes.max(axis=0)
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    focal = surface.config.resolution_px_per_m * float(np.median(points[:, 2]))
    focal = min(focal, _MAX_SIDE_PX / float((high - low).max()))
    width, height = (max(_MIN_SIDE_PX, math.ceil(extent * focal)) for extent in high - low)
    k = np.array([[focal, 0.0, -focal * low[0] - 0.5], [0.0, focal, -focal * low[1] - 0.5], [0.0, 0.0, 1.0]])
    return View(k, width, height, eye.world_from_camera, eye.time_s)


def scene_print(renderer: Renderer, index: int, surface: PaintedSurface, eye: Eye) -> Print:
    """The scene behind the surface as the eye sees it."""
    view = print_view(surface, eye)
    return _from_frame(renderer, view, view, index, surface, eye)


def foreign_print(renderer: Renderer, surface: PaintedSurface, eye: Eye, other_from_camera: RigidTransform) -> Print:
    """Another scene (of `renderer`) as an eye at `other_from_camera` there sees it."""
    view = print_view(surface, eye)
    there = View(view.intrinsics, view.width, view.height, other_from_camera, 0.0)
    return _from_frame(renderer, there, view, None, surface, eye)


def _from_frame(
    renderer: Renderer, shot: View, view: View, index: int | None, surface: PaintedSurface, eye: Eye
) -> Print:
    frame = renderer.render(shot, print_of=index)
    assert frame.truth is not None
    eye_from_face = eye.world_from_camera.inverse() @ surface.face.pose(eye.time_s)
    mapping = texture_from_eye(view.intrinsics, view.width, view.height, eye_from_face)
    return Print(frame.radiance, frame.truth.depth_m, mapping)


def plain_print(surface: PaintedSurface) -> Print:
    """Paint of one colour with hardly any texture: what leaves motion little to measure."""
    rng = np.random.default_rng([surface.config.seed, 31])
    colour = rng.uniform(0.15, 0.6) * (1.0 + rng.normal(0.0, 0.06, 3))
    mottle = cv2.GaussianBlur(rng.normal(0.0, 1.0, (64, 96)).astype(np.float32), (0, 0), 6.0)
    return _flat(surface, np.float32(colour) * (1.0 + 0.25 * mottle[..., None]))


def advert_print(surface: PaintedSurface) -> Print:
    """A poster: blocks of colour, a round product, lines of large type."""
    rng = np.random.default_rng([surface.config.seed, 32])
    height = 480
    width = int(np.clip(height * surface.config.width_m / surface.config.height_m, 120, 1600))
    back, ink, accent = (tuple(float(c) for c in rng.uniform(0, 255, 3)) for _ in range(3))
    image = np.full((height, width, 3), back, dtype=np.uint8)
    split = int(rng.uniform(0.3, 0.7) * width)
    cv2.rectangle(image, (split, 0), (width, height), accent, -1)
    for _ in range(int(rng.integers(2, 6))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.circle(image, centre, int(rng.uniform(0.08, 0.28) * height), tuple(rng.uniform(0, 255, 3)), -1, cv2.LINE_AA)
    words = ("NOVA", "FRESH", "DRIVE", "SOLO", "BRIGHT", "24/7", "OPEN", "-30%", "CAFE", "HELLO")
    for line in range(int(rng.integers(1, 4))):
        at = (int(0.06 * width), int((0.3 + 0.25 * line) * height))
        size = rng.uniform(1.5, 4.0) * width / 700.0
        text = words[int(rng.integers(len(words)))]
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_DUPLEX, size, ink, max(2, int(3 * size)), cv2.LINE_AA)
    return _flat(surface, (image.astype(np.float32) / 255.0) ** 2.2)


def _flat(surface: PaintedSurface, radiance: NDArray[np.float32]) -> Print:
    """A picture stretched over the corners of the face; it shows no scene."""
    height, width = radiance.shape[:2]
    foot_left, foot_right, _, top_left = surface.corners_m
    axes = np.stack([foot_right - foot_left, foot_left - top_left], axis=1)
    inverse = np.linalg.pinv(axes)
    mapping = np.zeros((4, 4))
    mapping[:2, :3], mapping[:2, 3] = inverse, -inverse @ top_left
    mapping[2, 3] = mapping[3, 3] = 1.0
    depth = np.full((height, width), np.nan, dtype=np.float32)
    return Print(np.ascontiguousarray(np.maximum(radiance, 0.0), dtype=np.float32), depth, mapping)
