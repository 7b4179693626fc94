"""Settings of who and what else is on the road by arrangement: the actors of a scenario."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perception_fm.config import setting
from perception_fm.synth.painted.config import WallConfig

POSTER_TRUCK = "poster_truck"
SMALL_OBSTACLES = ("crate", "tyre", "cone", "kerbstone", "log")
"""What lies on the road, 0.2 to 0.75 m high, and never moves."""
ACTOR_KINDS = (
    "car", "van", "truck", "bus", "motorcyclist", "cyclist", "pedestrian", POSTER_TRUCK, *SMALL_OBSTACLES
)  # fmt: skip

# Length and width in metres that a check before rendering reckons with: the largest of each kind.
FOOTPRINT_M = {
    "car": (5.0, 2.0),
    "van": (6.2, 2.2),
    "truck": (16.6, 2.6),
    "bus": (13.0, 2.6),
    "motorcyclist": (2.4, 0.9),
    "cyclist": (2.0, 0.7),
    "pedestrian": (0.8, 0.8),
    "poster_truck": (16.6, 2.6),
    "crate": (0.6, 0.4),
    "tyre": (0.7, 0.7),
    "cone": (0.4, 0.4),
    "kerbstone": (1.0, 0.15),
    "log": (2.0, 0.3),
}


@dataclass(frozen=True)
class ActorConfig:
    """One road user, or a small obstacle, which stands still. A road user keeps its speed until `change_at_s` and then
    changes it steadily to `final_speed_mps`.

    A vehicle follows its lane; left and right cross the road, seen by who drives along it, and turn across it what lies
    there.
    """

    kind: str = setting("car", "what it is", choices=ACTOR_KINDS)
    station_m: float = setting(60.0, "of its middle at the first image", low=-200.0, high=3000.0)
    lane: int = setting(0, "0: the ego lane, 1: the next to its left, -1: to its right", low=-8, high=8)
    lateral_m: float = setting(0.0, "left of that lane's middle", low=-40.0, high=40.0)
    heading: str = setting(
        "lane", "which way it goes; lane: as that lane's traffic", choices=("lane", "along", "against", "left", "right")
    )
    speed_mps: float = setting(0.0, "at the first image", low=0.0, high=60.0)
    matches_ego: bool = setting(False, "its speed at the first image is drive.speed_mps, in place of speed_mps")
    change_at_s: float = setting(math.nan, "from this time on its speed changes; NaN: never", low=0.0, high=3600.0)
    change_mps2: float = setting(4.0, "braking or acceleration, by which of the speeds is higher", low=0.1, high=12.0)
    final_speed_mps: float = setting(0.0, "speed after the change", low=0.0, high=60.0)
    seed: int = setting(0, "which one of its kind", low=0, high=2**31 - 1)
    poster: WallConfig = field(default_factory=lambda: WallConfig(canvas="truck_rear"))
