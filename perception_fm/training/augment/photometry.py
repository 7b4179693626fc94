"""Another camera, exposure and compression for the same scene: none of it changes a target."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.training.augment.config import AugmentConfig

Image = NDArray[np.uint8]

_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255.0)
_STEPS = 16.0  # noise is drawn in sixteenths of a grey level: whole numbers are three times as fast as floats


def photographed(image: Image, config: AugmentConfig, rng: np.random.Generator) -> Image:
    """The picture (H, W, 3) uint8 BGR as another camera would have delivered it, in the order of the light's way."""
    strength = config.strength
    if rng.random() < 0.25:
        image = _blurred(image, strength, rng)
    image = _toned(image, strength, rng)
    if rng.random() < config.grey:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    elif rng.random() < 0.5:
        image = _coloured(image, strength, rng)
    if rng.random() < 0.5:
        image = _noisy(image, strength, rng)
    if rng.random() < 0.2:
        image = _sharpened(image, rng)
    if rng.random() < 0.4:
        image = _compressed(image, rng)
    return image


def _toned(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Exposure, white balance, black level and gamma, by one table per channel."""
    exposure = 2.0 ** (strength * rng.normal(0.0, 0.45))
    balance = np.exp(strength * rng.normal(0.0, 0.06, 3))
    gamma = math.exp(strength * rng.normal(0.0, 0.15))
    black = strength * rng.normal(0.0, 0.02)
    contrast = 1.0 + strength * rng.normal(0.0, 0.08)
    # In linear light, as a sensor collects it; 2.2 is close to sRGB's curve.
    light = _LEVELS[:, None] ** np.float32(2.2) * np.float32(exposure) * balance.astype(np.float32)
    shown = np.clip(light, 0.0, 1.0) ** np.float32(gamma / 2.2)
    shown = (shown - 0.5) * np.float32(contrast) + np.float32(0.5 + black)
    table = np.clip(np.rint(255.0 * shown), 0.0, 255.0).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def _coloured(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Saturation and a slight turn of hue, as a colour matrix about grey."""
    saturation = math.exp(strength * rng.normal(0.0, 0.25))
    mixed = np.eye(3) + strength * rng.normal(0.0, 0.03, (3, 3))
    luminance = np.tile([0.114, 0.587, 0.299], (3, 1))
    matrix = luminance + saturation * (np.eye(3) - luminance)
    matrix = mixed / mixed.sum(axis=1, keepdims=True) @ matrix
    return np.asarray(cv2.transform(image, matrix), np.uint8)


def _blurred(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Out of focus, or moved during the exposure, mostly sideways or along the lane."""
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.3 + strength * rng.exponential(0.6)), np.uint8)
    length = int(min(15, 3 + 2 * round(strength * rng.exponential(1.5))))
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0.0, math.pi), length // 2
    reach = np.array([math.cos(angle), math.sin(angle)]) * middle
    first, last = (tuple(np.rint(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1))
    cv2.line(kernel, first, last, 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def _noisy(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Noise that is stronger in the dark, as after a tone curve, partly of the pixels and partly of the colours."""
    sigma = min(25.0, strength * rng.exponential(4.0))
    noise = np.empty(image.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1 << 31)))
    cv2.randn(noise, (0.0,) * 3, (_STEPS * sigma,) * 3)
    if rng.random() < 0.3:  # a camera that has already smoothed its noise
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    weight = (1.3 - 0.6 * _LEVELS).astype(np.float32) / np.float32(_STEPS)
    scaled = noise.astype(np.float32) * cv2.LUT(image, weight)
    return np.clip(image + scaled, 0.0, 255.0).astype(np.uint8)


def _sharpened(image: Image, rng: np.random.Generator) -> Image:
    share = rng.uniform(0.2, 1.0)
    soft = cv2.GaussianBlur(image, (0, 0), 1.0)
    return np.asarray(cv2.addWeighted(image, 1.0 + share, soft, -share, 0.0), np.uint8)


def _compressed(image: Image, rng: np.random.Generator) -> Image:
    quality = int(rng.integers(25, 96))
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
