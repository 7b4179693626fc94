"""Lines, text and tints whose sizes fit the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]  # BGR

WHITE: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_REFERENCE_HEIGHT_PX = 720  # line and letter sizes are chosen for this height and scale with the image
_SMALLEST_SCALE = 0.55  # below this letters are unreadable
_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions
_FAR_OUTSIDE_PX = 30_000  # beyond any image, and small enough for the fixed-point numbers of OpenCV


class Pen:
    """The picture being drawn and the sizes that fit it."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]
        self.scale = max(_SMALLEST_SCALE, self.height / _REFERENCE_HEIGHT_PX)
        self.line_px = max(1, round(2.0 * self.scale))
        self.pad_px = max(2, round(6 * self.scale))

    def text_size(self, text: str, size: float) -> tuple[int, int]:
        """Width and height in pixels of a line of text."""
        (width, height), _ = cv2.getTextSize(text, _FONT, size * self.scale, max(1, round(1.6 * size * self.scale)))
        return width, height

    def text(self, text: str, x: int, baseline: int, size: float, colour: Colour) -> None:
        """A line of text whose lower left corner is given."""
        weight = max(1, round(1.6 * size * self.scale))
        cv2.putText(self.image, text, (x, baseline), _FONT, size * self.scale, colour, weight, cv2.LINE_AA)

    def label(self, text: str, x: int, bottom: int, size: float, background: Colour) -> None:
        """White text on a filled box, moved so that all of it is inside the picture."""
        width, height = self.text_size(text, size)
        pad = self.pad_px
        x = int(np.clip(x, 0, max(0, self.width - width - 2 * pad)))
        bottom = int(np.clip(bottom, height + 2 * pad, self.height))
        cv2.rectangle(self.image, (x, bottom - height - 2 * pad), (x + width + 2 * pad, bottom), background, cv2.FILLED)
        self.text(text, x + pad, bottom - pad, size, WHITE)

    def lines(self, points_px: NDArray[np.float64], colour: Colour, width: int, is_closed: bool = False) -> None:
        """L polylines through sub-pixel points (L, K, 2)."""
        fixed = np.round(np.clip(points_px, -_FAR_OUTSIDE_PX, _FAR_OUTSIDE_PX) * (1 << _SHIFT))
        lines = list(np.ascontiguousarray(fixed, dtype=np.int32))
        cv2.polylines(self.image, lines, is_closed, colour, width, cv2.LINE_AA, _SHIFT)

    def dots(self, points_px: NDArray[np.float64], colours: NDArray[np.uint8], width: int = 1) -> None:
        """A disc around each of many points (N, 2), each of its own colour (N, 3); of width 1 they are pixels."""
        half = 0.5 * width
        side = np.arange(-int(half), int(half) + 1)
        disc = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        disc = disc[np.hypot(*disc.T) <= half + 0.25]
        near = np.clip(points_px, -_FAR_OUTSIDE_PX, _FAR_OUTSIDE_PX)
        column, row = (np.rint(near).astype(np.intp)[:, None] + disc).reshape(-1, 2).T
        is_inside = (column >= 0) & (column < self.width) & (row >= 0) & (row < self.height)
        ink = np.repeat(colours, len(disc), axis=0)
        self.image[row[is_inside], column[is_inside]] = ink[is_inside]

    def tint(self, polygon_px: NDArray[np.float64], colour: Colour, opacity: float) -> None:
        """Blend a colour over a polygon (K, 2); only its bounding box is touched."""
        corners = np.round(np.clip(polygon_px, -_FAR_OUTSIDE_PX, _FAR_OUTSIDE_PX)).astype(np.int32)
        left, top = np.maximum(corners.min(axis=0), 0)
        right, bottom = np.minimum(corners.max(axis=0) + 1, (self.width, self.height))
        if left >= right or top >= bottom:
            return
        region = self.image[top:bottom, left:right]
        painted = region.copy()
        cv2.fillPoly(painted, [corners - (left, top)], colour)
        cv2.addWeighted(painted, opacity, region, 1.0 - opacity, 0.0, dst=region)
