"""What tells a print from the scene that it shows: resolution, gamut, strips, bands, dots, folds, gloss, hem."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

_STRIP_M = (0.9, 1.6)  # width of the rolls that large prints are made of
_RESOLUTION_PX_PER_M = (12.0, 150.0)  # of what has been printed, often an enlarged photograph
# A print that differs in nothing cannot be seen in one picture: such a sample would teach to guess.
_LEAST_LOG_GAIN = 0.08
_DOT_M = (0.02, 0.06)  # of the coarse raster of hoardings


def as_printed(picture: Picture, pixels_per_m: float, rng: np.random.Generator) -> Picture:
    """The picture (h, w, 3) float32 0..255 BGR as a print in the sun; always with another gain, the rest by chance."""
    printed = _resolution(picture, pixels_per_m, rng)
    printed = _gamut(printed, rng)
    height, width = printed.shape[:2]
    light = np.ones((height, width), np.float32)
    if rng.random() < 0.35:
        light *= _strips(width, pixels_per_m, rng)
    if rng.random() < 0.2:
        rows = np.arange(height) / max(2.0, rng.uniform(0.03, 0.2) * pixels_per_m)
        light *= (1.0 + rng.uniform(0.01, 0.04) * np.sin(2.0 * np.pi * rows)).astype(np.float32)[:, None]
    if rng.random() < 0.35:
        light *= _folds(height, width, rng)
    if rng.random() < 0.15:
        light *= _dots(height, width, pixels_per_m, rng)
    printed = printed * light[..., None]
    if rng.random() < 0.25:
        printed = _gloss(printed, rng)
    if rng.random() < 0.75:
        _hem(printed, pixels_per_m, rng)
    return np.clip(printed, 0.0, 255.0, out=printed)


def _resolution(picture: Picture, pixels_per_m: float, rng: np.random.Generator) -> Picture:
    low, high = np.log(_RESOLUTION_PX_PER_M)
    share = float(np.exp(rng.uniform(low, high))) / pixels_per_m
    if share >= 1.0:
        return picture
    height, width = picture.shape[:2]
    small = (max(4, round(width * share)), max(4, round(height * share)))
    return np.asarray(cv2.resize(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), (width, height)), np.float32)


def _gamut(picture: Picture, rng: np.random.Generator) -> Picture:
    """Ink neither as dark nor as bright nor as colourful as the scene, and lit otherwise."""
    side = -1.0 if rng.random() < 0.6 else 1.0
    gain = side * (_LEAST_LOG_GAIN + abs(rng.normal(0.0, 0.13)))
    tint = np.exp(rng.normal(0.0, 0.04, 3)) * np.exp(gain)
    black = rng.uniform(0.0, 35.0) * rng.random()
    colourful = rng.uniform(0.6, 1.1)
    grey = picture.mean(axis=2, keepdims=True)
    faded = grey + np.float32(colourful) * (picture - grey)
    return np.asarray(np.float32(black) + (255.0 - black) / 255.0 * faded * tint.astype(np.float32), np.float32)


def _strips(width: int, pixels_per_m: float, rng: np.random.Generator) -> Picture:
    """(width,) gain of vertical strips that were not printed in one go, with dark joints."""
    strip = max(4, round(rng.uniform(*_STRIP_M) * pixels_per_m))
    count = width // strip + 1
    gain = np.repeat(1.0 + rng.normal(0.0, 0.02, count), strip)[:width].astype(np.float32)
    gain[::strip] *= np.float32(rng.uniform(0.75, 1.0))
    return gain


def _folds(height: int, width: int, rng: np.random.Generator) -> Picture:
    """(height, width) shading of cloth that is not taut: a few soft waves, upright or along the upper edge."""
    small = rng.standard_normal((9, 16), dtype=np.float32)
    if rng.random() < 0.6:
        small = np.broadcast_to(small[:1], small.shape) + 0.3 * small
    waves = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1.0 + np.float32(rng.uniform(0.01, 0.06)) * waves, np.float32)


def _dots(height: int, width: int, pixels_per_m: float, rng: np.random.Generator) -> Picture:
    step = max(3.0, rng.uniform(*_DOT_M) * pixels_per_m)
    phase = 2.0 * np.pi / step
    columns, rows = np.cos(phase * np.arange(width)), np.cos(phase * np.arange(height))
    return np.asarray(1.0 + rng.uniform(0.02, 0.08) * columns[None, :] * rows[:, None], np.float32)


def _gloss(picture: Picture, rng: np.random.Generator) -> Picture:
    """A soft reflection of the sky or the sun."""
    height, width = picture.shape[:2]
    x = (np.arange(width) / width - rng.uniform(-0.2, 1.2)) / rng.uniform(0.15, 0.6)
    y = (np.arange(height) / height - rng.uniform(-0.2, 0.8)) / rng.uniform(0.2, 0.8)
    share = rng.uniform(0.1, 0.5) * np.exp(-0.5 * (x[None, :] ** 2 + y[:, None] ** 2))
    return np.asarray(picture + share[..., None].astype(np.float32) * (255.0 - picture), np.float32)


def _hem(picture: Picture, pixels_per_m: float, rng: np.random.Generator) -> None:
    """A border, sometimes with eyelets, drawn into the picture."""
    height, width = picture.shape[:2]
    wide = max(1, round(rng.uniform(0.03, 0.12) * pixels_per_m))
    shade = float(rng.choice((rng.uniform(20.0, 80.0), rng.uniform(150.0, 245.0))))
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), (shade,) * 3, 2 * wide)
    if rng.random() < 0.3:
        step = max(8, round(0.5 * pixels_per_m))
        for left in range(step // 2, width, step):
            cv2.circle(picture, (left, wide // 2), max(1, wide // 4), (255.0 - shade,) * 3, -1)
