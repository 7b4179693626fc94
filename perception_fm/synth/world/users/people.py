"""Pedestrians: men, women and children, walking or standing, in clothes as they are seen in the street."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Asset, Colour, Mesh, Part
from perception_fm.synth.world.shapes import box, ellipsoid, merged, placed, tube
from perception_fm.synth.world.users.figure import ANKLE, CLOTH, Looks, Pose, figure

# Linear RGB. Most people wear dark or muted colours; one in four something bright.
MUTED: tuple[Colour, ...] = (
    (0.014, 0.014, 0.016),
    (0.03, 0.032, 0.036),
    (0.09, 0.09, 0.095),
    (0.25, 0.25, 0.25),
    (0.012, 0.02, 0.055),
    (0.03, 0.06, 0.14),
    (0.30, 0.22, 0.13),
    (0.10, 0.055, 0.03),
    (0.05, 0.06, 0.03),
)
BRIGHT: tuple[Colour, ...] = (
    (0.70, 0.70, 0.68),
    (0.45, 0.02, 0.025),
    (0.04, 0.16, 0.45),
    (0.65, 0.42, 0.03),
    (0.05, 0.28, 0.12),
    (0.55, 0.16, 0.28),
    (0.60, 0.20, 0.03),
    (0.35, 0.50, 0.60),
)
_DENIM: tuple[Colour, ...] = ((0.025, 0.045, 0.10), (0.07, 0.12, 0.22), (0.02, 0.022, 0.03))
SKINS: tuple[Colour, ...] = (
    (0.62, 0.38, 0.28),
    (0.55, 0.32, 0.22),
    (0.44, 0.25, 0.16),
    (0.26, 0.13, 0.075),
    (0.11, 0.052, 0.03),
)
HAIRS: tuple[Colour, ...] = (
    (0.012, 0.010, 0.009),
    (0.035, 0.020, 0.012),
    (0.09, 0.05, 0.025),
    (0.30, 0.20, 0.09),
    (0.32, 0.31, 0.30),
    (0.16, 0.045, 0.02),
)
SHOES: tuple[Colour, ...] = ((0.015, 0.014, 0.014), (0.05, 0.025, 0.012), (0.55, 0.55, 0.54))


def pedestrian(rng: np.random.Generator) -> Asset:
    """Somebody walking towards x or standing, 1.0 to 1.95 m tall, perhaps with a bag or a rucksack."""
    is_child = bool(rng.random() < 0.15)
    is_woman = bool(rng.random() < 0.5)
    mean, spread = (1.22, 0.13) if is_child else ((1.65, 0.06) if is_woman else (1.78, 0.07))
    height = float(np.clip(rng.normal(mean, spread), 1.0, 1.95))
    pose = walking(height, rng) if rng.random() < 0.7 else standing(height, rng)
    body = [figure(height, pose, street_looks(rng, is_woman, is_child))]
    body += _luggage(height, pose, rng)
    return (Part("pedestrian", on_ground(merged(body))),)


def walking(height_m: float, rng: np.random.Generator) -> Pose:
    """A step, from both feet on the ground to one passing the other."""
    passing = rng.uniform(0.0, 1.0)
    stride = rng.uniform(0.80, 1.0)
    contact_feet = np.array([(0.19 * stride, 0.055), (-0.20 * stride, 0.095)])
    passing_feet = np.array([(0.01, ANKLE), (-0.05, 0.12)])
    (lead_x, lead_z), (rear_x, rear_z) = contact_feet + passing * (passing_feet - contact_feet)
    swing = stride * (1.0 - 0.8 * passing)
    # Arms swing against the legs; the wrist in front hangs higher because the elbow bends.
    wrists = np.array([(-0.15 * swing, 0.140, 0.475), (0.17 * swing, -0.135, 0.485 + 0.03 * swing)])
    pose = Pose(
        pelvis_m=np.array([0.0, 0.0, 0.51 + 0.015 * passing]) * height_m,
        ankles_m=np.array([(lead_x, 0.04, lead_z), (rear_x, -0.04, rear_z)]) * height_m,
        wrists_m=wrists * height_m,
        lean_rad=rng.uniform(0.02, 0.07),
        toes_rad=(-0.28 * (1.0 - passing), 0.65 - 0.1 * passing),
    )
    return pose if rng.random() < 0.5 else mirrored(pose)


def standing(height_m: float, rng: np.random.Generator) -> Pose:
    """Waiting, perhaps with a telephone before the chest."""
    wrists = np.array([(0.02, 0.145, 0.462), (0.02, -0.145, 0.462)])
    manner = rng.random()
    if manner < 0.3:
        wrists[1] = (0.17, -0.05, 0.70)
    elif manner < 0.5:
        wrists[:, 0], wrists[:, 1] = 0.06, (0.10, -0.10)
        wrists[:, 2] = 0.55
    apart = rng.uniform(0.045, 0.075)
    ankles = np.array([(rng.uniform(-0.02, 0.03), apart, ANKLE), (0.0, -apart, ANKLE)])
    pose = Pose(np.array([0.0, 0.0, 0.526]) * height_m, ankles * height_m, wrists * height_m, rng.uniform(-0.02, 0.05))
    return pose if rng.random() < 0.5 else mirrored(pose)


def mirrored(pose: Pose) -> Pose:
    """The same pose with left and right exchanged."""
    flip = np.array([1.0, -1.0, 1.0])
    return Pose(
        pose.pelvis_m * flip,
        pose.ankles_m[::-1] * flip,
        pose.wrists_m[::-1] * flip,
        pose.lean_rad,
        pose.toes_rad[::-1],
        pose.knee_out,
    )


def street_looks(rng: np.random.Generator, is_woman: bool, is_child: bool) -> Looks:
    """What somebody wears in the street."""
    skin_weights = np.array([0.4, 0.25, 0.15, 0.1, 0.1])
    wears_skirt = bool(is_woman and rng.random() < 0.25)
    wears_coat = bool(not wears_skirt and not is_child and rng.random() < 0.25)
    is_summery = bool(not wears_coat and rng.random() < 0.35)
    legs = pick(rng, _DENIM) if rng.random() < 0.5 else pick(rng, MUTED)
    return Looks(
        top=pick(rng, BRIGHT if rng.random() < (0.6 if is_child else 0.3) else MUTED),
        legs=MUTED[0] if wears_skirt else legs,  # tights
        shoes=pick(rng, SHOES),
        skin=SKINS[rng.choice(len(SKINS), p=skin_weights / skin_weights.sum())],
        hair=pick(rng, HAIRS),
        girth=float(rng.uniform(0.95, 1.1 if is_child else 1.4)),
        skirt=pick(rng, BRIGHT if rng.random() < 0.4 else MUTED),
        skirt_to=float(rng.uniform(0.25, 0.36)) if wears_skirt else 0.0,
        coat_to=float(rng.uniform(0.27, 0.40)) if wears_coat else 0.0,
        hair_long=float(rng.uniform(0.4, 1.0)) if is_woman and rng.random() < 0.7 else 0.0,
        is_bare_armed=is_summery,
        is_bare_legged=wears_skirt and is_summery,
    )


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours."""
    return colours[int(rng.integers(len(colours)))]


def on_ground(mesh: Mesh) -> Mesh:
    """The mesh lifted or lowered until it touches z = 0."""
    return placed(mesh, (0.0, 0.0, -float(mesh.positions_m[:, 2].min())))


def _luggage(height: float, pose: Pose, rng: np.random.Generator) -> list[Mesh]:
    """A rucksack, a shopping bag, a shoulder bag, or mostly nothing."""
    kind, tint = rng.random(), pick(rng, BRIGHT if rng.random() < 0.4 else MUTED)
    back: NDArray[np.float64] = pose.pelvis_m + np.array([-0.115, 0.0, 0.19]) * height
    if kind < 0.18:
        return [ellipsoid(np.array([0.065, 0.085, 0.13]) * height, back, CLOTH, 0, tint)]
    if kind < 0.33:
        hand = pose.wrists_m[1] + np.array([0.02, -0.01, -0.05]) * height
        bag = box(np.array([0.17, 0.06, 0.18]) * height, hand - np.array([0.0, 0.0, 0.11]) * height, CLOTH, tint)
        return [bag]
    if kind < 0.45:
        side = pose.pelvis_m + np.array([0.0, 0.135, 0.02]) * height
        strap = tube([side, pose.pelvis_m + np.array([0.0, -0.06, 0.30]) * height], 0.008 * height, CLOTH, 3, tint)
        return [box(np.array([0.15, 0.05, 0.12]) * height, side, CLOTH, tint), strap]
    return []
