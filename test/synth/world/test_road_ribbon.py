"""Road facets, figures laid on them, and areas in plan."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.ground.profile import build_profile
from perception_fm.synth.world.ground.ribbon import Carriageway, clipped, strip, tessellation
from perception_fm.synth.world.placing.occupancy import ASPHALT, SOLID, Occupancy
from perception_fm.synth.world.road_line import RoadLine

PAINT = Material((0.6, 0.6, 0.6))
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@pytest.fixture(scope="module")
def winding() -> RoadLine:
    return build_profile(WorldConfig(length_m=300.0, curve_radius_m=60.0, grade=0.08), 3)


def square_at(x: float, y: float) -> np.ndarray:
    return SQUARE + np.array([x, y])


def plan_area_m2(mesh: Mesh) -> float:
    """Of the stations and laterals that a mesh keeps as texture coordinates."""
    a, b, c = (mesh.uv_m[mesh.triangles[:, corner]].astype(np.float64) for corner in range(3))
    ab, ac = b - a, c - a
    return float(0.5 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]).sum())


def height_over(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """How high points (N, 3) lie over the mesh's triangle that holds them in plan; NaN beside it."""
    corner = mesh.positions_m[mesh.triangles].astype(np.float64)
    found = np.full(len(points), np.nan)
    for index, point in enumerate(points):
        a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
        ab, ac, ap = (b - a)[:, :2], (c - a)[:, :2], point[:2] - a[:, :2]
        whole = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
        v = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / whole
        w = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / whole
        inside = np.flatnonzero((v > -1e-4) & (w > -1e-4) & (v + w < 1.0 + 1e-4))
        if len(inside):
            t = inside[0]
            found[index] = point[2] - (a[t, 2] + v[t] * (b - a)[t, 2] + w[t] * (c - a)[t, 2])
    return found


def test_stations_hold_the_breaks_and_both_ends(winding: RoadLine) -> None:
    found = tessellation(winding, -30.0, 400.0, [100.0, 123.4])
    assert {-30.0, 0.0, 100.0, 123.4, 300.0, 400.0} <= set(found.tolist())
    assert (np.diff(found) > 0.0).all()


def test_facets_stay_on_the_line(winding: RoadLine) -> None:
    station = tessellation(winding, 0.0, 300.0)
    road = strip(winding, station, [-4.0, 4.0], [0.0, 0.0], PAINT)
    above = height_over(road, winding.points(np.linspace(1.0, 299.0, 150)))
    assert np.abs(above).max() < 0.006  # the sagitta that is allowed, 4 mm, and where facets are not quite flat
    assert (road.normals[:, 2] > 0.99).all()


def test_a_figure_keeps_its_area_and_lies_on_the_facets(winding: RoadLine) -> None:
    station = tessellation(winding, 0.0, 300.0)
    carriageway = Carriageway(winding, station, np.array([-5.0, -2.0, 0.0, 2.0, 5.0]))
    road = strip(winding, station, carriageway.lateral_m, np.zeros(5), PAINT)
    figures = [np.array([[s, -3.0], [s + 7.0, -3.0], [s + 7.0, 1.0], [s, 0.5]]) for s in (20.0, 90.0, 200.0)]
    decal = carriageway.draped(figures, PAINT)
    assert decal is not None
    assert plan_area_m2(decal) == pytest.approx(3 * 7.0 * 3.75, rel=1e-5)
    middle = decal.positions_m[decal.triangles].mean(axis=1).astype(np.float64)
    assert np.abs(height_over(road, middle)).max() < 1e-4  # float32 at some hundred metres


def test_a_figure_beside_the_road_leaves_nothing(winding: RoadLine) -> None:
    carriageway = Carriageway(winding, np.array([0.0, 10.0]), np.array([-2.0, 2.0]))
    assert carriageway.draped([square_at(3.0, 5.0)], PAINT) is None
    assert carriageway.draped([], PAINT) is None


def test_clipping_a_square_leaves_a_triangle() -> None:
    pieces, count = clipped(SQUARE[None], np.array([4]), np.array([[-1.0, -1.0]]), np.array([0.5]))
    assert count.tolist() == [3]
    assert sorted(map(tuple, pieces[0, :3].tolist())) == [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0)]


def test_clipping_leaves_all_or_nothing() -> None:
    both, direction = np.stack([SQUARE, SQUARE]), np.array([[1.0, 0.0], [1.0, 0.0]])
    _, count = clipped(both, np.array([4, 4]), direction, np.array([2.0, -2.0]))
    assert count.tolist() == [4, 0]


def test_an_inward_corner_is_filled_with_an_arc() -> None:
    bent = Area.rectangle(0.0, 10.0, 0.0, 2.0) | Area.rectangle(0.0, 2.0, 0.0, 10.0)
    points, faces = bent.filleted(3.0).triangles()
    edge, other = (points[faces[:, i]] - points[faces[:, 0]] for i in (1, 2))
    area = 0.5 * (edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    assert (area > 0.0).all()
    # 12 segments per quarter circle cover a little more than the arc leaves.
    assert area.sum() == pytest.approx(36.0 + 9.0 * (1.0 - math.pi / 4.0), abs=0.03)


def test_a_hole_stays_open_in_triangles() -> None:
    points, faces = (Area.rectangle(0, 4, 0, 4) - Area.rectangle(1, 2, 1, 2)).triangles()
    edge, other = (points[faces[:, i]] - points[faces[:, 0]] for i in (1, 2))
    assert 0.5 * (edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]).sum() == pytest.approx(15.0)


def test_taken_ground_is_not_free() -> None:
    ground = Occupancy(np.array([-10.0, -10.0]), np.array([10.0, 10.0]))
    ground.take(4.0 * SQUARE, ASPHALT)
    beside = square_at(6.0, 0.0)
    assert not ground.is_free(square_at(1.0, 1.0), ASPHALT)
    assert ground.is_free(square_at(1.0, 1.0), SOLID)
    assert ground.is_free(beside, ASPHALT)
    ground.take(beside, SOLID)
    assert not ground.is_free(beside, SOLID)


def test_ground_beyond_the_map_is_not_free() -> None:
    ground = Occupancy(np.array([0.0, 0.0]), np.array([10.0, 10.0]))
    assert not ground.is_free(square_at(9.5, 3.0), SOLID)
    assert not ground.is_free(square_at(-0.5, 0.0), SOLID)
