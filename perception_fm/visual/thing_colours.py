"""Colours and words of obstacles, the same in every picture."""

from __future__ import annotations

import math

import numpy as np

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.types import Obstacle
from perception_fm.visual.pen import Colour

GREEN: Colour = (96, 190, 40)
AMBER: Colour = (40, 170, 250)
RED: Colour = (48, 48, 225)

_BY_NAME: dict[str, Colour] = {
    "person": (190, 60, 220), "rider": (190, 60, 220), "bicycle": (220, 110, 190), "motorcycle": (220, 110, 190),
    "car": (235, 140, 50), "truck": (200, 110, 40), "bus": (200, 110, 40), "train": (200, 110, 40),
}  # fmt: skip
_MOVING_MPS = 0.5


def obstacle_name(item: Obstacle) -> str:
    """Name of its class, empty where it is not known."""
    return CITYSCAPES_CLASSES[item.class_id] if 0 <= item.class_id < len(CITYSCAPES_CLASSES) else ""


def obstacle_colour(item: Obstacle) -> Colour:
    """Amber for a suspicion; else that of road users of its class, red for everything that stands."""
    return _BY_NAME.get(obstacle_name(item), RED) if item.is_confirmed else AMBER


def speed_mps(item: Obstacle) -> float:
    """Its speed over the ground, 0 where it is not known or too slow to be called moving."""
    speed = float(np.hypot(*item.velocity_mps[:2]))
    return speed if math.isfinite(speed) and speed > _MOVING_MPS else 0.0
