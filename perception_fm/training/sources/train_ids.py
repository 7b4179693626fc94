"""From the ids of a data set to Cityscapes trainIds, by the label maps that evaluation uses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.errors import ConfigError, DatasetError
from perception_fm.evaluation.label_map import IGNORED, LabelMap, choose_label_map

_UNKNOWN = -1
# Names of sources whose Cityscapes class their own words do not tell.
_CALLED = {"motorized scooter": "motorcycle", "tram / subway": "train", "trolley": "train"}


class TrainIds:
    """The ids of one data set. Raises `DatasetError` where no label map fits its class names.

    A label map says which classes of a network count as an id's own; training needs one of them: that of the same name
    (a PandaSet Bus is a bus, a Semi-truck a truck), else the first that the map names.
    """

    def __init__(self, wanted: str | None, class_names: Mapping[str, str], where: str) -> None:
        try:
            chosen = choose_label_map(wanted, class_names, where)
        except ConfigError as error:
            raise DatasetError(str(error)) from error
        self.name = chosen.name
        self._table = np.full(256, _UNKNOWN, np.int16)
        for number, index in chosen.truth.items():
            self._table[number] = UNKNOWN_LABEL if index == IGNORED else _train_id(chosen, number, index)

    def convert(self, ids: NDArray[np.uint8], where: str) -> NDArray[np.uint8]:
        """TrainIds (H, W) of ids (H, W). Raises `DatasetError` for an id that the map does not know."""
        found = self._table[ids]
        if found.min(initial=0) == _UNKNOWN:
            raise DatasetError(
                f"{where} holds the id {ids[found == _UNKNOWN][0]}, which the label map {self.name} does not know; "
                "name another label_map"
            )
        return found.astype(np.uint8)


def _train_id(label_map: LabelMap, number: int, index: int) -> int:
    """Of an id that belongs to class `index` of the map."""
    members = [key for key, place in label_map.prediction.items() if place == index]
    name = label_map.id_names.get(number, "").casefold()
    name = _CALLED.get(name, name)
    named = [key for key in members if CITYSCAPES_CLASSES[key] in [*name.replace("-", " ").split(), name]]
    return (named or members)[0]
