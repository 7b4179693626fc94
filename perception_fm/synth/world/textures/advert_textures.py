"""Posters for billboards, bus stops and truck sides."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from perception_fm.synth.world.textures.patterns import noise
from perception_fm.synth.world.textures.picture_textures import Image, Ink, disc, polygon, words
from perception_fm.synth.world.textures.texture_maps import SIZE, Maps, decoded, plain

ADVERT_SHAPE = (1.5, 1.0)  # width to height that the posters are drawn for


def _graded(top: Ink, bottom: Ink) -> Image:
    share = np.linspace(0.0, 1.0, SIZE)[:, None, None]
    even = (1.0 - share) * np.array(top) + share * np.array(bottom)
    return np.ascontiguousarray(np.broadcast_to(np.rint(even), (SIZE, SIZE, 3)).astype(np.uint8))


def _printed(picture: Image, rng: np.random.Generator) -> Maps:
    """The poster as ink on paper: soft edges, a little uneven, paper seams every quarter."""
    maps = plain((0.8, 0.8, 0.8), 0.55)
    maps.albedo[:] = decoded(cv2.GaussianBlur(picture, (0, 0), 0.7))
    maps.albedo *= np.clip(0.92 + 0.015 * noise(1.0, rng), 0.7, 1.0)[..., None]
    for column in range(SIZE // 4, SIZE, SIZE // 4):
        maps.albedo[:, column] *= 0.88
        maps.height_m[:, column] = -0.002
    return maps


def advert_car(rng: np.random.Generator) -> Maps:
    """A car in the evening."""
    picture = _graded((24, 34, 70), (214, 120, 66))
    polygon(picture, [(0, 0.74), (1, 0.7), (1, 1), (0, 1)], (40, 40, 44))
    body = [(0.1, 0.72), (0.12, 0.58), (0.28, 0.54), (0.4, 0.42), (0.64, 0.42), (0.76, 0.55), (0.9, 0.6), (0.91, 0.72)]
    polygon(picture, body, (190, 24, 30))
    polygon(picture, [(0.32, 0.54), (0.42, 0.45), (0.51, 0.45), (0.51, 0.54)], (24, 30, 40))
    polygon(picture, [(0.53, 0.54), (0.53, 0.45), (0.63, 0.45), (0.71, 0.54)], (24, 30, 40))
    for x in (0.25, 0.75):
        cv2.ellipse(picture, (int(x * SIZE), int(0.72 * SIZE)), (34, 50), 0, 0, 360, (12, 12, 14), -1, cv2.LINE_AA)
        cv2.ellipse(picture, (int(x * SIZE), int(0.72 * SIZE)), (18, 27), 0, 0, 360, (150, 152, 156), -1, cv2.LINE_AA)
    words(picture, "DRIVE THE FUTURE", (0.5, 0.16), (0.86, 0.1), (240, 240, 236))
    words(picture, "from 199.- a month", (0.5, 0.9), (0.6, 0.07), (230, 220, 190))
    return _printed(picture, rng)


def advert_drink(rng: np.random.Generator) -> Maps:
    """A bottle and oranges."""
    picture = _graded((250, 214, 60), (236, 128, 20))
    for x, y, radius in ((0.2, 0.74, 0.16), (0.36, 0.84, 0.13), (0.1, 0.9, 0.14)):
        disc(picture, (x, y), radius, (224, 92, 8))
        disc(picture, (x, y), 0.8 * radius, (252, 160, 40))
    polygon(
        picture,
        [
            (0.7, 0.96),
            (0.7, 0.46),
            (0.755, 0.34),
            (0.755, 0.14),
            (0.835, 0.14),
            (0.835, 0.34),
            (0.89, 0.46),
            (0.89, 0.96),
        ],
        (18, 96, 56),
    )
    polygon(picture, [(0.7, 0.56), (0.89, 0.56), (0.89, 0.8), (0.7, 0.8)], (244, 244, 236))
    words(picture, "FRESH", (0.795, 0.68), (0.15, 0.08), (200, 40, 20))
    words(picture, "SUN IN", (0.34, 0.22), (0.5, 0.14), (150, 20, 16))
    words(picture, "A BOTTLE", (0.34, 0.45), (0.56, 0.14), (150, 20, 16))
    return _printed(picture, rng)


def advert_mountains(rng: np.random.Generator) -> Maps:
    """A landscape with a lake: a picture with depth of its own."""
    picture = _graded((66, 136, 214), (206, 226, 240))
    for base, tone, rough in ((0.62, (120, 142, 176), 0.16), (0.68, (84, 112, 120), 0.11), (0.74, (44, 86, 58), 0.07)):
        ridge = base - rough * np.abs(np.cumsum(rng.normal(0.0, 0.28, 25)))
        ridge = np.clip(ridge, 0.2, base)
        outline = [(i / 24, float(value)) for i, value in enumerate(ridge)]
        polygon(picture, [(0.0, 1.0), *outline, (1.0, 1.0)], tone)
    polygon(picture, [(0, 0.82), (1, 0.78), (1, 1), (0, 1)], (58, 118, 158))
    words(picture, "COME UP", (0.5, 0.13), (0.62, 0.12), (255, 255, 255))
    words(picture, "Alpenland holidays", (0.5, 0.92), (0.7, 0.08), (255, 255, 255))
    return _printed(picture, rng)


def advert_phone(rng: np.random.Generator) -> Maps:
    """A telephone and a big promise."""
    picture = _graded((18, 20, 26), (70, 20, 110))
    disc(picture, (0.74, 0.46), 0.34, (150, 40, 190))
    polygon(picture, [(0.63, 0.1), (0.85, 0.1), (0.85, 0.9), (0.63, 0.9)], (8, 8, 10))
    polygon(picture, [(0.645, 0.15), (0.835, 0.15), (0.835, 0.84), (0.645, 0.84)], (90, 200, 226))
    for index, ink in enumerate(
        ((240, 90, 70), (250, 200, 60), (110, 200, 100), (250, 250, 250), (60, 90, 200), (230, 120, 200))
    ):
        disc(picture, (0.69 + 0.1 * (index % 2), 0.28 + 0.19 * (index // 2)), 0.05, ink)
    words(picture, "50 GB", (0.32, 0.34), (0.46, 0.2), (250, 250, 250))
    words(picture, "ONLY 9.99", (0.32, 0.62), (0.46, 0.12), (250, 220, 60))
    return _printed(picture, rng)


ADVERTS: tuple[Callable[[np.random.Generator], Maps], ...] = (advert_car, advert_drink, advert_mountains, advert_phone)
