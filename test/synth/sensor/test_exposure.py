"""Exposure and tone curve."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.synth.sensor.exposure import MAX_EXPOSURE, MAX_UNAMPLIFIED, MIN_EXPOSURE, amplification, meter
from perception_fm.synth.sensor.tone import SATURATION, encoded, picture, shoulder, srgb


def scene() -> np.ndarray:
    """Bright sky over a road with texture."""
    rng = np.random.default_rng(0)
    radiance = rng.uniform(0.05, 0.2, (96, 160, 3)).astype(np.float32)
    radiance[:40] += 0.6
    return radiance


def test_exposure_follows_the_light_inversely() -> None:
    assert meter(0.01 * scene()) == pytest.approx(100.0 * meter(scene()), rel=1e-3)


def test_grey_scene_comes_out_at_the_metering_target() -> None:
    grey = np.full((96, 160, 3), 0.3, np.float32)
    assert picture(grey * np.float32(meter(grey))).mean() == pytest.approx(0.40 * 255, abs=1.0)


def test_sun_in_the_picture_barely_darkens_it() -> None:
    sunny = scene()
    sunny[4:6, 80:82] = 1e4
    # Four of 15,360 pixels turn white; the exposure may give way by that much of the mean, here below 1/20 stop.
    assert meter(sunny) == pytest.approx(meter(scene()), rel=0.035)


def test_darkness_and_blinding_light_end_at_the_limits() -> None:
    assert meter(np.zeros((96, 160, 3), np.float32)) == pytest.approx(MAX_EXPOSURE, rel=1e-3)
    assert meter(np.full((96, 160, 3), 1e5, np.float32)) == pytest.approx(MIN_EXPOSURE, rel=1e-3)


def test_only_exposures_beyond_the_shutter_amplify() -> None:
    assert amplification(MAX_UNAMPLIFIED) == 1.0
    assert amplification(4.0 * MAX_UNAMPLIFIED) == 4.0


def test_nan_radiance_is_refused() -> None:
    radiance = scene()
    radiance[0, 0] = np.nan
    with pytest.raises(PerceptionError, match="NaN"):
        meter(radiance)


def test_srgb_of_known_values() -> None:
    # IEC 61966-2-1: middle grey 0.2140 encodes to 0.5, the ends to 0 and 1.
    assert srgb(np.array([0.0, 0.21404, 1.0])) == pytest.approx([0.0, 0.5, 1.0], abs=1e-5)


def test_curve_is_straight_below_the_knee_then_smooth_and_rising_to_white() -> None:
    light = np.linspace(0.0, SATURATION, 4001, dtype=np.float32)
    shown = shoulder(light)
    slope = np.diff(shown) / np.diff(light)
    assert np.array_equal(shown[:600], light[:600])
    assert (slope >= 0.0).all()
    assert np.abs(np.diff(slope)).max() < 0.01
    assert shown[-1] == pytest.approx(1.0)


def test_picture_rounds_to_the_nearest_of_256_levels() -> None:
    light = np.random.default_rng(0).uniform(0.0, 0.6, (50, 50, 3)).astype(np.float32)
    # The 14-bit sensor adds up to half of its step, 0.4 of a level near black.
    assert np.abs(picture(light) - 255.0 * srgb(light)).max() < 0.5 + 0.41
    assert encoded(light) == pytest.approx(srgb(light), abs=0.41 / 255)


def test_light_beyond_the_sensor_is_white_and_negative_light_black() -> None:
    extremes = np.array([[[-1.0, 1e6, SATURATION]]], np.float32)
    assert picture(extremes).tolist() == [[[0, 255, 255]]]
