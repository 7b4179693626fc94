"""Vehicles, two-wheelers and people: true sizes, feet and wheels on the ground, few triangles, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perception_fm.synth.scene import Asset, Mesh
from perception_fm.synth.world.users.figure import CLOTH, SKIN, joint
from perception_fm.synth.world.users.people import mirrored, pedestrian, standing, walking
from perception_fm.synth.world.users.trucks import CARGO, TARPAULIN
from perception_fm.synth.world.users.two_wheelers import cyclist, motorcyclist
from perception_fm.synth.world.users.vehicle_parts import (
    GLASS,
    LAMP_CLEAR,
    LAMP_RED,
    PAINT,
    PLATE,
    TYRE,
    paint_colour,
)
from perception_fm.synth.world.users.vehicles import bus, bus_side, car, truck, truck_rear, van

SEEDS = range(24)
# Builder -> kinds of its parts, most triangles, length, width (mirrors included) and height in metres, at least and at
# most. Sources: dimensions of current models; 2.55 m of width is what Directive 96/53/EC allows without mirrors.
ROAD_USERS = {
    car: (("car",), 900, (3.5, 4.9), (1.8, 2.3), (1.38, 1.75)),
    van: (("van",), 900, (5.1, 6.2), (2.1, 2.5), (1.9, 2.7)),
    truck: (("truck",), 700, (8.5, 16.6), (2.55, 3.1), (2.9, 4.0)),
    bus: (("bus",), 700, (10.5, 12.6), (2.55, 2.7), (3.0, 4.4)),
    cyclist: (("rider", "bicycle"), 700, (1.65, 1.85), (0.35, 0.8), (1.5, 2.1)),
    motorcyclist: (("rider", "motorcycle"), 700, (1.7, 2.2), (0.7, 1.0), (1.5, 2.0)),
    pedestrian: (("pedestrian",), 450, (0.15, 1.2), (0.25, 0.9), (0.95, 2.0)),
}


def asset_points(asset: Asset) -> np.ndarray:
    return np.concatenate([part.mesh.positions_m for part in asset])


def points_of(mesh: Mesh, material) -> np.ndarray:
    return mesh.positions_m[mesh.material_of == mesh.materials.index(material)]


@pytest.mark.parametrize("build", ROAD_USERS, ids=lambda build: build.__name__)
def test_road_users_are_true_to_life_and_stand_on_the_ground(build: Callable) -> None:
    kinds, most_triangles, *sizes = ROAD_USERS[build]
    for seed in SEEDS:
        asset = build(np.random.default_rng(seed))
        assert tuple(part.kind for part in asset) == kinds
        assert sum(len(part.mesh.triangles) for part in asset) <= most_triangles
        points = asset_points(asset)
        assert points[:, 2].min() == pytest.approx(0.0, abs=1e-5)  # float32 at a few metres
        for extent, (low, high) in zip(np.ptp(points, axis=0), sizes):
            assert low <= extent <= high


@pytest.mark.parametrize("build", [car, van, truck, bus], ids=lambda build: build.__name__)
def test_vehicles_are_centred_above_their_origin(build: Callable) -> None:
    for seed in SEEDS:
        points = asset_points(build(np.random.default_rng(seed)))
        middle = (points.min(axis=0) + points.max(axis=0)) / 2.0
        # Mirrors and lamps stand out in front by up to 30 cm.
        assert middle[:2] == pytest.approx((0.0, 0.0), abs=0.16)


@pytest.mark.parametrize("build", ROAD_USERS, ids=lambda build: build.__name__)
def test_a_seed_makes_the_same_again_and_others_make_others(build: Callable) -> None:
    def bytes_of(seed: int) -> bytes:
        return b"".join(
            part.mesh.positions_m.tobytes() + part.mesh.tints.tobytes() for part in build(np.random.default_rng(seed))
        )

    assert bytes_of(7) == bytes_of(7)
    assert len({bytes_of(seed) for seed in SEEDS}) > 5


@pytest.mark.parametrize("build", [car, van, truck, bus], ids=lambda build: build.__name__)
def test_vehicles_drive_forwards_with_red_lamps_behind_and_clear_ones_in_front(build: Callable) -> None:
    for seed in SEEDS:
        (part,) = build(np.random.default_rng(seed))
        assert points_of(part.mesh, LAMP_RED)[:, 0].max() < 0.0 < points_of(part.mesh, LAMP_CLEAR)[:, 0].min()


@pytest.mark.parametrize("build", [car, van, truck, bus], ids=lambda build: build.__name__)
def test_windows_are_dark_and_smooth_and_lie_above_the_wheels(build: Callable) -> None:
    (part,) = build(np.random.default_rng(3))
    assert max(GLASS.albedo) < 0.05
    assert GLASS.roughness < 0.15
    assert points_of(part.mesh, GLASS)[:, 2].max() > points_of(part.mesh, TYRE)[:, 2].max() + 0.4


def test_paint_plates_and_loads_are_different_materials() -> None:
    # Equal materials would be one, and take each other's colours.
    assert len({PAINT, PLATE, CARGO, TARPAULIN, CLOTH, SKIN}) == 6


def test_three_in_four_cars_are_without_a_hue() -> None:
    rng = np.random.default_rng(5)
    colours = np.array([paint_colour(rng) for _ in range(4000)])
    is_grey = np.ptp(colours, axis=1) < 0.2 * colours.max(axis=1)
    # Three standard deviations of a share of 0.75 in 4000 draws are 0.02.
    assert is_grey.mean() == pytest.approx(0.75, abs=0.02)
    assert (colours > 0.0).all()
    assert (colours <= 0.85).all()


@pytest.mark.parametrize("seed", range(6))
def test_poster_hangs_on_the_truck_just_behind_everything_on_its_rear(seed: int) -> None:
    (part,), corners = truck_rear(np.random.default_rng(seed))
    foot_left, foot_right, top_right, top_left = corners
    right, up = foot_right - foot_left, top_left - foot_left
    # Seen from behind, right is -y.
    assert right / np.linalg.norm(right) == pytest.approx((0.0, -1.0, 0.0))
    assert up / np.linalg.norm(up) == pytest.approx((0.0, 0.0, 1.0))
    assert top_right == pytest.approx(top_left + right)
    assert np.linalg.norm(right) > 2.3
    assert np.linalg.norm(up) > 2.3
    is_behind_poster = part.mesh.positions_m[:, 2] > foot_left[2]
    gap = part.mesh.positions_m[is_behind_poster, 0].min() - corners[0, 0]
    assert 0.0 < gap < 0.05


@pytest.mark.parametrize("seed", range(6))
def test_poster_hangs_on_the_left_of_the_bus_just_outside_of_its_windows(seed: int) -> None:
    (part,), corners = bus_side(np.random.default_rng(seed))
    foot_left, foot_right, top_right, top_left = corners
    # Seen from the bus's left, its front is on the left.
    assert (foot_right - foot_left)[0] < -9.0
    assert (top_left - foot_left)[2] > 1.5
    assert top_right == pytest.approx(top_left + foot_right - foot_left)
    x, y, z = part.mesh.positions_m.T
    is_covered = (x < foot_left[0]) & (x > foot_right[0]) & (z > foot_left[2]) & (z < top_left[2]) & (y > 0.0)
    assert is_covered.any()
    assert 0.0 < foot_left[1] - y[is_covered].max() < 0.05


def test_knee_keeps_both_lengths_and_bends_where_it_should() -> None:
    hip, ankle = np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.0, 0.3])
    knee, end = joint(hip, ankle, (0.5, 0.45), np.array([1.0, 0.0, 0.0]))
    assert end == pytest.approx(ankle)
    assert np.linalg.norm(knee - hip) == pytest.approx(0.5)
    assert np.linalg.norm(knee - ankle) == pytest.approx(0.45)
    assert knee[0] > 0.1


def test_limb_out_of_reach_is_stretched_towards_its_aim() -> None:
    root, aim = np.zeros(3), np.array([0.0, 3.0, 4.0])
    middle, end = joint(root, aim, (0.5, 0.5), np.array([1.0, 0.0, 0.0]))
    assert np.linalg.norm(end) == pytest.approx(0.998)
    assert end / np.linalg.norm(end) == pytest.approx(aim / 5.0)
    assert np.linalg.norm(middle) == pytest.approx(0.5)


@pytest.mark.parametrize("pose_of", [walking, standing])
def test_mirroring_a_pose_twice_changes_nothing(pose_of: Callable) -> None:
    pose = pose_of(1.8, np.random.default_rng(2))
    again = mirrored(mirrored(pose))
    assert again.ankles_m == pytest.approx(pose.ankles_m)
    assert again.wrists_m == pytest.approx(pose.wrists_m)
    assert mirrored(pose).ankles_m[0] == pytest.approx(pose.ankles_m[1] * [1.0, -1.0, 1.0])


def test_walkers_stride_and_swing_the_other_arm() -> None:
    for seed in SEEDS:
        pose = walking(1.75, np.random.default_rng(seed))
        ahead = int(np.argmax(pose.ankles_m[:, 0]))
        assert pose.ankles_m[ahead, 0] - pose.ankles_m[1 - ahead, 0] > 0.05
        assert pose.wrists_m[ahead, 0] < pose.wrists_m[1 - ahead, 0]
