"""The assembled world: the ego lane is free, nothing stands in anything else, clearings stay clear."""

from __future__ import annotations

import numpy as np
import pytest
from road_rays import RaysDown

from perception_fm.errors import ConfigError
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.roadway import build_roadway
from perception_fm.synth.world.placing.occupancy import SOLID, TALL
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.site import CLEARANCE_M, THINGS, Clearing, Site, upright
from perception_fm.synth.world.town import World, build_world

CASES = {
    "town": WorldConfig(parked=2.0, trees=3.0, furniture=2.0, junctions=(90.0,)),
    "winding suburb": WorldConfig(style="suburb", curve_radius_m=60.0, grade=0.06, parked=2.0, trees=3.0),
    "turn": WorldConfig(turn="left", turn_at_m=70.0),
    "country": WorldConfig(style="country", curve_radius_m=100.0, trees=3.0, billboards=(60.0,), bridges=(100.0,)),
    "motorway": WorldConfig(style="motorway", lanes=2, gantries=(60.0,), tunnels=(90.0,)),
}
_FACET_M = 0.008  # how far facets leave the road line


@pytest.fixture(scope="module", params=CASES)
def world(request: pytest.FixtureRequest) -> World:
    return build_world(CASES[request.param], 11)


def still(world: World):
    """Solid objects that do not move."""
    return [item for item in world.scene.objects if item.trajectory is None and not item.is_decal]


def rays(world: World) -> RaysDown:
    return RaysDown(item.mesh.moved(item.world_from_object) for item in still(world))


def test_the_ego_lane_is_free_up_to_the_clearance(world: World) -> None:
    lane = world.lanes[world.ego_lane]
    lateral = world.ego_lateral_m + np.linspace(-0.5, 0.5, 9) * (lane.width_m - 0.1)
    station = np.arange(0.0, world.road.length_m + 100.0, 0.45)
    points = world.road.points(station[:, None], lateral, CLEARANCE_M).reshape(-1, 3)
    assert np.abs(rays(world).fall_m(points) - CLEARANCE_M).max() < _FACET_M


def test_the_ego_lane_is_the_right_one(world: World) -> None:
    along = [lane for lane in world.lanes if lane.direction > 0]
    assert world.ego_lateral_m == min(lane.offset_m for lane in along) < 0.0


def test_instances_are_numbered_once(world: World) -> None:
    numbers = [item.instance for item in world.scene.objects if item.kind in THINGS]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert {item.instance for item in world.scene.objects if item.kind not in THINGS} == {0}


def test_standing_vehicles_do_not_touch(world: World) -> None:
    boxes = []
    for item in still(world):
        if item.kind in ("car", "van"):
            low, high = item.mesh.positions_m.min(axis=0), item.mesh.positions_m.max(axis=0)
            boxes.append((item.world_from_object, 0.5 * (low + high), 0.5 * (high - low)))
    for number, (pose, centre, half) in enumerate(boxes):
        for other, other_centre, other_half in boxes[:number]:
            offset = (pose.inverse() @ other).apply(other_centre.astype(np.float64)) - centre
            # Both stand along the same road, turned by 180 degrees at most.
            assert (np.abs(offset[:2]) > (half + other_half)[:2] - 0.05).any()


@pytest.mark.parametrize("case", ["town", "winding suburb", "country"])
def test_nothing_stands_or_drives_in_a_clearing(case: str) -> None:
    clearing = Clearing(45.0, 62.0, -9.0, 9.0)
    world = build_world(CASES[case], 11, [clearing])
    station, lateral = np.meshgrid(np.arange(45.0, 62.0, 0.4), np.arange(-8.9, 9.0, 0.3))
    points = world.road.points(station, lateral, 30.0).reshape(-1, 3)
    fall = rays(world).fall_m(points)
    assert fall.max() < 30.6
    is_hit = fall < 29.8
    assert not is_hit.any() or fall[is_hit].max() < 30.0 - CLEARANCE_M  # crowns and arms above the clearance
    for item in world.scene.objects:
        for time_s in np.arange(0.0, 30.0, 1.0) if item.trajectory is not None else ():
            at, side = world.road.nearest(item.pose(time_s).translation_m[None])
            is_below = item.pose(time_s).translation_m[2] < -100.0
            assert is_below or not (45.0 < at[0] < 62.0 and abs(side[0]) < 9.0), item.kind


def test_a_clearing_turned_inside_out_is_refused() -> None:
    with pytest.raises(ConfigError, match="clearing"):
        build_world(WorldConfig(), 0, [Clearing(60.0, 50.0, -3.0, 3.0)])


def test_nothing_where_all_densities_are_zero() -> None:
    bare = WorldConfig(buildings=0.0, trees=0.0, furniture=0.0, parked=0.0, traffic=0.0, pedestrians=0.0)
    kinds = {item.kind for item in build_world(bare, 1).scene.objects}
    assert kinds == {"road", "kerb", "pavement", "ground", "grass", "marking", "stain"}


def test_a_house_stands_across_the_end_of_a_t_junction() -> None:
    for turn in ("left", "right"):
        world = build_world(WorldConfig(turn=turn, turn_at_m=70.0, buildings=0.0), 4)
        (house,) = [item.mesh for item in world.scene.objects if item.kind == "building"]
        low, high = house.positions_m.min(axis=0), house.positions_m.max(axis=0)
        assert 70.0 + 9.0 < low[0] < 110.0  # beyond the other road, across the axis of the stem
        assert low[1] < -3.0 < 3.0 < high[1]


def test_bridges_gantries_and_billboards_stand_at_their_stations() -> None:
    config = WorldConfig(style="country", bridges=(60.0,), gantries=(110.0,), billboards=(160.0,))
    world = build_world(config, 2)
    for kind, at_m in (("bridge", 60.0), ("gantry", 110.0), ("billboard", 160.0)):
        points = np.concatenate([item.mesh.positions_m for item in world.scene.objects if item.kind == kind])
        assert abs(float(np.median(points[:, 0])) - at_m) < 8.0


def test_same_seed_same_world() -> None:
    first, second = (build_world(CASES["turn"], 9) for _ in range(2))
    assert len(first.scene.objects) == len(second.scene.objects)
    for one, other in zip(first.scene.objects, second.scene.objects):
        assert one.kind == other.kind
        assert np.array_equal(one.mesh.positions_m, other.mesh.positions_m)
        assert np.array_equal(one.pose(3.0).translation_m, other.pose(3.0).translation_m)


def test_more_trees_leave_the_houses_as_they_are() -> None:
    def houses(trees: float) -> np.ndarray:
        objects = build_world(WorldConfig(trees=trees), 6).scene.objects
        return np.concatenate([item.mesh.positions_m for item in objects if item.kind == "building"])

    assert np.array_equal(houses(0.0), houses(2.0))


def test_a_taken_place_is_not_given_twice() -> None:
    site = Site(build_roadway(WorldConfig(), 1), ())
    car = Palette(1).pick("car", np.random.default_rng(0))
    beside = upright(site.roadway.line, 50.0, 14.0, 0.12)
    assert site.place(car, beside)
    assert not site.place(car, beside)
    assert not site.occupancy.is_free(site.outline(car, beside, 2.0, 0.0), SOLID)


def test_a_crown_does_not_stand_in_a_building() -> None:
    site = Site(build_roadway(WorldConfig(), 1), ())
    tree, line = Palette(1).pick("street_tree", np.random.default_rng(0)), site.roadway.line
    reach_m = max(np.abs(part.mesh.positions_m[:, 1]).max() for part in tree)
    wall = [line.points(station, side)[:2] for station, side in ((30, 10), (70, 10), (70, 20), (30, 20))]
    site.occupancy.take(wall, SOLID | TALL)
    assert not site.plant(tree, upright(line, 50.0, 10.0 - 0.4 * reach_m, 0.12))  # trunk clear of the wall
    assert site.plant(tree, upright(line, 50.0, 9.5 - reach_m, 0.12))


def test_nothing_but_vehicles_stands_on_asphalt() -> None:
    site = Site(build_roadway(WorldConfig(), 1), ())
    car, line = Palette(1).pick("car", np.random.default_rng(0)), site.roadway.line
    on_lane, in_bay = line.pose(50.0, -1.75), line.pose(50.0, -4.8)
    assert not site.place(car, on_lane)
    assert not site.place(car, on_lane, on_asphalt=True)
    assert not site.place(car, in_bay)
    assert site.place(car, in_bay, on_asphalt=True)


def test_signs_of_a_town_allow_what_a_town_allows() -> None:
    """Limits of a motorway, stop and give way never face the driven road where it goes straight on."""
    world = build_world(WorldConfig(junctions=(90.0,), trees=0.0), 3)
    line = world.road
    for item in world.scene.objects:
        if item.kind != "sign":
            continue
        mesh = item.mesh
        shown = [index for index, material in enumerate(mesh.materials) if material.texture == "signs"]
        first = mesh.triangles[np.isin(mesh.material_of[mesh.triangles[:, 0]], shown)]
        column, row = np.floor(4.0 * mesh.uv_m[first].mean(axis=1)).astype(int).T
        cell = 4 * (3 - row) + column
        assert len(first) > 10
        assert set(cell.tolist()) <= {0, 1, 4, 5, 7, 8, 9, 14, 15}
        along = mesh.normals[first[:, 0]] @ line.pose(50.0).rotation[:, 0]
        is_for_side_road = np.isin(cell, (4, 5))
        assert is_for_side_road.any()
        assert np.abs(along[is_for_side_road]).max() < 0.1
        side = line.nearest(mesh.positions_m[first[:, 0]])[1]
        assert (along[~is_for_side_road] * side[~is_for_side_road] > 0.9 * 3.0).all()  # to the right of who reads it


@pytest.mark.parametrize(
    ("key", "clearing"),
    [
        ("billboards", Clearing(30.0, 110.0, -40.0, 40.0)),
        ("bridges", Clearing(58.0, 70.0, -9.0, 3.0)),
        ("gantries", Clearing(58.0, 70.0, -9.0, 3.0)),
    ],
)
def test_landmark_in_a_clearing_is_refused_with_its_key_and_station(key: str, clearing: Clearing) -> None:
    config = WorldConfig(style="country", **{key: (64.0,)})
    with pytest.raises(ConfigError, match=rf"world\.{key}: .* 64 m"):
        build_world(config, 2, [clearing])


def test_a_bridge_may_span_a_clearing() -> None:
    config = WorldConfig(style="country", bridges=(64.0,), gantries=(90.0,))
    build_world(config, 2, [Clearing(50.0, 100.0, -3.9, 3.0)])


def test_what_is_grounded_stands_on_the_land() -> None:
    site = Site(build_roadway(WorldConfig(style="country", curve_radius_m=150.0, grade=0.05), 2), ())
    rng, line, start_m = np.random.default_rng(0), site.roadway.line, site.roadway.section.half_corridor_m + 2.0
    laterals = rng.choice((-1.0, 1.0), 200) * rng.uniform(start_m, 90.0, 200)
    poses = [upright(line, s, side, 0.0) for s, side in zip(rng.uniform(0.0, 200.0, 200), laterals)]
    feet = np.array([site.grounded(pose).translation_m for pose in poses])
    ground = RaysDown(part.mesh for part in site.roadway.parts)
    assert np.ptp(feet[:, 2] - [pose.translation_m[2] for pose in poses]) > 3.0  # there are hills
    assert ground.fall_m(feet + np.array([0.0, 0.0, 40.0])) == pytest.approx(40.0, abs=0.01)


def test_a_house_on_a_slope_stands_on_its_highest_corner() -> None:
    site = Site(build_roadway(WorldConfig(style="country"), 2), ())
    pose = upright(site.roadway.line, 50.0, 60.0, 0.0)
    corners = pose.apply(np.array([(x, y, 0.0) for x in (-6.0, 6.0) for y in (-9.0, 9.0)]))
    level = site.grounded(pose, 0.0, (12.0, 18.0)).translation_m[2]
    assert level == pytest.approx(site.roadway.land.heights_m(corners[:, :2]).max())
