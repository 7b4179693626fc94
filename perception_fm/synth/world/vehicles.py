"""Cars, vans, trucks and buses as they are met on the road.

Every asset stands on z = 0 with the middle of its length and width above the origin, and drives towards x.
"""

from __future__ import annotations

import numpy as np

from perception_fm.synth.scene import Asset, Part
from perception_fm.synth.world.car import (
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
from perception_fm.synth.world.shapes import placed
from perception_fm.synth.world.vehicle_parts import PAINT, PLATE, PLATE_TINTS, paint_colour, recoloured, van_colour

_CARS = (HATCHBACK, SALOON, ESTATE, SUV, CITY_CAR)
_CAR_SHARES = (0.30, 0.18, 0.14, 0.28, 0.10)
_VANS = (PANEL_VAN, MINIBUS, DELIVERY_VAN)
_VAN_SHARES = (0.4, 0.2, 0.4)
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
