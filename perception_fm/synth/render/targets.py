"""Buffers that pictures and ground truth of one size are drawn into."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import RenderError
from perception_fm.synth.labels import SKY
from perception_fm.synth.render.frame import Truth

# As Mesa and every GPU of the last decade allow.
_MAX_SIDE = 16384


class Targets:
    """`samples` of a picture (several per pixel), the `resolved` picture, and the channels of the truth."""

    def __init__(self, context: Any, width: int, height: int, supersampling: float) -> None:
        size, fine = (width, height), (math.ceil(width * supersampling), math.ceil(height * supersampling))
        if max(fine) > _MAX_SIDE:
            raise RenderError(f"{fine[0]}x{fine[1]} samples are more than OpenGL draws at once ({_MAX_SIDE})")
        self._shape = (height, width)
        self.fine_size = fine
        self.samples = context.texture(fine, 4, dtype="f2")
        self.samples_buffer = context.framebuffer([self.samples], context.depth_renderbuffer(fine))
        self.resolved = context.texture(size, 4, dtype="f2")
        self.resolved_buffer = context.framebuffer([self.resolved])
        self._channels = [context.texture(size, 4, dtype=dtype) for dtype in ("f4", "f2", "f1", "u2")]
        self.truth_buffer = context.framebuffer(self._channels, context.depth_renderbuffer(size))

    @property
    def depth(self) -> Any:
        """The texture with depth (r) and believed depth (g)."""
        return self._channels[0]

    def read_radiance(self) -> NDArray[np.float32]:
        """(H, W, 3) BGR."""
        half = np.frombuffer(self.resolved.read(), dtype=np.float16).reshape(*self._shape, 4)
        return half[..., :3].astype(np.float32)

    def read_truth(self) -> Truth:
        """What the truth pass drew; where nothing was drawn is sky."""
        depth, normal, albedo, ids = (
            np.frombuffer(channel.read(), dtype=dtype).reshape(*self._shape, 4)
            for channel, dtype in zip(self._channels, (np.float32, np.float16, np.uint8, np.uint16))
        )
        is_sky = depth[..., 0] == 0.0
        infinite = np.float32(math.inf)
        return Truth(
            depth_m=np.where(is_sky, infinite, depth[..., 0]),
            depth_pictured_m=np.where(is_sky, infinite, depth[..., 1]),
            label=np.where(is_sky, np.uint8(SKY), ids[..., 0].astype(np.uint8)),
            instance=np.ascontiguousarray(ids[..., 1]),
            normal=normal[..., :3].astype(np.float32),
            albedo=np.ascontiguousarray(albedo[..., :3]),
            roughness=np.ascontiguousarray(albedo[..., 3]),
            painted=ids[..., 2] != 0,
        )
