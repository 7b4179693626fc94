"""A flat thing that stands on the road, drawn: colours, outline, and what each part of it is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL

WALL, POLE, TRUCK = (CITYSCAPES_CLASSES.index(name) for name in ("wall", "pole", "truck"))

_POST_M = 0.12
_FRAME_M = 0.06  # of a truck's rear round the print


@dataclass(frozen=True, eq=False)
class Canvas:
    """What is seen of it, from its left top corner: `colour` (h, w, 3) float32 0..255 BGR, `alpha` (h, w) float32,
    `label` (h, w) uint8 trainId, `painted` (h, w) uint8.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    label: NDArray[np.uint8]
    painted: NDArray[np.uint8]


def printed_wall(picture: NDArray[np.float32], *, is_painted: bool = True) -> Canvas:
    """A wall that carries the picture (h, w, 3) all over; not painted: the picture is the wall's own material."""
    shape = picture.shape[:2]
    return Canvas(
        picture, np.ones(shape, np.float32), np.full(shape, WALL, np.uint8), np.full(shape, is_painted, np.uint8)
    )


def billboard(picture: NDArray[np.float32], pixels_per_m: float, foot_m: float, rng: np.random.Generator) -> Canvas:
    """A picture on two posts of the height `foot_m`. Cityscapes leaves such boards out of its evaluation."""
    height, width = picture.shape[:2]
    below = max(1, round(foot_m * pixels_per_m))
    colour = np.full((height + below, width, 3), rng.uniform(30.0, 110.0), np.float32)
    colour[:height] = picture
    alpha = np.zeros((height + below, width), np.float32)
    label = np.full((height + below, width), POLE, np.uint8)
    alpha[:height], label[:height] = 1.0, UNKNOWN_LABEL
    post = max(1, round(_POST_M * pixels_per_m))
    for share in (0.2, 0.8):
        left = max(0, min(width - post, round(share * width) - post // 2))
        alpha[height:, left : left + post] = 1.0
    painted = np.zeros((height + below, width), np.uint8)
    painted[:height] = 1
    return Canvas(colour, alpha, label, painted)


def truck_rear(picture: NDArray[np.float32], pixels_per_m: float, foot_m: float, rng: np.random.Generator) -> Canvas:
    """The doors of a box truck with the picture on them, above bumper, lamps and wheels of the height `foot_m`."""
    height, width = picture.shape[:2]
    below = max(4, round(foot_m * pixels_per_m))
    colour = np.full((height + below, width, 3), rng.uniform(15.0, 60.0), np.float32)
    colour[:height] = picture
    frame = max(1, round(_FRAME_M * pixels_per_m))
    paint = tuple(float(value) for value in rng.uniform(40.0, 230.0, 3))
    cv2.rectangle(colour, (0, 0), (width - 1, height - 1), paint, frame)
    cv2.line(colour, (width // 2, 0), (width // 2, height - 1), (25.0, 25.0, 25.0), max(1, frame // 4))
    lamp = max(1, width // 14)
    for left in (frame, width - frame - lamp):
        cv2.rectangle(colour, (left, height + 1), (left + lamp, height + max(1, below // 4)), (30.0, 30.0, 190.0), -1)
    alpha = np.ones((height + below, width), np.float32)
    # Under the bumper light comes through between the wheels.
    alpha[height + below // 2 :, round(0.22 * width) : round(0.78 * width)] = 0.0
    painted = np.zeros((height + below, width), np.uint8)
    painted[frame : height - frame, frame : width - frame] = 1
    return Canvas(colour, alpha, np.full((height + below, width), TRUCK, np.uint8), painted)
