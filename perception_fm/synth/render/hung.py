"""A painted surface on the GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.painted.surface import PaintedSurface, Print
from perception_fm.synth.render.drawable import Placed, Programs
from perception_fm.synth.render.geometry import MaterialTable
from perception_fm.synth.render.targets import Targets

FloatArray = NDArray[np.float64]

_PRINT_UNIT, _DEPTH_UNIT = 5, 6
_MIRROR_REFLECTANCE = 0.9  # silvered glass
_WHITE_PERCENTILE = 99.0  # a painter's white is the brightest thing of the picture, but for lamps and glints


class Hung:
    """Face, bodies and print of one surface; it is seen once it shows something."""

    def __init__(self, context: Any, surface: PaintedSurface, table: MaterialTable) -> None:
        self._context = context
        self._surface = surface
        self.is_mirror = surface.config.canvas == "mirror"
        self.is_visible = self.is_mirror
        self.face = Placed(context, surface.face, table)
        self.bodies = [Placed(context, item, table) for item in surface.bodies]
        self.pictured = [Placed(context, item, table) for item in surface.pictured]
        self._texture_from_face = np.eye(4)
        self._light = (_MIRROR_REFLECTANCE, 1.0, 1.0, 1.0)
        self._picture: Any = None
        self._depth: Any = None

    def show(self, picture: Print) -> None:
        """Put a print on the face."""
        height, width = picture.depth_m.shape
        half = picture.radiance.astype(np.float16)
        self._picture = self._context.texture((width, height), 3, half.tobytes(), dtype="f2", alignment=1)
        self._picture.build_mipmaps()
        self._picture.filter = (self._context.LINEAR_MIPMAP_LINEAR, self._context.LINEAR)
        depth = np.ascontiguousarray(picture.depth_m, dtype=np.float32)
        self._depth = self._context.texture((width, height), 1, depth.tobytes(), dtype="f4")
        self._depth.filter = (self._context.NEAREST, self._context.NEAREST)
        for texture in (self._picture, self._depth):
            texture.repeat_x = texture.repeat_y = False
        config = self._surface.config
        white = max(float(np.percentile(picture.radiance, _WHITE_PERCENTILE)), 1e-3)
        self._texture_from_face = picture.texture_from_face
        self._light = (config.gain, 1.0 if config.light == "emissive" else 0.0, white, 0.0)
        self.is_visible = True

    def reflects(self, targets: Targets) -> None:
        """Show what a mirrored view drew."""
        self._picture, self._depth = targets.samples, targets.depth
        self._depth.filter = (self._context.NEAREST, self._context.NEAREST)

    def plane(self, time_s: float) -> FloatArray:
        """(4,) of the face in the world, positive on the side that shows the picture."""
        corners = self._surface.face.pose(time_s).apply(self._surface.corners_m)
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        normal /= np.linalg.norm(normal)
        return np.append(normal, -float(normal @ corners[0]))

    def draw(self, programs: Programs, clip_from_world: FloatArray, eye_m: FloatArray, time_s: float) -> None:
        """The face with its print."""
        if self._picture is None:
            return
        self._picture.use(_PRINT_UNIT)
        self._depth.use(_DEPTH_UNIT)
        programs.set("u_texture_from_face", self._texture_from_face)
        programs.set("u_print_light", self._light)
        self.face.draw(programs, clip_from_world, eye_m, time_s)
