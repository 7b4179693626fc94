"""Vehicles keep their lane, their distance and out of clearings; people stay on the pavement."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.profile import build_profile
from perception_fm.synth.world.placing.crowd import Walk
from perception_fm.synth.world.placing.side_traffic import STOP_M, Arriving, Leaving
from perception_fm.synth.world.placing.site import Clearing
from perception_fm.synth.world.placing.traffic import Clock, LaneDrive, enters
from perception_fm.synth.world.town import World, build_world

STRAIGHT = build_profile(WorldConfig(), 0)
SPAN = (-30.0, 400.0)


def drive(station_m: float, direction: int = -1, lateral_m: float = 1.75, speed_mps: float = 10.0) -> LaneDrive:
    """On the straight road, at a station at time 0."""
    clock = Clock.along(STRAIGHT, SPAN, lateral_m, direction, speed_mps)
    way_m = station_m - SPAN[0] if direction > 0 else SPAN[1] - station_m
    return LaneDrive(STRAIGHT, clock, lateral_m, direction, way_m / speed_mps)


def test_an_oncoming_vehicle_drives_backwards_along_the_stations() -> None:
    pose = drive(100.0).pose(3.0)
    assert pose.translation_m == pytest.approx([70.0, 1.75, 0.0])
    assert pose.rotation[:, 0] == pytest.approx([-1.0, 0.0, 0.0], abs=1e-9)


def test_a_vehicle_beyond_the_road_is_out_of_sight() -> None:
    leaving = drive(-25.0)
    assert leaving.station(0.4) is not None
    assert leaving.station(0.6) is None
    assert leaving.pose(0.6).translation_m[2] < -100.0


def test_bends_are_driven_slowly() -> None:
    line = build_profile(WorldConfig(turn="left", turn_at_m=100.0), 0)
    clock = Clock.along(line, SPAN, 0.0, 1, 14.0)
    speed = np.diff(clock.station_m) / np.diff(clock.time_s)
    within = (clock.station_m[:-1] > 102.0) & (clock.station_m[:-1] < 112.0)
    assert speed[within].max() == pytest.approx(math.sqrt(2.5 * 9.0), rel=0.03)  # 2.5 m/s^2 at 9 m
    assert speed[:90].min() == pytest.approx(14.0)


@pytest.mark.parametrize(
    ("station_m", "direction", "is_entering"),
    [(100.0, -1, True), (60.0, -1, True), (40.0, -1, False), (40.0, 1, True), (75.0, 1, False)],
)
def test_who_drives_towards_a_clearing_enters_it(station_m: float, direction: int, is_entering: bool) -> None:
    clearing = Clearing(50.0, 65.0, -3.0, 3.0)
    assert enters(drive(station_m, direction), [clearing]) is is_entering


def test_a_clearing_beside_the_lane_concerns_nobody() -> None:
    assert not enters(drive(100.0), [Clearing(50.0, 65.0, -6.0, 0.1)])


def test_who_is_still_to_come_enters() -> None:
    coming = LaneDrive(STRAIGHT, Clock.along(STRAIGHT, SPAN, 1.75, -1, 10.0), 1.75, -1, -5.0)
    assert coming.station(0.0) is None
    assert enters(coming, [Clearing(50.0, 65.0, -3.0, 3.0)])


def test_a_walk_goes_to_and_fro() -> None:
    walk = Walk(STRAIGHT, 10.0, 30.0, 6.0, 0.12, 1.0, 5.0)
    assert walk.pose(0.0).translation_m == pytest.approx([15.0, 6.0, 0.12])
    assert walk.pose(20.0).translation_m == pytest.approx([25.0, 6.0, 0.12])  # 5 m back from the far end
    assert walk.pose(20.0).rotation[0, 0] == pytest.approx(-1.0)
    assert walk.pose(40.0).translation_m == pytest.approx(walk.pose(0.0).translation_m)


@pytest.fixture(scope="module", params=["town", "motorway", "turn", "narrow"])
def world(request: pytest.FixtureRequest) -> World:
    config = {
        "town": WorldConfig(lanes=2, traffic=3.0),
        "motorway": WorldConfig(style="motorway", lanes=3, traffic=3.0),
        "turn": WorldConfig(turn="right", turn_at_m=80.0, traffic=3.0),
        "narrow": WorldConfig(lane_width_m=2.75, traffic=3.0),
    }[request.param]
    return build_world(config, 3)


def drivers(world: World) -> list[tuple[LaneDrive, float, float]]:
    """Every moving vehicle with its half length and half width; rider and machine count once."""
    sizes: dict[int, tuple[LaneDrive, float, float]] = {}
    for item in world.scene.objects:
        if isinstance(item.trajectory, LaneDrive):
            length, width = np.abs(item.mesh.positions_m[:, :2]).max(axis=0)
            _, longest, widest = sizes.get(id(item.trajectory), (item.trajectory, 0.0, 0.0))
            sizes[id(item.trajectory)] = (item.trajectory, max(longest, float(length)), max(widest, float(width)))
    return list(sizes.values())


def test_nobody_reaches_into_the_middle_of_the_ego_lane(world: World) -> None:
    moving = drivers(world)
    assert len(moving) > 3
    # The ego vehicle is some 2 m wide.
    assert min(abs(item.lateral_m - world.ego_lateral_m) - width for item, _, width in moving) > 1.0


@pytest.mark.parametrize("time_s", [0.0, 7.0, 20.0, 40.0])
def test_moving_vehicles_do_not_touch(world: World, time_s: float) -> None:
    seen = [
        (at, item.lateral_m, length, width)
        for item, length, width in drivers(world)
        if (at := item.station(time_s)) is not None
    ]
    assert len(seen) > 3
    for one, other in itertools.combinations(seen, 2):
        is_apart_along = abs(one[0] - other[0]) > one[2] + other[2]
        is_apart_across = abs(one[1] - other[1]) > one[3] + other[3]
        assert is_apart_along or is_apart_across, (one, other)


def test_who_comes_up_to_a_stop_line_brakes_evenly_and_stands() -> None:
    coming = Arriving(STRAIGHT, 1.5, STOP_M, 8.0)
    times = np.arange(0.0, 12.0, 0.1)
    way = np.array([coming.station(float(time)) for time in times])
    speed = -np.diff(way) / 0.1
    assert speed[0] == pytest.approx(8.5)  # 30 km/h
    assert np.abs(np.diff(speed)).max() <= 2.0 * 0.1 + 1e-9  # 2 m/s^2 at most
    assert way[times >= 8.0] == pytest.approx(STOP_M)
    assert coming.pose(9.0).rotation[:, 0] == pytest.approx([-1.0, 0.0, 0.0], abs=1e-9)


def test_cars_in_side_roads_stay_out_of_the_junction() -> None:
    world = build_world(WorldConfig(junctions=(60.0, 150.0), traffic=3.0), 5)
    moving = [item for item in world.scene.objects if isinstance(item.trajectory, (Arriving, Leaving))]
    assert {type(item.trajectory) for item in moving} == {Arriving, Leaving}
    for item in moving:
        half = float(np.abs(item.mesh.positions_m[:, 0]).max())
        for time_s in np.arange(0.0, 25.0, 0.5):
            place = item.pose(float(time_s)).translation_m
            # A pavement of 3 m and the corner's rounding lie between the driven road and the arm.
            assert place[2] < -100.0 or abs(world.road.nearest(place[None])[1][0]) - half > 6.0
