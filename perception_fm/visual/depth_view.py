"""What the network believes: its depth as a picture, and in it the wall that was measured, with both distances."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import DensePrediction
from perception_fm.types import CameraFrame, PathState, PerceptionResult
from perception_fm.visual.pen import WHITE, Image, Pen
from perception_fm.visual.thing_colours import RED
from perception_fm.visual.wall_evidence import MAGENTA, standing_wall, words_of_depth, words_of_measurement

_NEAREST_M, _FARTHEST_M = 3.0, 80.0  # from red to blue, logarithmic; learned depths are judged up to the latter
_NOTHING = (24, 24, 24)
_CAPTION_BACK = (40, 36, 32)
_TICKS_M = (5, 10, 20, 40, 80)
_SCALE_PX = (14, 0.4)  # width at the pen's reference height, and height as a share of the picture
_PALETTE = cv2.applyColorMap(np.arange(255, -1, -1, dtype=np.uint8)[:, None], cv2.COLORMAP_TURBO)


def draw_depth_view(
    frame: CameraFrame, dense: DensePrediction, result: PerceptionResult, size_px: tuple[int, int]
) -> Image:
    """A new (H, W, 3) BGR picture for `size_px` (W, H) of the learned depth, rectified; where none is, it is dark.

    The outline of what motion or a range sensor has confirmed in the path, with what either says of its place.
    """
    width, height = size_px
    if dense.depth_m is None:
        image: Image = np.full((height, width, 3), _NOTHING, np.uint8)
    else:
        colours = _colours(dense.depth_m)
        image = np.asarray(cv2.resize(colours, size_px, interpolation=cv2.INTER_NEAREST), np.uint8)
    pen = Pen(image)
    _draw_scale(pen)
    _draw_wall(pen, frame, dense, result)
    pen.label("what the network believes: depth", 0, 0, 0.62, _CAPTION_BACK)
    return image


def _share(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place on the scale, 0 near to 1 far."""
    low, high = math.log(_NEAREST_M), math.log(_FARTHEST_M)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip((np.log(depth_m) - low) / (high - low), 0.0, 1.0), np.float32)


def _colours(depth_m: NDArray[np.float32]) -> Image:
    is_known = np.isfinite(depth_m) & (depth_m > 0.0)
    picture = cv2.applyColorMap(np.nan_to_num(255.0 * _share(depth_m)).astype(np.uint8), _PALETTE)
    picture[~is_known] = _NOTHING
    return np.asarray(picture, np.uint8)


def _draw_scale(pen: Pen) -> None:
    """Colours and metres at the left border, far above."""
    width, height = round(_SCALE_PX[0] * pen.scale), round(_SCALE_PX[1] * pen.height)
    left, top = pen.pad_px, pen.height - height - 2 * pen.pad_px
    bar = np.linspace(255.0, 0.0, height).astype(np.uint8)[:, None]
    pen.image[top : top + height, left : left + width] = cv2.applyColorMap(bar, _PALETTE)
    for metres in _TICKS_M:
        share = float(_share(np.array([metres], np.float32))[0])
        row = top + round((1.0 - share) * (height - 1))
        pen.text(f"{metres} m", left + width + pen.pad_px, row + pen.pad_px, 0.5, WHITE)


def _draw_wall(pen: Pen, frame: CameraFrame, dense: DensePrediction, result: PerceptionResult) -> None:
    wall, finding = standing_wall(result), result.fake_wall
    if wall is None or finding is None or result.base_from_camera is None:
        return
    colour = MAGENTA if result.state is PathState.FAKE_WALL else RED
    points = result.base_from_camera.inverse().apply(finding.polygon_m) @ frame.camera.rectification.T
    if not (points[:, 2] > 0.0).all():
        return
    cells = dense.camera.project_points(points)
    stretch = np.array([pen.width / dense.camera.width, pen.height / dense.camera.height])
    pixels = (cells + 0.5) * stretch - 0.5
    if np.isfinite(pixels).all():
        pen.lines(pixels[None], WHITE, pen.line_px + 1, is_closed=True)
        left, right, foot = int(pixels[:, 0].min()), int(pixels[:, 0].max()), int(pixels[:, 1].max())
        below = foot + round(36 * pen.scale)
        pen.label(words_of_measurement(finding, wall), (left + right) // 2, below, 0.72, colour)
        pen.label(words_of_depth(finding), (left + right) // 2, below + round(36 * pen.scale), 0.72, _CAPTION_BACK)
