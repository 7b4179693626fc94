"""Lines, text and tints whose sizes fit the picture."""

from __future__ import annotations

from collections.abc import Sequence

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

    def pins(self, heads_px: NDArray[np.float64], tails_px: NDArray[np.float64], colour: Colour) -> None:
        """A dot at each head (N, 2) with a thin line to its tail (N, 2)."""
        if not len(heads_px):
            return
        ends = np.clip(np.stack([heads_px, tails_px], axis=1), -_FAR_OUTSIDE_PX, _FAR_OUTSIDE_PX)
        pixels = np.rint(ends).astype(np.int32)
        cv2.polylines(self.image, list(pixels), False, colour, 1)
        # A line of no length is as round as its ends.
        cv2.polylines(self.image, list(np.repeat(pixels[:, :1], 2, axis=1)), False, colour, 2 * self.line_px)

    def tint(self, polygon_px: NDArray[np.float64], colour: Colour, opacity: float) -> None:
        """Blend a colour over a polygon (K, 2)."""
        self.tints([(polygon_px, colour)], opacity)

    def tints(self, polygons: Sequence[tuple[NDArray[np.float64], Colour]], opacity: float) -> None:
        """Blend polygons (K, 2) in their colours, later ones over earlier ones; only their bounding box is touched."""
        if not polygons:
            return
        rounded = [np.round(np.clip(one, -_FAR_OUTSIDE_PX, _FAR_OUTSIDE_PX)).astype(np.int32) for one, _ in polygons]
        corners = np.concatenate(rounded)
        left, top = np.maximum(corners.min(axis=0), 0)
        right, bottom = np.minimum(corners.max(axis=0) + 1, (self.width, self.height))
        if left >= right or top >= bottom:
            return
        region = self.image[top:bottom, left:right]
        painted = region.copy()
        for polygon, (_, colour) in zip(rounded, polygons):
            cv2.fillPoly(painted, [polygon - (left, top)], colour)
        cv2.addWeighted(painted, opacity, region, 1.0 - opacity, 0.0, dst=region)
