"""Traffic signs, billboards and sign gantries."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Asset, Material, Mesh, Part
from perception_fm.synth.world import shapes
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.street.street_lights import DARK_PAINT, GALVANISED
from perception_fm.synth.world.textures.advert_textures import ADVERTS
from perception_fm.synth.world.textures.library import UV, cell_uv, coated
from perception_fm.synth.world.textures.picture_textures import BOARD_CELLS, SIGN_CELLS

FloatArray = NDArray[np.float64]

GANTRY_CLEARANCE_M = 5.6  # German RPS/RAL: 4.70 m for the traffic, signs above that
GANTRY_SPAN_M = (5.0, 60.0)
_SIGNS, _BOARDS, _STEEL = coated("signs"), coated("boards"), coated("steel")
_BACK = Material((0.42, 0.43, 0.44), 0.55)
_ADVERT_MATERIALS = tuple(coated(f"advert_{i}") for i in range(len(ADVERTS)))
_WHOLE: UV = (0.002, 0.002, 0.998, 0.998)
_PLATE_M = 0.02  # between a sign's face and its back
_CIRCLE = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
_OCTAGON = np.pi / 8 + np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)
_ROUND = 0.5 + 0.5 * np.stack([np.cos(_CIRCLE), np.sin(_CIRCLE)], axis=1)
_EIGHT = 0.5 + 0.5 * np.stack([np.cos(_OCTAGON), np.sin(_OCTAGON)], axis=1)
_TRIANGLE = np.array([[0.03, 0.04], [0.97, 0.04], [0.5, 0.97]])
_GIVE_WAY = np.array([[0.5, 0.03], [0.97, 0.96], [0.03, 0.96]])
_DIAMOND = np.array([[0.5, 0.0], [1.0, 0.5], [0.5, 1.0], [0.0, 0.5]])
_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
# Cell in the texture, outline within it, and size (width, height) of each sign; sizes 2 of VwV-StVO (Germany) to
# paragraphs 39 to 43. What points to the right in the texture is mirrored for the left.
_FACES: dict[str, tuple[int, FloatArray, float, float]] = {
    "limit_30": (0, _ROUND, 0.6, 0.6), "limit_50": (1, _ROUND, 0.6, 0.6), "limit_70": (2, _ROUND, 0.6, 0.6),
    "limit_100": (3, _ROUND, 0.75, 0.75), "limit_120": (6, _ROUND, 0.75, 0.75), "no_parking": (7, _ROUND, 0.6, 0.6),
    "stop": (4, _EIGHT, 0.95, 0.95), "give_way": (5, _GIVE_WAY, 0.95, 0.84), "priority": (8, _DIAMOND, 0.85, 0.85),
    "crossing": (9, _SQUARE, 0.6, 0.6), "parking": (14, _SQUARE, 0.6, 0.6), "direction": (15, _SQUARE, 1.5, 0.7),
    "side_roads": (11, _TRIANGLE, 0.95, 0.84), "pedestrians": (13, _TRIANGLE, 0.95, 0.84),
    "bend_right": (12, _TRIANGLE, 0.95, 0.84), "bend_left": (12, _TRIANGLE, 0.95, 0.84),
    "curve_right": (10, _SQUARE, 0.6, 0.6), "curve_left": (10, _SQUARE, 0.6, 0.6),
}  # fmt: skip
SIGN_FACES = tuple(_FACES)
_MIRRORED = ("bend_left", "curve_left")
_LOW = ("curve_right", "curve_left")  # within the cone of the head lamps
_LOW_FOOT_M, _FOOT_M = (0.7, 0.9), (1.9, 2.3)


def sign(faces: Sequence[str], rng: np.random.Generator) -> Asset:
    """Traffic signs, names of `SIGN_FACES`, one above the other from below on a post; they look along +x.

    Raises `PerceptionError` for no face or an unknown one.
    """
    unknown = sorted(set(faces) - set(_FACES))
    if unknown or not faces:
        raise PerceptionError(f"a sign's faces are some of {', '.join(_FACES)}, got {', '.join(unknown) or 'none'}")
    top_z = float(rng.uniform(*(_LOW_FOOT_M if faces[0] in _LOW else _FOOT_M)))
    plates: list[Mesh] = []
    for face in faces:
        both, top_z = _plate(face, 0.05, top_z + (0.06 if plates else 0.0))
        plates += both
    posts = (-0.5, 0.5) if faces[0] == "direction" else (0.0,)
    poles = [shapes.cylinder(0.033, (0.0, y, 0.0), (0.0, y, top_z), GALVANISED, 7) for y in posts]
    return (Part("pole", Mesh.merged(poles)), Part("sign", Mesh.merged(plates)))


def _plate(face: str, x: float, foot_z: float) -> tuple[list[Mesh], float]:
    """Front and back of a sign, and its upper edge."""
    cell, outline, wide, high = _FACES[face]
    u0, v0, u1, v1 = cell_uv(cell, SIGN_CELLS, SIGN_CELLS)
    if face in _MIRRORED:
        u0, u1 = u1, u0
    uv = np.array([u0, v0]) + outline * np.array([u1 - u0, v1 - v0])
    y, z = (outline[:, 0] - 0.5) * wide, foot_z + outline[:, 1] * high
    front = np.stack([np.full(len(y), x), y, z], axis=1)
    fan = np.array([[0, i, i + 1] for i in range(1, len(y) - 1)])
    ahead = np.broadcast_to((1.0, 0.0, 0.0), front.shape)
    back = front - np.array([_PLATE_M, 0.0, 0.0])
    plates = [surface(front, ahead, uv, fan, _SIGNS), surface(back, -ahead, uv, fan[:, ::-1], _BACK)]
    return plates, float(z.max())


def billboard(rng: np.random.Generator) -> Asset:
    """A billboard on posts whose poster looks along +x."""
    asset, corners = billboard_face(rng)
    u0, v0, u1, v1 = _WHOLE
    poster = _ADVERT_MATERIALS[int(rng.integers(len(ADVERTS)))]
    face = shapes.quad(corners, poster, ((u0, v0), (u1, v0), (u1, v1), (u0, v1)))
    return (Part("billboard", Mesh.merged([asset[0].mesh, face])),)


def billboard_face(rng: np.random.Generator) -> tuple[Asset, FloatArray]:
    """A billboard whose picture is hung separately, and where: (4, 3) foot left, foot right, top right, top left as
    seen from its front, along +x.
    """
    wide, high = ((6.0, 4.0), (3.8, 2.6), (9.0, 5.0))[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
    foot_z = float(rng.uniform(1.2, 3.0)) if high < 5.0 else float(rng.uniform(2.5, 5.0))
    middle_z, frame = foot_z + 0.5 * high, 0.12
    parts = [
        shapes.box((0.14, wide + 2 * frame, high + 2 * frame), (0.0, 0.0, middle_z), _BACK),
        shapes.box((0.12, wide + 2 * frame, frame), (0.09, 0.0, foot_z - 0.5 * frame), DARK_PAINT),
        shapes.box((0.12, wide + 2 * frame, frame), (0.09, 0.0, foot_z + high + 0.5 * frame), DARK_PAINT),
    ]
    for y in (-0.5, 0.5):
        parts.append(shapes.box((0.12, frame, high), (0.09, y * (wide + frame), middle_z), DARK_PAINT))
        parts.append(shapes.box((0.16, 0.16, middle_z), (-0.15, 0.6 * y * wide, 0.5 * middle_z), _STEEL))
        strut = [(-0.4 * middle_z, 0.6 * y * wide, 0.05), (-0.15, 0.6 * y * wide, 0.9 * middle_z)]
        parts.append(shapes.cylinder(0.05, *strut, _STEEL, 4, is_capped=False))
    x, half = 0.11, 0.5 * wide
    corners = np.array([[x, -half, foot_z], [x, half, foot_z], [x, half, foot_z + high], [x, -half, foot_z + high]])
    return (Part("billboard", Mesh.merged(parts)),), corners


def gantry(span_m: float, rng: np.random.Generator) -> Asset:
    """A sign gantry over a road along x; its posts stand at y = -span_m / 2 and span_m / 2.

    Boards over the right half (y < 0) look along -x, towards who drives along +x; on some, boards over the left half
    look the other way. Raises `PerceptionError` for a span outside 5..60 m.
    """
    low, high = GANTRY_SPAN_M
    if not low <= span_m <= high:
        raise PerceptionError(f"a gantry's span_m lies in {low:g}..{high:g}, got {span_m:g}")
    half, foot_z, depth = 0.5 * span_m, GANTRY_CLEARANCE_M + 0.5, 0.9
    parts = []
    for y in (-half, half):
        parts.append(shapes.box((0.4, 0.4, foot_z + depth + 0.2), (0.0, y, 0.5 * (foot_z + depth + 0.2)), _STEEL))
        parts.append(shapes.box((0.9, 0.9, 0.35), (0.0, y, 0.175), coated("concrete")))
    for x in (-0.3, 0.3):
        for z in (foot_z, foot_z + depth):
            parts.append(shapes.box((0.1, span_m, 0.12), (x, 0.0, z), _STEEL))
    parts += _lattice(half, foot_z, depth)
    boards = _boards(rng, half, -1.0)
    if span_m > 12.0 and rng.random() < 0.6:
        boards += _boards(rng, half, 1.0)
    return (Part("gantry", Mesh.merged(parts)), Part("sign", Mesh.merged(boards)))


def _lattice(half_m: float, foot_z: float, depth_m: float) -> list[Mesh]:
    """Diagonals on both faces of the beam."""
    count = max(2, round(2.0 * half_m / 1.6))
    ys = np.linspace(-half_m, half_m, count + 1)
    parts = []
    for index, (left, right) in enumerate(itertools.pairwise(ys)):
        low, high = (foot_z, foot_z + depth_m) if index % 2 else (foot_z + depth_m, foot_z)
        for x in (-0.3, 0.3):
            parts.append(shapes.cylinder(0.035, (x, left, low), (x, right, high), _STEEL, 3, is_capped=False))
    return parts


def _boards(rng: np.random.Generator, half_m: float, side: float) -> list[Mesh]:
    """One or two boards over the half of the road on `side` (y), with their faces to who comes there."""
    count = 1 if half_m < 7.0 else int(rng.integers(1, 3))
    pitch = (half_m - 0.6) / count
    wide = min(4.6, 0.86 * pitch)
    high = float(rng.uniform(0.55, 0.65)) * wide
    x = 0.42 * side
    parts = []
    for index in range(count):
        y, z = side * (0.4 + (index + 0.5) * pitch), GANTRY_CLEARANCE_M
        left, right = (y + 0.5 * wide, y - 0.5 * wide) if side < 0.0 else (y - 0.5 * wide, y + 0.5 * wide)
        u0, v0, u1, v1 = cell_uv(int(rng.integers(2)), BOARD_CELLS, BOARD_CELLS, 0.005)
        corners = np.array([[x, left, z], [x, right, z], [x, right, z + high], [x, left, z + high]])
        parts.append(shapes.quad(corners, _BOARDS, ((u0, v0), (u1, v0), (u1, v1), (u0, v1))))
        behind = corners[[1, 0, 3, 2]] - np.array([_PLATE_M * side, 0.0, 0.0])
        parts.append(shapes.quad(behind, _BACK))
    return parts
