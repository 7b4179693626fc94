"""The camera as a whole: what each switch does, and that 0 is off."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.render.frame import View
from perception_fm.synth.sensor import tone
from perception_fm.synth.sensor.camera import SensorCamera
from perception_fm.synth.sensor.config import CameraConfig, EffectsConfig

CLEAN = EffectsConfig(noise=0.0)
POSE = base_from_camera(1.4, 0.0)
VELOCITY, TURN_RATE = (0.0, 0.0, 15.0), (0.0, 0.2, 0.0)
STRENGTHS = {
    "rolling_shutter_s": 0.03, "exposure_ms": 20.0, "exposure_ev": 1.0, "noise": 1.0, "vignetting": 0.3,
    "defocus_px": 1.0, "dirt": 0.3, "rain": 0.5, "wiper_s": 2.0, "glare": 0.5,
}  # fmt: skip
IN_THE_RENDERER = "rolling_shutter_s"


def camera(effects: EffectsConfig = CLEAN, seed: int = 1, **lens: object) -> SensorCamera:
    return SensorCamera(CameraConfig(width_px=320, height_px=192, focal_px=250.0, effects=effects, **lens), seed)


def view_of(one: SensorCamera, time_s: float = 0.45) -> View:
    return one.picture_view(POSE, time_s, VELOCITY, TURN_RATE)


def scene(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Radiance and depth: a road of texture to the horizon under an even sky."""
    below = np.maximum(np.arange(view.height) - view.intrinsics[1, 2], 0.0)[:, None]
    with np.errstate(divide="ignore"):
        depth = np.broadcast_to(1.4 * view.intrinsics[1, 1] / below, (view.height, view.width)).astype(np.float32)
    radiance = np.full((view.height, view.width, 3), 0.7, np.float32)
    road = np.random.default_rng(0).uniform(0.02, 0.4, radiance.shape).astype(np.float32)
    return np.where(np.isfinite(depth)[..., None], road, radiance), depth


def photograph(one: SensorCamera, number: int = 0, exposure: float | None = None) -> np.ndarray:
    view = view_of(one)
    return one.photograph(*scene(view), view, number, exposure)


def test_camera_with_everything_off_is_exposure_and_tone_curve_only() -> None:
    one = camera()
    radiance, _ = scene(view_of(one))
    expected = tone.picture(radiance * np.float32(one.meter(radiance)))
    assert np.array_equal(photograph(one), expected)


@pytest.mark.parametrize("name", [name for name in STRENGTHS if name != IN_THE_RENDERER])
def test_strength_changes_the_picture_and_zero_is_bit_equal_to_a_camera_without_it(name: str) -> None:
    without = photograph(camera())
    assert not np.array_equal(photograph(camera(dataclasses.replace(CLEAN, **{name: STRENGTHS[name]}))), without)
    assert np.array_equal(photograph(camera(dataclasses.replace(CLEAN, **{name: 0.0}), seed=99)), without)


@pytest.mark.parametrize(
    "name, doer",
    [
        ("exposure_ms", "motion_blur"), ("noise", "SensorNoise"), ("vignetting", "vignette"), ("defocus_px", "defocus"),
        ("dirt", "LensDirt"), ("rain", "RainInAir"), ("glare", "add_glare"),
    ],
)  # fmt: skip
def test_zero_among_all_other_effects_never_reaches_the_code(
    name: str, doer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_called(*_: object) -> None:
        raise AssertionError(f"{doer} works at {name} = 0")

    monkeypatch.setattr(f"perception_fm.synth.sensor.camera.{doer}", is_called)
    all_on = dataclasses.replace(CLEAN, **{**STRENGTHS, "noise": 1.0})
    assert photograph(camera(dataclasses.replace(all_on, **{name: 0.0}))).shape == (192, 320, 3)
    with pytest.raises(AssertionError, match=doer):
        photograph(camera(all_on))


def test_one_stop_more_doubles_the_linear_light() -> None:
    low, high = (
        photograph(camera(dataclasses.replace(CLEAN, exposure_ev=ev)), exposure=0.5).astype(np.float64) / 255.0
        for ev in (0.0, 1.0)
    )
    linear = [np.where(one <= 0.04045, one / 12.92, ((one + 0.055) / 1.055) ** 2.4) for one in (low, high)]
    is_straight = linear[1] < 0.55  # below the shoulder
    # Half an 8-bit level is 0.5 / 255 of the value; sRGB's slope is at most 2.3 there, twice for the darker picture.
    assert np.abs(linear[1] - 2.0 * linear[0])[is_straight].max() < 0.015
    assert is_straight.mean() > 0.3


def test_gain_adds_noise_and_keeps_the_brightness() -> None:
    still = photograph(camera(), exposure=0.8).astype(np.float64)
    errors = [
        photograph(camera(EffectsConfig(gain_db=gain)), exposure=0.8).astype(np.float64) - still for gain in (0.0, 20.0)
    ]
    assert errors[1].std() > 2.5 * errors[0].std() > 0.0
    assert np.median(errors[1]) == pytest.approx(0.0, abs=1.0)


def test_frame_does_not_depend_on_frames_made_before() -> None:
    effects = dataclasses.replace(EffectsConfig(), **STRENGTHS)
    alone, busy = camera(effects), camera(effects)
    for number in range(3):
        photograph(busy, number)
    assert np.array_equal(photograph(alone, 5), photograph(busy, 5))


def test_input_stays_as_it_was() -> None:
    one = camera(dataclasses.replace(EffectsConfig(), **STRENGTHS))
    view = view_of(one)
    radiance, depth = scene(view)
    radiance.setflags(write=False)
    depth.setflags(write=False)
    assert one.photograph(radiance, depth, view, 0).dtype == np.uint8


def test_picture_and_truth_are_one_view_without_distortion() -> None:
    one = camera(dataclasses.replace(CLEAN, rolling_shutter_s=0.03))
    picture, truth = view_of(one), one.truth_view(POSE, 0.45, VELOCITY, TURN_RATE)
    assert np.array_equal(picture.intrinsics, truth.intrinsics)
    for name in ("width", "height", "time_s", "readout_s", "velocity_mps", "turn_rate_rps"):
        assert getattr(picture, name) == getattr(truth, name)


def test_distorted_picture_has_its_dots_where_the_calibration_projects_them() -> None:
    one = camera(distortion_model="plumb_bob", distortion=(-0.3, 0.1, 0.001, 0.001))
    view = view_of(one)
    rays = np.array([[-0.5, -0.3], [0.0, 0.0], [0.45, 0.25], [0.3, -0.3]])
    centres = rays * 250.0 + view.intrinsics[:2, 2]
    x, y = np.meshgrid(np.arange(view.width), np.arange(view.height))
    dots = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2.0 * 2.5**2)) for u, v in centres)
    radiance = np.repeat(0.5 * dots[..., None], 3, axis=2).astype(np.float32)
    picture = one.photograph(radiance, None, view, 0, exposure=1.0)
    assert picture.shape == (192, 320, 3)
    for u, v in one.calibration.project(rays):
        left, top = round(u) - 8, round(v) - 8
        patch = picture[top : top + 17, left : left + 17, 1].astype(np.float64)
        moments = cv2.moments(patch)
        assert left + moments["m10"] / moments["m00"] == pytest.approx(u, abs=0.2)  # local stretch skews a dot
        assert top + moments["m01"] / moments["m00"] == pytest.approx(v, abs=0.2)


def test_wrong_arrays_are_refused() -> None:
    one = camera(dataclasses.replace(CLEAN, exposure_ms=10.0))
    view = view_of(one)
    radiance, depth = scene(view)
    with pytest.raises(PerceptionError, match=r"\(192, 320, 3\) float32"):
        one.photograph(radiance.astype(np.float64), depth, view, 0)
    with pytest.raises(PerceptionError, match="need the depth"):
        one.photograph(radiance, None, view, 0)
    with pytest.raises(PerceptionError, match="depth has the view's shape"):
        one.photograph(radiance, depth[:-1], view, 0)
    small = dataclasses.replace(view, width=100, height=50)
    with pytest.raises(PerceptionError, match="picture_view is 320x192"):
        one.photograph(radiance[:50, :100], depth[:50, :100], small, 0)


def test_compressed_picture_is_the_picture_but_for_quality() -> None:
    one = camera(dataclasses.replace(CLEAN, jpeg_quality=95, defocus_px=1.0))
    picture = photograph(one)
    opened = cv2.imdecode(np.frombuffer(one.compress(picture), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(opened.astype(int) - picture).mean() < 4.0
