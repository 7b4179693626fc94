"""What each kind of object in the synthetic world is called in the ground truth (Cityscapes trainIds, 255 ignored)."""

from __future__ import annotations

from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import PerceptionError

IGNORED = UNKNOWN_LABEL
SKY = 10
WALL = 3
# Cityscapes leaves guard rail, bridge, tunnel, advertising and what else lies or stands about ("static": boxes, cones)
# out of its evaluation (trainId 255); vans are cars.
KINDS = {
    "road": 0,
    "side_road": 0,
    "marking": 0,
    "puddle": 0,
    "stain": 0,
    "road_painting": 0,
    "kerb": 1,
    "pavement": 1,
    "traffic_island": 1,
    "building": 2,
    "painted_wall": WALL,
    "mirror": WALL,
    "garden_wall": WALL,
    "retaining_wall": WALL,
    "fence": 4,
    "lamp_post": 5,
    "pole": 5,
    "gantry": 5,
    "traffic_light": 6,
    "sign": 7,
    "tree": 8,
    "hedge": 8,
    "bush": 8,
    "grass": 9,
    "ground": 9,
    "sky": SKY,
    "pedestrian": 11,
    "rider": 12,
    "car": 13,
    "van": 13,
    "truck": 14,
    "bus": 15,
    "motorcycle": 17,
    "bicycle": 18,
    "guard_rail": IGNORED,
    "bridge": IGNORED,
    "tunnel": IGNORED,
    "billboard": IGNORED,
    "barrier": IGNORED,
    "street_furniture": IGNORED,
    "small_obstacle": IGNORED,
}


def train_id(kind: str) -> int:
    """Cityscapes trainId of a kind. Raises `PerceptionError` for an unknown one."""
    try:
        return KINDS[kind]
    except KeyError:
        raise PerceptionError(f"{kind!r} is no kind of object; known are {', '.join(sorted(KINDS))}") from None
