"""A world's stock of assets: a few variants of each, used again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from perception_fm.synth.scene import Asset
from perception_fm.synth.world.street import vegetation
from perception_fm.synth.world.users import people, two_wheelers, vehicles

_NUMBERS = {
    "car": 12,
    "van": 4,
    "truck": 3,
    "bus": 1,
    "cyclist": 3,
    "motorcyclist": 2,
    "pedestrian": 10,
    "tree": 9,
    "street_tree": 6,
    "bush": 5,
}
# Shares of cars, vans, trucks, buses and motorcycles in moving traffic.
_MIX = {
    "town": (0.74, 0.12, 0.05, 0.05, 0.04),
    "suburb": (0.80, 0.12, 0.03, 0.03, 0.02),
    "country": (0.74, 0.11, 0.10, 0.02, 0.03),
    "motorway": (0.66, 0.12, 0.19, 0.02, 0.01),
}
_MAKERS: dict[str, Callable[[np.random.Generator], Asset]] = {
    "car": vehicles.car,
    "van": vehicles.van,
    "truck": vehicles.truck,
    "bus": vehicles.bus,
    "cyclist": two_wheelers.cyclist,
    "motorcyclist": two_wheelers.motorcyclist,
    "pedestrian": people.pedestrian,
    "tree": vegetation.tree,
    "street_tree": vegetation.street_tree,
    "bush": vegetation.bush,
}


class Palette:
    """Variants are made when first asked for; their own random numbers keep them the same whatever is asked."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._variants: dict[str, list[Asset]] = {}

    def pick(self, name: str, rng: np.random.Generator) -> Asset:
        """One of the variants of an asset."""
        if name not in self._variants:
            own = np.random.default_rng((self._seed, 3, sorted(_MAKERS).index(name)))
            self._variants[name] = [_MAKERS[name](own) for _ in range(_NUMBERS[name])]
        return self._variants[name][rng.integers(len(self._variants[name]))]

    def moving(self, rng: np.random.Generator, style: str, is_narrow: bool) -> Asset:
        """A motor vehicle of the style's traffic; `is_narrow`: it shares its lane with cyclists."""
        kinds: Sequence[str] = ("car", "van", "truck", "bus", "motorcyclist")
        name = kinds[rng.choice(5, p=_MIX[style])]
        return self.pick("car" if is_narrow and name in ("truck", "bus") else name, rng)

    def parked(self, rng: np.random.Generator) -> Asset:
        """A car or a van."""
        return self.pick("car" if rng.random() < 0.86 else "van", rng)

    def two_wheeler(self, rng: np.random.Generator) -> Asset:
        """A cyclist."""
        return self.pick("cyclist", rng)
