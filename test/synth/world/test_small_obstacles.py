"""What lies on roads: true sizes, feet on the ground, few triangles, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("trimesh")

from perception_fm.synth.labels import IGNORED, train_id
from perception_fm.synth.scenario.actor_config import FOOTPRINT_M
from perception_fm.synth.world.street.small_obstacles import CONES_M, KIND, cone, crate, kerbstone, log, tyre

SEEDS = range(24)
HEIGHTS_M = {
    crate: (0.3, 0.3),
    tyre: (0.2, 0.25),
    cone: (min(CONES_M), max(CONES_M)),
    kerbstone: (0.3, 0.3),
    log: (0.3, 0.3),
}


@pytest.mark.parametrize("build", HEIGHTS_M, ids=lambda build: build.__name__)
def test_small_obstacles_stand_on_the_ground_and_are_as_high_as_they_say(build: Callable) -> None:
    low_m, high_m = HEIGHTS_M[build]
    for seed in SEEDS:
        (part,) = build(np.random.default_rng(seed))
        points = part.mesh.positions_m
        assert part.kind == KIND
        assert len(part.mesh.triangles) <= 300
        assert points[:, 2].min() == pytest.approx(0.0, abs=1e-6)
        assert low_m - 1e-6 <= points[:, 2].max() <= high_m + 1e-6
        size = np.ptp(points[:, :2], axis=0)
        assert (size <= np.array(FOOTPRINT_M[build.__name__]) + 1e-6).all()
        np.testing.assert_allclose(points[:, :2].min(axis=0), -points[:, :2].max(axis=0), atol=0.01)


@pytest.mark.parametrize("build", HEIGHTS_M, ids=lambda build: build.__name__)
def test_a_seed_makes_the_same_again(build: Callable) -> None:
    one, other = (build(np.random.default_rng(7))[0].mesh for _ in range(2))
    np.testing.assert_array_equal(one.positions_m, other.positions_m)
    assert one.materials == other.materials


def test_cones_have_all_their_heights() -> None:
    heights = {round(float(cone(np.random.default_rng(seed))[0].mesh.positions_m[:, 2].max()), 3) for seed in SEEDS}
    assert heights == set(CONES_M)


def test_no_class_of_the_truth_is_theirs() -> None:
    assert train_id(KIND) == IGNORED
