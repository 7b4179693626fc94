"""Buildings: size, front, budget, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Mesh
from perception_fm.synth.world.buildings.building import BUILDING_STYLES, building
from perception_fm.synth.world.buildings.building_parts import gable_roof, gables, opening, upright
from perception_fm.synth.world.textures.library import TEXTURE_NAMES, coated

SEEDS = range(40)
SIZES = ((8.0, 9.0, 7.0), (14.0, 10.0, 12.0), (24.0, 15.0, 19.0), (80.0, 60.0, 60.0), (4.0, 4.0, 3.0))


def made(seed: int, size: tuple[float, float, float], style: str) -> Mesh:
    (part,) = building(np.random.default_rng(seed), *size, style)
    assert part.kind == "building"
    return part.mesh


@pytest.mark.parametrize("style", BUILDING_STYLES)
@pytest.mark.parametrize("size", SIZES)
def test_building_fills_its_plot_within_the_budget(style, size):
    wide, deep, high = size
    for seed in SEEDS:
        mesh = made(seed, size, style)
        low, top = mesh.positions_m.min(axis=0), mesh.positions_m.max(axis=0)
        assert len(mesh.triangles) <= 300
        assert low[2] == pytest.approx(0.0, abs=1e-6)
        assert high - 0.3 <= top[2] <= high + 3.2  # chimneys and stacks stand above
        assert 0.5 * wide <= top[1] + 1e-3 <= 0.5 * wide + 0.55
        assert -0.5 * wide - 0.55 <= low[1] - 1e-3 <= -0.5 * wide + 0.01
        assert -0.5 * deep - 0.55 <= low[0]
        assert 0.5 * deep <= top[0] + 1e-3
        assert top[0] <= 0.5 * deep + 1.85


@pytest.mark.parametrize("style", BUILDING_STYLES)
def test_upright_walls_face_outwards(style):
    """Big upright faces far from the middle look away from it."""
    for seed in SEEDS:
        mesh = made(seed, (14.0, 10.0, 10.0), style)
        corners = mesh.positions_m[mesh.triangles]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = 0.5 * np.linalg.norm(across, axis=1)
        walls = (area > 8.0) & (np.abs(across[:, 2]) < 1e-3 * area)
        assert walls.sum() >= 6
        outwards = (across * corners.mean(axis=1))[walls, :2].sum(axis=1)
        assert (outwards > 0.0).all()
        normals = mesh.normals[mesh.triangles[walls, 0]]
        assert ((normals * across[walls]).sum(axis=1) > 0.0).all()


@pytest.mark.parametrize("style", BUILDING_STYLES)
def test_materials_use_known_textures(style):
    used = {material.texture for seed in SEEDS for material in made(seed, (14.0, 10.0, 12.0), style).materials}
    assert used - {""} <= set(TEXTURE_NAMES)
    assert len(used) > 3


@pytest.mark.parametrize("style", BUILDING_STYLES)
def test_same_seed_same_building_and_others_differ(style):
    first, again, other = (made(seed, (14.0, 10.0, 12.0), style) for seed in (4, 4, 5))
    assert np.array_equal(first.positions_m, again.positions_m)
    assert np.array_equal(first.tints, again.tints)
    assert first.materials == again.materials
    assert first.positions_m.tobytes() != other.positions_m.tobytes() or first.tints.tobytes() != other.tints.tobytes()


def test_wall_shows_its_texture_upright():
    """Seen from +x, the texture's u runs to the right (+y) and v up."""
    wall = upright((5.0, -2.0, 5.0, 2.0), 0.0, 3.0, coated("brick_red"))
    assert wall.normals[0] == pytest.approx((1.0, 0.0, 0.0))
    at = {tuple(np.round(p[1:], 3)): tuple(np.round(t, 3)) for p, t in zip(wall.positions_m, wall.uv_m)}
    assert at[(-2.0, 0.0)] == (0.0, 0.0)
    assert at[(2.0, 3.0)] == (4.0, 3.0)


def test_window_has_a_sill_and_a_door_has_none():
    assert len(opening(0, 5.0, 0.0, 1.0, (1.2, 1.3))) == 2
    assert len(opening(8, 5.0, 0.0, 0.0, (1.0, 2.0))) == 1


def test_gable_roof_covers_its_walls():
    roof = Mesh.merged(gable_roof(4.0, 6.0, 3.0, 6.0, 0.5, coated("slate"), (1.0, 1.0, 1.0)))
    assert len(roof.triangles) == 20
    assert roof.positions_m.max(axis=0) == pytest.approx((4.5, 6.5, 6.22))
    # The overhang hangs below the eaves by the slope 3/4 times 0.5 m.
    assert roof.positions_m[:, 2].min() == pytest.approx(3.0 - 0.375)


def test_gables_close_the_ends():
    (ends,) = gables(4.0, 6.0, 3.0, 6.0, coated("plaster"), (1.0, 1.0, 1.0))
    left = ends.positions_m[:, 1] > 0.0
    assert (ends.normals[left, 1] > 0.99).all()
    assert (ends.normals[~left, 1] < -0.99).all()


@pytest.mark.parametrize(
    "size, named", [((3.9, 9.0, 9.0), "width_m"), ((9.0, 81.0, 9.0), "depth_m"), ((9.0, 9.0, float("nan")), "height_m")]
)
def test_impossible_size_is_refused(size, named):
    with pytest.raises(PerceptionError, match=f"a building's {named} lies in [34]..80"):
        building(np.random.default_rng(0), *size, "town")


def test_unknown_style_is_refused():
    with pytest.raises(PerceptionError, match=r"style is one of town, suburb.*'castle'"):
        building(np.random.default_rng(0), 9.0, 9.0, 9.0, "castle")


def test_neighbouring_town_houses_differ_in_facade_and_shops():
    def textures(number: int, prefix: str) -> list[str]:
        (part,) = building(np.random.default_rng(3), 21.0, 10.0, 12.0, "town", number)
        return [material.texture for material in part.mesh.materials if material.texture.startswith(prefix)]

    for number in range(40):
        assert set(textures(number, "facade_")).isdisjoint(textures(number + 1, "facade_"))
        assert set(textures(number, "shop_")[-1:]).isdisjoint(textures(number + 1, "shop_")[:1])
    assert any(textures(number, "shop_") for number in range(40))
