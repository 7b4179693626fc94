"""Shadows of the sun in cascades over the visible road, and the shade that everything gives against the sky."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.render.drawable import Programs, shader
from perception_fm.synth.render.frame import View
from perception_fm.synth.render.projection import shadow_box, sphere_round

FloatArray = NDArray[np.float64]
DrawCasters = Callable[[Programs, FloatArray, bool], None]  # programs, clip from world, whether coarse will do

_TEXELS = 1024
_ENDS_M = (14.0, 50.0, 320.0)  # beyond the last no shadow is drawn: the road there is a few pixels high
_CASTER_REACH_M = 120.0  # what stands farther towards the sun casts no shadow into the view
_ZENITH_RADIUS_M = 60.0
_ZENITH_AHEAD_M = 45.0
_UNIT_FROM_CLIP = np.array([[0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.0, 0.5], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.0, 1.0]])


class ShadowMap:
    """Four depth maps side by side: three of the sun, one from the zenith."""

    def __init__(self, context: Any, towards_sun: FloatArray, *, has_sun: bool) -> None:
        self._context = context
        self._towards_sun = towards_sun
        self._has_sun = has_sun
        self.texture = context.depth_texture((4 * _TEXELS, _TEXELS))
        self.texture.compare_func = "<="
        self.texture.filter = (context.LINEAR, context.LINEAR)
        self._buffer = context.framebuffer(depth_attachment=self.texture)
        self._programs = Programs(context, shader("shadow.vert"), shader("shadow.frag"))

    def render(self, view: View, draw_casters: DrawCasters) -> dict[str, Any]:
        """Draw the maps for a view; the uniforms with which a picture looks them up."""
        boxes, texels = self._boxes(view)
        self._buffer.use()
        self._buffer.viewport = (0, 0, 4 * _TEXELS, _TEXELS)
        self._buffer.clear(depth=1.0)
        self._context.enable_only(self._context.DEPTH_TEST)
        for tile, clip_from_world in enumerate(boxes):
            if tile < 3 and not self._has_sun:
                continue
            self._buffer.viewport = (tile * _TEXELS, 0, _TEXELS, _TEXELS)
            draw_casters(self._programs, clip_from_world, tile > 0)
        return {
            "u_shadow_from_world": np.stack([_UNIT_FROM_CLIP @ box for box in boxes]),
            "u_cascade_reach": (*_ENDS_M, 0.0),
            "u_cascade_texel": tuple(texels),
        }

    def _boxes(self, view: View) -> tuple[list[FloatArray], list[float]]:
        boxes, texels = [], []
        for start, end in zip((0.0, *_ENDS_M[:-1]), _ENDS_M):
            centre, radius = sphere_round(view, start, end)
            boxes.append(shadow_box(self._towards_sun, centre, radius, _CASTER_REACH_M, _TEXELS))
            texels.append(2.0 * radius / _TEXELS)
        ahead = view.world_from_camera.rotation[:, 2] * np.array([1.0, 1.0, 0.0])
        centre = (
            view.world_from_camera.translation_m + ahead / max(float(np.linalg.norm(ahead)), 1e-6) * _ZENITH_AHEAD_M
        )
        boxes.append(shadow_box(np.array([0.0, 0.0, 1.0]), centre, _ZENITH_RADIUS_M, _CASTER_REACH_M, _TEXELS))
        texels.append(2.0 * _ZENITH_RADIUS_M / _TEXELS)
        return boxes, texels
