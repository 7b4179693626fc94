"""The picture of a run's video and report: the camera's view, what the network believes, and the scene from above."""

from __future__ import annotations

import cv2
import numpy as np

from perception_fm.config import PerceptionConfig
from perception_fm.types import CameraFrame, PerceptionResult
from perception_fm.visual.birds_eye import SIZE_PX, draw_birds_eye
from perception_fm.visual.depth_view import draw_depth_view
from perception_fm.visual.overlay import draw_overlay
from perception_fm.visual.pen import Image

_ABOVE_SHARE = 0.6  # of the scene from above, where it is twice as high: what lies far aside is left out


def draw_side_by_side(
    frame: CameraFrame, result: PerceptionResult, config: PerceptionConfig, size_px: tuple[int, int]
) -> Image:
    """A new BGR picture for `size_px` (W, H): the overlay, resized to it, and right of it the scene from above.

    (H, W + H, 3) without a network; with one (2 H, W + 1.2 H, 3), and its depth below the overlay.
    """
    height = size_px[1]
    overlay = draw_overlay(frame, result, config)
    if (overlay.shape[1], overlay.shape[0]) != size_px:
        overlay = np.asarray(cv2.resize(overlay, size_px), np.uint8)
    if result.dense is None:
        return np.asarray(np.hstack([overlay, _above(result, config, height, height)]))
    views = np.vstack([overlay, draw_depth_view(frame, result.dense, result, size_px)])
    return np.asarray(np.hstack([views, _above(result, config, 2 * height, round(2.0 * _ABOVE_SHARE * height))]))


def _above(result: PerceptionResult, config: PerceptionConfig, height: int, width: int) -> Image:
    """The middle of the scene from above; words need their size, so a small picture is shrunk afterwards."""
    drawn = max(height, SIZE_PX)
    above = draw_birds_eye(result, config, drawn, round(width * drawn / height))
    if above.shape[:2] != (height, width):
        above = np.asarray(cv2.resize(above, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return above
