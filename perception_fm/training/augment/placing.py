"""Where a flat thing stands on the road of a sample: drawn size, distance, side and slant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from perception_fm.camera.model import FloatArray

WALL, BARE_WALL, BILLBOARD, TRUCK = "wall", "bare wall", "billboard", "truck"

_NEAREST_FOOT_M = 1.0  # a corner nearer than this, or behind the camera, is drawn anew


@dataclass(frozen=True)
class Place:
    """A rectangle on the road, metres and radians: `distance_m` along the optical axis over the road to the middle of
    the foot, `lateral_m` positive left, `slant_rad` anticlockwise seen from above, `lean_rad` positive when the top is
    farther away. Its lowest `foot_m` are posts or a chassis.
    """

    kind: str
    distance_m: float
    lateral_m: float
    width_m: float
    height_m: float
    foot_m: float = 0.0
    slant_rad: float = 0.0
    lean_rad: float = 0.0


def draw_place(kind: str, rng: np.random.Generator) -> Place:
    """One of its kind, nearer ones as often per octave as far ones."""

    def log_uniform(low: float, high: float) -> float:
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))

    if kind == BILLBOARD:
        side = float(rng.choice((-1.0, 1.0)))
        foot_m = float(rng.uniform(1.0, 3.5))
        height_m = foot_m + float(rng.uniform(1.0, 3.5))
        slant = float(rng.normal(0.0, math.radians(15.0)))
        return Place(
            kind, log_uniform(8.0, 45.0), side * rng.uniform(4.5, 11.0), log_uniform(1.5, 7.0), height_m, foot_m, slant
        )
    if kind == TRUCK:
        foot_m = float(rng.uniform(0.7, 1.1))
        lateral_m = float(rng.choice((0.0, 3.4, -3.4)) + rng.normal(0.0, 0.3))
        height_m = float(rng.uniform(2.8, 4.0))
        return Place(
            kind, log_uniform(6.0, 45.0), lateral_m, rng.uniform(2.1, 2.55), height_m, foot_m, rng.normal(0.0, 0.04)
        )
    slant = float(rng.normal(0.0, math.radians(12.0)))
    lean = float(rng.normal(0.0, math.radians(2.5)))
    lateral_m = float(rng.normal(0.0, 1.0))
    return Place(
        kind, log_uniform(4.0, 45.0), lateral_m, log_uniform(2.5, 14.0), log_uniform(1.8, 6.0), 0.0, slant, lean
    )


def corners_m(place: Place, road: FloatArray) -> FloatArray | None:
    """(4, 3) foot left, foot right, top right, top left in the optical frame; None where one is too near.

    `road`: m (3,) of `road_plane`.
    """
    height_m = 1.0 / float(np.linalg.norm(road))
    down = road * height_m
    forward = np.array([0.0, 0.0, 1.0]) - down[2] * down
    forward /= np.linalg.norm(forward)
    right = np.cross(down, forward)
    foot_m = height_m * down + place.distance_m * forward - place.lateral_m * right
    turn = Rotation.from_rotvec(-place.slant_rad * down)
    across = turn.apply(right)
    upward = turn.apply(-math.cos(place.lean_rad) * down + math.sin(place.lean_rad) * forward)
    half, rise = 0.5 * place.width_m * across, place.height_m * upward
    corners = np.stack([foot_m - half, foot_m + half, foot_m + half + rise, foot_m - half + rise])
    return corners if corners[:, 2].min() >= _NEAREST_FOOT_M else None
