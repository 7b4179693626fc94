"""Patterns that repeat without a seam: noise, courses of stones, irregular cells, wandering lines."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from perception_fm.synth.world.textures.texture_maps import SIZE, FloatMap

_CELL_BORDER = 64  # texels beyond the border in which the neighbours of a cell are looked for


class Stones(NamedTuple):
    """Per texel (N, N): the number of its stone, and how far in texels it lies from that stone's edge."""

    number: NDArray[np.int32]
    edge_px: FloatMap


@lru_cache(maxsize=64)
def _falloff(exponent: float, stretch: tuple[float, float], lowest: float) -> FloatMap:
    rows = np.fft.fftfreq(SIZE)[:, None] * SIZE * stretch[0]
    columns = np.fft.rfftfreq(SIZE)[None, :] * SIZE * stretch[1]
    radius = np.maximum(np.hypot(rows, columns), lowest)
    amplitude = radius**-exponent
    amplitude[0, 0] = 0.0
    return amplitude.astype(np.float32)


def noise(
    exponent: float,
    rng: np.random.Generator,
    stretch: tuple[float, float] = (1.0, 1.0),
    lowest: float = 3.0,
) -> FloatMap:
    """Noise (N, N) of mean 0 and deviation 1 whose amplitude falls as frequency^-exponent.

    `stretch` along rows and columns: above 1 gives features that are longer that way. Below `lowest` cycles per tile it
    stops growing: blotches as big as the tile would show that it repeats.
    """
    white = rng.standard_normal((2, SIZE, SIZE // 2 + 1), dtype=np.float32)
    spectrum = (white[0] + 1j * white[1]) * _falloff(exponent, stretch, lowest)
    field = scipy.fft.irfft2(spectrum, s=(SIZE, SIZE))
    return np.asarray(field / field.std(), dtype=np.float32)


def courses(columns: int, rows: int, shift: float = 0.5) -> Stones:
    """Rectangular stones in `rows` courses, every second one `shift` of a stone further."""
    y = (np.arange(SIZE, dtype=np.float32) + 0.5) * (rows / SIZE)
    row = np.floor(y).astype(np.int32)
    x = (np.arange(SIZE, dtype=np.float32) + 0.5)[None, :] * (columns / SIZE) + shift * (row % 2)[:, None]
    column = np.floor(x).astype(np.int32)
    across = np.minimum(x - column, column + 1 - x) * (SIZE / columns)
    upward = (np.minimum(y - row, row + 1 - y) * (SIZE / rows))[:, None]
    number = row[:, None] * columns + column % columns
    return Stones(number, np.minimum(across, upward).astype(np.float32))


def cells(per_side: int, rng: np.random.Generator, jitter: float = 0.9) -> Stones:
    """About `per_side`^2 irregular cells (Voronoi cells of a jittered grid)."""
    pitch = SIZE / per_side
    grid = np.stack(np.meshgrid(np.arange(per_side), np.arange(per_side), indexing="ij"), axis=-1).reshape(-1, 2)
    seeds = ((grid + 0.5 + jitter * (rng.random(grid.shape) - 0.5)) * pitch).astype(np.int32) % SIZE
    owner = np.full((SIZE, SIZE), -1, np.int32)
    owner[seeds[:, 0], seeds[:, 1]] = np.arange(len(seeds))
    padded = np.pad(owner, _CELL_BORDER, mode="wrap")
    _, nearest = cv2.distanceTransformWithLabels(
        (padded < 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(nearest.max()) + 1, np.int32)
    table[nearest[padded >= 0]] = padded[padded >= 0]
    number = table[nearest]
    inner = np.ones(number.shape, np.uint8)
    inner[:, 1:] &= number[:, 1:] == number[:, :-1]
    inner[1:] &= number[1:] == number[:-1]
    edge = cv2.distanceTransform(inner, cv2.DIST_L2, 3)
    crop = slice(_CELL_BORDER, _CELL_BORDER + SIZE)
    return Stones(number[crop, crop], edge[crop, crop])


def per_stone(stones: Stones, rng: np.random.Generator) -> FloatMap:
    """One number of deviation 1 per stone, (N, N)."""
    values = rng.standard_normal(int(stones.number.max()) + 1).astype(np.float32)
    return values[stones.number]


def wandering_lines(count: int, steps: int, step_px: float, rng: np.random.Generator, thickness: int = 1) -> FloatMap:
    """Cracks: 1 on lines that wander over the tile and come in again on its other side, 0 elsewhere."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(count):
        heading = rng.uniform(0.0, 2.0 * np.pi) + np.cumsum(rng.normal(0.0, 0.45, steps))
        path = rng.uniform(0.0, SIZE, 2) + step_px * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
        for tile in np.unique(np.floor(path / SIZE).astype(int), axis=0):
            line = np.rint(16.0 * (path - tile * SIZE)).astype(np.int32)
            cv2.polylines(canvas, [line], False, 255, thickness, cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / 255.0


def scattered(
    outline: NDArray[np.float64], lengths_px: NDArray[np.float64], ink: NDArray[np.float64], rng: np.random.Generator
) -> FloatMap:
    """Convex shapes (C, 2) of length 1, scaled, turned and strewn over the tile, later ones over earlier: (N, N, 3).

    `ink` (len(lengths_px), 3) in 0..1 is what each is drawn with, over 0.
    """
    count = len(lengths_px)
    turn, middle = rng.uniform(0.0, 2.0 * np.pi, count), rng.uniform(0.0, SIZE, (count, 1, 2))
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
    shapes = middle + lengths_px[:, None, None] * (outline @ rotation)
    first = np.floor(shapes.min(axis=1) / SIZE).astype(int)
    last = np.floor(shapes.max(axis=1) / SIZE).astype(int)
    canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
    for shape, low, high, colour in zip(shapes, first.tolist(), last.tolist(), (255.0 * ink).tolist()):
        for x in range(low[0], high[0] + 1):
            for y in range(low[1], high[1] + 1):
                corners = np.rint(shape - (x * SIZE, y * SIZE)).astype(np.int32)
                cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255.0


def blurred(field: FloatMap, sigma_px: float) -> FloatMap:
    """Gaussian blur across the border of the tile."""
    margin = int(3.0 * sigma_px) + 1
    padded = np.pad(field, margin, mode="wrap")
    return cv2.GaussianBlur(padded, (0, 0), sigma_px)[margin:-margin, margin:-margin]
