"""Trees, bushes, hedges: budgets, ground contact, shapes, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Mesh
from perception_fm.synth.world.street.foliage import crown, sprays
from perception_fm.synth.world.street.vegetation import LEAVES, bush, hedge, street_tree, tree

SEEDS = range(60)
BALL = [np.array([0.0, 0.0, 5.0])], [np.array([2.0, 2.0, 2.0])]
GREEN = np.ones(3)


def mesh_of(asset, kind: str) -> Mesh:
    (part,) = asset
    assert part.kind == kind
    return part.mesh


def test_trees_stand_on_the_ground_within_the_budget():
    for seed in SEEDS:
        mesh = mesh_of(tree(np.random.default_rng(seed)), "tree")
        assert len(mesh.triangles) <= 350
        assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
        assert 4.0 <= mesh.positions_m[:, 2].max() <= 17.5
        assert np.abs(mesh.positions_m[:, :2]).max() < 9.0
        foot = mesh.positions_m[mesh.positions_m[:, 2] < 0.01]
        assert np.hypot(foot[:, 0], foot[:, 1]).max() < 0.4


def test_trees_leave_room_for_people():
    """Below 1 m broad-leaved trees are slim: trunk, and the foot of a poplar's narrow crown."""
    for seed in SEEDS:
        mesh = mesh_of(tree(np.random.default_rng(seed)), "tree")
        if "leaves" in {material.texture for material in mesh.materials}:
            low = mesh.positions_m[mesh.positions_m[:, 2] < 1.0]
            assert np.hypot(low[:, 0], low[:, 1]).max() < 0.8


def test_street_tree_leaves_room_for_the_traffic():
    for seed in SEEDS:
        mesh = mesh_of(street_tree(np.random.default_rng(seed)), "tree")
        assert len(mesh.triangles) <= 350
        leafy = mesh.material_of == [material.texture for material in mesh.materials].index("leaves")
        assert mesh.positions_m[leafy, 2].min() > 4.5
        assert np.hypot(mesh.positions_m[:, 0], mesh.positions_m[:, 1]).max() < 3.2
        assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)


def test_trees_come_in_many_shapes():
    sizes = {len(mesh_of(tree(np.random.default_rng(seed)), "tree").triangles) for seed in SEEDS}
    textures = {m.texture for seed in SEEDS for m in mesh_of(tree(np.random.default_rng(seed)), "tree").materials}
    assert len(sizes) >= 4
    assert textures == {"bark", "leaves", "needles"}


def test_bushes_are_low_and_stand_on_the_ground():
    for seed in SEEDS:
        mesh = mesh_of(bush(np.random.default_rng(seed)), "bush")
        assert len(mesh.triangles) <= 200
        assert 0.0 <= mesh.positions_m[:, 2].min() < 0.03
        assert 0.5 < mesh.positions_m[:, 2].max() < 2.7


@pytest.mark.parametrize("length_m", [0.5, 3.0, 10.0, 60.0])
def test_hedge_has_its_length(length_m):
    mesh = mesh_of(hedge(length_m, np.random.default_rng(3)), "hedge")
    assert np.ptp(mesh.positions_m[:, 0]) == pytest.approx(length_m, abs=0.4)  # leaves stand out
    assert mesh.positions_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert np.abs(mesh.positions_m[:, 1]).max() < 0.75
    assert len(mesh.triangles) <= 12 * length_m + 60


@pytest.mark.parametrize("maker", [tree, street_tree, bush, lambda rng: hedge(5.0, rng)])
def test_same_seed_same_plant_and_others_differ(maker):
    (first,), (again,), (other,) = (maker(np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(first.mesh.positions_m, again.mesh.positions_m)
    assert np.array_equal(first.mesh.tints, again.mesh.tints)
    assert not np.array_equal(first.mesh.tints, other.mesh.tints)


def test_crown_is_as_big_as_its_lobe():
    """Corners lie 1.08 radii from the middle when nothing moves them."""
    mesh = crown(*BALL, 0.0, LEAVES, GREEN, np.random.default_rng(0))
    assert len(mesh.triangles) == 20
    assert np.linalg.norm(mesh.positions_m - BALL[0][0], axis=1) == pytest.approx(2.16, abs=1e-5)


def test_crown_faces_outwards_and_is_brighter_above():
    mesh = crown(*BALL, 0.0, LEAVES, GREEN, np.random.default_rng(0))
    away = mesh.positions_m - BALL[0][0]
    assert ((mesh.normals * away).sum(axis=1) > 0.0).all()
    above = away[:, 2] > 0.0
    assert mesh.tints[above].mean() > 1.2 * mesh.tints[~above].mean()


def test_sprays_lie_on_the_crown():
    mesh = sprays(*BALL, 30, 0.3, LEAVES, GREEN, np.random.default_rng(0))
    away = np.linalg.norm(mesh.positions_m - BALL[0][0], axis=1)
    assert len(mesh.triangles) == 90
    assert (away > 2.0 - 0.6).all()
    assert (away < 2.0 + 0.45).all()


def test_nothing_grows_below_the_floor():
    body = crown(*BALL, 0.3, LEAVES, GREEN, np.random.default_rng(1), floor_z=4.0)
    fringe = sprays(*BALL, 30, 0.3, LEAVES, GREEN, np.random.default_rng(1), floor_z=4.0)
    assert min(body.positions_m[:, 2].min(), fringe.positions_m[:, 2].min()) >= 4.0


@pytest.mark.parametrize("length_m", [0.4, 61.0, float("nan")])
def test_impossible_hedge_is_refused(length_m):
    with pytest.raises(PerceptionError, match=r"a hedge's length_m lies in 0\.5\.\.60"):
        hedge(length_m, np.random.default_rng(0))
