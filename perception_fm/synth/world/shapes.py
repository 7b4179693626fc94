"""Mesh primitives that the world's objects are put together from.

Every primitive returns a `scene.Mesh` in metres whose triangles face outwards. Unless a shape says otherwise its
texture coordinates are metres, u to the right and v up as seen square to the nearest side of a box, and normals break
at edges bent by more than 40 degrees. `tint` is a linear RGB factor on the material's albedo. Sizes that are not
positive and arrays of a wrong shape raise `PerceptionError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from shapely.geometry import Polygon

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world.face_patterns import cap_faces, patch_faces, ring_faces
from perception_fm.synth.world.ground.facets import WHITE, box_sides, box_uv, faceted, outward, surface

merged = Mesh.merged
PLAIN = Material(albedo=(0.5, 0.5, 0.5))

# Corners of a box's sides -x, +x, -y, +y, -z, +z: foot left, foot right, top right, top left as seen from outside.
_BOX_CORNERS = 0.5 * np.array(
    [
        [[-1, 1, -1], [-1, -1, -1], [-1, -1, 1], [-1, 1, 1]],
        [[1, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]],
        [[-1, -1, -1], [1, -1, -1], [1, -1, 1], [-1, -1, 1]],
        [[1, 1, -1], [-1, 1, -1], [-1, 1, 1], [1, 1, 1]],
        [[-1, 1, -1], [1, 1, -1], [1, -1, -1], [-1, -1, -1]],
        [[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],
    ],
    dtype=np.float64,
).reshape(24, 3)
_BOX_SIDES = np.repeat(np.arange(6), 4)
_BOX_NORMALS = np.repeat(np.kron(np.eye(3), [[-1.0], [1.0]]), 4, axis=0)
_QUAD = np.array([[0, 1, 2], [0, 2, 3]])
_BOX_TRIANGLES = (_QUAD[None] + 4 * np.arange(6)[:, None, None]).reshape(-1, 3)


def box(
    size_m: ArrayLike, centre_m: ArrayLike = (0.0, 0.0, 0.0), material: Material = PLAIN, tint: Colour = WHITE
) -> Mesh:
    """A box of `size_m` (3,) along x, y, z around `centre_m` (3,): 12 triangles."""
    size, centre = _positive("a box's size_m", size_m, (3,)), _array("a box's centre_m", centre_m, (3,))
    points = _BOX_CORNERS * size + centre
    return surface(points, _BOX_NORMALS, box_uv(points, _BOX_SIDES), _BOX_TRIANGLES, material, tint)


def cylinder(
    radius_m: float,
    from_m: ArrayLike,
    to_m: ArrayLike,
    material: Material,
    segments: int = 10,
    tint: Colour = WHITE,
    is_capped: bool = True,
) -> Mesh:
    """A round bar between two points (3,): 4 * segments - 4 triangles, 2 * segments without its ends."""
    return frustum(radius_m, radius_m, from_m, to_m, material, segments, tint, is_capped)


def cone(
    radius_m: float, from_m: ArrayLike, to_m: ArrayLike, material: Material, segments: int = 10, tint: Colour = WHITE
) -> Mesh:
    """A cone with its base around `from_m` (3,) and its tip at `to_m` (3,): 2 * segments - 2 triangles."""
    return frustum(radius_m, 0.0, from_m, to_m, material, segments, tint)


def frustum(
    from_radius_m: float,
    to_radius_m: float,
    from_m: ArrayLike,
    to_m: ArrayLike,
    material: Material,
    segments: int = 10,
    tint: Colour = WHITE,
    is_capped: bool = True,
) -> Mesh:
    """A round bar whose radius changes from one point (3,) to the other; one of the radii may be 0."""
    return tube(np.stack([from_m, to_m]), [from_radius_m, to_radius_m], material, segments, tint, is_capped)


def ellipsoid(
    radii_m: ArrayLike,
    centre_m: ArrayLike,
    material: Material,
    subdivisions: int = 1,
    tint: Colour = WHITE,
) -> Mesh:
    """A smooth ellipsoid with half axes `radii_m` (3,) around `centre_m` (3,): 20 * 4**subdivisions triangles."""
    radii, centre = _positive("an ellipsoid's radii_m", radii_m, (3,)), _array("its centre_m", centre_m, (3,))
    directions, sides, triangles = _sphere(subdivisions)
    normals = directions / radii
    points = directions * radii + centre
    return surface(points, _unit(normals), box_uv(points, sides), triangles, material, tint)


def prism(
    polygon_xy: ArrayLike,
    from_z: float,
    to_z: float,
    material: Material,
    tint: Colour = WHITE,
    holes_xy: Sequence[ArrayLike] = (),
    crease_deg: float = 40.0,
) -> Mesh:
    """A simple polygon (N, 2), convex or not, with holes or not, pulled upright from `from_z` to `to_z` metres."""
    ring = _array("a prism's polygon_xy", polygon_xy, (-1, 2))
    _require(to_z > from_z, f"a prism's to_z lies above its from_z, got {from_z} and {to_z}")
    if not holes_xy and _is_convex(ring):
        walls = np.stack([np.column_stack([ring, np.full(len(ring), z)]) for z in (from_z, to_z)])
        return loft(walls, material, tint, crease_deg=crease_deg)
    outline = Polygon(ring, [np.asarray(hole) for hole in holes_xy])
    _require(outline.is_valid and outline.area > 0.0, "a prism's polygon crosses itself or has no area")
    body = trimesh.creation.extrude_polygon(outline, to_z - from_z)
    return faceted(body.vertices + np.array([0.0, 0.0, from_z]), body.faces, material, tint, crease_deg)


def lathe(
    profile_rz: ArrayLike,
    material: Material,
    segments: int = 12,
    tint: Colour = WHITE,
    crease_deg: float | None = None,
) -> Mesh:
    """A profile (N, 2) of radius and height turned about the z axis, from foot to top outside.

    Ends with a radius above 0 stay open; end the profile on radius 0 to close them. 2 * segments triangles per step,
    half of that where it touches the axis.
    """
    profile = _array("a lathe's profile_rz", profile_rz, (-1, 2))
    _require(len(profile) >= 2 and (profile[:, 0] >= 0.0).all(), "a lathe's profile has 2 radii of 0 or more at least")
    crease = _round_crease_deg(segments) if crease_deg is None else crease_deg
    rings = np.empty((len(profile), segments, 3))
    rings[..., :2] = profile[:, 0, None, None] * _circle(segments)
    rings[..., 2] = profile[:, 1, None]
    return faceted(rings.reshape(-1, 3), ring_faces(len(profile), segments), material, tint, crease)


def tube(
    path_m: ArrayLike,
    radius_m: ArrayLike,
    material: Material,
    segments: int = 6,
    tint: Colour = WHITE,
    is_capped: bool = True,
) -> Mesh:
    """A round pipe along a path (N, 3); `radius_m` one number, or one per point. 2 * segments triangles per step.

    Smooth along its whole length. The cross section follows the path without twisting (Bishop frame).
    """
    path = _array("a tube's path_m", path_m, (-1, 3))
    _require(len(path) >= 2, f"a tube's path has two points at least, got {len(path)}")
    radii = np.broadcast_to(np.asarray(radius_m, np.float64), len(path))
    _require(bool((radii >= 0.0).all() and (radii > 0.0).any()), f"a tube's radius_m is positive, got {radius_m}")
    steps = np.diff(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    _require(bool((lengths > 0.0).all()), "a tube's path has two equal points in a row")
    steps /= lengths[:, None]
    tangents = _unit(np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]]))
    across = np.empty_like(tangents)
    side = np.eye(3)[np.abs(tangents[0]).argmin()]
    for index, tangent in enumerate(tangents):
        side = side - tangent * (side @ tangent)
        side = side / np.sqrt(side @ side)
        across[index] = side
    circle = _circle(segments)
    up = np.cross(tangents, across)
    rings = circle[None, :, :1] * across[:, None] + circle[None, :, 1:] * up[:, None]
    rings = path[:, None] + radii[:, None, None] * rings
    faces = ring_faces(len(path), segments)
    if is_capped:
        faces = np.concatenate([faces, cap_faces(len(path), segments)])
    return faceted(rings.reshape(-1, 3), faces, material, tint, _round_crease_deg(segments))


def quad(
    corners_m: ArrayLike,
    material: Material,
    uv_m: ArrayLike | None = None,
    tint: Colour = WHITE,
) -> Mesh:
    """A flat four-cornered face (4, 3): foot left, foot right, top right, top left as seen from its front.

    Without `uv_m` (4, 2) its texture coordinates are metres from the first corner, u along the foot.
    """
    corners = _array("a quad's corners_m", corners_m, (4, 3))
    normal = np.cross(corners[2] - corners[0], corners[3] - corners[1])
    area = float(np.sqrt(normal @ normal))
    _require(area > 0.0, "a quad's corners have no area between them")
    normal = normal / area
    if uv_m is None:
        right = corners[1] - corners[0]
        right = right / max(float(np.sqrt(right @ right)), 1e-9)
        uv = (corners - corners[0]) @ np.stack([right, np.cross(normal, right)], axis=1)
    else:
        uv = _array("a quad's uv_m", uv_m, (4, 2))
    return surface(corners, np.broadcast_to(normal, (4, 3)), uv, _QUAD, material, tint)


def grid(
    points_m: ArrayLike,
    material: Material,
    uv_m: ArrayLike | None = None,
    tint: Colour = WHITE,
) -> Mesh:
    """A smooth surface through points (R, C, 3).

    Seen from outside, columns run to the right and rows up. Without `uv_m` (R, C, 2) its texture coordinates are metres
    along each row and each column.
    """
    points = _array("a grid's points_m", points_m, (-1, -1, 3))
    rows, columns = points.shape[:2]
    _require(rows >= 2 and columns >= 2, f"a grid has 2 rows and 2 columns at least, got {rows} and {columns}")
    if uv_m is None:
        u, v = (np.zeros((rows, columns)) for _ in range(2))
        u[:, 1:] = np.linalg.norm(np.diff(points, axis=1), axis=2).cumsum(axis=1)
        v[1:] = np.linalg.norm(np.diff(points, axis=0), axis=2).cumsum(axis=0)
        uv = np.stack([u, v], axis=2)
    else:
        uv = _array("a grid's uv_m", uv_m, (rows, columns, 2))
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    faces = patch_faces(rows, columns)
    return surface(points.reshape(-1, 3), _unit(normals.reshape(-1, 3)), uv.reshape(-1, 2), faces, material, tint)


def skin(points_m: ArrayLike, material: Material, tint: Colour = WHITE, crease_deg: float = 40.0) -> Mesh:
    """A surface through points (R, C, 3) like `grid`, but bent sharply at creases; metres by box side."""
    points = _array("a skin's points_m", points_m, (-1, -1, 3))
    rows, columns = points.shape[:2]
    _require(rows >= 2 and columns >= 2, f"a skin has 2 rows and 2 columns at least, got {rows} and {columns}")
    return faceted(points.reshape(-1, 3), patch_faces(rows, columns), material, tint, crease_deg)


def loft(
    sections_m: ArrayLike,
    material: Material,
    tint: Colour = WHITE,
    is_capped: bool = True,
    crease_deg: float = 40.0,
) -> Mesh:
    """A closed body through rings of equally many points (S, N, 3), 2 * N triangles per step.

    With `is_capped` the first and the last ring, flat and convex, are closed by N - 2 triangles each; the body then
    faces outwards whichever way the rings run. Left open, its rings run anticlockwise as seen from the last one.
    """
    sections = _array("a loft's sections_m", sections_m, (-1, -1, 3))
    count, around = sections.shape[:2]
    _require(count >= 2 and around >= 3, f"a loft has 2 sections of 3 points at least, got {count} of {around}")
    points, faces = sections.reshape(-1, 3), ring_faces(count, around)
    if is_capped:
        faces = outward(points, np.concatenate([faces, cap_faces(count, around)]))
    return faceted(points, faces, material, tint, crease_deg)


def from_trimesh(
    mesh: trimesh.Trimesh,
    material: Material,
    crease_deg: float = 40.0,
    tint: Colour = WHITE,
) -> Mesh:
    """A `trimesh` body with this material."""
    return faceted(mesh.vertices, mesh.faces, material, tint, crease_deg)


def tinted(mesh: Mesh, rgb: Colour) -> Mesh:
    """The mesh with its tints multiplied by linear `rgb`."""
    return Mesh(
        mesh.positions_m,
        mesh.normals,
        mesh.uv_m,
        mesh.tints * np.asarray(rgb, np.float32),
        mesh.material_of,
        mesh.triangles,
        mesh.materials,
    )


def mirrored_y(mesh: Mesh) -> Mesh:
    """The mesh with left and right exchanged; its triangles still face outwards."""
    flip = np.array([1.0, -1.0, 1.0], np.float32)
    return Mesh(
        mesh.positions_m * flip,
        mesh.normals * flip,
        mesh.uv_m,
        mesh.tints,
        mesh.material_of,
        mesh.triangles[:, ::-1],
        mesh.materials,
    )


def placed(mesh: Mesh, position_m: ArrayLike, yaw_rad: float = 0.0, scale: float = 1.0) -> Mesh:
    """The mesh scaled, turned about z (positive to the left) and then moved to `position_m` (3,)."""
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]], np.float32)
    return Mesh(
        mesh.positions_m @ turn * np.float32(scale) + np.asarray(position_m, np.float32),
        mesh.normals @ turn,
        mesh.uv_m * np.float32(scale),
        mesh.tints,
        mesh.material_of,
        mesh.triangles,
        mesh.materials,
    )


def _round_crease_deg(segments: int) -> float:
    """The crease that still draws this many sides as round; ends, at 90 degrees to the sides, stay sharp."""
    return 40.0 if segments < 5 else max(40.0, 360.0 / segments + 5.0)


@lru_cache
def _sphere(subdivisions: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Unit directions (V, 3), the box side of each, and triangles; a vertex per box side that meets there."""
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    faces, directions = np.asarray(ball.faces), np.asarray(ball.vertices, np.float64)
    sides = np.repeat(box_sides(directions[faces].mean(axis=1)), 3)
    key, inverse = np.unique(faces.ravel() * 6 + sides, return_inverse=True)
    return directions[key // 6], key % 6, inverse.reshape(-1, 3)


@lru_cache
def _circle(segments: int) -> NDArray[np.float64]:
    """Points (segments, 2) of the unit circle, anticlockwise."""
    _require(segments >= 3, f"a round shape has 3 segments at least, got {segments}")
    angles = np.arange(segments) * (2.0 * np.pi / segments)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circle.setflags(write=False)
    return circle


def _is_convex(ring: NDArray[np.float64]) -> bool:
    steps = np.roll(ring, -1, axis=0) - ring
    following = np.roll(steps, -1, axis=0)
    turns = steps[:, 0] * following[:, 1] - steps[:, 1] * following[:, 0]
    is_one_way = bool((turns > 0.0).all() or (turns < 0.0).all())
    # Turning one way only is not enough: a star does, more than once around.
    angles = np.arctan2(turns, (steps * following).sum(axis=1))
    return is_one_way and abs(angles.sum()) < 3.0 * np.pi


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _array(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.asarray(value, np.float64)
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape))
    wanted = tuple("N" if size < 0 else size for size in shape)
    _require(fits, f"{name} has the shape {wanted}, got {array.shape}")
    _require(bool(np.isfinite(array).all()), f"{name} holds NaN or infinity")
    return array


def _positive(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = _array(name, value, shape)
    _require(bool((array > 0.0).all()), f"{name} is positive, got {array.tolist()}")
    return array


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise PerceptionError(message)
