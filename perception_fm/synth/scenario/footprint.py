"""What walls and actors take of the ground, so that no two of them are put into the same place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.actor_motion import ActorMotion
from perception_fm.synth.driving.drive_plan import DrivePlan
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.scenario.wall_reach import CARRIERS_M, HEADROOM_M

FloatArray = NDArray[np.float64]

_LOOK_S = 0.1  # actors are looked at in this beat
_EYE_LEVEL_M = 2.0  # a leaning wall takes the ground below it up to where people and cars would touch it
_CLOTH_M = 0.05


@dataclass(frozen=True)
class Footprint:
    """A rectangle, its middle at a station and lateral of the road, turned anticlockwise, from `low_m` to `high_m` over
    the road.
    """

    station_m: float
    lateral_m: float
    half_along_m: float
    half_across_m: float
    turn_rad: float = 0.0
    low_m: float = 0.0
    high_m: float = HEADROOM_M

    def overlaps(self, other: Footprint) -> bool:
        """Whether both take some of the same place, on a road that is straight between them (separating axes)."""
        between = np.array([other.station_m - self.station_m, other.lateral_m - self.lateral_m])
        if self.low_m >= other.high_m or other.low_m >= self.high_m:
            return False
        if math.hypot(*between) >= self._radius_m + other._radius_m:
            return False
        return all(
            abs(float(axis @ between)) < self._reach_m(axis) + other._reach_m(axis)
            for axis in (*self._axes, *other._axes)
        )

    @property
    def _radius_m(self) -> float:
        return math.hypot(self.half_along_m, self.half_across_m)

    @property
    def _axes(self) -> FloatArray:
        c, s = math.cos(self.turn_rad), math.sin(self.turn_rad)
        return np.array([[c, s], [-s, c]])

    def _reach_m(self, axis: FloatArray) -> float:
        along, across = np.abs(self._axes @ axis)
        return float(along * self.half_along_m + across * self.half_across_m)


def check_room(plan: DrivePlan, walls: Sequence[WallConfig], motions: Sequence[ActorMotion]) -> None:
    """Raises `ConfigError` for two walls, an actor and a wall, or two actors in the same place."""
    standing = [(f"walls.{number}", taken) for number, wall in enumerate(walls) for taken in _of_wall(plan, wall)]
    for (first, one), (second, other) in itertools.combinations(standing, 2):
        if one.overlaps(other):
            raise ConfigError(f"{second}.station_m: {first} stands there already, at {one.station_m:g} m")
    if not motions:
        return
    for time_s in np.arange(0.0, plan.motion.duration_s, _LOOK_S):
        moving = [(f"actors.{number}", _of_actor(motion, float(time_s))) for number, motion in enumerate(motions)]
        pairs = itertools.chain(itertools.combinations(moving, 2), itertools.product(standing, moving))
        for (first, one), (second, other) in pairs:
            if one.overlaps(other):
                raise ConfigError(
                    f"{second}: is where {first} is, {time_s:.1f} s after the first image, at {other.station_m:.0f} m"
                )


def _of_actor(motion: ActorMotion, time_s: float) -> Footprint:
    return Footprint(*motion.place(time_s), *motion.half_size_m())


def _of_wall(plan: DrivePlan, wall: WallConfig) -> Iterator[Footprint]:
    """Nothing for what lies flat."""
    if wall.canvas == "road_painting":
        return
    lateral_m, turn_rad = plan.path_lateral_m(wall.station_m) + wall.lateral_m, math.radians(wall.slant_deg)
    if wall.canvas in CARRIERS_M:
        yield Footprint(wall.station_m, lateral_m, *CARRIERS_M[wall.canvas], turn_rad)
        return
    bowed = 0.125 * wall.width_m**2 * abs(wall.curvature_per_m)
    leaning = min(wall.height_m, _EYE_LEVEL_M) * abs(math.sin(math.radians(wall.lean_deg)))
    thick = wall.thickness_m if wall.canvas == "solid_wall" else _CLOTH_M
    yield Footprint(
        wall.station_m,
        lateral_m,
        0.5 * (bowed + leaning + thick),
        0.5 * wall.width_m,
        turn_rad,
        wall.raised_m,
        wall.raised_m + wall.height_m,
    )
