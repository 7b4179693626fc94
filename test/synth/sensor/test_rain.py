"""Rain in the air, drops on the windscreen and the wiper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_fm.errors import ConfigError
from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.render.frame import View
from perception_fm.synth.sensor.drops import Drop, DropPainter
from perception_fm.synth.sensor.rain import HEAVY_MM_PER_H, RainInAir
from perception_fm.synth.sensor.windscreen import Windscreen
from perception_fm.synth.sensor.wiper import SWING_S, Wiper

SIZE, FOCAL = (320, 192), 250.0
K = np.array([[FOCAL, 0.0, 159.5], [0.0, FOCAL, 95.5], [0.0, 0.0, 1.0]])
PARKED = View(K, *SIZE, base_from_camera(1.4, 0.0))
DRIVING = View(K, *SIZE, base_from_camera(1.4, 0.0), velocity_mps=(0.0, 0.0, 20.0))


def half_sky() -> np.ndarray:
    """Bright above, dark below."""
    light = np.full((SIZE[1], SIZE[0], 3), 0.05, np.float32)
    light[:96] = 1.0
    return light


def test_distance_turns_to_sky_by_the_extinction_of_rain() -> None:
    depth = np.full((4, 6), 100.0, np.float32)
    depth[0] = np.inf
    radiance = np.zeros((4, 6, 3), np.float32)
    radiance[0] = 0.8
    seen = math.exp(-0.312e-3 * HEAVY_MM_PER_H**0.67 * 100.0)
    veiled = RainInAir(1.0, 0.0, seed=0).veil(radiance, depth)
    assert veiled[1:] == pytest.approx(0.8 * (1.0 - seen), rel=1e-4)
    assert veiled[0] == pytest.approx(0.8, rel=1e-4)


def test_heavier_rain_has_more_streaks() -> None:
    dark = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    dark[:10] = 1.0
    light, heavy = (RainInAir(s, 0.005, seed=0).add_streaks(dark, DRIVING, 0)[12:].mean() for s in (0.2, 1.0))
    assert heavy > 2.0 * light > 0.0


def test_streaks_are_new_in_every_frame_and_repeat_with_the_number() -> None:
    first, again, other = (RainInAir(1.0, 0.005, seed=0).add_streaks(half_sky(), DRIVING, n) for n in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_streaks_stand_upright_before_a_parked_car() -> None:
    dark = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    dark[:20] = 1.0
    streaks = RainInAir(1.0, 0.01, seed=0).add_streaks(dark, PARKED, 0)[24:, :, 0]
    down, across = np.abs(np.diff(streaks, axis=0)).sum(), np.abs(np.diff(streaks, axis=1)).sum()
    assert across > 3.0 * down


def test_drop_shows_the_scene_upside_down() -> None:
    painter = DropPainter(SIZE, FOCAL, 1.0, seed=0)
    layer = painter.empty()
    painter.draw(layer, Drop(160.0, 96.0, 20.0, 1.0, 0.0, 0.0, 200.0, 0.0, 0.0), 0.0)
    seen = painter.look_through(half_sky(), layer)
    assert (seen[86, 160] < 0.1).all()
    assert (seen[106, 160] > 0.7).all()
    assert np.abs(seen[40, 60] - 1.0).max() < 1e-4  # OpenCV's blend divides by 1 + 1e-5


def test_only_large_drops_slide_and_they_slide_down() -> None:
    screen = Windscreen(SIZE, FOCAL, 1.0, 0.0, seed=1)
    drops = DropPainter(SIZE, FOCAL, 1.0, seed=1).drops(0, (0.0, 0.0))
    standing, sliding = ([d for d in drops if (d.speed > 0.0) == moves] for moves in (False, True))
    assert max(d.radius for d in standing) <= min(d.radius for d in sliding)
    changed = np.abs(screen.look_through(half_sky(), 0.0) - screen.look_through(half_sky(), 0.5)).max(axis=2) > 0.01
    assert 0.0 < changed.mean() < 0.2


def test_windscreen_is_a_function_of_the_time_alone() -> None:
    one, other = (Windscreen(SIZE, FOCAL, 0.7, 2.0, seed=1) for _ in range(2))
    for time_s in (0.1, 3.0, 7.3):
        one.look_through(half_sky(), time_s)
    assert np.array_equal(one.look_through(half_sky(), 0.35), other.look_through(half_sky(), 0.35))


def test_wiper_leaves_clear_glass_and_drops_gather_again() -> None:
    screen = Windscreen(SIZE, FOCAL, 1.0, 6.0, seed=1)

    def spoilt(time_s: float) -> float:
        return float((np.abs(screen.look_through(half_sky(), time_s) - half_sky()).max(axis=2) > 0.01).mean())

    assert spoilt(6.0 + SWING_S) < 0.01
    assert spoilt(11.9) > 0.05


def test_blade_crosses_the_picture_once_each_way() -> None:
    wiper = Wiper(SIZE, 1.5, 3.0, 2.0)
    covers = [wiper.cover(time_s) for time_s in np.arange(0.0, 2.0, 0.01)]
    is_seen = np.array([cover is not None for cover in covers])
    assert (np.diff(is_seen.astype(int)) == 1).sum() == 2
    assert max(cover.max() for cover in covers if cover is not None) == 1.0
    assert not wiper.is_wiped(0.0).any()
    assert wiper.is_wiped(0.5 * SWING_S).all()


def test_wiper_faster_than_its_swing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"effects\.wiper_s"):
        Wiper(SIZE, 1.5, 3.0, 1.0)
