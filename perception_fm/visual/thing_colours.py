"""Colours and words of obstacles, the same in every picture."""

from __future__ import annotations

import math

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
_STRUCTURE = frozenset((
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky",
))  # fmt: skip
_MOVING_MPS, _MOVING_SIGMAS = 0.5, 2.0


def obstacle_name(item: Obstacle) -> str:
    """Name of its class, empty where it is not known."""
    return CITYSCAPES_CLASSES[item.class_id] if 0 <= item.class_id < len(CITYSCAPES_CLASSES) else ""


def obstacle_colour(item: Obstacle) -> Colour:
    """Amber for a suspicion; else that of road users of its class, red for everything that stands."""
    return _BY_NAME.get(obstacle_name(item), RED) if item.is_confirmed else AMBER


def is_structure(item: Obstacle) -> bool:
    """Whether it is part of what lines every street, beside the path: hundreds of pieces that nobody wants to read."""
    return obstacle_name(item) in _STRUCTURE and not item.is_in_path


def speed_mps(item: Obstacle) -> float:
    """Its speed over the ground, 0 where it is not surely moving, or cannot."""
    if obstacle_name(item) in _STRUCTURE:
        return 0.0
    speed, sigma = (math.hypot(*one[:2].tolist()) for one in (item.velocity_mps, item.velocity_sigma_mps))
    least = _MOVING_MPS if math.isnan(sigma) else max(_MOVING_MPS, _MOVING_SIGMAS * sigma)
    is_moving = math.isfinite(speed) and speed > least
    return speed if is_moving else 0.0
