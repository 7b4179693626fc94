"""Cars in side roads: some wait behind the stop line, some come up to it, some drive away.

Nobody leaves the arm of a junction, so that nobody crosses the way of a drive that the world does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.junctions import ARM_LENGTH_M, Arm
from perception_fm.synth.world.placing.occupancy import CLEAR
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import Site
from perception_fm.synth.world.road_line import RoadLine

STOP_M = 4.6  # station of the first car's middle, its nose behind the stop line
_QUEUE_M = (6.0, 8.0)
_LONGEST_QUEUE_M = 25.0
_SPEED_MPS, _BRAKING_MPS2 = 8.5, 2.0
_ARRIVES_S = (2.0, 16.0)
_LEAVES_FROM_M = (8.0, 45.0)
_SEEN_TO_M = ARM_LENGTH_M - 4.0
_HIDDEN_M = -500.0  # under the ground
_HALF_WIDTH_M = 1.2
_MOVING_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Arriving:
    """Comes down an arm, brakes evenly and stands at `stop_m` from `arrives_s` on."""

    line: RoadLine
    lateral_m: float
    stop_m: float
    arrives_s: float

    def station(self, time_s: float) -> float:
        """How far from the junction it is."""
        left_s, braking_s = max(self.arrives_s - time_s, 0.0), _SPEED_MPS / _BRAKING_MPS2
        return self.stop_m + (
            0.5 * _BRAKING_MPS2 * left_s**2
            if left_s < braking_s
            else _SPEED_MPS * left_s - 0.5 * _SPEED_MPS * braking_s
        )

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`."""
        return _shown(self.line, self.station(time_s), self.lateral_m, math.pi)


@dataclass(frozen=True, eq=False)
class Leaving:
    """Drives away from the junction at a constant speed."""

    line: RoadLine
    lateral_m: float
    from_m: float

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`."""
        return _shown(self.line, self.from_m + _SPEED_MPS * time_s, self.lateral_m, 0.0)


def _shown(line: RoadLine, station_m: float, lateral_m: float, yaw_rad: float) -> RigidTransform:
    return line.pose(station_m, lateral_m, 0.0 if station_m < _SEEN_TO_M else _HIDDEN_M, yaw_rad)


def fill_side_roads(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """Standing and moving cars in all side roads."""
    share = min(config.traffic, 2.0)
    for arm in site.roadway.arms:
        lateral = arm.section.half_median_m + 0.5 * arm.section.lane_width_m
        station = STOP_M
        while rng.random() < 0.4 * share and station < _LONGEST_QUEUE_M:
            site.place(palette.parked(rng), arm.line.pose(station, lateral, 0.0, math.pi), on_lane=True)
            station += rng.uniform(*_QUEUE_M)
        if rng.random() < _MOVING_SHARE * share and _is_clear(site, arm, lateral, station):
            coming = Arriving(arm.line, lateral, station, rng.uniform(*_ARRIVES_S))
            site.add(palette.parked(rng), coming.pose(0.0), coming)
        if rng.random() < _MOVING_SHARE * share and _is_clear(site, arm, -lateral, 0.0):
            going = Leaving(arm.line, -lateral, rng.uniform(*_LEAVES_FROM_M))
            site.add(palette.parked(rng), going.pose(0.0), going)


def _is_clear(site: Site, arm: Arm, lateral_m: float, from_m: float) -> bool:
    """Whether no clearing reaches into a lane of an arm."""
    station = np.arange(from_m - STOP_M, _SEEN_TO_M + 3.0, 0.5)
    sides = lateral_m + np.array([-1.0, 0.0, 1.0]) * _HALF_WIDTH_M
    points = arm.line.points(station[:, None], sides)[..., :2].reshape(-1, 2)
    return not (site.occupancy.at(points) & CLEAR).any()
