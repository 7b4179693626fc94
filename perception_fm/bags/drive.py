"""A recorded drive of one camera, whatever format it came from: the arrow from the importers to the bag."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.encoded_image import EncodedImage
from perception_fm.errors import BagError
from perception_fm.geometry.transform import RigidTransform

# Start of drives whose own clock begins at zero: ROS reads stamp zero as "latest" or "unset".
RELATIVE_CLOCK_START_NS = 1_300_000_000_000_000_000

INTRINSICS_ADVICE = "give --fx --fy --cx --cy in pixels of the stored image, or --hfov-deg"


@dataclass(frozen=True)
class Calibration:
    """What `CameraInfo` needs to know of a camera, for the stored image size.

    `focal_px` (fx, fy) and `principal_px` (cx, cy) in pixels. `distortion_model` is a ROS name (plumb_bob,
    rational_polynomial, equidistant) and `distortion` its coefficients; plumb_bob with five zeros is a rectified image.
    """

    width: int
    height: int
    focal_px: tuple[float, float]
    principal_px: tuple[float, float]
    distortion_model: str = "plumb_bob"
    distortion: tuple[float, ...] = (0.0,) * 5

    def __post_init__(self) -> None:
        values = (*self.focal_px, *self.principal_px, *self.distortion)
        if not (np.isfinite(values).all() and min(self.focal_px) > 0.0):
            raise BagError(f"the intrinsics hold NaN or a focal length that is not positive; {INTRINSICS_ADVICE}")
        if self.width < 1 or self.height < 1:
            raise BagError(f"an image of {self.width}x{self.height} has no pixels")


@dataclass(frozen=True)
class Intrinsics:
    """Intrinsics given by a person: all four numbers, or a horizontal field of view (square pixels, centred)."""

    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    hfov_deg: float | None = None

    def __post_init__(self) -> None:
        numbers = [value is not None for value in (self.fx, self.fy, self.cx, self.cy)]
        if any(numbers) and not all(numbers):
            raise BagError("--fx --fy --cx --cy belong together; give all four or --hfov-deg")
        if any(numbers) and self.hfov_deg is not None:
            raise BagError("give either --fx --fy --cx --cy or --hfov-deg, not both")
        if self.hfov_deg is not None and not 1.0 <= self.hfov_deg <= 170.0:
            raise BagError(f"--hfov-deg lies between 1 and 170 for a pinhole camera, got {self.hfov_deg}")

    def calibration(self, width: int, height: int) -> Calibration | None:
        """Calibration of an image of this size, None where nothing was given."""
        if self.fx is not None and self.fy is not None and self.cx is not None and self.cy is not None:
            return Calibration(width, height, (self.fx, self.fy), (self.cx, self.cy))
        if self.hfov_deg is None:
            return None
        focal_px = 0.5 * width / math.tan(math.radians(0.5 * self.hfov_deg))
        # The middle of the image lies between pixels: pixel centres have whole numbers.
        return Calibration(width, height, (focal_px, focal_px), (0.5 * (width - 1), 0.5 * (height - 1)))


@dataclass(frozen=True)
class DriveInfo:
    """What holds for a whole drive. `camera_height_m` is None where nobody knows it.

    `frame_count` is None where only decoding tells. `class_names` explains the ids of label images. `notes` are lines
    for the person who converts.
    """

    source: str
    licence: str
    camera_name: str
    calibration: Calibration
    camera_height_m: float | None
    frame_count: int | None
    class_names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def optical_frame(self) -> str:
        """Frame id of the camera, REP 103."""
        return f"{self.camera_name}_optical"


@dataclass(frozen=True)
class CameraPose:
    """Pose of the camera (optical axes) in a fixed world of any axes, at one stamp."""

    stamp_ns: int
    world_from_camera: RigidTransform


@dataclass(frozen=True, eq=False)
class DriveFrame:
    """One image with what the source knows at its stamp; None and NaN mean not known.

    `image` is a file's bytes, passed through untouched, or decoded pixels, uint8, (H, W) grey or (H, W, 3) BGR.
    `depth_m` (H, W) float32 is optical z, NaN where none. `label` (H, W) uint8 are class ids of the source.
    """

    stamp_ns: int
    image: EncodedImage | NDArray[np.uint8]
    world_from_camera: RigidTransform | None = None
    speed_mps: float = math.nan
    depth_m: NDArray[np.float32] | None = None
    label: NDArray[np.uint8] | None = None


class Drive(Protocol):
    """An opened source: everything about the whole at once, the images one after the other."""

    @property
    def info(self) -> DriveInfo:
        """Camera, origin and licence."""

    @property
    def trajectory(self) -> tuple[CameraPose, ...]:
        """Poses in the order of their stamps; empty where the source has none."""

    def frames(self) -> Iterator[DriveFrame]:
        """Frames in the order of their stamps. Raises `BagError` at the first that cannot be read."""


def check_stamps(stamps_ns: list[int], source: str) -> None:
    """Raises `BagError` unless stamps rise from frame to frame."""
    for index, (before, after) in enumerate(pairwise(stamps_ns)):
        if after <= before:
            raise BagError(
                f"{source}: the stamp of frame {index + 1} ({after}) is not after that of frame {index} ({before}); "
                "sort the frames by time or give --rate with the frames in order"
            )
