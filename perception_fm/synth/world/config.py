"""Settings of the procedural world and of its weather."""

from __future__ import annotations

from dataclasses import dataclass

from perception_fm.config import setting


@dataclass(frozen=True)
class WorldConfig:
    """What stands where. Densities are relative: 0 none, 1 usual for the style. Lists are stations along the road."""

    style: str = setting("town", "surroundings", choices=("town", "suburb", "country", "motorway"))
    length_m: float = setting(240.0, "of the road", low=60.0, high=3000.0)
    lanes: int = setting(1, "per direction", low=1, high=4)
    lane_width_m: float = setting(3.5, "width of a lane", low=2.5, high=4.5)
    curve_radius_m: float = setting(0.0, "tightest curve; 0: straight", low=0.0, high=5000.0)
    grade: float = setting(0.0, "steepest slope, dz/ds, up or down by seed", low=0.0, high=0.08)
    junctions: tuple[float, ...] = setting((), "crossings, stations in m", low=0.0, high=3000.0)
    turn: str = setting("none", "at a T-junction the road goes on to this side", choices=("none", "left", "right"))
    turn_at_m: float = setting(120.0, "station of that turn", low=30.0, high=3000.0)
    buildings: float = setting(1.0, "density", low=0.0, high=2.0)
    trees: float = setting(1.0, "density", low=0.0, high=3.0)
    furniture: float = setting(1.0, "lamps, signs, poles, fences, guard rails", low=0.0, high=2.0)
    parked: float = setting(1.0, "parked vehicles", low=0.0, high=2.0)
    traffic: float = setting(1.0, "moving vehicles, cyclists included, on the other lanes", low=0.0, high=3.0)
    pedestrians: float = setting(1.0, "on the pavement and crossings", low=0.0, high=5.0)
    tunnels: tuple[float, ...] = setting((), "tunnels of 60 m, stations of their entrances in m", low=0.0, high=3000.0)
    bridges: tuple[float, ...] = setting((), "bridges over the road, stations in m", low=0.0, high=3000.0)
    gantries: tuple[float, ...] = setting((), "sign gantries over the road, stations in m", low=0.0, high=3000.0)
    billboards: tuple[float, ...] = setting((), "billboards beside the road, stations in m", low=0.0, high=3000.0)
    puddles: float = setting(0.0, "density of puddles on the road", low=0.0, high=2.0)


@dataclass(frozen=True)
class WeatherConfig:
    """Light and air."""

    sun_elevation_deg: float = setting(40.0, "above the horizon; below 0: dusk without sun", low=-6.0, high=90.0)
    sun_azimuth_deg: float = setting(60.0, "anticlockwise from the road's start; 0: ahead", low=-360.0, high=360.0)
    cloud: float = setting(0.3, "0 clear to 1 overcast, where the sun casts no shadow", low=0.0, high=1.0)
    visibility_m: float = setting(8000.0, "meteorological range (5% contrast, Koschmieder)", low=30.0, high=100000.0)
    wetness: float = setting(0.0, "of the ground: 0 dry to 1 shining", low=0.0, high=1.0)
