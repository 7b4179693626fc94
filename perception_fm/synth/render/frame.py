"""One rendered view with its exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera: `intrinsics` (3, 3) with pixel centres at integers, `width` x `height` px, `world_from_camera`
    (optical axes) at the time `time_s` of the drive, when the middle row is read.

    Rolling shutter: `readout_s` from the first row to the last, during which the camera moves with `velocity_mps` (3,)
    and turns with `turn_rate_rps` (3,), both in its own optical frame.
    """

    intrinsics: FloatArray
    width: int
    height: int
    world_from_camera: RigidTransform
    time_s: float = 0.0
    readout_s: float = 0.0
    velocity_mps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_rate_rps: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth at pixel centres, all (H, W, ...).

    `depth_m` float32 along optical z, inf for sky; `depth_pictured_m` float32: what somebody believes who takes prints
    for the scene, equal to `depth_m` elsewhere, inf for pictured sky; `label` uint8 Cityscapes trainId; `instance`
    uint16, 0 none; `normal` float32 unit, optical frame, 0 for sky; `albedo` uint8 sRGB, BGR; `roughness` uint8,
    255 = 1; `painted` bool: the surface carries a print.
    """

    depth_m: NDArray[np.float32]
    depth_pictured_m: NDArray[np.float32]
    label: NDArray[np.uint8]
    instance: NDArray[np.uint16]
    normal: NDArray[np.float32]
    albedo: NDArray[np.uint8]
    roughness: NDArray[np.uint8]
    painted: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.depth_m.shape
        if any(getattr(self, name).shape[:2] != shape for name in self.__dataclass_fields__):
            raise PerceptionError("all channels of a ground truth have one size")


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """`radiance` (H, W, 3) float32 BGR, linear, 1 = a white wall in full daylight; `truth` where it was asked for."""

    view: View
    radiance: NDArray[np.float32]
    truth: Truth | None
