"""Cars, vans, trucks and buses as they are met on the road.

Every asset stands on z = 0 with the middle of its length and width above the origin, and drives towards x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Asset, Colour, Mesh, Part
from perception_fm.synth.world.shapes import placed
from perception_fm.synth.world.users.buses import (
    CITY_BUS,
    COACH,
    DOUBLE_DECKER,
    STRIPE,
    BusShape,
    bus_mesh,
    side_corners_m,
)
from perception_fm.synth.world.users.car import (
    CITY_CAR,
    DELIVERY_VAN,
    ESTATE,
    HATCHBACK,
    MINIBUS,
    PANEL_VAN,
    SALOON,
    SUV,
    car_mesh,
)
from perception_fm.synth.world.users.trucks import CARGO, TARPAULIN, rear_corners_m, truck_mesh
from perception_fm.synth.world.users.vehicle_parts import (
    PAINT,
    PLATE,
    PLATE_TINTS,
    paint_colour,
    recoloured,
    van_colour,
)

_CARS = (HATCHBACK, SALOON, ESTATE, SUV, CITY_CAR)
_CAR_SHARES = (0.30, 0.18, 0.14, 0.28, 0.10)
_VANS = (PANEL_VAN, MINIBUS, DELIVERY_VAN)
_VAN_SHARES = (0.4, 0.2, 0.4)
_BUSES = (CITY_BUS, COACH, DOUBLE_DECKER)
_BUS_SHARES = (0.6, 0.28, 0.12)
# Body and stripe, linear RGB.
_LIVERIES: tuple[tuple[Colour, Colour], ...] = (
    ((0.48, 0.015, 0.015), (0.70, 0.70, 0.68)),
    ((0.70, 0.45, 0.02), (0.02, 0.02, 0.02)),
    ((0.72, 0.72, 0.70), (0.02, 0.09, 0.30)),
    ((0.03, 0.12, 0.36), (0.70, 0.70, 0.68)),
    ((0.05, 0.22, 0.08), (0.68, 0.62, 0.40)),
    ((0.72, 0.72, 0.70), (0.45, 0.02, 0.05)),
    ((0.40, 0.42, 0.44), (0.30, 0.06, 0.02)),
)
_CARGO_COLOURS: tuple[Colour, ...] = (
    (0.72, 0.72, 0.70),
    (0.72, 0.72, 0.70),
    (0.40, 0.41, 0.42),
    (0.02, 0.06, 0.22),
    (0.03, 0.20, 0.42),
    (0.40, 0.02, 0.02),
    (0.62, 0.36, 0.02),
    (0.03, 0.14, 0.05),
    (0.05, 0.05, 0.055),
)
_SPOKES = (0, 5, 5, 6)


def car(rng: np.random.Generator) -> Asset:
    """A hatchback, saloon, estate, sport utility vehicle or city car, about 4.3 x 1.8 x 1.5 m."""
    shape = _CARS[rng.choice(len(_CARS), p=_CAR_SHARES)]
    mesh = car_mesh(shape, int(rng.choice(_SPOKES)))
    plates = PLATE_TINTS[rng.integers(len(PLATE_TINTS))]
    mesh = recoloured(mesh, {PAINT: paint_colour(rng), PLATE: plates})
    return (Part("car", placed(mesh, (0.0, 0.0, 0.0), scale=rng.uniform(0.97, 1.03))),)


def van(rng: np.random.Generator) -> Asset:
    """A panel van, minibus or delivery van, 5.3 to 6 m long."""
    shape = _VANS[rng.choice(len(_VANS), p=_VAN_SHARES)]
    plates = PLATE_TINTS[rng.integers(len(PLATE_TINTS))]
    mesh = recoloured(car_mesh(shape, 0), {PAINT: van_colour(rng), PLATE: plates})
    return (Part("van", placed(mesh, (0.0, 0.0, 0.0), scale=rng.uniform(0.98, 1.02))),)


def truck(rng: np.random.Generator) -> Asset:
    """A rigid truck of 8.6 m or a semitrailer of 16.4 m with a box, a tarpaulin, a tank or a tipper, up to 4 m high."""
    kind = ("box", "tarpaulin", "tank", "tipper")[rng.choice(4, p=(0.4, 0.35, 0.1, 0.15))]
    is_semitrailer = bool(rng.random() < (0.25 if kind == "tipper" else 0.5))
    return (Part("truck", _painted_truck(truck_mesh(kind, is_semitrailer), rng)),)


def truck_rear(rng: np.random.Generator) -> tuple[Asset, NDArray[np.float64]]:
    """A box truck with a plain rear to hang a poster on, and that rear's corners (4, 3) in the truck's frame.

    Foot left, foot right, top right, top left as seen from behind, 1 cm behind the bodywork.
    """
    is_semitrailer = bool(rng.random() < 0.5)
    mesh = _painted_truck(truck_mesh("box", is_semitrailer, has_plain_rear=True), rng)
    return (Part("truck", mesh),), rear_corners_m(is_semitrailer)


def bus(rng: np.random.Generator) -> Asset:
    """A city bus, coach or double-decker, 11 to 12 m long; its doors are on the right."""
    return (Part("bus", _painted_bus(_BUSES[rng.choice(len(_BUSES), p=_BUS_SHARES)], rng)),)


def bus_side(rng: np.random.Generator) -> tuple[Asset, NDArray[np.float64]]:
    """A city bus or coach and the corners (4, 3) of the flat left side above its wheels, in the bus's frame.

    Foot left, foot right, top right, top left as seen from the bus's left, 1 cm outside of windows and bodywork.
    """
    shape = _BUSES[int(rng.integers(2))]
    return (Part("bus", _painted_bus(shape, rng)),), side_corners_m(shape)


def _painted_truck(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    cargo = _CARGO_COLOURS[rng.integers(len(_CARGO_COLOURS))]
    return recoloured(mesh, {PAINT: van_colour(rng), CARGO: cargo, TARPAULIN: cargo})


def _painted_bus(shape: BusShape, rng: np.random.Generator) -> Mesh:
    paint, stripe = _LIVERIES[rng.integers(len(_LIVERIES))]
    return recoloured(bus_mesh(shape), {PAINT: paint, STRIPE: stripe})
