"""What the classes of a drive folder are: road, other ground, nothing solid, or a thing of some trainId."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL

_ROAD = {"road", "lane line marking", "stop line marking", "other road marking"}
_GROUND = _ROAD | {"ground", "sidewalk", "driveway", "terrain"}
_NOTHING = {"smoke", "exhaust", "spray or rain", "reflection", "sky"}
# Names of PandaSet (Xiao et al., ITSC 2021) that Cityscapes calls otherwise.
_SYNONYMS = {
    "pickup truck": "car", "medium-sized truck": "truck", "semi-truck": "truck", "emergency vehicle": "truck",
    "other vehicle - construction vehicle": "truck", "trolley": "train", "tram / subway": "train",
    "pedestrian": "person", "pedestrian with object": "person", "motorized scooter": "motorcycle",
    "signs": "traffic sign", "construction signs": "traffic sign", "road barriers": "fence",
    "temporary construction barriers": "fence",
}  # fmt: skip


def train_id_of(name: str) -> int:
    """Cityscapes trainId of a class by its name; 255 where there is none."""
    name = _SYNONYMS.get(name.casefold(), name.casefold())
    return CITYSCAPES_CLASSES.index(name) if name in CITYSCAPES_CLASSES else UNKNOWN_LABEL


class DriveClasses:
    """`names`: id to name, as in a drive folder. Id 0 without a name: no point."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.label = np.full(256, UNKNOWN_LABEL, np.uint8)
        self.is_road, self.is_ground = np.zeros(256, bool), np.zeros(256, bool)
        self.is_thing = np.zeros(256, bool)
        for key, name in names.items():
            number, folded = int(key), name.casefold()
            self.label[number] = train_id_of(name)
            self.is_road[number] = folded in _ROAD
            self.is_ground[number] = folded in _GROUND
            self.is_thing[number] = folded not in _GROUND | _NOTHING

    @property
    def has_road(self) -> bool:
        """Whether the drive tells road from the rest."""
        return bool(self.is_road.any())

    def of(
        self, ids: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """trainId, whether road, whether ground, whether a thing, of each id."""
        return self.label[ids], self.is_road[ids], self.is_ground[ids], self.is_thing[ids]
