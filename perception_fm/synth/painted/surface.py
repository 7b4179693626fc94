"""A surface that carries a picture, and the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.painted_wall import PaintedWall
from perception_fm.synth.scene import SceneObject

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PaintedSurface:
    """A face that shows a picture.

    `face`: its mesh, a decal for a road painting. `bodies` carry it and come and go with it. `pictured` stand in its
    print only. `corners_m` (4, 3) in the face's own frame: foot left, foot right, top right, top left as seen by who
    looks at it; the plane through them is the plane of the wall, about which cloth may wave.
    """

    config: WallConfig
    face: SceneObject
    corners_m: FloatArray
    bodies: tuple[SceneObject, ...] = ()
    pictured: tuple[SceneObject, ...] = ()

    def wall(self, time_s: float, approach_world: FloatArray) -> PaintedWall:
        """Plane and corners in the world at a time, for a path that runs along `approach_world` (3,) there."""
        return PaintedWall(self.face.pose(time_s).apply(self.corners_m), approach_world)


@dataclass(frozen=True, eq=False)
class Print:
    """What is printed on a surface.

    `radiance` (H, W, 3) float32 BGR; `depth_m` (H, W) float32 optical z of what is pictured seen from the eye for which
    the picture is made: inf pictured sky, NaN where no scene is pictured (adverts, plain paint). `texture_from_face`
    (4, 4): a homogeneous point of the face to (u w, v w, z, w) with u, v in 0..1 from the picture's left top corner
    and z the optical depth of that point from the same eye.
    """

    radiance: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    texture_from_face: FloatArray

    def __post_init__(self) -> None:
        height, width = self.depth_m.shape
        if self.radiance.shape != (height, width, 3) or self.texture_from_face.shape != (4, 4):
            raise PerceptionError("a print has radiance (H, W, 3), depth (H, W) and a 4x4 mapping")


def texture_from_eye(intrinsics: FloatArray, width: int, height: int, eye_from_face: RigidTransform) -> FloatArray:
    """`Print.texture_from_face` of a picture taken from an eye with these intrinsics (pixel centres at integers)."""
    normalised = np.array([[1.0 / width, 0.0, 0.5 / width], [0.0, 1.0 / height, 0.5 / height], [0.0, 0.0, 1.0]])
    rigid = np.column_stack([eye_from_face.rotation, eye_from_face.translation_m])
    projected = normalised @ intrinsics @ rigid
    return np.vstack([projected[:2], rigid[2], projected[2]])
