"""Sensor noise follows the linear model of EMVA 1288."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.synth.sensor.noise import FULL_WELL_E, GAIN_SPREAD, OFFSET_SPREAD_E, READ_NOISE_E, SensorNoise
from perception_fm.synth.sensor.tone import SATURATION

SIZE = (400, 250)


def even(light: float) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), light, np.float32)


@pytest.mark.parametrize("gain_db", [0.0, 12.0])
@pytest.mark.parametrize("light", [0.0, 0.05, 0.5, 1.0])
def test_variance_in_time_is_photons_plus_read_noise(light: float, gain_db: float) -> None:
    noise = SensorNoise(SIZE, 1.0, gain_db, seed=3)
    difference = noise.add(even(light), 0).astype(np.float64) - noise.add(even(light), 1)
    gain = 10.0 ** (gain_db / 20.0)
    electrons = light * FULL_WELL_E / SATURATION / gain
    expected = (electrons + READ_NOISE_E**2) * (gain * SATURATION / FULL_WELL_E) ** 2
    # The variance of 300,000 normal samples is known to 0.26%: five of that.
    assert 0.5 * difference.var() == pytest.approx(expected, rel=0.013)


def test_mean_light_stays() -> None:
    noise = SensorNoise(SIZE, 1.0, 0.0, seed=3)
    assert noise.add(even(0.5), 0).mean() == pytest.approx(0.5, abs=2e-4)


def test_fixed_pattern_is_what_the_mean_of_many_frames_keeps() -> None:
    noise = SensorNoise((64, 64), 1.0, 0.0, seed=3)
    light = np.full((64, 64, 3), 1.0, np.float32)
    mean = np.mean([noise.add(light, number) for number in range(100)], axis=0)
    temporal = (FULL_WELL_E / SATURATION + READ_NOISE_E**2) * (SATURATION / FULL_WELL_E) ** 2 / 100
    pattern = GAIN_SPREAD**2 + (OFFSET_SPREAD_E * SATURATION / FULL_WELL_E) ** 2
    assert mean.var() == pytest.approx(temporal + pattern, rel=0.07)  # 12,288 samples: 1.3%, five of that


def test_strength_scales_the_standard_deviation() -> None:
    light = even(0.5)
    weak, strong = (SensorNoise(SIZE, strength, 0.0, seed=3).add(light, 0) - light for strength in (1.0, 2.0))
    assert strong.std() == pytest.approx(2.0 * weak.std(), rel=1e-3)


def test_amplification_equals_gain() -> None:
    by_gain = SensorNoise(SIZE, 1.0, 20.0 * np.log10(4.0), seed=3).add(even(0.5), 0)
    by_exposure = SensorNoise(SIZE, 1.0, 0.0, seed=3).add(even(0.5), 0, amplification=4.0)
    assert np.allclose(by_gain, by_exposure, atol=1e-6)


def test_frames_differ_and_repeat() -> None:
    first, again = (SensorNoise(SIZE, 1.0, 0.0, seed=3).add(even(0.5), 7) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, SensorNoise(SIZE, 1.0, 0.0, seed=3).add(even(0.5), 8))
    assert not np.array_equal(first, SensorNoise(SIZE, 1.0, 0.0, seed=4).add(even(0.5), 7))


def test_full_well_is_the_most_light() -> None:
    assert SensorNoise(SIZE, 1.0, 0.0, seed=3).add(even(10.0 * SATURATION), 0).max() == np.float32(SATURATION)
