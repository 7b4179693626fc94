"""A dataset of rendered frames (docs/dataset_format.md) as dense truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.errors import DatasetError
from perception_fm.evaluation.dense_drive import TruthFrame
from perception_fm.synth.dataset.dataset import read_index
from perception_fm.synth.dataset.shard import read_samples, shard_path


@dataclass(frozen=True, eq=False)
class ShardFrame:
    """One frame. `image` (H, W, 3) BGR as `stored_camera` took it; all truth at the pixels of `camera`, which has the
    same size and no distortion.

    `truth` holds depth (NaN: none, sky, or farther than stored) and label (ids as Cityscapes trainIds) where the
    dataset has them. `pictured_m` (H, W) float32: as `truth.depth_m` but for prints, there the depth that they show,
    inf for sky. `normals` (H, W, 3), 0 for sky. `is_painted` (H, W). `print_kind`: of the surface that carries a
    print, "several" where more than one kind hangs in the world, "" where none does. `instance` (H, W), 0 for what is
    not counted. `facts`: of the sample, as stored.
    """

    truth: TruthFrame
    stored_camera: CameraModel
    camera: CameraModel
    pictured_m: NDArray[np.float32] | None
    normals: NDArray[np.float32] | None
    is_painted: NDArray[np.bool_] | None
    print_kind: str
    scenario: str
    seed: int
    instance: NDArray[np.uint16] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class ShardSet:
    """The frames of a dataset folder. Raises `DatasetError` for a folder that is none, or not complete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = folder.resolve().name
        self.index = read_index(folder)
        if not self.index.get("is_complete"):
            raise DatasetError(f"{folder} is not complete: run `perception-fm synth dataset` again, it goes on")
        self.frame_count = int(self.index["frames"])

    def frames(self, step: int = 1) -> Iterator[ShardFrame]:
        """Every `step`-th frame. Raises `DatasetError` for a shard or sample that cannot be read."""
        number = 0
        for shard in range(int(self.index["shards"])):
            for sample in read_samples(shard_path(self._folder, str(self.index["split"]), shard)):
                if number % step == 0:
                    yield _frame(number, sample)
                number += 1


def _frame(number: int, sample: dict[str, Any]) -> ShardFrame:
    facts = sample["facts"]
    camera, stored = _cameras(facts["camera"])
    depth, label = sample.get("depth"), sample.get("label")
    if depth is not None:
        depth = np.where(np.isfinite(depth), depth, np.float32(np.nan))
    label = None if label is None else label.astype(np.int16)
    key = str(sample["key"])
    return ShardFrame(
        truth=TruthFrame(number, key, key, sample["picture"], depth, label),
        stored_camera=stored,
        camera=camera,
        pictured_m=sample.get("pictured"),
        normals=sample.get("normal"),
        is_painted=sample.get("painted"),
        print_kind=_print_kind(facts),
        scenario=str(facts["share"]),
        seed=int(facts["seed"]),
        instance=sample.get("instance"),
        facts=facts,
    )


def _cameras(facts: dict[str, Any]) -> tuple[CameraModel, CameraModel]:
    """Of the truth, and of the stored picture."""
    fx, fy, cx, cy = facts["K"]
    matrix = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    width, height = facts["size"]
    pinhole = CameraModel(width, height, matrix)
    if facts["distortion_model"] == "none":
        return pinhole, pinhole
    return pinhole, CameraModel(width, height, matrix, facts["distortion_model"], np.array(facts["D"]))


def _print_kind(facts: dict[str, Any]) -> str:
    kinds = {str(wall["print"]) for wall in facts["walls"]}
    return kinds.pop() if len(kinds) == 1 else ("several" if kinds else "")
