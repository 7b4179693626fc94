"""A seeded city street: lanes, pavements, houses, parked cars, trees, lamps. The driven lane's centre is y = 0."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.painted.painted_wall import FloatArray
from perception_fm.synth.planar import procedural
from perception_fm.synth.planar.planar_world import PlanarWorld
from perception_fm.synth.planar.ripmap import RipMap
from perception_fm.synth.planar.surface import Shadow, Surface

ROAD, SIDEWALK, BUILDING, POLE, VEGETATION, TERRAIN, CAR = 0, 1, 2, 5, 8, 9, 13  # Cityscapes trainIds

_X, _Y, _Z = np.eye(3)
_START_M, _END_M = -30.0, 330.0
_PARK_M = 235.0  # beyond the reach of every drive
_ROAD_RIGHT_M, _ROAD_LEFT_M = -4.2, 5.6  # parking strip on the right
_KERB_M = 0.12
_HOUSES_RIGHT_M, _HOUSES_LEFT_M = -10.5, 12.0
_TILE_M = 102.4  # the road repeats after this; a whole number of lane dashes
_DASH_M = 12.8


@dataclass(frozen=True)
class StreetConfig:
    """What stands in the street. `clear_from_m`, `clear_to_m`: no parked car in between (room for a wall)."""

    seed: int = 0
    clear_from_m: float = 0.0
    clear_to_m: float = 0.0


def build_street(config: StreetConfig) -> PlanarWorld:
    """The street along +x."""
    rng = np.random.default_rng(config.seed)
    cars = _car_places(config, rng)
    surfaces = [*_ground(rng, cars)]
    for side in (-1.0, 1.0):
        surfaces += _houses(side, rng)
        surfaces += _trees_and_lamps(side, rng)
    surfaces += _park(rng)
    for x_m, y_m in cars:
        surfaces += _parked_car(x_m, y_m, rng)
    return PlanarWorld(surfaces, procedural.sky(rng))


def _rectangle(
    origin_m: tuple[float, float, float],
    across: FloatArray,
    along: FloatArray,
    size_m: tuple[float, float],
    texture: NDArray[np.uint8],
    label: int,
    brightness: float = 1.0,
) -> Surface:
    """A rectangle that one picture covers exactly."""
    fitted = RipMap.build(texture, size_m[0] / texture.shape[1], size_m[1] / texture.shape[0], is_periodic=False)
    return Surface(np.array(origin_m), across, along, size_m, fitted, label, brightness=brightness)


def _ground(rng: np.random.Generator, cars: list[tuple[float, float]]) -> list[Surface]:
    length_m, width_m = _END_M - _START_M, _ROAD_LEFT_M - _ROAD_RIGHT_M
    grain = RipMap.build(procedural.asphalt_grain(rng), 0.01, 0.01, is_periodic=True)
    shadows = _road_shadows(cars, rng)
    road = Surface(
        np.array([_START_M, _ROAD_RIGHT_M, 0.0]),
        _X,
        _Y,
        (length_m, width_m),
        _road_texture(width_m, rng),
        ROAD,
        grain,
        shadows=shadows,
    )
    pavement = RipMap.build(procedural.paving(rng), 0.0125, 0.0125, is_periodic=True)
    lawn = RipMap.build(procedural.grass(rng), 0.02, 0.02, is_periodic=True)
    kerb = procedural.mottled((16, 512), 0.08, 0.7, (168.0, 170.0, 170.0), rng)
    stone = RipMap.build(kerb, 0.02, 0.01, is_periodic=True)
    surfaces = [
        road,
        Surface(np.array([-600.0, -600.0, -0.05]), _X, _Y, (1600.0, 1200.0), lawn, TERRAIN),
    ]
    for edge_m, far_m in ((_ROAD_RIGHT_M, _HOUSES_RIGHT_M), (_ROAD_LEFT_M, _HOUSES_LEFT_M)):
        low_m, walk_m = min(edge_m, far_m), 2.8
        near_low_m = edge_m if far_m > edge_m else edge_m - walk_m
        surfaces += [
            Surface(np.array([_START_M, edge_m, 0.0]), _X, _Z, (length_m, _KERB_M), stone, SIDEWALK, brightness=0.85),
            Surface(np.array([_START_M, near_low_m, _KERB_M]), _X, _Y, (length_m, walk_m), pavement, SIDEWALK),
            Surface(
                np.array([_START_M, low_m, _KERB_M - 0.01]), _X, _Y, (length_m, abs(far_m - edge_m)), lawn, TERRAIN
            ),
        ]
    return surfaces


def _road_shadows(cars: list[tuple[float, float]], rng: np.random.Generator) -> tuple[Shadow, ...]:
    """Dark ground below cars, and dappled shade of crowns outside the picture, from trees on the sunny side."""
    body = np.full((52, 104), 255.0, dtype=np.float32)
    body[8:-8, 8:-8] = 90.0
    below = RipMap.build(procedural.to_image(cv2.GaussianBlur(body, (0, 0), 3.0)), 0.05, 0.05, is_periodic=False)
    shadows = [Shadow((x - 2.6 - _START_M, y - 1.3 - _ROAD_RIGHT_M), (5.2, 2.6), below) for x, y in cars]
    crowns = []
    for _ in range(3):
        opacity = cv2.resize(procedural.tree(rng)[..., 3].astype(np.float32), (160, 120))[:96]
        holes = np.clip(1.5 * procedural.fractal_noise(opacity.shape, 0.9, rng) + 1.6, 0.0, 1.0)
        light = procedural.to_image(255.0 - 0.5 * cv2.GaussianBlur(opacity * holes, (0, 0), 1.2))
        crowns.append(RipMap.build(light, 0.05, 0.05, is_periodic=False))
    along_m = rng.uniform(4.0, 20.0)
    while along_m < _END_M - _START_M:
        crown = crowns[int(rng.integers(len(crowns)))]
        shadows.append(Shadow((along_m, rng.uniform(-2.0, 0.5)), (8.0, 4.8), crown))
        along_m += rng.uniform(14.0, 32.0)
    return tuple(shadows)


def _road_texture(width_m: float, rng: np.random.Generator) -> RipMap:
    texel_u_m, texel_v_m = 0.04, 0.02
    shape = (round(width_m / texel_v_m), round(_TILE_M / texel_u_m))
    road = procedural.asphalt(shape, texel_u_m, texel_v_m, rng)
    wear = np.clip(0.85 + 0.12 * procedural.fractal_noise(shape, 0.9, rng), 0.0, 1.0)[..., None]
    paint = np.zeros(shape, dtype=np.float32)

    def mark(u0_m: float, u1_m: float, centre_m: float, breadth_m: float) -> None:
        v0, v1 = ((centre_m - _ROAD_RIGHT_M + s * breadth_m) / texel_v_m for s in (-0.5, 0.5))
        cv2.rectangle(paint, (round(u0_m / texel_u_m), round(v0)), (round(u1_m / texel_u_m) - 1, round(v1)), 1.0, -1)

    for dash in range(round(_TILE_M / _DASH_M)):
        mark(dash * _DASH_M, dash * _DASH_M + 4.0, 1.75, 0.15)
        mark(dash * _DASH_M, dash * _DASH_M + 0.12, -3.0, 2.2)  # bays of the parking strip
        mark(dash * _DASH_M + 6.4, dash * _DASH_M + 6.52, -3.0, 2.2)
    mark(0.0, _TILE_M, -1.9, 0.12)
    mark(0.0, _TILE_M, 5.2, 0.12)
    for u_m in (21.0, 73.0):  # a manhole
        centre = (round(u_m / texel_u_m), round((0.6 - _ROAD_RIGHT_M) / texel_v_m))
        cv2.ellipse(road, centre, (8, 16), 0.0, 0.0, 360.0, (70.0, 72.0, 74.0), -1)
        cv2.ellipse(road, centre, (8, 16), 0.0, 0.0, 360.0, (48.0, 48.0, 48.0), 2)
    alpha = paint[..., None] * wear
    road += alpha * (np.array([205.0, 208.0, 210.0], dtype=np.float32) - road)
    return RipMap.build(procedural.to_image(road), texel_u_m, texel_v_m, is_periodic=True)


def _houses(side: float, rng: np.random.Generator) -> list[Surface]:
    """House fronts with the gable walls that one sees from the street; gaps in between."""
    front_m = _HOUSES_LEFT_M if side > 0.0 else _HOUSES_RIGHT_M
    brightness = 1.0 if side > 0.0 else 0.8
    surfaces: list[Surface] = []
    x_m = _START_M
    while x_m < _END_M:
        width_m, height_m, depth_m = rng.uniform(9.0, 18.0), rng.uniform(6.5, 13.0), 9.0
        set_back_m = front_m + side * rng.uniform(0.0, 1.5)
        picture = procedural.facade(width_m, height_m, 0.04, rng)
        # Rows of the picture run downwards from the eaves; v therefore points down.
        surfaces.append(
            _rectangle((x_m, set_back_m, height_m), _X, -_Z, (width_m, height_m), picture, BUILDING, brightness)
        )
        gable = procedural.facade(depth_m, height_m, 0.05, rng)
        surfaces.append(
            _rectangle((x_m, set_back_m, height_m), side * _Y, -_Z, (depth_m, height_m), gable, BUILDING, 0.7)
        )
        x_m += width_m + (rng.uniform(2.0, 7.0) if rng.random() < 0.5 else 0.0)
    return surfaces


def _trees_and_lamps(side: float, rng: np.random.Generator) -> list[Surface]:
    """Two crossed pictures per tree; lamps are thin crossed strips with an arm over the road."""
    line_m = (_ROAD_LEFT_M + 0.9) if side > 0.0 else (_ROAD_RIGHT_M - 0.9)
    crowns = [procedural.tree(rng) for _ in range(3)]
    steel = procedural.mottled((128, 8), 0.1, 0.6, (92.0, 94.0, 92.0), rng)
    surfaces: list[Surface] = []
    x_m = _START_M + rng.uniform(0.0, 8.0)
    while x_m < 250.0:
        if rng.random() < 0.62:
            size_m = rng.uniform(4.5, 7.5)
            half_m, size = 0.5 * size_m, (size_m, size_m)
            picture, y_m = crowns[int(rng.integers(len(crowns)))], line_m + side * rng.uniform(1.6, 2.4)
            surfaces.append(_rectangle((x_m, y_m + half_m, size_m), -_Y, -_Z, size, picture, VEGETATION, 0.9))
            surfaces.append(_rectangle((x_m - half_m, y_m, size_m), _X, -_Z, size, picture, VEGETATION))
        else:
            surfaces.append(_rectangle((x_m, line_m + 0.07, 7.0), -_Y, -_Z, (0.14, 7.0), steel, POLE))
            surfaces.append(_rectangle((x_m - 0.07, line_m, 7.0), _X, -_Z, (0.14, 7.0), steel, POLE, 0.8))
            arm_m = line_m if side > 0.0 else line_m + 1.6
            surfaces.append(_rectangle((x_m, arm_m, 7.0), -_Y, -_Z, (1.6, 0.12), steel, POLE))
        x_m += rng.uniform(7.0, 13.0)
    return surfaces


def _park(rng: np.random.Generator) -> list[Surface]:
    """Trees that close the view where the street ends."""
    pictures = [procedural.tree(rng) for _ in range(3)]
    surfaces = []
    for y_m in np.arange(-24.0, 24.0, 2.5).tolist():
        size_m, x_m = float(rng.uniform(5.0, 9.5)), _PARK_M + float(rng.uniform(0.0, 20.0))
        picture = pictures[int(rng.integers(len(pictures)))]
        origin_m = (x_m, y_m + 0.5 * size_m, size_m)
        brightness = float(rng.uniform(0.75, 1.1))
        surfaces.append(_rectangle(origin_m, -_Y, -_Z, (size_m, size_m), picture, VEGETATION, brightness))
    return surfaces


def _car_places(config: StreetConfig, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Middles (x, y) of the parked cars, in the right strip."""
    places = []
    for bay in range(int((_END_M - _START_M) / 6.4) - 1):
        x_m = _START_M + 3.2 + bay * 6.4
        is_clear = config.clear_from_m - 3.0 < x_m < config.clear_to_m + 3.0
        if rng.random() < 0.55 and not is_clear and x_m < 200.0:
            places.append((x_m + float(rng.uniform(-0.3, 0.3)), -3.1 + float(rng.uniform(-0.1, 0.1))))
    return places


def _parked_car(x_m: float, y_m: float, rng: np.random.Generator) -> list[Surface]:
    """A car of rectangles: two silhouettes, tail, nose, sloping screens, bonnet and roof."""
    palette = ((60, 60, 64), (150, 150, 152), (200, 202, 204), (40, 40, 120), (110, 70, 40), (70, 60, 48))
    paint = np.array(palette[int(rng.integers(len(palette)))], dtype=np.float32) * float(rng.uniform(0.9, 1.1))
    length_m, width_m, belt_m, roof_m = 4.3, 1.75, 0.92, 1.45
    tail_m, right_m = x_m - 0.5 * length_m, y_m - 0.5 * width_m
    side = _car_side(paint, length_m, roof_m)
    slope_m = float(np.hypot(0.55, roof_m - belt_m))
    rear_slope = np.array([-0.55, 0.0, -(roof_m - belt_m)]) / slope_m
    front_slope = np.array([0.7, 0.0, -(roof_m - belt_m)])
    front_m = float(np.linalg.norm(front_slope))
    plain = procedural.mottled((32, 32), 0.03, 1.0, tuple(paint.tolist()), rng)
    glass = np.full((16, 32, 3), (70, 62, 56), dtype=np.uint8)
    glass[:6] = (112, 104, 98)
    top_left = y_m + 0.5 * width_m
    return [
        _rectangle((tail_m, right_m, roof_m), _X, -_Z, (length_m, roof_m), side, CAR, 0.7),
        _rectangle((tail_m, top_left, roof_m), _X, -_Z, (length_m, roof_m), side, CAR),
        _rectangle((tail_m, top_left, belt_m), -_Y, -_Z, (width_m, belt_m - 0.12), _car_tail(paint), CAR, 0.85),
        _rectangle((tail_m + length_m, top_left, belt_m), -_Y, -_Z, (width_m, belt_m - 0.12), plain, CAR, 0.7),
        _rectangle((tail_m + 0.65, top_left, roof_m), -_Y, rear_slope, (width_m, slope_m), glass, CAR),
        _rectangle((tail_m + 2.6, top_left, roof_m), -_Y, front_slope / front_m, (width_m, front_m), glass, CAR),
        _rectangle((tail_m + 0.65, right_m, roof_m), _X, _Y, (1.95, width_m), plain, CAR, 1.15),
        _rectangle((tail_m + 3.3, right_m, belt_m), _X, _Y, (1.0, width_m), plain, CAR, 1.15),
        _rectangle((tail_m, right_m, belt_m), _X, _Y, (0.12, width_m), plain, CAR, 1.15),
    ]


def _car_side(paint: NDArray[np.float32], length_m: float, roof_m: float) -> NDArray[np.uint8]:
    """Silhouette with opacity (H, W, 4), 1.5 cm texels: body, cabin, windows, wheels."""
    texel_m = 0.015
    image = np.zeros((round(roof_m / texel_m), round(length_m / texel_m), 4), dtype=np.float32)

    def fill(points_m: list[tuple[float, float]], bgr: NDArray[np.float32]) -> None:
        pixels = np.array([(x / texel_m, (roof_m - z) / texel_m) for x, z in points_m])
        cv2.fillPoly(image, [np.rint(pixels).astype(np.int32)], (*bgr.tolist(), 255.0))

    image[..., :3] = paint
    glass = np.array([66.0, 60.0, 56.0], dtype=np.float32)
    fill([(0, 0.22), (0, 0.92), (0.12, 0.92), (0.65, 1.45), (2.6, 1.45), (3.3, 0.92), (4.3, 0.85), (4.3, 0.22)], paint)
    fill([(0.38, 0.95), (0.74, 1.36), (1.5, 1.36), (1.5, 0.95)], glass)
    fill([(1.6, 0.95), (1.6, 1.36), (2.52, 1.36), (3.05, 0.95)], glass)
    fill([(0.05, 0.12), (0, 0.32), (4.3, 0.32), (4.25, 0.12)], 0.3 * paint)
    fill([(1.53, 0.3), (1.53, 0.95), (1.56, 0.95), (1.56, 0.3)], 0.6 * paint)
    for x_m in (0.78, 3.4):
        centre = (round(x_m / texel_m), round((roof_m - 0.31) / texel_m))
        cv2.circle(image, centre, round(0.31 / texel_m), (26.0, 26.0, 28.0, 255.0), -1)
        cv2.circle(image, centre, round(0.19 / texel_m), (128.0, 128.0, 130.0, 255.0), -1)
        cv2.circle(image, centre, round(0.06 / texel_m), (60.0, 60.0, 60.0, 255.0), -1)
    return procedural.to_image(image)


def _car_tail(paint: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lamps, number plate, bumper (H, W, 3)."""
    image = np.empty((80, 175, 3), dtype=np.float32)
    image[:] = paint
    image[45:] *= 0.5
    image[68:] *= 0.4
    image[8:28, 4:30] = image[8:28, 145:171] = (40.0, 36.0, 170.0)
    image[24:36, 62:113] = (210.0, 215.0, 215.0)
    image[27:33, 68:107:5] = (40.0, 40.0, 40.0)
    return procedural.to_image(image)
