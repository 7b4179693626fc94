"""Textures made from noise and simple shapes: ground, facades, parked cars, trees, sky. Every one is seeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]


def fractal_noise(shape: tuple[int, int], exponent: float, rng: np.random.Generator) -> Field:
    """Periodic noise (H, W) of zero mean and unit deviation whose amplitude falls as frequency^-exponent."""
    rows = np.fft.fftfreq(shape[0])[:, None] * shape[0]
    columns = np.fft.rfftfreq(shape[1])[None, :] * shape[1]
    radius = np.hypot(rows / shape[0], columns / shape[1])
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * radius**-exponent
    noise = np.fft.irfft2(spectrum, s=shape)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def to_image(field: NDArray[Any]) -> Image:
    """Rounded and clipped to uint8."""
    return np.asarray(np.clip(np.rint(field), 0.0, 255.0), dtype=np.uint8)


def mottled(
    shape: tuple[int, int], amount: float, exponent: float, bgr: tuple[float, float, float], rng: np.random.Generator
) -> Image:
    """A plain colour (H, W, 3) with noise of relative deviation `amount`."""
    return to_image(tinted(1.0 + amount * fractal_noise(shape, exponent, rng), bgr))


def tinted(field: NDArray[Any], bgr: tuple[float, float, float]) -> Field:
    """A grey field (H, W) around 1 times a colour: (H, W, 3)."""
    return np.asarray(field[..., None] * np.array(bgr, dtype=np.float32), dtype=np.float32)


def asphalt_grain(rng: np.random.Generator, size: int = 1024) -> Image:
    """One channel around 128: stones of all sizes, one texel about a centimetre."""
    field = 128.0 + 13.0 * fractal_noise((size, size), 0.35, rng) + 7.0 * fractal_noise((size, size), 1.0, rng)
    pits = rng.random((size, size)) < 0.004
    field[pits] -= 45.0
    return to_image(cv2.GaussianBlur(field, (0, 0), 0.6))


def asphalt(shape: tuple[int, int], texel_u_m: float, texel_v_m: float, rng: np.random.Generator) -> Field:
    """Road surface (H, W, 3) with worn patches, wheel tracks, stains, tar seams and repairs; u runs along the road."""
    rows, columns = shape
    field = 0.95 + 0.05 * fractal_noise(shape, 1.2, rng) + 0.075 * fractal_noise(shape, 0.35, rng)
    across_m = np.arange(rows)[:, None] * texel_v_m
    field -= 0.05 * np.exp(-(((np.mod(across_m, 3.5) - 0.9) / 0.3) ** 2))
    field -= 0.05 * np.exp(-(((np.mod(across_m, 3.5) - 2.6) / 0.3) ** 2))
    for _ in range(int(columns * texel_u_m / 7.0)):  # a repair about every seven metres
        width, height = int(rng.uniform(0.5, 3.0) / texel_u_m), int(rng.uniform(0.3, 1.2) / texel_v_m)
        x, y = int(rng.integers(0, max(1, columns - width))), int(rng.integers(0, max(1, rows - height)))
        field[y : y + height, x : x + width] *= rng.uniform(0.78, 1.12)
        cv2.rectangle(field, (x, y), (x + width, y + height), 0.55, 2)
    for _ in range(int(columns * texel_u_m / 5.0)):  # tar-filled cracks that wander
        count = int(rng.integers(12, 40))
        steps = rng.normal(0.0, 0.16, (count, 2)) + rng.normal(0.0, 0.18, 2)
        start = rng.uniform(0.0, 1.0, 2) * (columns * texel_u_m, rows * texel_v_m)
        path = (start + np.cumsum(steps, axis=0)) / (texel_u_m, texel_v_m)
        cv2.polylines(field, [np.rint(path).astype(np.int32)], False, float(rng.uniform(0.5, 0.7)), 2)
    for _ in range(int(columns * texel_u_m / 4.0)):  # oil
        centre = (int(rng.integers(0, columns)), int(rng.integers(0, rows)))
        axes = (max(1, int(rng.uniform(0.1, 0.4) / texel_u_m)), max(1, int(rng.uniform(0.1, 0.3) / texel_v_m)))
        cv2.ellipse(field, centre, axes, 0.0, 0.0, 360.0, float(rng.uniform(0.6, 0.8)), -1)
    return tinted(cv2.GaussianBlur(field, (0, 0), 0.7), (112.0, 110.0, 108.0))


def grass(rng: np.random.Generator, size: int = 512) -> Image:
    """Lawn (H, W, 3)."""
    field = 1.0 + 0.17 * fractal_noise((size, size), 0.4, rng) + 0.12 * fractal_noise((size, size), 1.3, rng)
    dry = np.clip(0.5 + 0.35 * fractal_noise((size, size), 1.4, rng), 0.0, 1.0)[..., None]
    return to_image(tinted(field, (52.0, 104.0, 92.0)) * (1.0 - dry) + tinted(field, (60.0, 118.0, 82.0)) * dry)


def paving(rng: np.random.Generator, size: int = 512, slab: int = 32) -> Image:
    """Pavement slabs (H, W, 3), each of its own shade."""
    shade = np.kron(rng.normal(1.0, 0.06, (size // slab, size // slab)), np.ones((slab, slab))).astype(np.float32)
    shade += 0.05 * fractal_noise((size, size), 0.5, rng) + 0.05 * fractal_noise((size, size), 1.3, rng)
    shade[::slab] *= 0.72
    shade[:, ::slab] *= 0.72
    return to_image(tinted(shade, (146.0, 150.0, 152.0)))


def facade(width_m: float, height_m: float, texel_m: float, rng: np.random.Generator) -> Image:
    """House front (H, W, 3): plaster or brick, rows of windows with frames and curtains, a plinth, doors, a cornice."""
    rows, columns = round(height_m / texel_m), round(width_m / texel_m)
    palette = ((150, 180, 200), (120, 150, 190), (178, 188, 192), (96, 120, 168), (150, 165, 150), (190, 200, 205))
    colour = np.array(palette[int(rng.integers(len(palette)))]) * rng.uniform(0.85, 1.05)
    field = 1.0 + 0.035 * fractal_noise((rows, columns), 1.3, rng) + 0.03 * fractal_noise((rows, columns), 0.3, rng)
    if rng.random() < 0.5:
        field *= _brick(rows, columns, texel_m)
    wall = tinted(field, tuple(colour))
    bay_m, floor_m = float(rng.uniform(2.2, 3.2)), float(rng.uniform(2.9, 3.3))
    window_m = (float(rng.uniform(0.9, 1.4)), float(rng.uniform(1.3, 1.8)))
    trim = colour * rng.choice([0.6, 1.2])

    def box(x_m: float, top_m: float, w_m: float, h_m: float, bgr: NDArray[Any]) -> None:
        x0, y0 = round(x_m / texel_m), round((height_m - top_m) / texel_m)
        cv2.rectangle(wall, (x0, y0), (round(x0 + w_m / texel_m), round(y0 + h_m / texel_m)), bgr.tolist(), -1)

    box(0.0, 0.7, width_m, 0.7, colour * 0.6)
    box(0.0, height_m, width_m, 0.35, trim)
    bays = max(1, int(width_m / bay_m))
    for floor in range(max(1, int((height_m - 0.6) / floor_m))):
        for bay in range(bays):
            x_m = (bay + 0.5) * width_m / bays - 0.5 * window_m[0]
            sill_m = floor * floor_m + 0.95
            if floor == 0 and bay == bays // 2:
                box(x_m, 2.3, 1.1, 2.3, colour * 0.35)
                continue
            _window(box, x_m, sill_m, window_m, trim, rng)
    return to_image(cv2.GaussianBlur(wall, (0, 0), 0.6))


def _window(
    box: Callable[[float, float, float, float, NDArray[Any]], None],
    x_m: float,
    sill_m: float,
    size_m: tuple[float, float],
    trim: NDArray[Any],
    rng: np.random.Generator,
) -> None:
    """Frame, glass, half-drawn blind, mullion and perhaps a curtain; `box` paints in metres."""
    w, h = size_m
    box(x_m - 0.1, sill_m + h + 0.1, w + 0.2, h + 0.22, trim)
    glass = np.array([92.0, 82.0, 72.0]) * rng.uniform(0.45, 1.5)
    box(x_m, sill_m + h, w, h, glass)
    box(x_m, sill_m + h, w, h * rng.uniform(0.15, 0.6), glass * rng.uniform(1.1, 1.7))
    box(x_m + 0.5 * w - 0.03, sill_m + h, 0.06, h, trim * 1.1)
    if rng.random() < 0.4:
        box(x_m, sill_m + h, w * rng.uniform(0.15, 0.3), h, np.array([190.0, 200.0, 205.0]))


def _brick(rows: int, columns: int, texel_m: float) -> Field:
    """Joints every 0.5 x 0.25 m (large blocks: real bricks would be under a texel)."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32) * texel_m
    course = np.floor(y / 0.25)
    is_joint = (np.mod(y, 0.25) < 0.03) | (np.mod(x + 0.25 * np.mod(course, 2.0), 0.5) < 0.03)
    return np.asarray(np.where(is_joint, 0.86, 1.0), dtype=np.float32)


def tree(rng: np.random.Generator, size: int = 256) -> Image:
    """A street tree with opacity (H, W, 4): trunk, and a crown of leaf clusters lit from above."""
    image = np.zeros((size, size, 4), dtype=np.float32)
    trunk = max(2, size // 36)
    cv2.line(image, (size // 2, size - 1), (size // 2 + int(rng.integers(-4, 5)), size // 2), (44, 58, 70, 255), trunk)
    for _ in range(420):
        angle, radius = rng.uniform(0.0, 2.0 * np.pi), size * 0.36 * np.sqrt(rng.random())
        x, y = size * 0.5 + radius * np.cos(angle), size * 0.38 + 0.92 * radius * np.sin(angle)
        light = 0.62 + 0.5 * (size * 0.72 - y) / size + rng.normal(0.0, 0.16)
        blob = int(rng.integers(size // 40, size // 20))
        cv2.circle(image, (int(x), int(y)), blob, (34.0 * light, 92.0 * light, 72.0 * light, 255.0), -1)
    leaves = image[..., 3] > 0.0
    image[..., :3] *= 1.0 + 0.16 * fractal_noise((size, size), 0.4, rng)[..., None]
    image[..., :3][~leaves] = (34.0, 80.0, 64.0)  # so that filtered edges keep the colour of leaves
    return to_image(image)


def sky(rng: np.random.Generator, rows: int = 512, columns: int = 2048) -> Image:
    """(H, W, 3) from zenith to horizon, all round: gradient, clouds that flatten at the horizon, distant hills."""
    elevation = 1.0 - (np.arange(rows, dtype=np.float32) + 0.5)[:, None] / rows
    blend = (elevation**0.55)[..., None]
    image = np.array([226, 214, 200], np.float32) * (1.0 - blend) + np.array([196, 142, 92], np.float32) * blend
    image = np.broadcast_to(image, (rows, columns, 3)).copy()
    layer = fractal_noise((1024, 1024), 1.75, rng)
    # A cloud layer overhead: its azimuth circle shrinks with the tangent of elevation.
    reach = np.minimum(1.0 / np.maximum(np.tan(elevation * 0.5 * np.pi), 0.03), 12.0)
    angle = np.linspace(0.0, 2.0 * np.pi, columns, endpoint=False, dtype=np.float32)[None, :]
    map_x, map_y = (reach * np.cos(angle) * 90.0).astype(np.float32), (reach * np.sin(angle) * 90.0).astype(np.float32)
    cloud = cv2.remap(layer, np.mod(map_x, 1023.0), np.mod(map_y, 1023.0), cv2.INTER_LINEAR)
    cover = np.clip(0.6 * (cloud + 0.15), 0.0, 1.0) * np.clip(elevation * 14.0, 0.0, 1.0)
    image += cover[..., None] * (np.array([238, 236, 234], np.float32) - image)
    ridge = 0.022 + 0.007 * np.interp(
        np.arange(columns), np.arange(0, columns + 1, 16), rng.normal(0.0, 1.0, columns // 16 + 1)
    )
    hills = np.clip((ridge[None, :] - elevation) * rows + 0.5, 0.0, 1.0)[..., None]
    texture = 1.0 + 0.035 * fractal_noise((rows, columns), 1.1, rng)
    image += hills * (tinted(texture, (168.0, 166.0, 148.0)) - image)
    return to_image(image)
