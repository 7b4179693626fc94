"""Vignetting, glare and dirt."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.synth.sensor.dirt import LensDirt
from perception_fm.synth.sensor.glare import SCATTERED_AT_FULL, add_glare, wide_blur
from perception_fm.synth.sensor.jpeg import encode
from perception_fm.synth.sensor.vignetting import vignette

THIN_AND_THICK = (0.25, 0.9)  # opacity of dust film and of crust


def test_corner_loses_what_was_asked_and_the_middle_nothing() -> None:
    passed = vignette(641, 385, 0.4)
    assert passed[192, 320] == 1.0
    assert passed[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(0.6)
    assert (np.diff(passed[192, 320:, 0]) < 0.0).all()


def test_vignetting_is_the_cosine_to_the_fourth() -> None:
    passed = vignette(641, 385, 0.4)[..., 0]
    corner = np.hypot(320.0, 192.0)
    focal = corner / np.sqrt(0.6**-0.5 - 1.0)
    assert passed[192, 420] == pytest.approx(np.cos(np.arctan(100.0 / focal)) ** 4)


def test_glare_keeps_an_even_scene_and_takes_its_share_from_a_point() -> None:
    even = np.full((96, 160, 3), 0.5, np.float32)
    assert np.abs(add_glare(even, 1.0) - even).max() < 1e-5
    point = np.zeros((96, 160, 3), np.float32)
    point[48, 80] = 2.0
    glared = add_glare(point, 0.5)
    assert 2.0 * (1.0 - 0.5 * SCATTERED_AT_FULL) <= glared[48, 80, 0] < 2.0
    assert glared[48, 90, 0] > glared[48, 120, 0] > 0.0
    assert glared.sum() == pytest.approx(point.sum(), rel=0.05)  # tails beyond the border are missing, shrinking rounds


def test_clipped_sun_veils_more_than_its_clipped_radiance_could() -> None:
    dark = np.full((96, 160, 3), 0.1, np.float32)
    sunny = dark.copy()
    sunny[20:24, 80:84] = 12.0
    assert add_glare(sunny, 1.0)[80, 20, 1] > 1.5 * add_glare(dark, 1.0)[80, 20, 1]


@pytest.mark.parametrize("sigma_px", [2.0, 20.0])
def test_wide_blur_has_the_width_that_was_asked(sigma_px: float) -> None:
    line = np.zeros((64, 401, 3), np.float32)
    line[:, 200] = 1.0
    spread = wide_blur(line, sigma_px)[32, :, 0].astype(np.float64)
    spread /= spread.sum()
    at = np.arange(401) - 200.0
    # Shrinking and enlarging by n adds a box and a triangle of that width to the Gaussian: 3% at n = sigma / 3.
    assert np.sqrt((spread * at**2).sum()) == pytest.approx(sigma_px, rel=0.06)


@pytest.mark.parametrize("coverage", [0.05, 0.3, 1.0])
def test_dirt_covers_the_share_of_the_lens(coverage: float) -> None:
    opacity = LensDirt(640, 384, coverage, seed=1).opacity
    # Blurring keeps the mean, which lies between that of thin film and of crust everywhere; the border loses a little.
    assert 0.97 * coverage * THIN_AND_THICK[0] < opacity.mean() < coverage * THIN_AND_THICK[1]
    assert (opacity < 0.01).mean() <= 1.0 - coverage
    assert opacity.max() <= THIN_AND_THICK[1]


def test_dirt_stays_over_a_drive_and_changes_with_the_seed() -> None:
    first, again, other = (LensDirt(160, 96, 0.3, seed).opacity for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_dirt_darkens_a_white_scene_and_lights_up_a_dark_spot() -> None:
    dirt = LensDirt(160, 96, 0.3, seed=1)
    light = np.ones((96, 160, 3), np.float32)
    spoilt = dirt.apply(light)
    is_dirty = dirt.opacity > 0.1
    assert (spoilt[is_dirty] < 1.0).all()
    row, column = np.unravel_index(dirt.opacity.argmax(), dirt.opacity.shape)
    light[row, column] = 0.0
    assert (dirt.apply(light)[row, column] > 0.0).all()


def test_clean_part_of_the_lens_passes_everything() -> None:
    dirt = LensDirt(640, 384, 0.05, seed=1)
    light = np.full((384, 640, 3), 0.7, np.float32)
    assert np.abs(dirt.apply(light)[dirt.opacity == 0.0] - 0.7).max() < 1e-4  # OpenCV's blend divides by 1 + 1e-5


def test_jpeg_is_a_jpeg_and_quality_costs_bytes() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert encode(picture, 90)[:2] == b"\xff\xd8"
    assert len(encode(picture, 95)) > len(encode(picture, 30))
