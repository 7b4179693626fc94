"""Buildings: town houses with shops, suburban houses, industrial halls, warehouses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perception_fm.errors import PerceptionError
from perception_fm.synth.scene import Asset, Mesh, Part
from perception_fm.synth.world.buildings.halls import industrial_hall, warehouse
from perception_fm.synth.world.buildings.houses import suburban_house
from perception_fm.synth.world.buildings.town_houses import town_house

_STYLES: dict[str, Callable[[np.random.Generator, float, float, float], list[Mesh]]] = {
    "suburb": suburban_house,
    "industrial": industrial_hall,
    "warehouse": warehouse,
}
BUILDING_STYLES = ("town", *_STYLES)
SMALLEST_M = (4.0, 4.0, 3.0)  # a door and a window must find room
LARGEST_M = 80.0


def building(
    rng: np.random.Generator, width_m: float, depth_m: float, height_m: float, style: str, house_number: int = 0
) -> Asset:
    """A building of at most 300 triangles whose front looks along +x, at x = depth_m / 2.

    `width_m` along y, `depth_m` along x, `height_m` over all but chimneys. Cornices, awnings and balconies stand out by
    up to 1.3 m in front, roofs by 0.5 m all around. `style` is one of `BUILDING_STYLES`. Town houses whose
    `house_number` follows the neighbour's differ from it in their facade and their shops. Raises `PerceptionError` for
    another style or a size outside 4..80 m (height 3..80 m).
    """
    sizes = (("width_m", width_m), ("depth_m", depth_m), ("height_m", height_m))
    for (name, size), smallest in zip(sizes, SMALLEST_M):
        if not smallest <= size <= LARGEST_M:
            raise PerceptionError(f"a building's {name} lies in {smallest:g}..{LARGEST_M:g}, got {size:g}")
    if style not in BUILDING_STYLES:
        raise PerceptionError(f"a building's style is one of {', '.join(BUILDING_STYLES)}, got {style!r}")
    size = (width_m, depth_m, height_m)
    meshes = town_house(rng, *size, house_number) if style == "town" else _STYLES[style](rng, *size)
    return (Part("building", Mesh.merged(meshes)),)
