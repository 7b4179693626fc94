"""Exact picture, depth and labels of a world of textured rectangles: each pixel's ray meets each plane in closed form.

Light and small: no shadows but soft ones on the ground, no reflections. World axes: x forward, y left, z up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall
from perception_fm.synth.planar.ripmap import RipMap, Samples
from perception_fm.synth.planar.surface import Projection, Surface, Texels, plane_over_depth, project

SKY_LABEL = 10  # Cityscapes trainId
WALL_LABEL = 3
_OPAQUE = 128.0  # of 255
_SAMPLES = 2  # per pixel and axis; textures are filtered for that spacing
_HAZE_BGR = np.array([222.0, 214.0, 204.0], dtype=np.float32)
_HAZE_DISTANCE_M = 700.0  # a clear day: meteorological range 3.9 times this (Koschmieder)


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """`image` (H, W, 3) BGR uint8; `depth_m` (H, W) float32 optical z at pixel centres, NaN for sky; `label` (H, W)
    uint8 Cityscapes trainIds; `surface` (H, W) int16 index into the world's surfaces, -1 for sky."""

    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    label: NDArray[np.uint8]
    surface: NDArray[np.int16]


@dataclass(eq=False)
class PlanarWorld:
    """Surfaces under a sky. `sky`: (H, W, 3) BGR, all round in azimuth, zenith in the top row, horizon in the last."""

    surfaces: Sequence[Surface]
    sky: NDArray[np.uint8]
    _labels: NDArray[np.uint8] = field(init=False)
    _sky: RipMap = field(init=False)

    def __post_init__(self) -> None:
        rows, columns = self.sky.shape[:2]
        self._sky = RipMap.build(self.sky, 1.0 / columns, 1.0 / rows, is_periodic=False)
        self._labels = np.array([*(surface.label for surface in self.surfaces), SKY_LABEL], dtype=np.uint8)

    def with_wall(
        self, wall: PaintedWall, eye_world_m: FloatArray, texels_per_m: float = 100.0, gain: float = 1.0
    ) -> PlanarWorld:
        """This world and a wall that shows, from the eye, what it hides. `PerceptionError` for an eye behind it.

        The print is this world seen through the canvas as a window: a pinhole picture whose image plane is the canvas.
        """
        corners = wall.corners_world_m
        across, along = (corners[1] - corners[0]) / wall.width_m, (corners[0] - corners[3]) / wall.height_m
        distance_m = float((eye_world_m - corners[0]) @ wall.normal_world)
        if distance_m <= 0.0:
            raise PerceptionError("the eye must be before the painted face")
        window = RigidTransform(np.stack([across, along, -wall.normal_world], axis=1), eye_world_m)
        top_left_m = corners[3] - eye_world_m
        focal_px = texels_per_m * distance_m
        intrinsics = np.array(
            [
                [focal_px, 0.0, -texels_per_m * float(top_left_m @ across) - 0.5],
                [0.0, focal_px, -texels_per_m * float(top_left_m @ along) - 0.5],
                [0.0, 0.0, 1.0],
            ]
        )
        size = (round(wall.width_m * texels_per_m), round(wall.height_m * texels_per_m))
        image = self.render(intrinsics, size, window).image
        image = np.clip(np.rint(gain * image.astype(np.float32)), 0.0, 255.0).astype(np.uint8)
        texture = RipMap.build(image, wall.width_m / size[0], wall.height_m / size[1], is_periodic=False)
        canvas = Surface(corners[3], across, along, (wall.width_m, wall.height_m), texture, WALL_LABEL, is_hazy=False)
        return PlanarWorld([*self.surfaces, canvas], self.sky)

    def render(self, intrinsics: FloatArray, size: tuple[int, int], world_from_camera: RigidTransform) -> RenderedFrame:
        """What a camera without distortion sees. `intrinsics` (3, 3), `size` (width, height) pixels."""
        width, height = size
        fine_from_pixel = np.array(
            [[_SAMPLES, 0.0, 0.5 * _SAMPLES - 0.5], [0.0, _SAMPLES, 0.5 * _SAMPLES - 0.5], [0.0, 0.0, 1.0]]
        )
        fine = fine_from_pixel @ intrinsics
        shape = (height * _SAMPLES, width * _SAMPLES)
        nearest = np.zeros(shape, dtype=np.float32)
        index = np.full(shape, len(self.surfaces), dtype=np.int16)
        projections = [project(surface, fine, world_from_camera, shape) for surface in self.surfaces]
        for number, (surface, projection) in enumerate(zip(self.surfaces, projections)):
            if projection is not None:
                _rasterise(number, surface, projection, nearest, index)
        colour = np.empty((*shape, 3), dtype=np.float32)
        self._paint_sky(colour, index, fine, world_from_camera)
        for number in np.unique(index).tolist():
            projection = projections[number] if number < len(projections) else None
            if projection is not None:
                _paint(self.surfaces[number], number, projection, nearest, index, colour, fine)
        image = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        chosen = index[::_SAMPLES, ::_SAMPLES]
        depth_m = self._depth(chosen, intrinsics, world_from_camera)
        surface_index = np.where(chosen == len(self.surfaces), np.int16(-1), chosen)
        return RenderedFrame(
            np.clip(np.rint(image), 0.0, 255.0).astype(np.uint8), depth_m, self._labels[chosen], surface_index
        )

    def _depth(self, index: NDArray[np.int16], intrinsics: FloatArray, world_from_camera: RigidTransform) -> Samples:
        """Optical z (m) of the chosen surfaces' planes at the pixel centres."""
        planes = np.full((len(self.surfaces) + 1, 3), np.nan)
        for number in np.unique(index).tolist():
            if number < len(self.surfaces):
                planes[number] = plane_over_depth(self.surfaces[number], intrinsics, world_from_camera)[0]
        height, width = index.shape
        chosen = planes.astype(np.float32)[index]
        inverse = chosen[..., 0] * np.arange(width, dtype=np.float32)
        inverse += chosen[..., 1] * np.arange(height, dtype=np.float32)[:, None] + chosen[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(inverse > 0.0, 1.0 / inverse, np.float32(np.nan)).astype(np.float32)

    def _paint_sky(
        self, colour: Samples, index: NDArray[np.int16], fine: FloatArray, world_from_camera: RigidTransform
    ) -> None:
        rows, columns = np.nonzero(index == len(self.surfaces))
        if not len(rows):
            return
        rays = (world_from_camera.rotation @ np.linalg.inv(fine)).astype(np.float32)
        x, y, z = (rays[axis, 0] * columns + rays[axis, 1] * rows + rays[axis, 2] for axis in range(3))
        azimuth = np.arctan2(-y, x) / (2.0 * math.pi) + 0.5
        elevation = np.arctan2(z, np.hypot(x, y)) / (0.5 * math.pi)
        still = np.zeros(len(rows), dtype=np.float32)
        colour[rows, columns] = self._sky.sample(
            azimuth.astype(np.float32), (1.0 - elevation).astype(np.float32), still, still
        )


def _rasterise(
    number: int, surface: Surface, projection: Projection, nearest: Samples, index: NDArray[np.int16]
) -> None:
    """Enter the surface where it is nearer than what is there."""
    x0, y0, x1, y1 = projection.box
    columns = np.arange(x0, x1, dtype=np.float32)
    rows = np.arange(y0, y1, dtype=np.float32)[:, None]

    def over_depth(coefficients: FloatArray) -> Samples:
        a, b, c = (np.float32(value) for value in coefficients)
        return np.asarray(a * columns + (b * rows + c), dtype=np.float32)

    inverse = over_depth(projection.inverse_depth)
    u, v = over_depth(projection.u_over_depth), over_depth(projection.v_over_depth)
    part = nearest[y0:y1, x0:x1]
    is_seen = (inverse > part) & (u >= 0.0) & (v >= 0.0)
    is_seen &= (u <= np.float32(surface.size_m[0]) * inverse) & (v <= np.float32(surface.size_m[1]) * inverse)
    if surface.texture.atlas.shape[2] == 4:
        where = np.nonzero(is_seen)
        texels = Texels.at(projection, where[0] + y0, where[1] + x0, inverse[where])
        is_seen[where] = texels.sample(surface.texture)[:, 3] >= _OPAQUE
    np.copyto(part, inverse, where=is_seen)
    np.copyto(index[y0:y1, x0:x1], np.int16(number), where=is_seen)


def _paint(
    surface: Surface,
    number: int,
    projection: Projection,
    nearest: Samples,
    index: NDArray[np.int16],
    colour: Samples,
    fine: FloatArray,
) -> None:
    """Colour the samples that show the surface."""
    x0, y0, x1, y1 = projection.box
    rows, columns = np.nonzero(index[y0:y1, x0:x1] == number)
    rows, columns = rows + y0, columns + x0
    inverse = nearest[rows, columns]
    texels = Texels.at(projection, rows, columns, inverse)
    shade = np.full(len(rows), surface.brightness, dtype=np.float32)
    for shadow in surface.shadows:
        shadow.darken(shade, texels.u_m, texels.v_m, texels.footprint_u_m, texels.footprint_v_m)
    if surface.grain is not None:
        shade *= texels.sample(surface.grain)[:, 0] / np.float32(128.0)
    shaded = texels.sample(surface.texture)[:, :3] * shade[:, None]
    if surface.is_hazy:
        clear = np.exp(-_ray_length(fine, rows, columns) / (inverse * np.float32(_HAZE_DISTANCE_M)))[:, None]
        shaded = shaded * clear + _HAZE_BGR * (1.0 - clear)
    colour[rows, columns] = shaded


def _ray_length(intrinsics: FloatArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Samples:
    """Way (N,) along the ray per metre of optical z; haze depends on the way, or a slanted print would be too dark."""
    x = (columns.astype(np.float32) - np.float32(intrinsics[0, 2])) / np.float32(intrinsics[0, 0])
    y = (rows.astype(np.float32) - np.float32(intrinsics[1, 2])) / np.float32(intrinsics[1, 1])
    return np.sqrt(1.0 + x * x + y * y)
