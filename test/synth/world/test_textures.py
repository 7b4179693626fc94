"""Textures: they repeat without a seam, reflect what such surfaces reflect, and are the same every time."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import TEXTURE_SIZE
from perception_fm.synth.world.textures import library as textures
from perception_fm.synth.world.textures.facade_textures import FACADES
from perception_fm.synth.world.textures.library import TEXTURE_NAMES, cell_uv, coated, texture_library
from perception_fm.synth.world.textures.patterns import cells, courses, noise, scattered, wandering_lines
from perception_fm.synth.world.textures.shop_textures import SHOPS
from perception_fm.synth.world.textures.texture_maps import bake, decoded, plain

REPEATING = sorted(name for name in TEXTURE_NAMES if coated(name).tile_m != 1.0 or name in ("wood", "needles", "bark"))
# Mean linear reflectance over the three channels; ECOSTRESS library and Oke, Boundary Layer Climates, table 1.1.
REFLECTANCE = {
    "asphalt": (0.08, 0.2),
    "old_asphalt": (0.12, 0.25),
    "concrete": (0.3, 0.45),
    "pavers": (0.2, 0.4),
    "slabs": (0.25, 0.4),
    "grass": (0.08, 0.2),
    "meadow": (0.08, 0.2),
    "soil": (0.07, 0.2),
    "gravel": (0.15, 0.35),
    "road_paint": (0.5, 0.85),
    "brick_red": (0.1, 0.3),
    "roof_tiles": (0.1, 0.3),
    "slate": (0.05, 0.15),
    "leaves": (0.03, 0.12),
    "bark": (0.05, 0.2),
}


@pytest.fixture(scope="module")
def library():
    return texture_library(TEXTURE_NAMES)


@pytest.mark.parametrize("name", REPEATING)
@pytest.mark.parametrize("axis", [0, 1])
def test_repeating_texture_has_no_seam(library, name, axis):
    """The step across the border is no bigger than between some neighbours inside."""
    for image in (library[name].albedo, library[name].normal, library[name].roughness):
        rows = np.moveaxis(image.astype(np.float64), axis, 0)
        inside = np.abs(np.diff(rows, axis=0)).reshape(TEXTURE_SIZE - 1, -1).mean(axis=1)
        across = np.abs(rows[0] - rows[-1]).mean()
        assert across <= 1.15 * inside.max() + 0.5  # half a level of rounding


def test_a_seam_would_be_found(library):
    rows = library["grass"].albedo[:, : TEXTURE_SIZE // 2].astype(np.float64)
    inside = np.abs(np.diff(rows, axis=1)).mean(axis=(0, 2))
    assert np.abs(rows[:, 0] - rows[:, -1]).mean() > 1.15 * inside.max() + 0.5


@pytest.mark.parametrize("name", sorted(REFLECTANCE))
def test_reflectance_is_that_of_the_material(library, name):
    low, high = REFLECTANCE[name]
    assert low <= decoded(library[name].albedo).mean() <= high


def test_nothing_reflects_more_than_white_paint(library):
    for texture in library.values():
        assert decoded(texture.albedo).mean(axis=(0, 1)).max() <= 0.95


def test_glass_is_smoother_than_the_wall(library):
    for index in range(len(FACADES)):
        roughness = library[f"facade_{index}"].roughness
        assert (roughness < 0.15 * 255).mean() > 0.05
        assert (roughness > 0.45 * 255).mean() > 0.2


def test_windows_differ_from_bay_to_bay(library):
    albedo = library["facade_1"].albedo.astype(int)
    glass = library["facade_1"].roughness < 0.15 * 255
    bays = [np.where(glass[..., None], albedo, 0)[:, x : x + 128] for x in range(0, 512, 128)]
    assert all(np.abs(bays[0] - other).max() > 20 for other in bays[1:])


def test_normals_follow_the_height():
    """A ramp of 0.1 m per m along u tilts the normal by atan(0.1) against u."""
    maps = plain((0.5, 0.5, 0.5), 0.5)
    maps.height_m[:] = 0.1 * 2.0 * np.arange(TEXTURE_SIZE) / TEXTURE_SIZE
    normal = bake(maps, 2.0, 2.0).normal[TEXTURE_SIZE // 2, TEXTURE_SIZE // 2]
    assert normal == pytest.approx((-127 * 0.1 / np.hypot(1.0, 0.1), 0.0), abs=0.5)


def test_row_0_is_the_foot_of_the_picture():
    maps = plain((0.0, 0.0, 0.0), 0.5)
    maps.albedo[:10] = 1.0
    maps.height_m[: TEXTURE_SIZE // 2] = 1.0
    texture = bake(maps, 1.0, 1.0)
    assert texture.albedo[-5:].min() == 255
    assert texture.albedo[:500].max() == 0
    edge = texture.normal[TEXTURE_SIZE // 2, :, 1]  # the height rises with v, so the normal leans down
    assert (edge < -100).all()


def test_linear_and_srgb_agree():
    """sRGB 188 is linear 0.5029 (IEC 61966-2-1), mid grey 118 is 0.1812."""
    assert decoded(np.array([0, 118, 188, 255], np.uint8)) == pytest.approx([0.0, 0.1812, 0.5029, 1.0], abs=1e-4)
    maps = plain((0.1812, 0.5029, 1.0), 0.5)
    assert np.abs(bake(maps, 1.0, 1.0).albedo[0, 0].astype(int) - (118, 188, 255)).max() <= 1


@pytest.mark.parametrize("name", ["asphalt", "leaves", "shop_0", "plates"])
def test_same_name_same_texture(name):
    """Drawn anew, not taken from the cache."""
    recipe = textures._RECIPES[name]
    again = bake(recipe.draw(np.random.default_rng(zlib.crc32(name.encode()))), recipe.width_m, recipe.height_m)
    kept = texture_library([name])[name]
    assert np.array_equal(kept.albedo, again.albedo)
    assert np.array_equal(kept.normal, again.normal)
    assert np.array_equal(kept.roughness, again.roughness)


def test_textures_are_shared_and_read_only(library):
    again = texture_library(["brick_red"])["brick_red"]
    assert again is library["brick_red"]
    with pytest.raises(ValueError, match="read-only"):
        again.albedo[0, 0] = 0


def test_every_facade_and_shop_has_its_name():
    names = {f"facade_{i}" for i in range(len(FACADES))} | {f"shop_{i}" for i in range(len(SHOPS))}
    assert names <= set(TEXTURE_NAMES)


def test_unknown_texture_is_refused():
    with pytest.raises(PerceptionError, match="'asphlat' is no texture"):
        texture_library(["asphlat"])
    with pytest.raises(PerceptionError, match="'marble' is no texture"):
        coated("marble")


def test_cells_are_counted_from_the_top_left():
    assert cell_uv(0, 4, 4) == (0.0, 0.75, 0.25, 1.0)
    assert cell_uv(15, 4, 4) == (0.75, 0.0, 1.0, 0.25)
    assert cell_uv(3, 2, 8, 0.1) == pytest.approx((0.55, 0.7625, 0.95, 0.8625))


@pytest.mark.parametrize("number", [-1, 16])
def test_cell_beyond_the_sheet_is_refused(number):
    with pytest.raises(PerceptionError, match="has no number"):
        cell_uv(number, 4, 4)


def test_noise_has_mean_0_and_deviation_1():
    field = noise(1.0, np.random.default_rng(1))
    assert field.mean() == pytest.approx(0.0, abs=1e-4)
    assert field.std() == pytest.approx(1.0, abs=1e-4)


def test_stretched_noise_changes_less_along_the_stretch():
    field = noise(1.0, np.random.default_rng(1), stretch=(6.0, 1.0))
    assert np.abs(np.diff(field, axis=0)).mean() < 0.5 * np.abs(np.diff(field, axis=1)).mean()


def test_courses_are_shifted_by_half_a_stone():
    stones = courses(4, 2)
    assert stones.number.max() == 7
    assert stones.number[0, 0] == 0
    assert stones.number[0, 127] == 0
    assert stones.number[0, 128] == 1
    assert stones.number[300, 63] == 4
    assert stones.number[300, 64] == 5
    assert stones.edge_px.max() == pytest.approx(64.0, abs=1.0)  # middle of a stone of 128 x 256 texels


def test_every_cell_is_near_its_seed():
    stones = cells(8, np.random.default_rng(2))
    sizes = np.bincount(stones.number.ravel(), minlength=64)
    assert len(sizes) == 64
    assert sizes.min() > 0.2 * 64**2
    assert sizes.max() < 3.0 * 64**2
    assert stones.edge_px.min() == 0.0


def test_what_leaves_the_tile_comes_in_again():
    """A square of 100 texels covers 10000 texels wherever it lies (its outline is drawn softly, +-4%)."""
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    for seed in range(12):
        canvas = scattered(square, np.array([100.0]), np.ones((1, 3)), np.random.default_rng(seed))
        assert canvas.shape == (TEXTURE_SIZE, TEXTURE_SIZE, 3)
        assert canvas[..., 0].sum() == pytest.approx(1e4, rel=0.04)


def test_cracks_are_thin():
    share = wandering_lines(3, 50, 5.0, np.random.default_rng(0)).mean()
    assert 0.0005 < share < 0.01
