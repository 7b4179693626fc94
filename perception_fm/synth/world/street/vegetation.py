"""Trees of several habits, bushes and hedges: solid crowns with a fringe of leafy sprays, no transparent texels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Asset, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.street.foliage import crown, sprays
from perception_fm.synth.world.textures.library import coated

FloatArray = NDArray[np.float64]

LEAVES, NEEDLES, BARK = coated("leaves"), coated("needles"), coated("bark")
_GREENS = ((1.0, 1.0, 1.0), (0.8, 0.92, 0.85), (1.2, 1.08, 0.8), (0.72, 0.8, 0.7), (1.25, 1.2, 0.9))
_HEDGE_STEP_M = 1.25
_STREET_BOLE_M = 5.0
_LONGEST_HEDGE_M = 60.0


def tree(rng: np.random.Generator) -> Asset:
    """A tree of a random habit, 4 to 16 m high, at most 350 triangles."""
    habits: tuple[Callable[[np.random.Generator], list[Mesh]], ...] = (
        _round,
        _oval,
        _spreading,
        _conifer,
        _poplar,
        _bare,
    )
    habit = habits[int(rng.choice(len(habits), p=(0.27, 0.27, 0.16, 0.13, 0.1, 0.07)))]
    return (Part("tree", Mesh.merged(habit(rng))),)


def street_tree(rng: np.random.Generator) -> Asset:
    """A tree pruned for a street, 8 to 11.5 m high: no leaves below 4.5 m, none farther than 3.2 m from its trunk."""
    height = float(rng.uniform(8.0, 11.5))
    wide = float(rng.uniform(1.5, 2.2))
    high = 0.5 * (height - _STREET_BOLE_M)
    return (Part("tree", Mesh.merged(_leafy(rng, height, 0.8 * _STREET_BOLE_M, (wide, high), 6, 0.08))),)


def bush(rng: np.random.Generator) -> Asset:
    """A bush of 0.7 to 2 m."""
    height = float(rng.uniform(0.7, 2.0))
    radii = np.array([rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.9), 0.55]) * height
    centres, sizes = [np.array([0.0, 0.0, 0.45 * height])], [0.9 * radii]
    for turn in rng.uniform(0.0, 2.0 * np.pi) + np.array([0.0, 2.2, 4.1]):
        aside = 0.5 * radii * (np.cos(turn), np.sin(turn), 0.0)
        centres.append(aside + np.array([0.0, 0.0, rng.uniform(0.3, 0.5) * height]))
        sizes.append(radii * rng.uniform(0.5, 0.8))
    green = _green(rng)
    body = crown(centres, sizes, 0.1, LEAVES, green, rng, floor_z=0.0)
    fringe = sprays(centres, sizes, 22, 0.16 * height, LEAVES, green, rng, floor_z=0.02)
    return (Part("bush", Mesh.merged([body, fringe])),)


def hedge(length_m: float, rng: np.random.Generator) -> Asset:
    """A clipped hedge along x, 0.9 to 1.7 m high, at most 12 triangles per metre and 60.

    Raises `PerceptionError` for a length outside 0.5..60 m.
    """
    if not 0.5 <= length_m <= _LONGEST_HEDGE_M:
        raise PerceptionError(f"a hedge's length_m lies in 0.5..{_LONGEST_HEDGE_M:g}, got {length_m:g}")
    height, half = float(rng.uniform(0.9, 1.7)), float(rng.uniform(0.3, 0.45))
    count = max(2, round(length_m / _HEDGE_STEP_M) + 1)
    profile = np.array([[-half, 0.0], [-1.06 * half, 0.55 * height], [-0.85 * half, height], [0.0, 1.04 * height],
                        [0.85 * half, height], [1.06 * half, 0.55 * height], [half, 0.0]])  # fmt: skip
    sections = np.empty((count, len(profile), 3))
    sections[..., 0] = np.linspace(-0.5 * length_m, 0.5 * length_m, count)[:, None]
    sections[..., 1:] = profile
    sections[1:-1, 1:-1] += rng.normal(0.0, 0.045, sections[1:-1, 1:-1].shape)
    body = shapes.loft(sections, LEAVES, _green(rng), crease_deg=60.0)
    tint = 0.55 + 0.55 * np.clip(body.positions_m[:, 2:] / height, 0.0, 1.0)
    return (Part("hedge", _shaded(body, tint)),)


def _green(rng: np.random.Generator) -> FloatArray:
    return np.array(_GREENS[int(rng.integers(len(_GREENS)))]) * rng.uniform(0.85, 1.15)


def _shaded(mesh: Mesh, factor: FloatArray) -> Mesh:
    return Mesh(
        mesh.positions_m, mesh.normals, mesh.uv_m, mesh.tints * factor, mesh.material_of, mesh.triangles, mesh.materials
    )


def _trunk(height_m: float, radius_m: float, rng: np.random.Generator, segments: int = 6) -> Mesh:
    """A trunk that leans a little and widens at its foot."""
    sway = rng.normal(0.0, 0.02 * height_m, 2)
    path = [(0.0, 0.0, 0.0), (0.0, 0.0, 0.12 * height_m), (*sway, height_m)]
    return shapes.tube(path, [1.45 * radius_m, radius_m, 0.55 * radius_m], BARK, segments, is_capped=False)


def _branches(
    count: int, from_z: float, to_z: float, reach_m: float, radius_m: float, rng: np.random.Generator
) -> list[Mesh]:
    """Branches from the trunk up and outwards."""
    parts = []
    for turn in np.linspace(0.0, 2.0 * np.pi, count, endpoint=False) + rng.uniform(0.0, 2.0 * np.pi):
        foot_z = rng.uniform(from_z, 0.5 * (from_z + to_z))
        reach = reach_m * rng.uniform(0.6, 1.0)
        tip = (reach * np.cos(turn), reach * np.sin(turn), rng.uniform(0.6, 1.0) * (to_z - foot_z) + foot_z)
        parts.append(shapes.frustum(radius_m, 0.3 * radius_m, (0.0, 0.0, foot_z), tip, BARK, 3, is_capped=False))
    return parts


def _leafy(
    rng: np.random.Generator, height: float, bole: float, spread: tuple[float, float], lobes: int, rough: float
) -> list[Mesh]:
    """A broad-leaved tree: a crown of lobes around a middle one; `spread` is its half width and half height."""
    wide, high = spread
    middle_z = height - high
    centres, radii = [np.array([0.0, 0.0, middle_z])], [np.array([0.66 * wide, 0.66 * wide, 0.72 * high])]
    start = rng.uniform(0.0, 2.0 * np.pi)
    for index in range(lobes):
        turn = start + 2.4 * index  # golden angle, so that lobes of all heights look all ways
        level = rng.uniform(-0.62, -0.1) if index % 2 else rng.uniform(0.1, 0.6)
        out = 0.62 * wide * np.sqrt(1.0 - level**2)
        centres.append(np.array([out * np.cos(turn), out * np.sin(turn), middle_z + level * high]))
        radii.append(np.array([wide, wide, 0.5 * (wide + high)]) * 0.45 * rng.uniform(0.8, 1.15))
    green = _green(rng)
    radius = 0.012 * height + 0.06
    parts = [_trunk(middle_z, radius, rng, 5), *_branches(3, bole, middle_z, 0.5 * wide, 0.4 * radius, rng)]
    parts.append(crown(centres, radii, rough, LEAVES, green, rng))
    parts.append(sprays(centres, radii, 56, 0.12 * wide + 0.13, LEAVES, green, rng))
    return parts


def _round(rng: np.random.Generator) -> list[Mesh]:
    height = float(rng.uniform(5.0, 9.5))
    wide = height * float(rng.uniform(0.27, 0.36))
    return _leafy(rng, height, 0.25 * height, (wide, 0.95 * wide), 6, 0.1)


def _oval(rng: np.random.Generator) -> list[Mesh]:
    height = float(rng.uniform(7.0, 13.0))
    wide = height * float(rng.uniform(0.2, 0.27))
    return _leafy(rng, height, 0.22 * height, (wide, 1.5 * wide), 6, 0.1)


def _spreading(rng: np.random.Generator) -> list[Mesh]:
    height = float(rng.uniform(8.0, 14.0))
    wide = height * float(rng.uniform(0.36, 0.44))
    return _leafy(rng, height, 0.25 * height, (wide, 0.72 * wide), 6, 0.12)


def _poplar(rng: np.random.Generator) -> list[Mesh]:
    height = float(rng.uniform(10.0, 16.0))
    wide = height * float(rng.uniform(0.07, 0.1))
    green = _green(rng)
    levels = np.array([0.5, 0.24, 0.4, 0.68, 0.84]) * height
    centres = [np.array([*rng.normal(0.0, 0.12 * wide, 2), z]) for z in levels]
    radii = [np.array([s * wide, s * wide, 0.17 * height]) for s in (1.0, 0.75, 0.95, 0.8, 0.5)]
    parts = [_trunk(0.3 * height, 0.18, rng), crown(centres, radii, 0.14, LEAVES, green, rng)]
    return [*parts, sprays(centres, radii, 66, 0.4, LEAVES, green, rng)]


def _conifer(rng: np.random.Generator) -> list[Mesh]:
    """Tiers of drooping twigs, each a ragged skirt."""
    height = float(rng.uniform(7.0, 15.0))
    wide = height * float(rng.uniform(0.17, 0.24))
    tint = np.array([1.0, 1.0, 1.0]) * rng.uniform(0.8, 1.3)
    tiers, around = 9, 14
    parts = [_trunk(0.5 * height, 0.012 * height + 0.05, rng, 5)]
    for tier in range(tiers):
        share = tier / tiers
        top = height * (0.26 + 0.74 * (tier + 1) / tiers)
        radius = wide * (1.0 - share) ** 0.85 + 0.12
        low = top - 1.9 * height * 0.74 / tiers
        parts.append(_skirt(top, low, radius, around, tint, rng))
    return parts


def _skirt(
    top_z: float, rim_z: float, radius_m: float, around: int, tint: FloatArray, rng: np.random.Generator
) -> Mesh:
    angles = np.linspace(0.0, 2.0 * np.pi, around, endpoint=False) + rng.uniform(0.0, 1.0)
    reach = radius_m * np.where(np.arange(around) % 2 == 0, 1.0, 0.62) * rng.uniform(0.82, 1.15, around)
    rim = np.stack([reach * np.cos(angles), reach * np.sin(angles), rim_z + rng.normal(0.0, 0.12, around)], axis=1)
    rim[1::2, 2] += 0.2 * (top_z - rim_z)
    points = np.concatenate([rim, [[0.0, 0.0, top_z]]])
    slope = (top_z - rim_z) / radius_m
    normals = np.column_stack([slope * np.cos(angles), slope * np.sin(angles), np.ones(around)])
    normals = np.concatenate([normals / np.linalg.norm(normals, axis=1, keepdims=True), [[0.0, 0.0, 1.0]]])
    away = np.hypot(points[:, 0], points[:, 1])
    turns = np.append(angles, 0.0)
    uv = np.column_stack([turns * radius_m, away])
    nexts = (np.arange(around) + 1) % around
    triangles = np.stack([np.arange(around), nexts, np.full(around, around)], axis=1)
    light = np.append(rng.uniform(0.85, 1.35, around), 0.45)  # dark between the tiers
    return Mesh(points, normals, uv, light[:, None] * tint, np.zeros(around + 1), triangles, (NEEDLES,))


def _bare(rng: np.random.Generator) -> list[Mesh]:
    """A tree without leaves: branches that fork twice."""
    height = float(rng.uniform(5.0, 10.0))
    radius = 0.014 * height + 0.05
    parts = [_trunk(0.62 * height, radius, rng)]
    for index in range(7):
        turn, foot_z = 2.4 * index, height * (0.28 + 0.05 * index)
        reach = 0.3 * height * rng.uniform(0.7, 1.1)
        tip = np.array([reach * np.cos(turn), reach * np.sin(turn), foot_z + reach * rng.uniform(0.8, 1.4)])
        foot = np.array([0.0, 0.0, foot_z])
        parts.append(shapes.frustum(0.42 * radius, 0.18 * radius, foot, tip, BARK, 3, is_capped=False))
        parts += _twigs(foot, tip, 0.2 * radius, rng)
    return parts


def _twigs(foot: FloatArray, tip: FloatArray, radius_m: float, rng: np.random.Generator) -> list[Mesh]:
    along = tip - foot
    length = float(np.linalg.norm(along))
    parts = []
    for share in (0.45, 0.65, 0.82, 0.95, 1.0):
        start = foot + share * along
        way = along / length + rng.normal(0.0, 0.45, 3) + np.array([0.0, 0.0, 0.3])
        end = start + way * length * rng.uniform(0.3, 0.5)
        parts.append(shapes.frustum(radius_m, 0.25 * radius_m, start, end, BARK, 3, is_capped=False))
    return parts
