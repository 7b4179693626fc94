"""The patchwork of fields: every point has one crop, borders are where crops change."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.fields import CROPS, Fields
from perception_fm.synth.world.ground.roadway import build_roadway

LOW, HIGH = np.array([-100.0, -300.0]), np.array([500.0, 300.0])


@pytest.fixture
def fields() -> Fields:
    return Fields.drawn(LOW, HIGH, np.random.default_rng(4))


def test_parcels_cover_the_land(fields: Fields) -> None:
    local = fields.local(np.array([(x, y) for x in (LOW[0], HIGH[0]) for y in (LOW[1], HIGH[1])]))
    assert fields.across_m[0] <= local[:, 0].min()
    assert fields.across_m[-1] >= local[:, 0].max()
    for cuts in fields.along_m:
        assert cuts[0] <= local[:, 1].min()
        assert cuts[-1] >= local[:, 1].max()


def test_crops_change_at_borders_only(fields: Fields) -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(LOW, HIGH, (3000, 2))
    step = rng.normal(size=xy.shape)
    near = xy + step / np.linalg.norm(step, axis=1, keepdims=True) * (0.99 * fields.borders_m(xy))[:, None]
    assert np.array_equal(fields.crops_at(xy), fields.crops_at(near))
    assert len(np.unique(fields.crops_at(xy))) > len(CROPS) // 2


def test_points_lie_along_both_sides_of_borders(fields: Fields) -> None:
    gap = fields.borders_m(fields.border_points(6.0))
    assert gap.max() <= 0.3 + 1e-6  # where borders meet, a point may be closer to the other one
    assert np.median(gap) == pytest.approx(0.3, abs=1e-6)


def test_fields_begin_beyond_the_verge() -> None:
    parts = build_roadway(WorldConfig(style="country", length_m=120.0), 6).parts
    fields = [
        part.mesh for part in parts if part.kind == "grass" and part.mesh.materials[0].texture in ("crop", "soil")
    ]
    assert fields
    for mesh in fields:
        corners = mesh.positions_m[mesh.triangles].mean(axis=1)
        beside = (corners[:, 0] > -30.0) & (corners[:, 0] < 290.0)
        # Lane, edge strip, verge; the headland beyond may be narrower by half a triangle.
        assert np.abs(corners[beside, 1]).min(initial=np.inf) > 3.5 + 0.4 + 3.0
