"""One training sample: a picture with what is known about every pixel of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import freeze_arrays
from perception_fm.errors import DatasetError

PAINTED_UNKNOWN = 255
# Stands in for a focal length that is not known, as a share of the width (a field of view of 53 degrees). Nothing
# metric is learnt there; NaN would reach the gradients through terms that are masked only afterwards.
UNKNOWN_FOCAL_WIDTHS = 1.0


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Arrays of one picture without lens distortion, read-only; a target that the source lacks is None.

    `image` (H, W, 3) uint8 BGR. `camera`: the pinhole of exactly these pixels; None where no focal length is known, and
    then there is no metric target either. `depth_m` (H, W) float32 along optical z, NaN unknown, inf sky or beyond what
    the source tells. `label` (H, W) uint8 Cityscapes trainId, 255 ignored. `normals` (H, W, 3) float32, unit, optical
    frame, towards the camera, NaN unknown. `painted` (H, W) uint8: 1 the surface carries a print, 0 it does not, 255
    unknown. `pictured_m` (H, W) float32: depth for who takes the print for the scene, as `depth_m`. `height_m`: of the
    camera over the road, where known. `points`: names of the targets that are single measured points, as of a LiDAR,
    not a value at nearly every pixel. Raises `DatasetError` for another shape or type, and for targets without what
    they rest on.
    """

    image: NDArray[np.uint8]
    camera: CameraModel | None
    name: str
    source: str
    depth_m: NDArray[np.float32] | None = None
    label: NDArray[np.uint8] | None = None
    normals: NDArray[np.float32] | None = None
    painted: NDArray[np.uint8] | None = None
    pictured_m: NDArray[np.float32] | None = None
    height_m: float | None = None
    points: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image.ndim != 3:
            raise DatasetError(f"{self.where}: the image of a sample is (H, W, 3), got {self.image.shape}")
        size = self.image.shape[:2]
        kinds = (
            ("image", (*size, 3), np.uint8),
            ("depth_m", size, np.float32),
            ("label", size, np.uint8),
            ("normals", (*size, 3), np.float32),
            ("painted", size, np.uint8),
            ("pictured_m", size, np.float32),
        )
        freeze_arrays(self, kinds, self.where, DatasetError)
        self._check_camera()

    @property
    def where(self) -> str:
        """Source and name, for messages."""
        return f"{self.source}: {self.name}"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def _check_camera(self) -> None:
        if self.camera is None:
            if self.depth_m is not None or self.normals is not None:
                raise DatasetError(f"{self.where}: depth and normals need the camera that they belong to")
            return
        if self.camera.has_distortion or (self.camera.width, self.camera.height) != self.size:
            raise DatasetError(
                f"{self.where}: the camera of a sample is the undistorted one of its {self.size[0]}x{self.size[1]} "
                f"pixels, got {self.camera.width}x{self.camera.height} with lens {self.camera.distortion_model}"
            )
        if self.pictured_m is not None and self.depth_m is None:
            raise DatasetError(f"{self.where}: a pictured depth needs the true depth beside it")
