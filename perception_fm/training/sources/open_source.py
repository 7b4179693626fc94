"""The data sets of a configuration, opened."""

from __future__ import annotations

from pathlib import Path

from perception_fm.errors import DatasetError
from perception_fm.training.sources.cityscapes import CityscapesSource
from perception_fm.training.sources.drive_folder import DriveFolderSource
from perception_fm.training.sources.kitti import KittiSource
from perception_fm.training.sources.source import Source
from perception_fm.training.sources.synthetic import SyntheticSource

KINDS = ("shards", "drive", "cityscapes", "kitti")


def open_source(
    kind: str,
    folder: Path,
    split: str,
    validation_share: float = 0.1,
    seed: int = 0,
    label_map: str | None = None,
    name: str = "",
) -> Source:
    """Samples of one split (`source.SPLITS`) of the data set of `kind` in `folder`; `name` is the folder's where empty.

    Raises `DatasetError`, one line, for an unknown kind, a missing folder, and all that the kind refuses.
    """
    if kind not in KINDS:
        raise DatasetError(f"the kind of a data set is one of {', '.join(KINDS)}, got {kind!r}")
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder: a data set of kind {kind} was expected there")
    if label_map and kind != "drive":
        raise DatasetError(f"{folder}: the labels of a data set of kind {kind} need no label_map; leave it out")
    if kind == "shards":
        return SyntheticSource(folder, split, validation_share, seed, name)
    if kind == "drive":
        return DriveFolderSource(folder, split, validation_share, seed, label_map or None, name)
    if kind == "cityscapes":
        return CityscapesSource(folder, split, name)
    return KittiSource(folder, split, validation_share, seed, name)
