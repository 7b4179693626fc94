"""Which ids of a truth and which predicted classes are the same thing: tables in YAML, read strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ConfigError, DatasetError
from perception_fm.synth.scenario.strict_yaml import read_yaml

NO_LABEL = -1  # among the ids of a truth: no label at this pixel
IGNORED = -1
_UNKNOWN_ID = -2
_FOLDER = Path(__file__).parent / "label_maps"
NAMES = ("pandaset", "camvid", "cityscapes", "cityscapes_merged")
"""Maps that come with the package; the first whose ids and names are those of a drive is the drive's own."""


@dataclass(frozen=True)
class LabelMap:
    """`classes` that are judged; `truth`: id to index in `classes` or `IGNORED`; `prediction`: trainId to index.

    `id_names`: what the ids are called, by which a map is known to fit a drive; absent for ids without a name.
    """

    name: str
    classes: tuple[str, ...]
    truth: Mapping[int, int]
    prediction: Mapping[int, int]
    id_names: Mapping[int, str]

    @property
    def none(self) -> int:
        """Index of a prediction that belongs to no class of the map."""
        return len(self.classes)

    def classes_of(self, ids: NDArray[np.int16], where: str) -> NDArray[np.int16]:
        """Index of the class of each true id, `IGNORED` for ids without one and for `NO_LABEL`.

        Raises `DatasetError` for an id that the map does not know; `where` names the truth in the message.
        """
        table = np.full(256, _UNKNOWN_ID, np.int16)
        for key, index in self.truth.items():
            table[key] = index
        classes = np.where(ids == NO_LABEL, np.int16(IGNORED), table[ids])
        unknown = ids[classes == _UNKNOWN_ID]
        if unknown.size:
            raise DatasetError(
                f"{where}: the truth holds the id {unknown[0]}, which the label map {self.name} does not know; "
                "give another --label-map"
            )
        return classes

    def prediction_table(self) -> NDArray[np.int16]:
        """(256,) index per trainId, `none` for all that the map does not name, 255 (unknown) among them."""
        table = np.full(256, self.none, np.int16)
        for train_id, index in self.prediction.items():
            table[train_id] = index
        return table

    def misfit(self, class_names: Mapping[str, str]) -> str:
        """Why the map is not that of a drive with these names; "" where it fits or the drive has no names."""
        for key, name in class_names.items():
            number = int(key) if key.isdecimal() else _UNKNOWN_ID
            if number not in self.truth:
                return f"it does not know the id {key} ({name})"
            known = self.id_names.get(number)
            if known is not None and known.casefold() != name.casefold():
                return f"its id {key} is {known}, that of the drive {name}"
        return ""

    def colour_ids(self) -> list[int]:
        """Per class a trainId that stands for it in pictures: the first that is predicted as it."""
        return [min(key for key, place in self.prediction.items() if place == index) for index in range(self.none)]

    def document(self) -> dict[str, Any]:
        """The merges in words."""
        members = {name: {"truth_ids": [], "prediction": []} for name in self.classes}
        for key, index in self.truth.items():
            if index != IGNORED:
                members[self.classes[index]]["truth_ids"].append(key)
        for train_id, index in self.prediction.items():
            members[self.classes[index]]["prediction"].append(CITYSCAPES_CLASSES[train_id])
        ignored = [key for key, index in self.truth.items() if index == IGNORED]
        return {"name": self.name, "classes": members, "ignored_ids": ignored}


def choose_label_map(wanted: str | None, class_names: Mapping[str, str], where: str) -> LabelMap:
    """The map by name or file, or None: the one whose ids and names are those of the drive `where`.

    Raises `ConfigError` where none fits, or the wanted one does not.
    """
    if wanted is not None:
        chosen = read_label_map(_FOLDER / f"{wanted}.yaml" if wanted in NAMES else Path(wanted))
        misfit = chosen.misfit(class_names)
        if misfit:
            raise ConfigError(f"the label map {chosen.name} does not fit {where}: {misfit}")
        return chosen
    fitting = fitting_label_map(class_names)
    if fitting is not None:
        return fitting
    raise ConfigError(
        f"no known label map has the class_names of {where}; give --label-map {'|'.join(NAMES)} or a YAML file"
    )


def fitting_label_map(class_names: Mapping[str, str]) -> LabelMap | None:
    """The map of the package whose ids and names are these; None where there is none."""
    if not class_names:
        return None
    maps = (read_label_map(_FOLDER / f"{name}.yaml") for name in NAMES)
    return next((one for one in maps if not one.misfit(class_names)), None)


def read_label_map(file: Path) -> LabelMap:
    """A map from YAML (docs/data_format.md). Raises `ConfigError` for anything else."""
    document = read_yaml(file)
    if not isinstance(document, dict) or not isinstance(document.get("classes"), dict) or not document["classes"]:
        raise ConfigError(f"{file}: a label map has classes: {{NAME: {{truth: IDS, prediction: NAMES}}}}")
    extra = document.keys() - {"name", "classes", "ignored"}
    if extra:
        raise ConfigError(f"{file}: unknown keys {', '.join(sorted(map(str, extra)))}; known: name, classes, ignored")
    truth: dict[int, int] = {}
    prediction: dict[int, int] = {}
    names: dict[int, str] = {}
    for index, (name, members) in enumerate(document["classes"].items()):
        if not isinstance(members, dict) or members.keys() != {"truth", "prediction"}:
            raise ConfigError(f"{file}: class {name} needs truth and prediction, and nothing else")
        _add_ids(members["truth"], index, truth, names, f"{file}: class {name}")
        _add_predictions(members["prediction"], index, prediction, f"{file}: class {name}")
    _add_ids(document.get("ignored") or {}, IGNORED, truth, names, f"{file}: ignored")
    return LabelMap(
        str(document.get("name", file.stem)), tuple(map(str, document["classes"])), truth, prediction, names
    )


def _add_ids(values: Any, index: int, truth: dict[int, int], names: dict[int, str], where: str) -> None:
    for key, name in _ids(values, where):
        if isinstance(key, bool) or not isinstance(key, int) or not 0 <= key <= 255:
            raise ConfigError(f"{where}: a truth id is a whole number from 0 to 255, got {key!r}")
        if key in truth:
            raise ConfigError(f"{where}: the truth id {key} is given twice")
        truth[key] = index
        if name is not None:
            names[key] = str(name)


def _ids(values: Any, where: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(values, dict):
        yield from values.items()
    elif isinstance(values, list):
        yield from ((value, None) for value in values)
    else:
        raise ConfigError(f"{where}: truth ids are a list, or a mapping from id to name, got {values!r}")


def _add_predictions(values: Any, index: int, prediction: dict[int, int], where: str) -> None:
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{where}: prediction is a list of Cityscapes class names, got {values!r}")
    for name in values:
        if name not in CITYSCAPES_CLASSES:
            raise ConfigError(f"{where}: {name!r} is no Cityscapes class; known: {', '.join(CITYSCAPES_CLASSES)}")
        train_id = CITYSCAPES_CLASSES.index(name)
        if train_id in prediction:
            raise ConfigError(f"{where}: the prediction {name} is given twice")
        prediction[train_id] = index
