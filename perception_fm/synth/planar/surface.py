"""Textured rectangles of the planar world and their closed-form projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import FloatArray, clip_near
from perception_fm.synth.planar.ripmap import RipMap, Samples

_NEAR_M = 0.2


@dataclass(frozen=True, eq=False)
class Shadow:
    """Shade on a surface: low corner (u, v) and size in its coordinates, metres; `light` has one channel, 255 = lit."""

    corner_m: tuple[float, float]
    size_m: tuple[float, float]
    light: RipMap

    def darken(
        self, shade: Samples, u_m: Samples, v_m: Samples, footprint_u_m: Samples, footprint_v_m: Samples
    ) -> None:
        """Multiply the brightness `shade` (N,) of points of the surface, in place."""
        u, v = u_m - np.float32(self.corner_m[0]), v_m - np.float32(self.corner_m[1])
        within = np.flatnonzero((u > 0.0) & (v > 0.0) & (u < self.size_m[0]) & (v < self.size_m[1]))
        light = self.light.sample(u[within], v[within], footprint_u_m[within], footprint_v_m[within])
        shade[within] *= light[:, 0] / np.float32(255.0)


@dataclass(frozen=True, eq=False)
class Surface:
    """A textured rectangle: corner `origin_world_m` (3,), unit axes `across_world` (u) and `along_world` (v), size (m).

    `texture` has 3 channels BGR or 4 with opacity (cut at one half). `grain`: one channel, multiplied on, 128 = 1.
    `brightness` is the light on it. `is_hazy` False: seen as is from any distance (a matched print). `label` is a
    Cityscapes trainId.
    """

    origin_world_m: FloatArray
    across_world: FloatArray
    along_world: FloatArray
    size_m: tuple[float, float]
    texture: RipMap
    label: int
    grain: RipMap | None = None
    brightness: float = 1.0
    is_hazy: bool = True
    shadows: tuple[Shadow, ...] = ()

    def corners_world_m(self) -> FloatArray:
        """(4, 3) round the edge."""
        u, v = self.size_m[0] * self.across_world, self.size_m[1] * self.along_world
        return np.asarray(self.origin_world_m + np.stack([0.0 * u, u, u + v, v]), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Projection:
    """A surface in one picture: 1/z, u/z, v/z are linear in the pixel, (3,) coefficients of (x, y, 1) each."""

    inverse_depth: FloatArray
    u_over_depth: FloatArray
    v_over_depth: FloatArray
    box: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Texels:
    """Points of one surface, (N,) each: coordinates u, v and the size of a sample along them, metres."""

    u_m: Samples
    v_m: Samples
    footprint_u_m: Samples
    footprint_v_m: Samples

    @staticmethod
    def at(projection: Projection, rows: NDArray[np.intp], columns: NDArray[np.intp], inverse: Samples) -> Texels:
        """At sample positions of which 1/z is known."""
        x, y = columns.astype(np.float32), rows.astype(np.float32)
        depth = 1.0 / inverse
        wx, wy = (np.float32(value) for value in projection.inverse_depth[:2])
        positions, footprints = [], []
        for coefficients in (projection.u_over_depth, projection.v_over_depth):
            a, b, c = (np.float32(value) for value in coefficients)
            position = (a * x + b * y + c) * depth
            # The derivative of u = U/W along x is (U_x - u W_x) / W.
            footprints.append(np.maximum(np.abs(a - position * wx), np.abs(b - position * wy)) * depth)
            positions.append(position)
        return Texels(*positions, *footprints)

    def sample(self, texture: RipMap) -> Samples:
        """(N, C) grey levels."""
        return texture.sample(self.u_m, self.v_m, self.footprint_u_m, self.footprint_v_m)


def plane_over_depth(
    surface: Surface, intrinsics: FloatArray, world_from_camera: RigidTransform
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coefficients (3,) of 1/z, u/z and v/z over the pixel (x, y, 1)."""
    rotation = world_from_camera.rotation.T
    origin = rotation @ (surface.origin_world_m - world_from_camera.translation_m)
    across, along = rotation @ surface.across_world, rotation @ surface.along_world
    normal = np.cross(across, along)
    offset = float(normal @ origin)
    ray = np.linalg.inv(intrinsics)
    inverse = (normal / offset) @ ray if abs(offset) > 1e-9 else np.zeros(3)
    return inverse, across @ ray - float(origin @ across) * inverse, along @ ray - float(origin @ along) * inverse


def project(
    surface: Surface, intrinsics: FloatArray, world_from_camera: RigidTransform, shape: tuple[int, int]
) -> Projection | None:
    """The surface in the picture, or None where it cannot be seen."""
    visible = clip_near(world_from_camera.inverse().apply(surface.corners_world_m()), _NEAR_M)
    if len(visible) < 3:
        return None
    pixels = visible @ intrinsics.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    x0, y0 = np.maximum(np.floor(pixels.min(axis=0)), 0.0)
    x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)) + 1.0, (shape[1], shape[0]))
    if x1 <= x0 or y1 <= y0:
        return None
    return Projection(
        *plane_over_depth(surface, intrinsics, world_from_camera), box=(int(x0), int(y0), int(x1), int(y1))
    )
