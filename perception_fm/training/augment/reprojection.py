"""A sample as another camera at the same place sees it: other size, focal length, crop, mirrored, rolled, pitched.

Everything that only changes the camera's K and its rotation keeps the picture of every point exact, and metric depth
with it: rays turn, distances stay. A camera at another *height* sees other things (parallax, what was hidden), which no
picture holds; heights come from the rendered worlds, whose cameras are mounted at many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel, FloatArray
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.training.sample import PAINTED_UNKNOWN, UNKNOWN_FOCAL_WIDTHS, TrainingSample

BORDER_GREY = 114  # as camera/letterbox.py frames a picture
# Half a pixel away on the same surface 1/depth differs by less than this share of it, or on a road below a horizon by
# less than these 1/m (1.5 m below a camera of 500 px); beyond both the pixels round a place are of two surfaces.
_SAME_SURFACE, _SAME_SURFACE_PER_M = 0.04, 7e-4


@dataclass(frozen=True)
class ViewChange:
    """`content`: (width, height) px of the whole old picture in the new one, `offset`: (x, y) px of its corner there,
    `size`: (width, height) of the new picture. Mirrored before that, and turned about the camera's centre after it:
    `roll_rad` positive when the camera's right side goes down, `pitch_rad` positive when it looks down.
    """

    content: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]
    is_mirrored: bool = False
    roll_rad: float = 0.0
    pitch_rad: float = 0.0

    @property
    def is_turned(self) -> bool:
        """Whether the optical axis or the horizon moves."""
        return self.roll_rad != 0.0 or self.pitch_rad != 0.0


def letterboxed(source_size: tuple[int, int], size: tuple[int, int]) -> ViewChange:
    """What `camera/letterbox.py` does before a network: the whole picture, centred."""
    scale = min(size[0] / source_size[0], size[1] / source_size[1])
    content = (
        max(1, min(size[0], round(source_size[0] * scale))),
        max(1, min(size[1], round(source_size[1] * scale))),
    )
    return ViewChange(content, ((size[0] - content[0]) // 2, (size[1] - content[1]) // 2), size)


def reproject(sample: TrainingSample, change: ViewChange) -> TrainingSample:
    """The sample in the new view; what lies outside the old picture is grey and unknown.

    Targets are taken at the centres of the new pixels and never mixed over edges: depth linear in 1/z on one surface,
    else the nearest. Targets of single points are carried to the pixel they fall into, where the nearest in space wins.
    """
    maps = _Maps(sample, change)
    order, target, depth_m = maps.scattered(sample)
    points = set(sample.points)

    def moved(name: str, unknown: float) -> NDArray[Any] | None:
        values = getattr(sample, name)
        if values is None:
            return None
        return maps.scatter(values, order, target, unknown) if name in points else maps.nearest(values, unknown)

    label, painted = moved("label", UNKNOWN_LABEL), moved("painted", PAINTED_UNKNOWN)
    return replace(
        sample,
        image=maps.picture(sample.image),
        camera=maps.camera if sample.camera is not None else None,
        depth_m=depth_m if "depth_m" in points and sample.depth_m is not None else maps.depth(sample.depth_m),
        label=label,
        normals=maps.normals(sample.normals),
        painted=painted,
        pictured_m=maps.depth(sample.pictured_m),
    )


class _Maps:
    """One sample's pixels into one new view."""

    def __init__(self, sample: TrainingSample, change: ViewChange) -> None:
        width, height = sample.size
        source = sample.camera or _nominal_camera(width, height)
        scale = np.array([change.content[0] / width, change.content[1] / height])
        cx = width - 1 - source.cx if change.is_mirrored else source.cx
        centre = (np.array([cx, source.cy]) + 0.5) * scale - 0.5 + change.offset
        intrinsics = np.array(
            [[source.fx * scale[0], 0.0, centre[0]], [0.0, source.fy * scale[1], centre[1]], [0.0, 0.0, 1.0]]
        )
        self._change, self._source = change, source
        self.camera = CameraModel(*change.size, intrinsics)
        self._turn = turn(change.roll_rad, change.pitch_rad)
        mirror = np.diag([-1.0 if change.is_mirrored else 1.0, 1.0, 1.0])
        self._new_from_old = self._turn @ mirror
        self._pixels = intrinsics @ self._new_from_old @ np.linalg.inv(source.intrinsics)

    def picture(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3), area-averaged where it shrinks."""
        change = self._change
        is_smaller = change.content[0] < image.shape[1]
        content = cv2.resize(image, change.content, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
        if change.is_mirrored:
            content = cv2.flip(content, 1)
        shift = np.array([[1.0, 0.0, change.offset[0]], [0.0, 1.0, change.offset[1]], [0.0, 0.0, 1.0]])
        k = self.camera.intrinsics
        turned = k @ self._turn @ np.linalg.inv(k) @ shift
        flags = cv2.INTER_LINEAR if change.is_turned else cv2.INTER_NEAREST
        return np.asarray(
            cv2.warpPerspective(content, turned, change.size, flags=flags, borderValue=(BORDER_GREY,) * 3), np.uint8
        )

    def nearest(self, values: NDArray[Any], unknown: float, flags: int = cv2.INTER_NEAREST) -> NDArray[Any]:
        """The value of the old pixel at the centre of each new one."""
        border = (unknown,) * 3 if values.ndim == 3 else unknown
        warped = cv2.warpPerspective(values, self._pixels, self._change.size, flags=flags, borderValue=border)
        return np.asarray(warped, values.dtype)

    def depth(self, depth_m: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """Depth along the new optical axis; NaN where unknown."""
        if depth_m is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.float32(1.0) / depth_m
            nearest = self.nearest(inverse, np.nan)
            linear = self.nearest(inverse, np.nan, cv2.INTER_LINEAR)
            room = np.float32(_SAME_SURFACE) * nearest + np.float32(_SAME_SURFACE_PER_M)
            is_one = (np.abs(linear - nearest) <= room) & (nearest > 0.0)
            chosen = np.where(is_one, linear, nearest)
            return np.asarray(np.float32(1.0) / chosen / self._old_depth_share(), np.float32)

    def normals(self, normals: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """Turned with the camera."""
        if normals is None:
            return None
        moved = self.nearest(normals, np.nan)
        if np.array_equal(self._new_from_old, np.eye(3)):
            return np.asarray(moved, np.float32)
        return np.asarray(cv2.transform(np.asarray(moved), self._new_from_old.astype(np.float32)), np.float32)

    def scattered(
        self, sample: TrainingSample
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32] | None]:
        """Old and new flat indices of all single points, farthest first, and their depth (H, W) in the new view."""
        width, height = self._change.size
        nothing = np.zeros(0, np.intp)
        known = _known_points(sample)
        if known is None:
            return nothing, nothing, None
        old = np.flatnonzero(known)
        rows, columns = np.divmod(old.astype(np.int32), np.int32(sample.size[0]))
        u, v, w = (row[0] * columns + row[1] * rows + row[2] for row in self._pixels.astype(np.float32))
        column, row = np.rint(u / w), np.rint(v / w)
        inside = (w > 0.0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        old, row, column = old[inside], row[inside], column[inside]
        depth = np.full(len(old), np.nan, np.float32)
        if sample.depth_m is not None:
            depth = sample.depth_m.reshape(-1)[old] * w[inside]
        # Unknown depth counts as farthest: whatever is measured in the same pixel is drawn over it.
        order = np.argsort(-np.where(np.isnan(depth), np.float32(np.inf), depth), kind="stable")
        target = (row[order] * width + column[order]).astype(np.intp)
        depth_m = np.full(width * height, np.nan, np.float32)
        depth_m[target] = depth[order]
        return old[order], target, depth_m.reshape(height, width)

    def scatter(
        self, values: NDArray[Any], order: NDArray[np.intp], target: NDArray[np.intp], unknown: float
    ) -> NDArray[Any]:
        """Values of single points in the new view."""
        width, height = self._change.size
        moved = np.full(width * height, unknown, values.dtype)
        moved[target] = values.reshape(-1)[order]
        return moved.reshape(height, width)

    def _old_depth_share(self) -> NDArray[np.float32] | np.float32:
        """Old depth over new depth (H, W) of whatever a new pixel shows: the third row of the turn back, on its ray."""
        if not self._change.is_turned:
            return np.float32(1.0)
        back = self._new_from_old.T[2]
        width, height = self._change.size
        x = (np.arange(width) - self.camera.cx) / self.camera.fx
        y = (np.arange(height) - self.camera.cy) / self.camera.fy
        return (back[0] * x[None, :] + back[1] * y[:, None] + back[2]).astype(np.float32)


def turn(roll_rad: float, pitch_rad: float) -> FloatArray:
    """(3, 3) new_from_old optical frame of a camera that rolls and pitches as in `ViewChange`."""
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    roll = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    cos, sin = np.cos(pitch_rad), np.sin(pitch_rad)
    pitch = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    return np.asarray(pitch @ roll)


def _nominal_camera(width: int, height: int) -> CameraModel:
    """Only to turn a picture about: nothing metric rests on it."""
    focal = UNKNOWN_FOCAL_WIDTHS * width
    return CameraModel(
        width, height, np.array([[focal, 0.0, 0.5 * (width - 1)], [0.0, focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])
    )


def _known_points(sample: TrainingSample) -> NDArray[np.bool_] | None:
    """(H, W) where a target of single points is known; None without such a target."""
    known = None
    if "depth_m" in sample.points and sample.depth_m is not None:
        known = ~np.isnan(sample.depth_m)
    if "label" in sample.points and sample.label is not None:
        labelled = sample.label != UNKNOWN_LABEL
        known = labelled if known is None else known | labelled
    return known
