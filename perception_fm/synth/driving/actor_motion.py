"""How an actor moves: along its lane or across the road, at a speed that may change once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scenario.actor_config import FOOTPRINT_M, SMALL_OBSTACLES, ActorConfig
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M, CrossSection, Lane
from perception_fm.synth.world.road_line import RoadLine

# Heading -> turn against the road's direction, in rad, and the step per metre of way along and to the left.
_HEADINGS = {
    "along": (0.0, 1.0, 0.0),
    "against": (math.pi, -1.0, 0.0),
    "left": (0.5 * math.pi, 0.0, 1.0),
    "right": (-0.5 * math.pi, 0.0, -1.0),
}


@dataclass(frozen=True, eq=False)
class ActorMotion:
    """A `Trajectory` on the road; `lateral_m` at the first image, left of the reference line."""

    config: ActorConfig
    road: RoadLine
    section: CrossSection
    lateral_m: float
    heading: str
    speed_mps: float

    @property
    def is_standing(self) -> bool:
        """Whether it never moves."""
        return self.speed_mps == 0.0 and (math.isnan(self.config.change_at_s) or self.config.final_speed_mps == 0.0)

    def way_m(self, time_s: float) -> float:
        """Way since the first image, negative before it."""
        config = self.config
        if math.isnan(config.change_at_s) or time_s <= config.change_at_s:
            return self.speed_mps * time_s
        changing_s = abs(config.final_speed_mps - self.speed_mps) / config.change_mps2
        since_s = time_s - config.change_at_s
        within_s = min(since_s, changing_s)
        rate = math.copysign(config.change_mps2, config.final_speed_mps - self.speed_mps)
        changed = self.speed_mps * within_s + 0.5 * rate * within_s**2
        return self.speed_mps * config.change_at_s + changed + config.final_speed_mps * (since_s - within_s)

    def place(self, time_s: float) -> tuple[float, float]:
        """Station and lateral of its middle."""
        _, along, left = _HEADINGS[self.heading]
        way = self.way_m(time_s)
        return self.config.station_m + along * way, self.lateral_m + left * way

    def half_size_m(self) -> tuple[float, float]:
        """Half of what it takes along and across the road."""
        length, width = FOOTPRINT_M[self.config.kind]
        if self.heading in ("left", "right"):
            length, width = width, length
        return 0.5 * length, 0.5 * width

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`, on the road or on the pavement beside it."""
        station, lateral = self.place(time_s)
        is_raised = self.section.has_kerb and abs(lateral) > self.section.half_asphalt_m
        return self.road.pose(station, lateral, KERB_HEIGHT_M if is_raised else 0.0, _HEADINGS[self.heading][0])


def actor_motion(
    config: ActorConfig,
    name: str,
    road: RoadLine,
    section: CrossSection,
    ego: Lane,
    ego_speed_mps: float,
) -> ActorMotion:
    """The motion of an actor, `name` being its key.

    Raises `ConfigError` for a lane that the road does not have, and for a small obstacle that is to move.
    """
    lane = _lane(config, name, section.lane_list(), ego)
    heading = config.heading
    if heading == "lane":
        heading = "along" if lane.direction > 0 else "against"
    speed = ego_speed_mps if config.matches_ego else config.speed_mps
    motion = ActorMotion(config, road, section, lane.offset_m + config.lateral_m, heading, speed)
    if config.kind in SMALL_OBSTACLES and not motion.is_standing:
        raise ConfigError(f"{name}.kind: a {config.kind} lies still; give it no speed and no change of speed")
    return motion


def _lane(config: ActorConfig, name: str, lanes: Sequence[Lane], ego: Lane) -> Lane:
    from_right = sorted(lanes, key=lambda lane: lane.offset_m)
    number = from_right.index(ego) + config.lane
    if not 0 <= number < len(from_right):
        left, right = len(from_right) - 1 - from_right.index(ego), -from_right.index(ego)
        raise ConfigError(
            f"{name}.lane: the road has the lanes {right} to {left}, counted from the ego lane to the left, "
            f"got {config.lane}"
        )
    return from_right[number]
