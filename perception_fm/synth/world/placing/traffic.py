"""Vehicles: parked beside the lanes, and driving along the other lanes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Asset
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import Lane
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import Clearing, Site
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

_SPEED_MPS = {"town": (9.0, 13.5), "suburb": (8.0, 12.0), "country": (16.0, 23.0), "motorway": (23.0, 34.0)}
_CYCLIST_MPS = 5.0
_MEAN_GAP_M = {"town": 45.0, "suburb": 70.0, "country": 90.0, "motorway": 70.0}
_LATERAL_ACCELERATION_MPS2 = 2.5  # what drivers accept in a bend
_STREAM_S = 45.0  # vehicles that come into view within this time are there from the start
_HIDDEN_M = -500.0  # under the ground: where vehicles wait beyond the road's ends
_HALF_WIDTH_M, _HALF_LENGTH_M = 1.6, 9.0  # of the largest vehicle, an articulated truck with its mirrors
_LEAST_GAP_M = 20.0  # from middle to middle where the stream is slowest, so that two trucks stay apart
_LEAST_CYCLIST_GAP_M = 4.0
_CYCLIST_ROOM_M = 3.3  # narrower lanes leave none beside a van
_PARKED_BEYOND_M = 80.0  # past the road's end, where they are a few pixels high
_BAY_M = 6.6  # a parked vehicle and the gap to the next
_FROM_KERB_M = (0.08, 0.18)  # of parked vehicles, so that no mirror reaches into the lane
_SIGHT_M = 6.0  # nobody parks closer to a junction or a crossing


@dataclass(frozen=True, eq=False)
class Clock:
    """When a vehicle of a lane's stream passes each station: `time_s` (N,) increasing along the way it drives."""

    station_m: FloatArray
    time_s: FloatArray

    @staticmethod
    def along(line: RoadLine, span_m: tuple[float, float], lateral_m: float, direction: int, speed_mps: float) -> Clock:
        """At a speed that is slower in bends."""
        station = np.arange(span_m[0], span_m[1] + 1.0, 1.0)
        bend = np.interp(station, line.station_m, np.gradient(line.heading_rad, line.station_m), left=0.0, right=0.0)
        radius = 1.0 / np.maximum(np.abs(bend), 1e-6)
        speed = np.minimum(speed_mps, np.sqrt(_LATERAL_ACCELERATION_MPS2 * radius))
        # A length of the lane is longer than that of the line outside a bend, shorter inside.
        pace = np.maximum(1.0 - bend * lateral_m, 0.2) / speed
        if direction < 0:
            station, pace = station[::-1], pace[::-1]
        time = np.concatenate([[0.0], np.cumsum(0.5 * (pace[1:] + pace[:-1]))])
        return Clock(station, time)

    @property
    def slowest_mps(self) -> float:
        """Least speed along the stations."""
        return float((np.abs(np.diff(self.station_m)) / np.diff(self.time_s)).min())


@dataclass(frozen=True, eq=False)
class LaneDrive:
    """A drive along a lane; beyond the clock's stations the vehicle is out of sight."""

    line: RoadLine
    clock: Clock
    lateral_m: float
    direction: int
    lead_s: float

    def station(self, time_s: float) -> float | None:
        """Where it is; None out of sight."""
        at = self.lead_s + time_s
        if not 0.0 <= at <= self.clock.time_s[-1]:
            return None
        return float(np.interp(at, self.clock.time_s, self.clock.station_m))

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`."""
        station = self.station(time_s)
        turn = 0.0 if self.direction > 0 else math.pi
        if station is None:
            return self.line.pose(float(self.clock.station_m[0]), self.lateral_m, _HIDDEN_M, turn)
        return self.line.pose(station, self.lateral_m, 0.0, turn)


def drive_traffic(site: Site, config: WorldConfig, ego: Lane, palette: Palette, rng: np.random.Generator) -> None:
    """Streams of vehicles on all lanes but the ego vehicle's; each stream keeps its order and its lane."""
    road = site.roadway
    if config.traffic == 0.0:
        return
    low, high = _SPEED_MPS[config.style]
    for lane in road.section.lane_list():
        if lane == ego:
            continue
        has_room = lane.width_m >= _CYCLIST_ROOM_M and config.style in ("town", "suburb")
        has_cyclists = has_room and abs(lane.offset_m) == max(abs(other.offset_m) for other in road.section.lane_list())
        speed = rng.uniform(low, high)
        streams = [(lane.offset_m - (0.2 * np.sign(lane.offset_m) if has_cyclists else 0.0), speed, 1.0, False)]
        if has_cyclists:
            edge = lane.offset_m + np.sign(lane.offset_m) * (0.5 * lane.width_m - 0.35)
            streams.append((edge, _CYCLIST_MPS, 4.0, True))
        for lateral, pace, sparse, is_cycling in streams:
            clock = Clock.along(road.line, road.span_m, lateral, lane.direction, pace)
            gap_s = sparse * _MEAN_GAP_M[config.style] / config.traffic / pace
            least_m = _LEAST_CYCLIST_GAP_M if is_cycling else _LEAST_GAP_M
            for lead in _leads(clock, gap_s, least_m / clock.slowest_mps, rng):
                asset = palette.two_wheeler(rng) if is_cycling else palette.moving(rng, config.style, has_cyclists)
                drive = LaneDrive(road.line, clock, float(lateral), lane.direction, lead)
                if not enters(drive, site.keep_clear):
                    site.add(asset, drive.pose(0.0), drive)


def _leads(clock: Clock, gap_s: float, least_s: float, rng: np.random.Generator) -> list[float]:
    """Times since each vehicle of a stream passed the clock's first station; negative: still to come."""
    leads, at = [], float(clock.time_s[-1]) - rng.exponential(gap_s)
    while at > -_STREAM_S:
        leads.append(at)
        at -= least_s + rng.exponential(max(gap_s - least_s, 0.1))
    return leads


def enters(drive: LaneDrive, clearings: Sequence[Clearing]) -> bool:
    """Whether a vehicle touches a clearing at any time from 0 on."""
    start = drive.station(0.0)
    for clearing in clearings:
        reach = _HALF_WIDTH_M
        if clearing.right_m - reach < drive.lateral_m < clearing.left_m + reach:
            is_past = start is not None and (
                start > clearing.to_m + _HALF_LENGTH_M
                if drive.direction > 0
                else start < clearing.from_m - _HALF_LENGTH_M
            )
            if not is_past:
                return True
    return False


def park_vehicles(site: Site, config: WorldConfig, palette: Palette, rng: np.random.Generator) -> None:
    """In the parking bays of both sides, away from junctions and crossings."""
    road = site.roadway
    if config.parked == 0.0 or config.style not in ("town", "suburb"):
        return
    share = min(1.0, (0.5 if config.style == "town" else 0.3) * config.parked)
    for side in (-1.0, 1.0):
        station = road.span_m[0] + rng.uniform(3.0, 8.0)
        while station < config.length_m + _PARKED_BEYOND_M:
            if rng.random() < share and not is_kept_free(road, station):
                asset: Asset = palette.parked(rng)
                turn = (0.0 if side < 0.0 else math.pi) + rng.normal(0.0, 0.01)
                lateral = road.section.half_asphalt_m - rng.uniform(*_FROM_KERB_M) - 0.5 * site.width_m(asset)
                if site.width_m(asset) < road.section.shoulder_m - _FROM_KERB_M[1]:
                    site.place(asset, road.line.pose(station, side * lateral, 0.0, turn), on_asphalt=True)
            station += _BAY_M * rng.uniform(0.92, 1.15)


def is_kept_free(road: Roadway, station_m: float) -> bool:
    """Whether a junction or a crossing is so close that nobody may park."""
    is_near_zone = any(zone.holds(station_m, _SIGHT_M) for zone in road.zones)
    return is_near_zone or any(zebra.from_m - _SIGHT_M < station_m < zebra.to_m + _SIGHT_M for zebra in road.zebras)
