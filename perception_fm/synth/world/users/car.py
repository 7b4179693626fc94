"""Cars and vans: proportions of the usual kinds, and the parts that make them recognisable from afar."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.shapes import box, merged, mirrored_y, placed, quad, skin
from perception_fm.synth.world.users.car_body import END_M, CarShape, glasshouse_side, glasshouse_top, shell
from perception_fm.synth.world.users.vehicle_parts import (
    BLACK,
    LAMP_CLEAR,
    LAMP_RED,
    METAL,
    PAINT,
    PROUD_M,
    facing,
    plate,
    wheel,
)

HATCHBACK = CarShape(
    size_m=(4.26, 1.79, 1.47),
    axles_m=(-1.37, 1.26),
    wheel_radius_m=0.318,
    deck_m=((-2.13, 0.92), (-2.0, 0.98), (0.78, 0.95), (1.60, 0.86), (1.95, 0.79), (2.13, 0.69)),
    panes=(
        (0.86, 0.16, "paint"),
        (0.66, 0.02, "glass"),
        (-0.30, -0.28, "black"),
        (-0.38, -0.36, "glass"),
        (-1.24, -1.12, "paint"),
        (-1.98, -1.60, "paint"),
    ),
    roof_width_m=1.20,
    door_lines_m=(0.80, -0.34, -1.20),
)
SALOON = CarShape(
    size_m=(4.68, 1.82, 1.44),
    axles_m=(-1.36, 1.46),
    wheel_radius_m=0.325,
    deck_m=((-2.34, 0.91), (-2.20, 0.98), (-1.60, 1.0), (0.90, 0.95), (1.75, 0.86), (2.14, 0.79), (2.34, 0.69)),
    panes=(
        (0.95, 0.22, "paint"),
        (0.74, 0.08, "glass"),
        (-0.26, -0.25, "black"),
        (-0.34, -0.33, "glass"),
        (-1.22, -0.92, "paint"),
        (-1.72, -1.06, "paint"),
    ),
    roof_width_m=1.18,
    door_lines_m=(0.95, -0.30, -1.22),
)
ESTATE = CarShape(
    size_m=(4.70, 1.82, 1.48),
    axles_m=(-1.35, 1.47),
    wheel_radius_m=0.325,
    deck_m=((-2.35, 0.92), (-2.22, 0.99), (0.90, 0.95), (1.75, 0.86), (2.15, 0.79), (2.35, 0.69)),
    panes=(
        (0.95, 0.22, "paint"),
        (0.74, 0.08, "glass"),
        (-0.26, -0.25, "black"),
        (-0.34, -0.33, "glass"),
        (-1.14, -1.08, "black"),
        (-1.22, -1.16, "glass"),
        (-1.92, -1.76, "paint"),
        (-2.20, -1.92, "paint"),
    ),
    roof_width_m=1.22,
    door_lines_m=(0.95, -0.30, -1.18),
    rear_lamp_height_m=0.22,
)
SUV = CarShape(
    size_m=(4.50, 1.86, 1.67),
    axles_m=(-1.34, 1.35),
    wheel_radius_m=0.36,
    deck_m=((-2.25, 1.02), (-2.12, 1.10), (0.80, 1.07), (1.65, 1.0), (2.08, 0.93), (2.25, 0.82)),
    panes=(
        (0.90, 0.22, "paint"),
        (0.70, 0.08, "glass"),
        (-0.30, -0.28, "black"),
        (-0.38, -0.36, "glass"),
        (-1.22, -1.14, "black"),
        (-1.28, -1.20, "glass"),
        (-1.74, -1.60, "paint"),
        (-2.08, -1.82, "paint"),
    ),
    roof_width_m=1.30,
    door_lines_m=(0.85, -0.34, -1.22),
    sill_m=0.28,
    has_dark_sills=True,
)
CITY_CAR = CarShape(
    size_m=(3.64, 1.65, 1.50),
    axles_m=(-1.22, 1.20),
    wheel_radius_m=0.295,
    deck_m=((-1.82, 0.92), (-1.72, 0.98), (0.85, 0.96), (1.42, 0.86), (1.68, 0.78), (1.82, 0.67)),
    panes=(
        (0.92, 0.28, "paint"),
        (0.74, 0.14, "glass"),
        (-0.36, -0.34, "black"),
        (-0.44, -0.42, "glass"),
        (-1.14, -1.06, "paint"),
        (-1.70, -1.50, "paint"),
    ),
    roof_width_m=1.18,
    door_lines_m=(0.78, -0.40),
)
PANEL_VAN = CarShape(
    size_m=(5.30, 1.96, 1.98),
    axles_m=(-1.32, 1.72),
    wheel_radius_m=0.335,
    deck_m=((-2.65, 1.10), (1.70, 1.10), (2.30, 1.0), (2.53, 0.90), (2.65, 0.76)),
    panes=((1.78, 0.98, "paint"), (1.52, 0.84, "glass"), (0.62, 0.56, "paint"), (-2.63, -2.58, "paint")),
    roof_width_m=1.72,
    door_lines_m=(1.55, 0.58, -0.62),
    rear_lamp_height_m=0.40,
    is_van=True,
    has_rear_glass=False,
    rim_share=0.60,
)
MINIBUS = CarShape(
    size_m=(5.30, 1.96, 1.98),
    axles_m=(-1.32, 1.72),
    wheel_radius_m=0.335,
    deck_m=PANEL_VAN.deck_m,
    panes=(
        *PANEL_VAN.panes[:2],
        (0.62, 0.56, "paint"),
        (0.50, 0.46, "glass"),
        (-0.58, -0.58, "paint"),
        (-0.70, -0.70, "glass"),
        (-2.30, -2.26, "paint"),
        (-2.63, -2.58, "paint"),
    ),
    roof_width_m=1.72,
    door_lines_m=(1.55, 0.58, -0.62),
    rear_lamp_height_m=0.40,
    is_van=True,
    rim_share=0.60,
)
DELIVERY_VAN = CarShape(
    size_m=(5.93, 2.02, 2.62),
    axles_m=(-1.66, 2.0),
    wheel_radius_m=0.345,
    deck_m=((-2.965, 1.16), (1.85, 1.18), (2.55, 1.06), (2.82, 0.96), (2.965, 0.80)),
    panes=((1.95, 1.28, "paint"), (1.72, 1.16, "glass"), (0.86, 0.82, "paint"), (-2.945, -2.91, "paint")),
    roof_width_m=1.82,
    door_lines_m=(1.76, 0.84, -0.50),
    rear_lamp_height_m=0.44,
    is_van=True,
    has_rear_glass=False,
    rim_share=0.58,
)


@lru_cache(maxsize=64)
def car_mesh(shape: CarShape, spokes: int) -> Mesh:
    """The whole vehicle in white with white plates, standing on z = 0 with its middle above the origin."""
    left = merged([*glasshouse_side(shape), *_side(shape), *_wheels(shape, spokes), *_lamps(shape)])
    return merged([left, mirrored_y(left), *shell(shape), *glasshouse_top(shape), *_front(shape), *_rear(shape)])


def _wheels(shape: CarShape, spokes: int) -> list[Mesh]:
    body = wheel(shape.wheel_radius_m, 0.21, shape.rim_share, spokes)
    y = 0.5 * shape.size_m[1] - 0.035
    return [placed(body, (axle, y, shape.wheel_radius_m)) for axle in shape.axles_m]


def _side(shape: CarShape) -> list[Mesh]:
    """Gaps and handles of the doors, the mirror, a dark sill, all on the left."""
    meshes = [_door_line(shape, x) for x in shape.door_lines_m]
    for x in shape.door_lines_m[1:]:
        z = float(shape.rows_m(x)[2]) - 0.07
        corners = [shape.side_point(at, height) for at, height in ((x + 0.26, z), (x + 0.08, z))]
        meshes.append(quad([*corners, *(corner + np.array([0.0, 0.0, 0.03]) for corner in corners[::-1])], BLACK))
    foot = shape.panes[1][0] - 0.08
    y, z = float(shape.half_width_m(foot)), float(shape.rows_m(foot)[3])
    meshes.append(box((0.10, 0.22, 0.15), (foot, y + 0.06, z + 0.09), PAINT))
    if shape.has_dark_sills:
        rear, front = (axle + side * (shape.wheel_radius_m + 0.06) for axle, side in zip(shape.axles_m, (1.0, -1.0)))
        low, high = shape.sill_m, shape.sill_m + 0.13
        meshes.append(
            quad([shape.side_point(x, z) for x, z in ((front, low), (rear, low), (rear, high), (front, high))], BLACK)
        )
    return meshes


def _door_line(shape: CarShape, x: float) -> Mesh:
    sill, waist, shoulder, _ = (float(row) for row in shape.rows_m(x))
    rows = [[shape.side_point(x + dx, z, 0.004) for dx in (0.007, -0.007)] for z in (sill + 0.05, waist, shoulder)]
    return skin(rows, BLACK)


def _lamps(shape: CarShape) -> list[Mesh]:
    """Left head lamp and rear lamp, wrapped around the corners of the body; vans have theirs upright at the edge."""
    rear_inner = 0.82 if shape.is_van else 0.47
    head = _lamp(shape, 1.0, 0.125, 0.45, LAMP_CLEAR)
    return [head, _lamp(shape, -1.0, shape.rear_lamp_height_m, rear_inner, LAMP_RED)]


def _lamp(shape: CarShape, end: float, height: float, inner_share: float, material: Material) -> Mesh:
    """A lamp below the shoulder from a share of the half width around the corner; `end` 1 in front, -1 behind."""
    half = 0.5 * shape.size_m[0]
    columns = []
    for from_end, drop in zip((*END_M[:2], 0.16 if shape.is_van and end < 0.0 else 0.30), (0.0, 0.0, 0.04)):
        x = end * (half - from_end)
        top = float(shape.rows_m(x)[2]) - 0.005
        columns.append([shape.side_point(x, z) for z in (top - height + drop, top)])
    inner_y = 0.5 * inner_share * shape.size_m[1]
    inside = [np.array([end * (half + PROUD_M), inner_y, point[2]]) for point in columns[0]]
    rows = np.stack([inside, *columns], axis=1)
    return skin(rows if end > 0.0 else rows[:, ::-1], material, crease_deg=60.0)


def _front(shape: CarShape) -> list[Mesh]:
    nose = 0.5 * shape.size_m[0]
    _, waist, shoulder, _ = (float(row) for row in shape.rows_m(nose))
    grille = facing((nose + 0.004, 0.0, 0.5 * (waist + shoulder)), 1.0, 0.74, shoulder - waist - 0.02)
    bar = facing((nose + 0.008, 0.0, shoulder - 0.05), 1.0, 0.74, 0.03)
    return [quad(grille, BLACK), quad(bar, METAL), plate((nose + 0.012, 0.0, waist + 0.0), is_rear=False)]


def _rear(shape: CarShape) -> list[Mesh]:
    tail = -0.5 * shape.size_m[0]
    _, waist, shoulder, _ = (float(row) for row in shape.rows_m(tail))
    belt, roof = shape.uprights_m()
    high = belt[-1] + 0.93 * (roof[-1] - belt[-1])
    stop = facing((high[0] - 0.03, 0.0, high[2] + 0.03), -1.0, 0.36, 0.03)
    meshes = [quad(stop, LAMP_RED), plate((tail - 0.008, 0.0, 0.45 * waist + 0.55 * shoulder), is_rear=True)]
    if not shape.has_rear_glass:
        # The gap between the wings of the rear doors.
        middle = [(tail, waist), (belt[-1][0], belt[-1][2]), (high[0], high[2])]
        meshes.append(skin([[(x - 0.008, y, z) for y in (0.012, -0.012)] for x, z in middle], BLACK))
    return meshes
