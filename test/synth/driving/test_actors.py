"""Actors: where they are when, and which objects they become."""

import dataclasses
import math

import numpy as np
import pytest
from tiny_scenarios import tiny_scenario

from perception_fm.errors import ConfigError
from perception_fm.synth.driving.actor_motion import actor_motion
from perception_fm.synth.scenario.actor_config import FOOTPRINT_M, SMALL_OBSTACLES, ActorConfig
from perception_fm.synth.world.ground.cross_section import cross_section
from perception_fm.synth.world.road_line import RoadLine

pytest.importorskip("trimesh")

from perception_fm.synth.driving.actors import FIRST_INSTANCE, actor_objects, posters
from perception_fm.synth.painted.canvas import make_surface
from perception_fm.synth.simulation import Simulation
from perception_fm.synth.world.config import WorldConfig

ROAD = RoadLine.integrated(np.zeros(401), np.zeros(401), 0.5)
SECTION = cross_section(WorldConfig(style="town", lanes=1, lane_width_m=3.5))
EGO = SECTION.lane_list()[0]


def motion(**settings):
    return actor_motion(ActorConfig(**settings), "actors.0", ROAD, SECTION, EGO, ego_speed_mps=12.0)


def test_steady_actor_covers_speed_times_time():
    moving = motion(station_m=50.0, speed_mps=8.0)
    assert moving.place(0.0) == pytest.approx((50.0, -1.75))
    assert moving.place(2.5) == pytest.approx((70.0, -1.75))
    assert not moving.is_standing
    assert motion(station_m=50.0).is_standing


def test_actor_matches_the_speed_of_the_drive():
    assert motion(station_m=50.0, matches_ego=True, speed_mps=3.0).place(2.0)[0] == pytest.approx(74.0)


def test_braking_follows_the_formula_and_ends_at_standstill():
    braking = motion(station_m=0.0, speed_mps=10.0, change_at_s=1.0, change_mps2=5.0)
    assert braking.way_m(1.0) == pytest.approx(10.0)
    assert braking.way_m(2.0) == pytest.approx(10.0 + 10.0 - 2.5)
    assert braking.way_m(3.0) == pytest.approx(20.0)
    assert braking.way_m(30.0) == pytest.approx(20.0)


def test_start_from_standstill_reaches_its_final_speed():
    starting = motion(station_m=0.0, change_at_s=1.0, change_mps2=2.0, final_speed_mps=4.0)
    assert starting.way_m(0.5) == 0.0
    assert starting.way_m(3.0) == pytest.approx(4.0)
    assert starting.way_m(4.0) == pytest.approx(8.0)
    assert not starting.is_standing


def test_oncoming_lane_is_driven_against_the_road():
    oncoming = motion(station_m=100.0, lane=1, speed_mps=10.0)
    assert oncoming.place(1.0) == pytest.approx((90.0, 1.75))
    np.testing.assert_allclose(oncoming.pose(0.0).rotation[:, 0], [-1.0, 0.0, 0.0], atol=1e-9)


def test_crossing_pedestrian_steps_from_the_kerb_to_the_road():
    crossing = motion(kind="pedestrian", station_m=40.0, lateral_m=-6.0, heading="left", speed_mps=1.0)
    assert crossing.place(3.0) == pytest.approx((40.0, -4.75))
    np.testing.assert_allclose(crossing.pose(0.0).rotation[:, 0], [0.0, 1.0, 0.0], atol=1e-9)
    assert crossing.pose(0.0).translation_m[2] == pytest.approx(0.12)  # on the pavement beyond the parking bay
    assert crossing.pose(3.0).translation_m[2] == pytest.approx(0.0)


@pytest.mark.parametrize("kind", SMALL_OBSTACLES)
def test_small_obstacle_lies_on_the_road_and_never_moves(kind):
    (item,) = actor_objects([motion(kind=kind, station_m=50.0, heading="left")])
    assert (item.kind, item.instance, item.trajectory) == ("small_obstacle", FIRST_INSTANCE, None)
    np.testing.assert_allclose(item.pose(0.0).rotation[:, 0], [0.0, 1.0, 0.0], atol=1e-9)
    for settings in ({"speed_mps": 1.0}, {"matches_ego": True}, {"change_at_s": 1.0, "final_speed_mps": 2.0}):
        with pytest.raises(ConfigError, match=rf"actors\.0\.kind: a {kind} lies still"):
            motion(kind=kind, station_m=50.0, **settings)


@pytest.mark.parametrize("kind", sorted(set(FOOTPRINT_M) - {"poster_truck"}))
def test_every_kind_becomes_objects_that_fit_its_footprint(kind):
    for seed in range(4):
        moving = motion(kind=kind, station_m=50.0, seed=seed)
        objects = actor_objects([moving])
        corners = np.concatenate([item.mesh.positions_m for item in objects])
        length, width = FOOTPRINT_M[kind]
        assert np.ptp(corners[:, 0]) <= length * (1.0 + 1e-6)
        assert np.ptp(corners[:, 1]) <= width + 0.5  # mirrors and arms stand out
        assert all(item.instance >= FIRST_INSTANCE for item in objects)
        assert len({item.instance for item in objects}) == len(objects)


def test_seed_chooses_the_asset():
    meshes = [actor_objects([motion(kind="car", station_m=50.0, seed=seed)])[0].mesh for seed in (1, 1, 2)]
    np.testing.assert_array_equal(meshes[0].tints, meshes[1].tints)
    assert meshes[0].positions_m.shape != meshes[2].positions_m.shape or not np.array_equal(
        meshes[0].tints, meshes[2].tints
    )


def test_moving_actor_has_a_trajectory_and_a_standing_one_has_not():
    still, moving = (actor_objects([motion(station_m=50.0, speed_mps=speed)])[0] for speed in (0.0, 5.0))
    assert still.trajectory is None
    np.testing.assert_allclose(moving.pose(2.0).translation_m, [60.0, -1.75, 0.0], atol=1e-9)


def poster_plan(**settings):
    actor = {"kind": "poster_truck", "station_m": 75.0, "seed": 5, "poster": {"sweet_spot_m": 30.0}, **settings}
    simulation = Simulation(tiny_scenario(actors=[actor], drive={"start_m": 30.0, "end_m": 65.0, "speed_mps": 10.0}))
    return posters(simulation.actors, simulation.plan)[0], simulation


def test_poster_truck_is_one_wall_and_no_other_object():
    (wall, carrier), simulation = poster_plan()
    assert actor_objects(simulation.actors) == ()
    assert (wall.canvas, wall.seed) == ("truck_rear", 5)
    assert carrier is simulation.actors[0]


def test_print_of_a_standing_truck_fits_from_its_sweet_spot():
    (wall, _), simulation = poster_plan()
    assert wall.station_m == pytest.approx(75.0, abs=0.3)  # looked for every 0.05 s at 10 m/s
    time_s = simulation.plan.time_at(wall.station_m - wall.sweet_spot_m)
    assert simulation.plan.camera_station(time_s) == pytest.approx(45.0, abs=0.3)


def test_print_of_a_truck_that_never_comes_so_near_is_for_the_nearest_moment():
    (wall, carrier), simulation = poster_plan(matches_ego=True, change_at_s=1.0, final_speed_mps=20.0, change_mps2=2.0)
    time_s = simulation.plan.time_at(wall.station_m - wall.sweet_spot_m)
    assert time_s <= 1.05
    assert carrier.place(time_s)[0] - simulation.plan.camera_station(time_s) == pytest.approx(45.0, abs=0.1)


def test_rear_of_a_poster_truck_follows_it_and_faces_the_drive():
    (wall, carrier), simulation = poster_plan(speed_mps=2.0)
    surface = make_surface(wall, simulation.plan.road, simulation.plan.lateral_m, 60000, carrier)
    before, after = (surface.face.pose(time).apply(surface.corners_m) for time in (0.0, 1.0))
    np.testing.assert_allclose(after - before, np.broadcast_to([2.0, 0.0, 0.0], (4, 3)), atol=1e-6)
    normal = np.cross(before[1] - before[0], before[3] - before[0])
    assert normal[0] / np.linalg.norm(normal) < -0.95
    assert before[:, 0].max() < 75.0  # behind the truck's middle
    assert len(surface.bodies) >= 1


def test_never_is_the_default_of_a_change():
    assert math.isnan(dataclasses.replace(ActorConfig()).change_at_s)
