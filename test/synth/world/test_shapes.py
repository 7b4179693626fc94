"""Primitives: known sizes, closed bodies, normals that face outwards, texture coordinates in metres, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world import shapes

GREY = Material((0.5, 0.5, 0.5))
SQUARE = np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)])
ARROW = np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (1.0, 0.5), (0.0, 2.0)])  # a square less a triangle of 1.5
HOLE = np.array([(0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (0.5, 1.5)])
BEND = np.array([(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 2.0)])
SECTIONS = np.array([[(x, 0.0, 0.0), (x, 2.0, 0.0), (x, 2.0, 1.0), (x, 0.0, 1.0)] for x in (0.0, 1.0, 3.0)])
SIXTEEN_GON = 16 / 2 * np.sin(2 * np.pi / 16)  # area of a regular 16-gon in the unit circle

# Name -> mesh, exact volume. Volumes of polyhedra are exact but for float32 corners.
BODIES = {
    "box": (shapes.box((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), GREY), 6.0),
    "cylinder": (shapes.cylinder(0.5, (0, 0, 0), (0, 3, 0), GREY, 16), 0.75 * SIXTEEN_GON),
    "cone": (shapes.cone(1.0, (1, 0, 0), (1, 0, 3), GREY, 16), SIXTEEN_GON),
    "frustum": (shapes.frustum(2.0, 1.0, (0, 0, 0), (0, 0, 3), GREY, 16), 7.0 * SIXTEEN_GON),
    "prism": (shapes.prism(SQUARE, 1.0, 4.0, GREY), 12.0),
    "clockwise prism": (shapes.prism(SQUARE[::-1], 1.0, 4.0, GREY), 12.0),
    "concave prism": (shapes.prism(ARROW, -1.0, 1.0, GREY), 5.0),
    "hollow prism": (shapes.prism(SQUARE, 0.0, 1.0, GREY, holes_xy=[HOLE]), 3.0),
    "lathe": (shapes.lathe([(0, 0), (1, 0), (1, 2), (0, 5)], GREY, 16), 3.0 * SIXTEEN_GON),
    "loft": (shapes.loft(SECTIONS, GREY), 6.0),
    "backward loft": (shapes.loft(SECTIONS[::-1], GREY), 6.0),
    "mirrored": (shapes.mirrored_y(shapes.prism(ARROW, 0.0, 2.0, GREY)), 5.0),
    "placed": (shapes.placed(shapes.box((1, 1, 1), material=GREY), (1, 2, 3), 0.7, 2.0), 8.0),
    "from trimesh": (shapes.from_trimesh(trimesh.creation.box((1, 2, 3)), GREY), 6.0),
}


def body_of(mesh: Mesh) -> trimesh.Trimesh:
    """The bare surface, its corners welded by position alone."""
    places, index = np.unique(np.round(mesh.positions_m, 4), axis=0, return_inverse=True)
    return trimesh.Trimesh(places, index.reshape(-1)[mesh.triangles], process=False)


def face_normals(mesh: Mesh) -> np.ndarray:
    a, b, c = (mesh.positions_m[mesh.triangles[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    return across / np.linalg.norm(across, axis=1, keepdims=True)


@pytest.mark.parametrize("name", BODIES)
def test_bodies_are_closed_with_their_volume_to_the_inside(name: str) -> None:
    mesh, volume = BODIES[name]
    body = body_of(mesh)
    assert body.is_watertight
    assert body.is_winding_consistent
    assert body.volume == pytest.approx(volume, rel=1e-4)


@pytest.mark.parametrize("name", BODIES)
def test_normals_are_unit_and_agree_with_their_faces(name: str) -> None:
    mesh, _ = BODIES[name]
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(np.ones(len(mesh.normals)), abs=1e-5)
    agreement = np.einsum("tk,tck->tc", face_normals(mesh), mesh.normals[mesh.triangles])
    # A 16-gon drawn round turns its corners' normals by 11 degrees; nothing here is rounder than a 40 degree crease.
    assert agreement.min() > np.cos(np.radians(40.0))


def test_ellipsoid_has_its_radii_and_smooth_outward_normals() -> None:
    radii, centre = np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 7.0])
    mesh = shapes.ellipsoid(radii, centre, GREY, subdivisions=2)
    assert len(mesh.triangles) == 20 * 4**2
    scaled = (mesh.positions_m - centre) / radii
    assert np.linalg.norm(scaled, axis=1) == pytest.approx(np.ones(len(scaled)), abs=1e-5)
    gradient = scaled / radii
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    assert mesh.normals == pytest.approx(gradient, abs=1e-5)
    assert body_of(mesh).is_watertight


def test_tube_keeps_its_radius_around_a_bend_and_is_closed() -> None:
    mesh = shapes.tube(BEND, 0.1, GREY, segments=8)
    assert body_of(mesh).is_watertight
    assert body_of(mesh).volume > 0.0
    from_corner = np.linalg.norm(mesh.positions_m - BEND[1].astype(np.float32), axis=1)
    ring = from_corner[(mesh.positions_m[:, 2] > 0.8) & (mesh.positions_m[:, 2] < 1.2)]
    assert ring == pytest.approx(np.full(len(ring), 0.1), abs=1e-5)


def test_open_tube_has_only_its_sides() -> None:
    assert len(shapes.tube(BEND, 0.1, GREY, segments=8, is_capped=False).triangles) == 2 * 2 * 8


def test_round_sides_are_smooth_and_their_ends_sharp() -> None:
    mesh = shapes.cylinder(1.0, (0, 0, 0), (0, 0, 1), GREY, 12)
    is_end = np.abs(mesh.normals[:, 2]) > 0.5
    assert np.abs(mesh.normals[is_end][:, 2]) == pytest.approx(np.ones(is_end.sum()), abs=1e-5)
    radial = mesh.positions_m[~is_end] * [1.0, 1.0, 0.0]
    assert mesh.normals[~is_end] == pytest.approx(radial, abs=1e-5)


def test_creases_split_normals_only_above_the_angle() -> None:
    roof = np.array(
        [[(-1.0, 1.0, 0.0), (0.0, 1.0, 0.5), (1.0, 1.0, 0.0)], [(-1.0, 0.0, 0.0), (0.0, 0.0, 0.5), (1.0, 0.0, 0.0)]]
    )[::-1]
    bend_deg = 2.0 * np.degrees(np.arctan(0.5))
    smooth = shapes.skin(roof, GREY, crease_deg=bend_deg + 1.0)
    sharp = shapes.skin(roof, GREY, crease_deg=bend_deg - 1.0)
    on_ridge = smooth.positions_m[:, 0] == 0.0
    assert smooth.normals[on_ridge] == pytest.approx(np.tile([0.0, 0.0, 1.0], (on_ridge.sum(), 1)), abs=0.02)
    on_ridge = sharp.positions_m[:, 0] == 0.0
    assert sharp.normals[on_ridge][:, 2] == pytest.approx(np.full(on_ridge.sum(), np.cos(np.arctan(0.5))), abs=1e-5)


def test_quad_faces_its_viewer_and_measures_uv_in_metres() -> None:
    mesh = shapes.quad([(0, 1, 0), (0, -2, 0), (0, -2, 2), (0, 1, 2)], GREY)
    assert mesh.normals == pytest.approx(np.tile([-1.0, 0.0, 0.0], (4, 1)))
    assert face_normals(mesh) == pytest.approx(np.tile([-1.0, 0.0, 0.0], (2, 1)))
    assert mesh.uv_m == pytest.approx(np.array([(0, 0), (3, 0), (3, 2), (0, 2)]))


def test_quad_keeps_given_uv() -> None:
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    assert shapes.quad([(0, 0, 0), (4, 0, 0), (4, 3, 0), (0, 3, 0)], GREY, uv).uv_m == pytest.approx(uv)


def test_grid_is_smooth_with_arc_length_uv() -> None:
    angles = np.linspace(0.0, np.pi, 33)
    arch = np.stack([-np.cos(angles), np.zeros(33), np.sin(angles)], axis=1)
    mesh = shapes.grid(np.stack([arch, arch + np.array([0.0, 2.0, 0.0])]), GREY)
    inside = slice(1, 32)
    assert mesh.normals[inside] == pytest.approx(arch[inside], abs=1e-6)
    # 32 chords are shorter than the half circle by (pi / 32)**2 / 24.
    assert mesh.uv_m[32, 0] == pytest.approx(np.pi, rel=1e-3)
    assert mesh.uv_m[33:, 1] == pytest.approx(np.full(33, 2.0))


@pytest.mark.parametrize(
    "normal, right, up",
    [
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
        ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
        ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ],
)
def test_box_uv_is_metres_to_the_right_and_up(normal, right, up) -> None:
    mesh = shapes.box((2.0, 3.0, 4.0), (1.0, 1.0, 1.0), GREY)
    side = np.einsum("vi,i->v", mesh.normals, np.array(normal)) > 0.5
    assert side.sum() == 4
    assert mesh.uv_m[side] == pytest.approx(mesh.positions_m[side] @ np.array([right, up]).T)


def test_tints_multiply() -> None:
    mesh = shapes.tinted(shapes.box((1, 1, 1), material=GREY, tint=(0.5, 1.0, 1.0)), (0.5, 0.2, 1.0))
    assert mesh.tints == pytest.approx(np.tile([0.25, 0.2, 1.0], (24, 1)))


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: shapes.box((1.0, 0.0, 1.0)), "size_m is positive"),
        (lambda: shapes.box((1.0, 1.0)), "size_m has the shape"),
        (lambda: shapes.box((1.0, np.nan, 1.0)), "holds NaN"),
        (lambda: shapes.ellipsoid((1.0, -1.0, 1.0), (0, 0, 0), GREY), "radii_m is positive"),
        (lambda: shapes.cylinder(0.0, (0, 0, 0), (0, 0, 1), GREY), "radius_m is positive"),
        (lambda: shapes.cylinder(1.0, (0, 0, 0), (0, 0, 0), GREY), "two equal points"),
        (lambda: shapes.cylinder(1.0, (0, 0, 0), (0, 0, 1), GREY, 2), "3 segments"),
        (lambda: shapes.prism(SQUARE, 1.0, 1.0, GREY), "above its from_z"),
        (lambda: shapes.prism([(0, 0), (1, 1), (1, 0), (0, 1)], 0.0, 1.0, GREY), "crosses itself"),
        (lambda: shapes.lathe([(-1, 0), (1, 1)], GREY), "radii of 0 or more"),
        (lambda: shapes.quad(np.zeros((4, 3)), GREY), "no area"),
        (lambda: shapes.grid(np.zeros((1, 4, 3)), GREY), "2 rows"),
        (lambda: shapes.skin(np.zeros((2, 2, 3)), GREY), "have an area"),
        (lambda: shapes.loft(SECTIONS[:1], GREY), "2 sections"),
    ],
)
def test_impossible_shapes_are_refused(build, message: str) -> None:
    with pytest.raises(PerceptionError, match=message):
        build()
