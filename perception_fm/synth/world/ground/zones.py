"""Stretches of the road that are level and straight for a reason: junctions, the turn at a T-junction, tunnels."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from perception_fm.errors import ConfigError
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import cross_section, side_section

TUNNEL_LENGTH_M = 60.0
KERB_RETURN_M = {"town": 6.0, "suburb": 5.0, "country": 8.0}  # radius of the rounded corner (RASt 06, table 50)
_TURN_RADIUS_M = 9.0  # of the road's middle at a T-junction in a town, driven at walking to cycling speed
_BESIDE_M = {"bridges": 11.0, "gantries": 1.0, "billboards": 0.0}  # half their length along the road
_MARGIN_M = 1.0  # of the junction's own surface beyond the corners' rounding


@dataclass(frozen=True)
class Zone:
    """`kind` is junction, turn or tunnel; `at_m` its configured station; it reaches from `from_m` to `to_m`."""

    kind: str
    at_m: float
    from_m: float
    to_m: float

    def holds(self, station_m: float, margin_m: float = 0.0) -> bool:
        """Whether a station lies within, or closer than a margin."""
        return self.from_m - margin_m < station_m < self.to_m + margin_m


def turn_radius_m(config: WorldConfig) -> float:
    """Of the reference line at the T-junction; wide roads need a wider one to leave a rounded inner corner."""
    return max(_TURN_RADIUS_M, cross_section(config).half_asphalt_m + 3.0)


def junction_reach_m(config: WorldConfig) -> tuple[float, ...]:
    """How far the surface of a crossing reaches from its middle along the main road, and along the side road."""
    corner = KERB_RETURN_M[config.style] + _MARGIN_M
    main, side = cross_section(config), side_section(config)
    return tuple(max(road.half_asphalt_m + corner, road.half_corridor_m + _MARGIN_M) for road in (side, main))


def turn_reach_m(config: WorldConfig) -> float:
    """How far the surface of the T-junction reaches from where the middles of its roads meet."""
    return max(turn_radius_m(config), cross_section(config).half_corridor_m) + _MARGIN_M


def zones(config: WorldConfig) -> tuple[Zone, ...]:
    """All zones in order. Raises `ConfigError` where they overlap, leave the road, or the style has none."""
    found = [Zone("tunnel", at, at, at + TUNNEL_LENGTH_M) for at in config.tunnels]
    if config.style == "motorway" and (config.junctions or config.turn != "none"):
        key = "junctions" if config.junctions else "turn"
        raise ConfigError(f"world.{key}: a motorway has no junctions at grade; take style town, suburb or country")
    found += [_junction(config, at) for at in config.junctions]
    if config.turn != "none":
        found.append(_turn(config))
    found.sort(key=lambda zone: zone.from_m)
    for zone in found:
        if zone.from_m < 0.0 or zone.to_m > config.length_m:
            raise ConfigError(f"world: the {zone.kind} at {zone.at_m:g} m leaves the road of {config.length_m:g} m")
    for zone, following in itertools.pairwise(found):
        if following.from_m < zone.to_m:
            raise ConfigError(
                f"world: the {zone.kind} at {zone.at_m:g} m and the {following.kind} at {following.at_m:g} m overlap"
            )
    _check_overhead(config, found)
    return tuple(found)


def _junction(config: WorldConfig, at_m: float) -> Zone:
    reach_m = junction_reach_m(config)[0]
    return Zone("junction", at_m, at_m - reach_m, at_m + reach_m)


def _turn(config: WorldConfig) -> Zone:
    radius_m = turn_radius_m(config)
    beside_m = turn_reach_m(config) - radius_m
    from_m, to_m = config.turn_at_m - beside_m, config.turn_at_m + 0.5 * math.pi * radius_m + beside_m
    return Zone("turn", config.turn_at_m, from_m, to_m)


def _check_overhead(config: WorldConfig, found: list[Zone]) -> None:
    """Bridges, gantries and billboards stand beside a plain stretch of road."""
    for key in ("bridges", "gantries", "billboards"):
        for at in getattr(config, key):
            if at > config.length_m:
                raise ConfigError(f"world.{key}: {at:g} m is beyond the road's end at {config.length_m:g} m")
            within = next((zone for zone in found if zone.holds(at, _BESIDE_M[key])), None)
            if within is not None:
                raise ConfigError(
                    f"world.{key}: {at:g} m lies in the {within.kind} at {within.at_m:g} m or within "
                    f"{_BESIDE_M[key]:g} m of its ends"
                )
