"""Street furniture: kinds, budgets, ground contact, clearances, which way it looks, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.synth.labels import KINDS
from perception_fm.synth.scene import Asset, Mesh
from perception_fm.synth.world.street import furniture
from perception_fm.synth.world.street.open_road import delineator, noise_barrier, wires
from perception_fm.synth.world.street.road_signs import SIGN_FACES
from perception_fm.synth.world.textures.library import TEXTURE_NAMES

SEEDS = range(20)
# Name -> the kinds of its parts, most triangles.
SMALL = {
    "lamp_post": ({"lamp_post"}, 80),
    "pole": ({"pole"}, 80),
    "traffic_light": ({"pole", "traffic_light"}, 120),
    "billboard": ({"billboard"}, 120),
    "bus_stop": ({"street_furniture", "pole", "sign"}, 160),
    "bin_": ({"street_furniture"}, 80),
    "bench": ({"street_furniture"}, 90),
    "bollard": ({"street_furniture"}, 80),
    "cabinet": ({"street_furniture"}, 80),
    "post_box": ({"street_furniture"}, 80),
    "planter": ({"street_furniture"}, 160),
}


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def whole(asset: Asset) -> Mesh:
    return Mesh.merged([part.mesh for part in asset])


def part_of(asset: Asset, kind: str) -> Mesh:
    return Mesh.merged([part.mesh for part in asset if part.kind == kind])


def faces_with(mesh: Mesh, texture: str) -> tuple[np.ndarray, np.ndarray]:
    """Corners (T, 3, 3) of the triangles with a texture, and their normals (T, 3) by their winding."""
    number = [index for index, material in enumerate(mesh.materials) if material.texture == texture]
    corners = mesh.positions_m[mesh.triangles[np.isin(mesh.material_of[mesh.triangles[:, 0]], number)]]
    return corners, np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_small_furniture_stands_on_the_ground_within_the_budget(name):
    kinds, most = SMALL[name]
    for seed in SEEDS:
        asset = getattr(furniture, name)(rng(seed))
        mesh = whole(asset)
        assert {part.kind for part in asset} == kinds
        assert len(mesh.triangles) <= most
        assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=0.02)
        assert {material.texture for material in mesh.materials} - {""} <= set(TEXTURE_NAMES)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_same_seed_same_thing(name):
    first, again = (whole(getattr(furniture, name)(rng(9))) for _ in range(2))
    assert np.array_equal(first.positions_m, again.positions_m)
    assert first.materials == again.materials


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"bench"}))
def test_furniture_varies(name):
    """In size, paint or picture (a bench only in its stain)."""
    seen = {
        (whole(getattr(furniture, name)(rng(seed))).positions_m.tobytes(),
         whole(getattr(furniture, name)(rng(seed))).materials)
        for seed in SEEDS
    }  # fmt: skip
    assert len(seen) > 1


def test_everything_that_furniture_offers_exists():
    for name in furniture.__all__:
        assert callable(getattr(furniture, name))


def test_sign_looks_ahead_and_reads_from_left_to_right():
    for face in SIGN_FACES:
        asset = furniture.sign([face], rng(1))
        assert len(whole(asset).triangles) <= 80
        mesh = part_of(asset, "sign")
        _, normals = faces_with(mesh, "signs")
        assert (normals[:, 0] > 0.0).all()
        assert np.abs(normals[:, 1:]).max() < 1e-6
        shown = mesh.material_of == next(i for i, m in enumerate(mesh.materials) if m.texture == "signs")
        at, uv = mesh.positions_m[shown], mesh.uv_m[shown]
        pairs = np.abs(at[:, None, 2] - at[None, :, 2]) < 0.3  # within one plate
        rightward = (at[:, None, 1] - at[None, :, 1]) * (uv[:, None, 0] - uv[None, :, 0])
        same_cell = np.floor(4.0 * uv[:, None, 0].clip(0, 0.999)) == np.floor(4.0 * uv[None, :, 0].clip(0, 0.999))
        hand = -1.0 if face.endswith("_left") else 1.0  # mirrored
        assert (hand * rightward[pairs & same_cell] >= -1e-6).all()
        assert at[:, 2].min() >= (0.7 if face.startswith("curve") else 1.9)  # head-room


def test_signs_stand_one_above_the_other():
    mesh = part_of(furniture.sign(["priority", "limit_50"], rng(0)), "sign")
    corners, _ = faces_with(mesh, "signs")
    assert np.ptp(corners[..., 2]) == pytest.approx(0.85 + 0.06 + 0.6, abs=1e-4)


def test_lamp_glows_and_its_arm_reaches_forward():
    for seed in SEEDS:
        (part,) = furniture.lamp_post(rng(seed))
        assert sum(material.emission > 0.0 for material in part.mesh.materials) == 1
        assert part.mesh.positions_m[:, 0].max() >= -part.mesh.positions_m[:, 0].min() - 1e-6


def test_one_lens_of_a_traffic_light_is_lit():
    for seed in SEEDS:
        head = part_of(furniture.traffic_light(rng(seed)), "traffic_light")
        assert sum(material.emission > 0.0 for material in head.materials) == 1
        assert head.positions_m[:, 2].min() > 2.2  # head-room


def test_billboard_face_takes_a_picture():
    for seed in SEEDS:
        asset, corners = furniture.billboard_face(rng(seed))
        assert {part.kind for part in asset} == {"billboard"}
        assert corners.shape == (4, 3)
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        assert normal[0] > 0.0
        assert normal[1:] == pytest.approx((0.0, 0.0))
        assert corners[2, 2] > corners[1, 2] > 1.0
        # The board behind the picture does not reach through it.
        inner = np.abs(asset[0].mesh.positions_m[:, 1]) < corners[1, 1] - 0.01
        above = asset[0].mesh.positions_m[:, 2] > corners[0, 2] + 0.01
        assert asset[0].mesh.positions_m[inner & above, 0].max() < corners[0, 0]


def test_billboard_shows_its_poster_forward():
    mesh = whole(furniture.billboard(rng(2)))
    (poster,) = [m.texture for m in mesh.materials if m.texture.startswith("advert")]
    corners, normals = faces_with(mesh, poster)
    assert len(corners) == 2
    assert (normals[:, 0] > 5.0).all()


@pytest.mark.parametrize("length_m", [0.5, 4.0, 10.0, 100.0])
@pytest.mark.parametrize("name", ["fence", "garden_wall"])
def test_fences_and_walls_have_their_length(name, length_m):
    for seed in SEEDS:
        asset = getattr(furniture, name)(length_m, rng(seed))
        mesh = whole(asset)
        assert {part.kind for part in asset} == {name}
        assert np.ptp(mesh.positions_m[:, 0]) == pytest.approx(length_m, abs=0.1)
        assert len(mesh.triangles) <= 12 * length_m + 60
        assert 0.0 <= mesh.positions_m[:, 2].min() < 0.1
        assert np.abs(mesh.positions_m[:, 1]).max() < 0.3


def test_fence_of_10_m_is_cheap():
    assert max(len(whole(furniture.fence(10.0, rng(seed))).triangles) for seed in SEEDS) <= 120


def test_guard_rail_shows_its_waves_to_the_left():
    mesh = whole(furniture.guard_rail(8.0))
    assert np.ptp(mesh.positions_m[:, 0]) == pytest.approx(8.0, abs=1e-5)
    assert mesh.positions_m[:, 2].max() == pytest.approx(0.75, abs=1e-5)
    assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    beam = mesh.positions_m[:, 1] > 0.01
    assert (mesh.normals[beam, 1] > 0.0).all()
    assert len(mesh.triangles) <= 60


@pytest.mark.parametrize("span_m", [5.0, 12.0, 30.0, 60.0])
def test_gantry_leaves_room_below(span_m):
    for seed in SEEDS:
        asset = furniture.gantry(span_m, rng(seed))
        assert {part.kind for part in asset} == {"gantry", "sign"}
        frame = part_of(asset, "gantry").positions_m
        between = np.abs(frame[:, 1]) < 0.5 * span_m - 0.5
        assert frame[between, 2].min() >= 5.5
        assert part_of(asset, "sign").positions_m[:, 2].min() >= 5.5
        assert np.abs(frame[:, 1]).max() == pytest.approx(0.5 * span_m, abs=0.5)


def test_boards_of_a_gantry_face_who_drives_on_the_right():
    for seed in SEEDS:
        corners, normals = faces_with(part_of(furniture.gantry(20.0, rng(seed)), "sign"), "boards")
        on_the_right = corners[..., 1].mean(axis=1) < 0.0
        assert on_the_right.any()
        assert (normals[on_the_right, 0] < 0.0).all()
        assert (normals[~on_the_right, 0] > 0.0).all()


@pytest.mark.parametrize("span_m, width_m", [(5.0, 2.0), (14.0, 8.0), (60.0, 40.0)])
def test_bridge_leaves_room_below(span_m, width_m):
    for seed in range(5):
        asset = furniture.bridge(span_m, width_m, rng(seed))
        mesh = whole(asset)
        assert {part.kind for part in asset} == {"bridge", "grass", "side_road"}
        assert len(mesh.triangles) <= 1200
        assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
        corners = mesh.positions_m[mesh.triangles]
        inside = 0.5 * span_m - 0.01
        over_road = (corners[..., 1].min(axis=1) < inside) & (corners[..., 1].max(axis=1) > -inside)
        assert over_road.any()
        assert corners[over_road, :, 2].min() >= 4.7


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: furniture.fence(0.4, rng(0)), r"a fence's length_m lies in 0\.5\.\.100, got 0\.4"),
        (lambda: furniture.guard_rail(float("nan")), "a guard rail's length_m lies in"),
        (lambda: furniture.garden_wall(101.0, rng(0)), "a garden wall's length_m lies in"),
        (lambda: furniture.gantry(4.0, rng(0)), r"a gantry's span_m lies in 5\.\.60, got 4"),
        (lambda: furniture.bridge(61.0, 8.0, rng(0)), "a bridge's span_m lies in"),
        (lambda: furniture.bridge(12.0, 1.0, rng(0)), "a bridge's width_m lies in"),
        (lambda: furniture.sign(["no_exit"], rng(0)), "a sign's faces are some of .*, got no_exit"),
        (lambda: furniture.sign([], rng(0)), "a sign's faces are some of .*, got none"),
    ],
)
def test_impossible_size_is_refused(make, message):
    with pytest.raises(PerceptionError, match=message):
        make()


def test_all_kinds_are_known():
    for name, (kinds, _) in SMALL.items():
        assert kinds <= set(KINDS), name


def test_delineator_has_a_band_and_a_reflector_on_both_sides():
    mesh = whole(delineator())
    assert len(mesh.triangles) <= 30
    assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert mesh.positions_m[:, 2].max() == pytest.approx(1.0, abs=1e-6)
    for number in (1, 2):  # after the post's own material
        ahead = mesh.normals[mesh.material_of == number, 0]
        assert {-1.0, 1.0} == set(np.round(ahead, 3).tolist())


@pytest.mark.parametrize("kind", range(4))
def test_noise_barrier_has_its_size(kind):
    mesh = whole(noise_barrier(8.0, 3.0, kind))
    assert np.ptp(mesh.positions_m[:, 0]) == pytest.approx(8.0, abs=0.1)
    assert mesh.positions_m[:, 2].max() == pytest.approx(3.0, abs=0.03)
    assert len(mesh.triangles) <= 60


def test_wires_hang_through_between_their_poles():
    mesh = wires([(0.0, 1.0, 8.0)], [(40.0, 1.0, 8.0)])
    ends = np.isin(mesh.positions_m[:, 0], (0.0, 40.0))
    assert mesh.positions_m[ends, 2] == pytest.approx(8.0, abs=0.02)
    assert mesh.positions_m[:, 2].min() == pytest.approx(8.0 - 0.02 * 40.0, abs=0.02)  # 2% of the span
    assert len(mesh.triangles) <= 40
