"""Pictures that are painted on walls and not taken from a scene, and materials of bare walls."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

_WORDS = ("NOVA", "FRESH", "DRIVE", "SOLO", "OPEN", "24/7", "-30%", "CAFE", "HELLO", "LOGISTIK", "TRANS")


def plain(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """(h, w, 3) of one colour with hardly any texture, for `size` (width, height): little to match or to track."""
    colour = rng.uniform(40.0, 220.0) * (1.0 + rng.normal(0.0, 0.08, 3))
    mottle = rng.standard_normal((5, 8), dtype=np.float32)
    mottle = cv2.resize(mottle, size, interpolation=cv2.INTER_CUBIC) * np.float32(rng.uniform(0.0, 5.0))
    return np.asarray(mottle[..., None] + colour.astype(np.float32), np.float32)


def advert(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """(h, w, 3) with blocks of colour, round things and large type."""
    width, height = size
    back, ink, accent = (tuple(float(value) for value in rng.uniform(0.0, 255.0, 3)) for _ in range(3))
    picture = np.full((height, width, 3), back, np.uint8)  # OpenCV 5 writes text into bytes only
    split = int(rng.uniform(0.2, 0.8) * width)
    cv2.rectangle(picture, (split, 0), (width, height), accent, -1)
    for _ in range(int(rng.integers(1, 5))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        paint = tuple(float(value) for value in rng.uniform(0.0, 255.0, 3))
        cv2.circle(picture, centre, max(2, int(rng.uniform(0.08, 0.3) * height)), paint, -1, cv2.LINE_AA)
    for line in range(int(rng.integers(1, 4))):
        place = (int(rng.uniform(0.02, 0.3) * width), int((0.25 + 0.3 * line) * height))
        scale = rng.uniform(0.002, 0.006) * width
        word = _WORDS[int(rng.integers(len(_WORDS)))]
        cv2.putText(picture, word, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, max(1, int(2 * scale)), cv2.LINE_AA)
    return picture.astype(np.float32)


def bare(size: tuple[int, int], pixels_per_m: float, rng: np.random.Generator) -> Picture:
    """(h, w, 3) of concrete, plaster or brick: no print."""
    width, height = size
    colour = (rng.uniform(60.0, 200.0) * (1.0 + rng.normal(0.0, 0.07, 3))).astype(np.float32)
    texture = np.ones((height, width), np.float32)
    for cells in (6, 24, 96):
        noise = rng.standard_normal((max(2, cells * height // max(width, 1)), cells), dtype=np.float32)
        texture += np.float32(rng.uniform(0.01, 0.07)) * cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    texture += np.float32(rng.uniform(0.0, 0.03)) * rng.standard_normal((height, width), dtype=np.float32)
    if rng.random() < 0.6:
        texture *= _joints(size, pixels_per_m, rng)
    return np.asarray(texture[..., None] * colour, np.float32)


def _joints(size: tuple[int, int], pixels_per_m: float, rng: np.random.Generator) -> Picture:
    """(h, w) of courses of bricks, blocks or slabs."""
    width, height = size
    long_m = float(rng.choice((0.24, 0.5, 2.4)))
    high_m = float(rng.choice((0.08, 0.25, 1.0))) if long_m < 1.0 else 1.2
    course = np.floor(np.arange(height) / max(2.0, high_m * pixels_per_m))
    brick = np.arange(width) / max(3.0, long_m * pixels_per_m)
    number = np.floor(brick[None, :] + 0.5 * (course[:, None] % 2))
    shades = rng.normal(1.0, rng.uniform(0.0, 0.1), 997).astype(np.float32)
    shade = shades[((number * 31 + course[:, None] * 17) % 997).astype(int)]
    is_joint = np.zeros((height, width), np.bool_)
    is_joint[1:] |= course[1:, None] != course[:-1, None]
    is_joint[:, 1:] |= number[:, 1:] != number[:, :-1]
    shade[is_joint] *= np.float32(rng.uniform(0.6, 1.25))
    return shade
