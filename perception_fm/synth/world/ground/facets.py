"""Meshes from corner points and faces: normals that break at creases, texture coordinates in metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Colour, Material, Mesh

WHITE: Colour = (1.0, 1.0, 1.0)
_SMALLEST_FACE_M2 = 1e-12  # thinner triangles have no direction
# Per side of a box (-x, +x, -y, +y, -z, +z): the axis that runs to the right as seen from outside, and the one up.
_RIGHT = np.array([1, 1, 0, 0, 0, 0])
_RIGHT_SIGN = np.array([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
_UP = np.array([2, 2, 2, 2, 1, 1])


def surface(
    points_m: NDArray[np.float64],
    normals: NDArray[np.float64],
    uv_m: NDArray[np.float64],
    triangles: NDArray[np.int64],
    material: Material,
    tint: Colour = WHITE,
) -> Mesh:
    """A mesh of one material whose normals and texture coordinates are known per vertex."""
    count = len(points_m)
    tints = np.empty((count, 3), np.float32)
    tints[:] = tint
    return Mesh(points_m, normals, uv_m, tints, np.zeros(count, np.uint8), triangles, (material,))


def box_sides(directions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which side of a box (0..5: -x, +x, -y, +y, -z, +z) each direction (N, 3) points out of."""
    axis = np.abs(directions).argmax(axis=1)
    return 2 * axis + (directions[np.arange(len(directions)), axis] > 0.0)


def box_uv(points_m: NDArray[np.float64], sides: NDArray[np.int64]) -> NDArray[np.float64]:
    """Texture coordinates (N, 2) in metres of points (N, 3) seen square to a box's side: u to the right, v up."""
    row = np.arange(len(points_m))
    return np.stack([_RIGHT_SIGN[sides] * points_m[row, _RIGHT[sides]], points_m[row, _UP[sides]]], axis=1)


def outward(points_m: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces of a closed body, all turned over if they face inwards (its signed volume is negative)."""
    a, b, c = points_m[faces[:, 0]], points_m[faces[:, 1]], points_m[faces[:, 2]]
    volume = np.einsum("ij,ij->", a - points_m[0], np.cross(b - points_m[0], c - points_m[0]))
    return faces if volume >= 0.0 else faces[:, ::-1]


def faceted(
    points_m: ArrayLike, faces: ArrayLike, material: Material, tint: Colour = WHITE, crease_deg: float = 40.0
) -> Mesh:
    """A mesh of points (V, 3) and faces (T, 3), smooth except along edges bent by more than `crease_deg`.

    Normals are means of the faces around a point, weighted by the angle there (Thuermer & Wuethrich 1998). Texture
    coordinates come from the box side that each face looks at. Faces without area are dropped. Raises
    `PerceptionError` when none is left.
    """
    points, corners = np.asarray(points_m, np.float64), np.asarray(faces, np.int64)
    edges = points[np.roll(corners, -1, axis=1)] - points[corners]
    across = np.cross(edges[:, 0], edges[:, 1])
    doubled_area = np.linalg.norm(across, axis=1)
    has_area = doubled_area > 2.0 * _SMALLEST_FACE_M2
    if not has_area.any():
        raise PerceptionError("a mesh needs faces that have an area")
    corners, edges = corners[has_area], edges[has_area]
    face_normals = across[has_area] / doubled_area[has_area, None]

    vertex = corners.ravel()
    normals = _corner_normals(vertex, face_normals, _corner_angles(edges), np.cos(np.radians(crease_deg)))
    sides = np.repeat(box_sides(face_normals), 3)
    first, triangles = _shared(vertex, normals, sides)
    at = points[vertex[first]]
    return surface(at, normals[first], box_uv(at, sides[first]), triangles, material, tint)


def _corner_angles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle (T * 3,) at each corner of triangles whose edges (T, 3, 3) leave the corner of the same number."""
    directions = edges / np.linalg.norm(edges, axis=2, keepdims=True)
    cosines = -np.einsum("ijk,ijk->ij", directions, np.roll(directions, 1, axis=1))
    return np.arccos(np.clip(cosines, -1.0, 1.0)).ravel()


def _corner_normals(
    vertex: NDArray[np.int64], face_normals: NDArray[np.float64], angles: NDArray[np.float64], smooth_cosine: float
) -> NDArray[np.float64]:
    """Unit normal (C, 3) of each face corner: over the faces at its vertex (C,) that bend away by less than a crease.

    All pairs of corners that share a vertex are compared at once.
    """
    order = np.argsort(vertex, kind="stable")
    counts = np.bincount(vertex)
    starts = np.cumsum(counts) - counts
    partners = counts[vertex[order]]
    pair_start = np.cumsum(partners) - partners
    mine = np.repeat(np.arange(len(order)), partners)
    other = np.arange(len(mine)) - np.repeat(pair_start, partners) + np.repeat(starts[vertex[order]], partners)
    normal_of = face_normals[order // 3]
    is_smooth = np.einsum("ij,ij->i", normal_of[mine], normal_of[other]) >= smooth_cosine - 1e-9
    weighted = normal_of[other] * (angles[order][other] * is_smooth)[:, None]
    sums = np.add.reduceat(weighted, pair_start, axis=0)
    normals = np.empty_like(sums)
    normals[order] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return normals


def _shared(
    vertex: NDArray[np.int64], normals: NDArray[np.float64], sides: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One corner for each set that can share a vertex, and the triangles over those.

    Corners share when point, normal (to 1/127) and box side agree.
    """
    steps = np.rint(normals * 127.0).astype(np.int64) + 127
    key = (((vertex * 6 + sides) * 256 + steps[:, 0]) * 256 + steps[:, 1]) * 256 + steps[:, 2]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1, 3)
