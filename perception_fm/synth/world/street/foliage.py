"""Crowns of leaves: lumpy bodies, and sprays of leaves that stand out of them and break their outline.

A crown is the union of ellipsoidal lobes, `centres_m` and `radii_m` (3,) each; it is seen from the middle of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world import shapes
from perception_fm.synth.world.ground.facets import box_sides, box_uv

FloatArray = NDArray[np.float64]
Lobes = Sequence[FloatArray]
MAX_TINT = 2.0  # what the renderer can hold
_RIM = 5  # corners of a spray of leaves: 3 triangles
_DEEP, _BRIGHT = 0.78, 1.3  # leaves in the crown's shade and on its top, relative to the texture


def crown(
    centres_m: Lobes,
    radii_m: Lobes,
    rough: float,
    material: Material,
    tint: FloatArray,
    rng: np.random.Generator,
    floor_z: float = -np.inf,
) -> Mesh:
    """The crown's body, 20 triangles per lobe, corners moved by the share `rough`; none of it lies below `floor_z`."""
    ball, faces = _icosahedron()
    count = len(centres_m)
    directions = np.stack([ball @ _random_rotation(rng).T for _ in range(count)])
    out = rng.normal(1.08, rough, (count, len(ball), 1)).clip(0.7, 1.4)  # flat faces lie deeper than their corners
    points = np.asarray(centres_m)[:, None] + out * directions * np.asarray(radii_m)[:, None]
    points[..., 2] = np.maximum(points[..., 2], floor_z)
    corners, outward = points[:, faces].reshape(-1, 3, 3), directions[:, faces].reshape(-1, 3)
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face_normals /= np.maximum(np.linalg.norm(face_normals, axis=1, keepdims=True), 1e-9)
    normals = 0.5 * np.repeat(face_normals, 3, axis=0) + outward
    flat = corners.reshape(-1, 3)
    light = _light(flat, centres_m, radii_m) * (0.8 + 0.25 * outward[:, 2])
    light = light * np.repeat(rng.uniform(0.85, 1.1, count), 3 * len(faces))
    return Mesh(
        flat,
        normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9),
        box_uv(flat, np.repeat(box_sides(face_normals), 3)),
        np.minimum(light[:, None] * tint, MAX_TINT),
        np.zeros(len(flat), np.uint8),
        np.arange(len(flat)).reshape(-1, 3),
        (material,),
    )


def sprays(
    centres_m: Lobes,
    radii_m: Lobes,
    count: int,
    size_m: float,
    material: Material,
    tint: FloatArray,
    rng: np.random.Generator,
    floor_z: float = -np.inf,
) -> Mesh:
    """Irregular patches of leaves on the crown's surface, tilted at random: 3 triangles each."""
    directions = _spread(count, rng)
    reach = _reach(directions, centres_m, radii_m) + size_m * rng.uniform(-0.45, 0.15, count)
    middles = centres_m[0] + reach[:, None] * directions
    facing = directions + rng.normal(0.0, 0.7, (count, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    across = np.cross(facing, np.roll(facing, 1, axis=1) + 0.1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(facing, across)
    turns = np.linspace(0.0, 2.0 * np.pi, _RIM, endpoint=False) + rng.uniform(-0.35, 0.35, (count, _RIM))
    out = size_m * rng.uniform(0.45, 1.3, (count, _RIM))
    x, y = out * np.cos(turns), out * np.sin(turns)
    points = middles[:, None] + x[..., None] * across[:, None] + y[..., None] * up[:, None]
    points[..., 2] = np.maximum(points[..., 2], floor_z)
    normals = directions + 0.6 * facing
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = _light(middles, centres_m, radii_m) * rng.uniform(0.75, 1.3, count)
    fan = np.array([[0, i, i + 1] for i in range(1, _RIM - 1)])
    return Mesh(
        points.reshape(-1, 3),
        np.repeat(normals, _RIM, axis=0),
        (np.stack([x, y], axis=-1) + rng.uniform(0.0, 5.0, (count, 1, 2))).reshape(-1, 2),
        np.repeat(np.minimum(light[:, None] * tint, MAX_TINT), _RIM, axis=0),
        np.zeros(count * _RIM, np.uint8),
        (fan[None] + _RIM * np.arange(count)[:, None, None]).reshape(-1, 3),
        (material,),
    )


@lru_cache(maxsize=1)
def _icosahedron() -> tuple[FloatArray, NDArray[np.int64]]:
    ball = shapes.ellipsoid((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), shapes.PLAIN, 0)
    points, number = np.unique(np.round(ball.positions_m.astype(np.float64), 5), axis=0, return_inverse=True)
    return points, number.reshape(-1)[ball.triangles]  # one corner where the ball has several for its texture


def _random_rotation(rng: np.random.Generator) -> FloatArray:
    turned, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return turned * np.sign(np.linalg.det(turned))


def _spread(count: int, rng: np.random.Generator) -> FloatArray:
    """Unit directions (count, 3) all around, evenly but not regularly (a Fibonacci sphere, shaken)."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * index + rng.uniform(0.0, 2.0 * np.pi)
    out = np.sqrt(1.0 - z**2)
    shaken = np.stack([out * np.cos(turn), out * np.sin(turn), z], axis=1) + rng.normal(0.0, 0.12, (count, 3))
    return shaken / np.linalg.norm(shaken, axis=1, keepdims=True)


def _reach(directions: FloatArray, centres_m: Lobes, radii_m: Lobes) -> FloatArray:
    """How far (N,) the crown reaches along directions (N, 3) from the first lobe's middle."""
    farthest = np.zeros(len(directions))
    for centre, radii in zip(centres_m, radii_m):
        offset, ray = (centre - centres_m[0]) / radii, directions / radii
        a, b = (ray**2).sum(axis=1), ray @ offset
        inside = b**2 - a * ((offset**2).sum() - 1.0)
        leaves_at = np.where(inside > 0.0, (b + np.sqrt(np.maximum(inside, 0.0))) / a, 0.0)
        farthest = np.maximum(farthest, leaves_at)
    return farthest


def _light(points_m: FloatArray, centres_m: Lobes, radii_m: Lobes) -> FloatArray:
    """Share of the light (N,) that a crown's own leaves let through: less towards its foot."""
    low = min(float(centre[2] - radii[2]) for centre, radii in zip(centres_m, radii_m))
    high = max(float(centre[2] + radii[2]) for centre, radii in zip(centres_m, radii_m))
    share = np.clip((points_m[:, 2] - low) / (high - low), 0.0, 1.0)
    return _DEEP + (_BRIGHT - _DEEP) * share
