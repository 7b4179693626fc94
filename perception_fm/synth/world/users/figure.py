"""A clothed human body in any pose: where feet and hands are decides how knees and elbows bend."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Colour, Material, Mesh
from perception_fm.synth.world.ground.facets import WHITE
from perception_fm.synth.world.shapes import box, ellipsoid, loft, merged, tube

# Tinted with the colour of each garment, of skin and of hair.
CLOTH = Material((1.0, 1.0, 1.0), roughness=0.88)
SKIN = Material((1.0, 1.0, 1.0), roughness=0.6)

# Lengths as shares of the body's height (Drillis & Contini 1966; the figure in Winter, Biomechanics, fig. 4.1).
THIGH, SHIN, ANKLE = 0.245, 0.246, 0.039
UPPER_ARM, FOREARM, HAND = 0.186, 0.146, 0.05
HIP_HALF, SHOULDER_HALF, SHOULDER_UP = 0.052, 0.103, 0.285
# Torso above the hip joints: height, half depth, half width, forward shift.
_TORSO = np.array(
    [
        (-0.045, 0.060, 0.088, -0.004),
        (0.010, 0.072, 0.099, -0.006),
        (0.100, 0.058, 0.084, 0.004),
        (0.200, 0.070, 0.100, 0.004),
        (0.275, 0.056, 0.118, -0.004),
        (0.315, 0.036, 0.052, -0.006),
    ]
)
_AROUND = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)


@dataclass(frozen=True, eq=False)
class Pose:
    """Metres in the object's frame: hip joints' middle `pelvis_m` (3,), `ankles_m` and `wrists_m` (2, 3), left first.

    `lean_rad` of the torso forwards; `toes_rad` (2,) by which the feet point down; `knee_out`: knees pointing aside.
    """

    pelvis_m: NDArray[np.float64]
    ankles_m: NDArray[np.float64]
    wrists_m: NDArray[np.float64]
    lean_rad: float = 0.03
    toes_rad: tuple[float, float] = (0.0, 0.0)
    knee_out: float = 0.08


@dataclass(frozen=True)
class Looks:
    """Linear RGB of what is worn, and its cut.

    `girth` 1 is slim; `skirt_to` and `coat_to` are hems as a share of the height, 0 none; `hair_long` 0..1; `helmet`
    hides the hair, with `has_visor` the face as well.
    """

    top: Colour
    legs: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    girth: float = 1.0
    skirt: Colour = WHITE
    skirt_to: float = 0.0
    coat_to: float = 0.0
    hair_long: float = 0.0
    helmet: Colour | None = None
    has_visor: bool = False
    is_bare_armed: bool = False
    is_bare_legged: bool = False


def figure(height_m: float, pose: Pose, looks: Looks) -> Mesh:
    """The body: about 320 triangles, with a skirt or coat 40 more."""
    lean = _turn(pose.lean_rad)
    limbs = [_leg(height_m, pose, looks, side) for side in (0, 1)]
    limbs += [_arm(height_m, pose, looks, lean, side) for side in (0, 1)]
    return merged([*_torso(height_m, pose, looks, lean), *_head(height_m, pose, looks, lean), *limbs])


def joint(
    root: NDArray[np.float64], end: NDArray[np.float64], lengths: tuple[float, float], towards: NDArray[np.float64]
):
    """Knee or elbow (3,) of a limb, bent towards a direction (3,), and where the limb ends if `end` is out of reach."""
    upper, lower = lengths
    span = end - root
    distance = float(np.linalg.norm(span))
    reach = min(max(distance, abs(upper - lower) + 1e-3), 0.998 * (upper + lower))
    along = span / max(distance, 1e-9)
    aside = towards - along * (towards @ along)
    aside = aside / max(float(np.linalg.norm(aside)), 1e-9)
    share = (upper**2 - lower**2 + reach**2) / (2.0 * reach)
    height = np.sqrt(max(upper**2 - share**2, 0.0))
    return root + share * along + height * aside, root + reach * along


def _turn(angle_rad: float) -> NDArray[np.float64]:
    """Rotation about y that tips an upright body forwards."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def _ovals(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rings (L, 8, 3) of height, half depth, half width and forward shift (L, 4)."""
    up, depth, width, shift = (levels[:, column, None] for column in range(4))
    x, y = shift + depth * np.cos(_AROUND), width * np.sin(_AROUND)
    return np.stack([x, y, np.broadcast_to(up, x.shape)], axis=-1)


def _torso(height: float, pose: Pose, looks: Looks, lean: NDArray[np.float64]) -> list[Mesh]:
    levels = _TORSO * [1.0, looks.girth, 1.0 + 0.6 * (looks.girth - 1.0), 1.0] * height
    rings = _ovals(levels) @ lean.T + pose.pelvis_m
    meshes = [loft(rings, CLOTH, looks.top, crease_deg=60.0)]
    if looks.coat_to or looks.skirt_to:
        meshes.append(_hanging(height, pose, looks))
    return meshes


def _hanging(height: float, pose: Pose, looks: Looks) -> Mesh:
    """The skirt or the tails of the coat, wide enough for the stride."""
    hem = looks.coat_to or looks.skirt_to
    stride = float(np.ptp(pose.ankles_m[:, 0])) / height * (0.53 - hem) * 1.4
    depth, width, drop = 0.085 * looks.girth, 0.11 * looks.girth, hem - 0.53
    levels = np.array(
        [
            (0.10 if looks.coat_to else 0.06, 0.064 * looks.girth, 0.09 * looks.girth, 0.0),
            (0.35 * drop, depth + 0.3 * stride, width, 0.15 * stride),
            (drop, depth + 0.5 * stride, 1.05 * width, 0.25 * stride),
        ]
    )
    tint = looks.top if looks.coat_to else looks.skirt
    return loft(_ovals(levels * height) + pose.pelvis_m, CLOTH, tint, crease_deg=60.0)


def _head(height: float, pose: Pose, looks: Looks, lean: NDArray[np.float64]) -> list[Mesh]:
    neck = pose.pelvis_m + lean @ np.array([0.0, 0.0, 0.30 * height])
    # Heads of children are nearly as large as those of their parents.
    size = 0.119 * (0.72 + 0.28 * height / 1.75)
    upright = _turn(0.4 * pose.lean_rad)
    centre = pose.pelvis_m + lean @ np.array([0.0, 0.0, 0.325 * height]) + upright @ np.array([0.012, 0.0, 1.22 * size])
    radii = size * np.array([0.86, 0.70, 1.0]) * (1.0 if looks.helmet is None else 1.14)
    ball = ellipsoid(radii, centre, SKIN, 1)
    crown = (ball.positions_m - centre.astype(np.float32)) / radii.astype(np.float32)
    tints = np.empty_like(ball.tints)
    tints[:] = looks.skin
    if looks.helmet is None:
        is_hair = (crown[:, 2] > 0.38) | ((crown[:, 0] < 0.25) & (crown[:, 2] > -0.15 - 0.3 * looks.hair_long))
        tints[is_hair] = looks.hair
    elif looks.has_visor:
        tints[:] = looks.helmet
        tints[(crown[:, 0] > 0.45) & (np.abs(crown[:, 2] - 0.1) < 0.5)] = (0.01, 0.01, 0.012)
    else:
        tints[(crown[:, 2] > 0.2) | (crown[:, 0] < -0.5)] = looks.helmet
    meshes = [replace(ball, tints=tints), tube([neck, centre], 0.45 * size, SKIN, 5, looks.skin, is_capped=False)]
    if looks.hair_long > 0.3 and not looks.has_visor:
        fall = centre + np.array([-0.45 * size, 0.0, 0.1 * size])
        tip = fall - np.array([0.15 * size, 0.0, (1.0 + 1.4 * looks.hair_long) * size])
        meshes.append(tube([fall, tip], [0.66 * size, 0.42 * size], SKIN, 5, looks.hair))
    return meshes


def _leg(height: float, pose: Pose, looks: Looks, side: int) -> Mesh:
    sign = 1.0 - 2.0 * side
    hip = pose.pelvis_m + np.array([0.0, sign * HIP_HALF * height, 0.0])
    bend = np.array([1.0, sign * pose.knee_out, 0.0])
    knee, ankle = joint(hip, pose.ankles_m[side], (THIGH * height, SHIN * height), bend)
    thick = height * (0.6 + 0.4 * looks.girth)
    tint = looks.skin if looks.is_bare_legged else looks.legs
    leg = tube([hip, knee, ankle], np.array([0.050, 0.034, 0.024]) * thick, CLOTH, 6, tint, is_capped=False)
    toes = _turn(pose.toes_rad[side])
    foot = box(
        (0.145 * height, 0.052 * height, 0.045 * height), (0.04 * height, 0.0, -0.016 * height), CLOTH, looks.shoes
    )
    # The toe cap is lower than the heel.
    points = foot.positions_m.astype(np.float64)
    is_toe_top = (points[:, 0] > 0.08 * height) & (points[:, 2] > -0.016 * height)
    points[is_toe_top, 2] -= 0.022 * height
    return merged([leg, replace(foot, positions_m=points @ toes.T + ankle)])


def _arm(height: float, pose: Pose, looks: Looks, lean: NDArray[np.float64], side: int) -> Mesh:
    sign = 1.0 - 2.0 * side
    shoulder = pose.pelvis_m + lean @ (np.array([0.0, sign * SHOULDER_HALF, SHOULDER_UP - 0.02]) * height)
    bend = np.array([-1.0, 0.35 * sign, -0.15])
    elbow, wrist = joint(shoulder, pose.wrists_m[side], (UPPER_ARM * height, FOREARM * height), bend)
    thick = height * (0.6 + 0.4 * looks.girth) * (0.85 if looks.is_bare_armed else 1.0)
    tint = looks.skin if looks.is_bare_armed else looks.top
    arm = tube([shoulder, elbow, wrist], np.array([0.034, 0.026, 0.019]) * thick, CLOTH, 5, tint, is_capped=False)
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    hand = tube([wrist, wrist + HAND * height * along], np.array([0.019, 0.015]) * height, SKIN, 4, looks.skin)
    return merged([arm, hand])
