"""Haze, rain and a dirty lens over a sample, by the effects of the synthetic camera (`synth/sensor`)."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.render.frame import View
from perception_fm.synth.sensor.dirt import LensDirt
from perception_fm.synth.sensor.rain import RainInAir
from perception_fm.synth.sensor.windscreen import Windscreen
from perception_fm.training.sample import TrainingSample

Image = NDArray[np.uint8]
Light = NDArray[np.float32]

_LENSES = 12  # dirty lenses and wet windscreens that are drawn once and used again; more only cost time
_VISIBILITY_M = (40.0, 400.0)  # from fog to mist, by Koschmieder's law: contrast 0.05 is left there
_KOSCHMIEDER = 3.0  # -ln 0.05
_DENSE_SHARE = 0.8  # of depth that must be known for haze: guessed depth would draw its own outlines
_FOCAL_WIDTHS = 1.0  # of drops, so that a windscreen need not be drawn for every focal length
# Optical axes of a level camera in a world with z up, as the effects have it: rain falls along image y.
_LEVEL = RigidTransform(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3))


def hazed(sample: TrainingSample, rng: np.random.Generator) -> Image:
    """The picture in haze (Koschmieder 1924): air light takes the place of what distance swallows.

    The picture as it is where depth is known at too few pixels.
    """
    depth_m = sample.depth_m
    if depth_m is None or np.isnan(depth_m).mean() > 1.0 - _DENSE_SHARE:
        return sample.image
    low, high = np.log(_VISIBILITY_M)
    extinction = np.float32(_KOSCHMIEDER / np.exp(rng.uniform(low, high)))
    far = np.nan_to_num(depth_m, nan=1e4, posinf=1e4)
    seen = cv2.exp(-extinction * far)
    light = _light(sample.image)
    air = np.percentile(light[::4, ::4].reshape(-1, 3), 80.0, axis=0).astype(np.float32)
    return _picture(light * seen[..., None] + air * (np.float32(1.0) - seen[..., None]))


def rained(sample: TrainingSample, rng: np.random.Generator) -> Image:
    """The picture with streaks in the air and, mostly, drops on the windscreen."""
    strength = float(rng.uniform(0.1, 0.8))
    focal = _FOCAL_WIDTHS * sample.size[0] if sample.camera is None else sample.camera.fx
    intrinsics = np.diag([focal, focal, 1.0])  # the effect takes the picture's own middle
    view = View(intrinsics, *sample.size, _LEVEL, velocity_mps=(0.0, 0.0, float(rng.uniform(0.0, 20.0))))
    light = RainInAir(strength, 0.0, int(rng.integers(1 << 30))).add_streaks(_light(sample.image), view, 0)
    if rng.random() < 0.7:
        number = int(rng.integers(_LENSES))
        light = _windscreen(sample.size, number).look_through(light, float(rng.uniform(0.0, 9.0)))
    return _picture(light)


def soiled(image: Image, rng: np.random.Generator) -> Image:
    """The picture through a dirty lens."""
    lens = _dirt((image.shape[1], image.shape[0]), int(rng.integers(_LENSES)))
    return _picture(lens.apply(_light(image)))


@lru_cache(maxsize=2 * _LENSES)
def _dirt(size: tuple[int, int], number: int) -> LensDirt:
    return LensDirt(*size, 0.05 + 0.35 * number / _LENSES, number)


@lru_cache(maxsize=2 * _LENSES)
def _windscreen(size: tuple[int, int], number: int) -> Windscreen:
    return Windscreen(size, _FOCAL_WIDTHS * size[0], 0.1 + 0.7 * number / _LENSES, 3.0, number)


_TO_LIGHT = ((np.arange(256, dtype=np.float32) / np.float32(255.0)) ** np.float32(2.2)).astype(np.float32)
_TO_BYTE = np.rint(255.0 * np.linspace(0.0, 1.0, 4097) ** (1.0 / 2.2)).astype(np.uint8)


def _light(image: Image) -> Light:
    """Linear light 0 to 1."""
    return np.asarray(cv2.LUT(image, _TO_LIGHT), np.float32)


def _picture(light: Light) -> Image:
    return np.take(_TO_BYTE, np.clip(light * np.float32(4096.0), 0.0, 4096.0).astype(np.uint16))
