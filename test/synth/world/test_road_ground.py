"""The ground without anything on it: no holes, nothing pokes through the road, markings on it, tunnels free."""

from __future__ import annotations

import numpy as np
import pytest
from road_rays import RaysDown

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.roadway import BEYOND_M, Roadway, build_roadway
from perception_fm.synth.world.ground.tunnel import CEILING_M

CASES = {
    "straight": WorldConfig(),
    "winding": WorldConfig(curve_radius_m=60.0, grade=0.08, length_m=300.0),
    "suburb crossing": WorldConfig(style="suburb", junctions=(60.0,), grade=0.05, curve_radius_m=120.0),
    "country crossing": WorldConfig(style="country", junctions=(60.0,), grade=0.06, curve_radius_m=120.0),
    "turn left": WorldConfig(turn="left", turn_at_m=70.0, grade=0.05),
    "turn right": WorldConfig(style="suburb", turn="right", turn_at_m=70.3),
    "wide turn": WorldConfig(turn="right", lanes=2),
    "motorway": WorldConfig(style="motorway", lanes=3, grade=0.05, tunnels=(100.0,)),
}
_FACET_M = 0.008  # facets leave the line by 4 mm at most, and each is cut in two triangles that are not quite level


@pytest.fixture(scope="module", params=CASES)
def roadway(request: pytest.FixtureRequest) -> Roadway:
    return build_roadway(CASES[request.param], 5)


def over_lanes(road: Roadway, height_m: float) -> np.ndarray:
    """Points (N, 3) over the lanes, from the first station to the end of the world."""
    inner, outer = road.section.half_median_m, road.section.half_asphalt_m - road.section.shoulder_m
    half = np.linspace(inner + 0.05, outer - 0.05, 8)
    station = np.arange(road.span_m[0] + 2.0, road.span_m[1] - 2.0, 0.7)
    return road.line.points(station[:, None], np.concatenate([-half, half]), height_m).reshape(-1, 3)


def test_lanes_are_where_the_road_line_says(roadway: Roadway) -> None:
    fall = RaysDown(part.mesh for part in roadway.parts).fall_m(over_lanes(roadway, 3.0))
    assert np.abs(fall - 3.0).max() < _FACET_M


def test_the_land_stays_below_the_road(roadway: Roadway) -> None:
    land = RaysDown(part.mesh for part in roadway.parts if part.kind == "grass")
    assert land.fall_m(over_lanes(roadway, 3.0)).min() > 3.1


def test_the_ground_has_no_holes(roadway: Roadway) -> None:
    station = np.arange(roadway.span_m[0] + 1.0, roadway.line.length_m + BEYOND_M - 1.0, 2.3)
    lateral = np.linspace(-60.0, 60.0, 61)
    points = roadway.line.points(station[:, None], lateral, 60.0).reshape(-1, 3)
    assert np.isfinite(RaysDown(part.mesh for part in roadway.parts).fall_m(points)).all()


def test_decals_lie_on_the_road(roadway: Roadway) -> None:
    ground = RaysDown(part.mesh for part in roadway.parts if part.kind == "road")
    for part in roadway.decals:
        middle = part.mesh.positions_m[part.mesh.triangles].mean(axis=1) + np.array([0.0, 0.0, 1.0])
        fall = ground.fall_m(middle)
        assert np.abs(fall[np.isfinite(fall)] - 1.0).max() < 1e-3  # float32 at some hundred metres
        assert np.isfinite(fall).mean() > 0.99  # a ray may slip between two facets


def test_every_road_has_markings(roadway: Roadway) -> None:
    assert {"marking", "stain"} <= {part.kind for part in roadway.decals}


def test_a_side_road_begins_level_with_the_junction() -> None:
    road = build_roadway(CASES["country crossing"], 5)
    zone = road.zones[0]
    for arm in road.arms:
        assert arm.line.points(0.0)[2] == pytest.approx(road.line.points(zone.at_m)[2], abs=1e-9)
        _, lateral = road.line.nearest(arm.line.points(np.array([0.0])))
        assert abs(lateral[0]) > road.section.half_asphalt_m


def test_kerbs_open_at_a_side_road() -> None:
    road = build_roadway(WorldConfig(junctions=(60.0,), length_m=120.0), 5)
    kerbs = np.concatenate([part.mesh.positions_m for part in road.parts if part.kind == "kerb"]).astype(np.float64)
    for arm in road.arms:
        station, lateral = arm.line.nearest(kerbs)
        assert not ((np.abs(lateral) < arm.section.half_asphalt_m - 0.1) & (station > -3.0) & (station < 60.0)).any()


def test_a_tunnel_is_free_inside_and_closed_above() -> None:
    config = CASES["motorway"]
    road = build_roadway(config, 5)
    tube = RaysDown(part.mesh for part in road.parts)
    station, lateral = np.arange(101.0, 159.0, 3.0), np.linspace(-8.0, -3.0, 5)
    beneath = road.line.points(station[:, None], lateral, CEILING_M - 0.3).reshape(-1, 3)
    assert np.abs(tube.fall_m(beneath) - (CEILING_M - 0.3)).max() < _FACET_M
    above = road.line.points(station[:, None], lateral, 30.0).reshape(-1, 3)
    assert tube.fall_m(above).max() < 30.0 - CEILING_M
    (box,) = road.enclosures
    inside = box.world_from_box.inverse().apply(beneath)
    assert (np.abs(inside) < box.half_size_m).all()


def test_same_seed_same_ground() -> None:
    first, second = (build_roadway(CASES["winding"], 9) for _ in range(2))
    for one, other in zip(first.parts + first.decals, second.parts + second.decals):
        assert np.array_equal(one.mesh.positions_m, other.mesh.positions_m)
