"""How far a painted surface reaches along the road and beside the driven path, and whether it stands in the way."""

from __future__ import annotations

import math
from collections.abc import Iterable

from perception_fm.synth.painted.config import WallConfig

HALF_WAY_M = 1.2  # half of the vehicle and what it wanders in its lane
HEADROOM_M = 2.5  # a surface that hangs higher lets a car pass below
# Half lengths (along, across the road) of what carries a picture, the largest of their kind.
CARRIERS_M = {"truck_rear": (8.3, 1.3), "bus_side": (1.3, 6.5)}


def reach_m(wall: WallConfig) -> tuple[float, float, float, float]:
    """Rectangle that holds it, from its station and the path: (before, behind, to the right, to the left), positive."""
    half_m = half_across_m(wall)
    turned = 0.5 * wall.width_m * abs(math.sin(math.radians(wall.slant_deg)))
    leaning = wall.height_m * abs(math.sin(math.radians(wall.lean_deg)))
    along_m = turned + leaning + 0.125 * wall.width_m**2 * abs(wall.curvature_per_m) + wall.crease_m
    before, behind = along_m, along_m + (wall.thickness_m if wall.canvas == "solid_wall" else 0.0)
    if wall.canvas == "road_painting":
        before, behind = 0.0, wall.height_m
    if wall.canvas in CARRIERS_M:
        before = behind = max(CARRIERS_M[wall.canvas])
    return before, behind, half_m - wall.lateral_m, half_m + wall.lateral_m


def is_in_way(wall: WallConfig) -> bool:
    """Whether a vehicle on the driven path would run into it."""
    if wall.canvas == "road_painting" or wall.raised_m > HEADROOM_M:
        return False
    return abs(wall.lateral_m) - half_across_m(wall) < HALF_WAY_M


def nearest_station_m(wall: WallConfig) -> float:
    """Station of its part that the camera would meet first."""
    if wall.canvas in CARRIERS_M:
        return wall.station_m - max(CARRIERS_M[wall.canvas])
    turned = 0.5 * wall.width_m * abs(math.sin(math.radians(wall.slant_deg)))
    within = (HALF_WAY_M + abs(wall.lateral_m)) * abs(math.tan(math.radians(wall.slant_deg)))
    leaning = max(0.0, -wall.height_m * math.sin(math.radians(wall.lean_deg)))
    # Edges of a canvas whose middle is farther away come this much nearer.
    bowed = 0.125 * wall.width_m**2 * max(0.0, -wall.curvature_per_m)
    return wall.station_m - min(turned, within) - leaning - bowed - wall.crease_m


def first_in_way(walls: Iterable[WallConfig]) -> tuple[int, WallConfig] | None:
    """Number and setting of the wall that the drive meets first, None where the way is free."""
    found = [(number, wall) for number, wall in enumerate(walls) if is_in_way(wall)]
    return min(found, key=lambda entry: nearest_station_m(entry[1])) if found else None


def half_across_m(wall: WallConfig) -> float:
    """Half of what it takes across the road."""
    if wall.canvas in CARRIERS_M:
        along, across = CARRIERS_M[wall.canvas]
        turn = math.radians(wall.slant_deg)
        return along * abs(math.sin(turn)) + across * abs(math.cos(turn))
    return 0.5 * wall.width_m * abs(math.cos(math.radians(wall.slant_deg)))
