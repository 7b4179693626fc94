"""The picture of a run's video and report: the camera's view, and beside it the scene from above."""

from __future__ import annotations

import cv2
import numpy as np

from perception_fm.config import PerceptionConfig
from perception_fm.types import CameraFrame, PerceptionResult
from perception_fm.visual.birds_eye import SIZE_PX, draw_birds_eye
from perception_fm.visual.overlay import draw_overlay
from perception_fm.visual.pen import Image


def draw_side_by_side(
    frame: CameraFrame, result: PerceptionResult, config: PerceptionConfig, size_px: tuple[int, int]
) -> Image:
    """A new (H, W + H, 3) BGR picture for `size_px` (W, H): the overlay, resized to it, and the scene from above."""
    height = size_px[1]
    overlay = draw_overlay(frame, result, config)
    if (overlay.shape[1], overlay.shape[0]) != size_px:
        overlay = np.asarray(cv2.resize(overlay, size_px), np.uint8)
    # Words need their size; a small picture is shrunk afterwards.
    above = draw_birds_eye(result, config, max(height, SIZE_PX))
    if above.shape[0] != height:
        above = np.asarray(cv2.resize(above, (height, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(np.hstack([overlay, above]))
