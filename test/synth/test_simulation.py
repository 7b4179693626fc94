"""A scenario rendered: the wall where geometry says, frames that repeat, lenses, actors."""

import math

import numpy as np
import pytest
from tiny_scenarios import TINY_CAMERA, WALL, tiny_scenario

from perception_fm.errors import ConfigError, PerceptionError

pytest.importorskip("moderngl")
pytest.importorskip("trimesh")

from perception_fm.synth.simulation import FIRST_STAMP_NS, Simulation

WALL_LABEL, TRUCK_LABEL = 3, 14


@pytest.fixture(scope="module")
def at_the_wall():
    with Simulation(tiny_scenario(walls=[WALL])) as simulation:
        yield simulation, [simulation.frame(number) for number in range(len(simulation))]


def test_frames_come_at_the_rate_of_the_camera(at_the_wall):
    _, frames = at_the_wall
    assert [frame.stamp_ns - FIRST_STAMP_NS for frame in frames] == [n * 200_000_000 for n in range(6)]
    assert [frame.speed_mps for frame in frames] == pytest.approx([10.0] * 6)
    assert frames[0].picture.shape == (96, 160, 3)
    assert frames[0].picture.dtype == np.uint8


def test_wall_stands_at_its_station_in_every_frame(at_the_wall):
    _, frames = at_the_wall
    for frame in frames:
        # The camera starts at 30 m, the wall stands at 60 m; pitch and wander turn the camera by less than a degree.
        assert frame.wall_distance_m == pytest.approx(30.0 - 10.0 * frame.time_s, abs=0.05)
        wall = frame.walls[0]
        assert wall.corners_world_m[:, 2] == pytest.approx([0.0, 0.0, 4.0, 4.0], abs=1e-6)
        depth = frame.truth.depth_m
        rows, columns = np.nonzero(frame.truth.painted)
        rays = np.stack([columns, rows, np.ones_like(rows)], axis=1) @ np.linalg.inv(frame.truth_view.intrinsics).T
        normal = frame.world_from_camera.rotation.T @ wall.normal_world
        expected = wall.clearance_m(frame.world_from_camera) / -(rays @ normal)
        assert len(rows) > 100
        # float32 of a depth buffer; pixels of the very edge may miss the ideal rectangle by less than a pixel.
        np.testing.assert_allclose(depth[rows, columns], expected, rtol=1e-3)
        assert (frame.truth.label[rows, columns] == WALL_LABEL).all()
        assert (frame.truth.depth_pictured_m[rows, columns] > depth[rows, columns]).mean() > 0.9


def test_print_is_the_road_behind_the_wall_at_the_sweet_spot():
    drive = {"start_m": 35.0, "speed_mps": 10.0, "duration_s": 0.2, "wander_m": 0.0}
    pictures = []
    for walls in ([WALL], []):
        with Simulation(tiny_scenario(walls=walls, drive={**drive, "end_m": 50.0})) as simulation:
            pictures.append(simulation.frame(0))
    inside = pictures[0].truth.painted
    difference = np.abs(pictures[0].picture.astype(int) - pictures[1].picture.astype(int))[inside]
    assert difference.mean() < 4.0
    assert not pictures[1].truth.painted.any()


def test_same_scenario_gives_the_same_picture_in_any_order(at_the_wall):
    _, frames = at_the_wall
    with Simulation(tiny_scenario(walls=[WALL])) as again:
        for number in (4, 1):
            frame = again.frame(number)
            np.testing.assert_array_equal(frame.picture, frames[number].picture)
            np.testing.assert_array_equal(frame.truth.depth_m, frames[number].truth.depth_m)


def test_picture_alone_costs_no_truth(at_the_wall):
    simulation, frames = at_the_wall
    bare = simulation.frame(2, truth=False)
    assert bare.truth is None
    np.testing.assert_array_equal(bare.picture, frames[2].picture)


def test_distortion_spoils_the_picture_and_not_the_truth(at_the_wall):
    _, frames = at_the_wall
    lens = {"distortion_model": "plumb_bob", "distortion": [-0.25, 0.05, 0.0, 0.0, 0.0]}
    with Simulation(tiny_scenario(walls=[WALL], camera={**TINY_CAMERA, **lens})) as simulation:
        frame = simulation.frame(1)
        assert simulation.calibration.distortion_model == "plumb_bob"
    assert frame.picture.shape == (96, 160, 3)
    assert np.abs(frame.picture.astype(int) - frames[1].picture).mean() > 1.0
    np.testing.assert_array_equal(frame.truth.label, frames[1].truth.label)


def test_truck_ahead_is_seen_at_its_distance():
    # A truck is at most 16.6 m long and stands with its middle at 60 m, the camera at 30 m.
    with Simulation(tiny_scenario(actors=[{"kind": "truck", "station_m": 60.0}])) as simulation:
        frame = simulation.frame(0)
    truck = frame.truth.label == TRUCK_LABEL
    assert truck.sum() > 50
    assert 21.5 <= frame.truth.depth_m[truck].min() < 30.0
    assert len(np.unique(frame.truth.instance[truck])) == 1
    assert math.isnan(frame.wall_distance_m)


def test_poster_on_a_moving_truck_is_painted_and_moves():
    actor = {"kind": "poster_truck", "station_m": 55.0, "matches_ego": True, "poster": {"print": "advert"}}
    with Simulation(tiny_scenario(actors=[actor])) as simulation:
        frames = [simulation.frame(number) for number in (0, 5)]
        config = simulation.surfaces[0].config
    assert config.canvas == "truck_rear"
    depths = [float(np.median(frame.truth.depth_m[frame.truth.painted])) for frame in frames]
    assert depths[0] == pytest.approx(depths[1], abs=0.1)
    moved = frames[1].walls[0].corners_world_m - frames[0].walls[0].corners_world_m
    assert moved[:, 0] == pytest.approx(10.0, abs=0.05)


def test_road_painting_is_painted_and_no_wall():
    painting = {"canvas": "road_painting", "station_m": 50.0, "width_m": 3.0, "height_m": 8.0, "sweet_spot_m": 15.0}
    with Simulation(tiny_scenario(walls=[painting])) as simulation:
        frame = simulation.frame(2)
    assert frame.truth.painted.any()
    assert frame.walls == {}
    assert simulation.wall_in_way is None


def test_frames_exist_inside_the_with_block_only():
    simulation = Simulation(tiny_scenario())
    with pytest.raises(PerceptionError, match="inside its `with` block"):
        simulation.frame(0)


def test_frame_beyond_the_drive_is_refused(at_the_wall):
    simulation, _ = at_the_wall
    with pytest.raises(PerceptionError, match="frames 0 to 5, got 6"):
        simulation.frame(6)


def test_impossible_lens_is_refused_before_rendering():
    lens = {"distortion_model": "plumb_bob", "distortion": [0.1]}
    with pytest.raises(ConfigError):
        Simulation(tiny_scenario(camera={**TINY_CAMERA, **lens}))
