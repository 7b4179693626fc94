"""Canvases stand where their settings say, in the shape that they say."""

import math

import numpy as np
import pytest

from perception_fm.synth.painted.canvas import make_surface
from perception_fm.synth.painted.config import CANVASES, WallConfig
from perception_fm.synth.world.road_line import RoadLine

STRAIGHT = RoadLine.integrated(np.zeros(301), np.zeros(301), 1.0)
WESTWARD = RoadLine.integrated(np.full(301, math.pi / 300.0), np.full(301, 0.05), 1.0)  # half a turn, climbing
AHEAD = np.array([1.0, 0.0, 0.0])


def corners(config, road=STRAIGHT, lateral_m=0.0):
    surface = make_surface(config, road, lateral_m, 60000)
    return surface.face.pose(0.0).apply(surface.corners_m)


def test_upright_canvas_has_the_corners_of_its_size():
    expected = [[60.0, 3.0, 0.0], [60.0, -3.0, 0.0], [60.0, -3.0, 4.0], [60.0, 3.0, 4.0]]
    np.testing.assert_allclose(corners(WallConfig(station_m=60.0)), expected, atol=1e-9)


def test_lateral_counts_from_the_driven_path():
    found = corners(WallConfig(station_m=60.0, lateral_m=1.0, raised_m=0.5), lateral_m=-1.75)
    assert found[:, 1].mean() == pytest.approx(-0.75)
    assert found[0, 2] == pytest.approx(0.5)


def test_slant_turns_anticlockwise_and_lean_takes_the_top_away():
    slanted, leaning = corners(WallConfig(slant_deg=30.0)), corners(WallConfig(lean_deg=20.0))
    # Anticlockwise seen from above: the left edge comes nearer.
    np.testing.assert_allclose(
        slanted[0, :2], [80.0 - 3.0 * math.sin(math.pi / 6), 3.0 * math.cos(math.pi / 6)], atol=1e-9
    )
    np.testing.assert_allclose(
        leaning[3, [0, 2]], [80.0 + 4.0 * math.sin(math.radians(20)), 4.0 * math.cos(math.radians(20))]
    )


def test_canvas_faces_whom_the_road_brings():
    surface = make_surface(WallConfig(station_m=300.0), WESTWARD, 0.0, 60000)
    wall = surface.wall(0.0, np.array([-1.0, 0.0, 0.0]))
    np.testing.assert_allclose(wall.normal_world, [1.0, 0.0, 0.0], atol=1e-3)  # at the end the road runs west
    assert wall.corners_world_m[0, 2] == pytest.approx(15.0, abs=1e-6)  # 300 m at 5%
    assert wall.corners_world_m[:2, 2].std() == pytest.approx(0.0, abs=1e-9)


def test_normals_of_the_mesh_look_at_the_viewer():
    mesh = make_surface(WallConfig(crease_m=0.1, curvature_per_m=0.1), STRAIGHT, 0.0, 60000).face.mesh
    assert (mesh.normals[:, 0] < 0.0).all()
    edges = mesh.positions_m[mesh.triangles]
    faces = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    assert (faces[:, 0] < 0.0).all()


def test_curved_canvas_has_its_middle_nearer_and_keeps_its_length():
    mesh = make_surface(WallConfig(width_m=8.0, curvature_per_m=0.1), STRAIGHT, 0.0, 60000).face.mesh
    foot = mesh.positions_m[mesh.positions_m[:, 2] == 0.0]
    assert foot[:, 0].min() == pytest.approx(0.0, abs=1e-6)
    assert foot[0, 0] == pytest.approx((1.0 - math.cos(0.4)) / 0.1, rel=1e-5)
    assert np.linalg.norm(np.diff(foot, axis=0), axis=1).sum() == pytest.approx(8.0, rel=1e-3)


def test_folds_have_their_amplitude_and_their_seed():
    flat, folded, other = (
        make_surface(WallConfig(crease_m=c, seed=s), STRAIGHT, 0.0, 60000).face.mesh.positions_m[:, 0]
        for c, s in ((0.0, 1), (0.08, 1), (0.08, 2))
    )
    assert np.ptp(flat) == 0.0
    assert np.abs(folded).max() == pytest.approx(0.08, rel=1e-5)
    assert np.abs(folded - other).max() > 0.01


@pytest.mark.parametrize(("edge", "bodies"), [("none", 0), ("hem", 3), ("frame", 3)])
def test_edge_is_seen_or_not(edge, bodies):
    assert len(make_surface(WallConfig(edge=edge), STRAIGHT, 0.0, 60000).bodies) == bodies


def test_solid_wall_has_its_thickness_behind_the_face():
    (body,) = make_surface(WallConfig(canvas="solid_wall", thickness_m=0.5), STRAIGHT, 0.0, 60000).bodies
    assert body.mesh.positions_m[:, 0].min() > 0.0
    assert np.ptp(body.mesh.positions_m[:, 0]) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("canvas", [name for name in CANVASES if name != "road_painting"])
def test_every_upright_canvas_shows_its_face_to_the_traffic(canvas):
    surface = make_surface(WallConfig(canvas=canvas, seed=3), STRAIGHT, 0.0, 60000)
    assert surface.wall(0.0, AHEAD).normal_world[0] < -0.7
    assert surface.face.pose(0.0).apply(surface.corners_m)[0, 1] > surface.face.pose(0.0).apply(surface.corners_m)[1, 1]


def test_road_painting_lies_on_the_road_and_pictures_something_upright():
    surface = make_surface(WallConfig(canvas="road_painting", width_m=3.0, height_m=10.0), WESTWARD, 0.0, 60000)
    assert surface.face.is_decal
    assert not surface.bodies
    stations, _ = WESTWARD.nearest(surface.face.mesh.positions_m)
    np.testing.assert_allclose(surface.face.mesh.positions_m[:, 2], 0.05 * stations, atol=0.08)
    heights = np.concatenate([item.mesh.positions_m[:, 2] for item in surface.pictured])
    assert heights.max() > 0.5
