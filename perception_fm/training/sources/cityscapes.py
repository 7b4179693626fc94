"""The Cityscapes layout (Cordts et al., CVPR 2016): leftImg8bit, gtFine, camera, disparity."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.encoded_image import decode, read_image, read_map
from perception_fm.camera.model import CameraModel
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import BagError, CameraError, DatasetError
from perception_fm.training.sample import TrainingSample
from perception_fm.training.sources.photograph import colour, depth_with_sky, painted_of_photograph
from perception_fm.training.sources.source import ALL, SPLITS, TRAIN, VALIDATION, DamagedSampleError

_IMAGES = "leftImg8bit"
_DISPARITY_STEPS_PER_PX = 256.0  # README of the set: d = (p - 1) / 256, 0 is invalid
# cityscapesScripts labels.py: trainId of each labelId that has one.
TRAIN_ID_OF_LABEL_ID = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15,
    31: 16, 32: 17, 33: 18,
}  # fmt: skip
_FOLDERS = {TRAIN: ("train",), VALIDATION: ("val",), ALL: ("train", "val")}
_NOT_SCENE = (1, 2, 3)  # labelIds of the ego vehicle, the border of rectification, and out of the region of interest


def label_id_table() -> NDArray[np.uint8]:
    """(256,) trainId of each labelId, 255 for those that are not evaluated."""
    table = np.full(256, UNKNOWN_LABEL, np.uint8)
    table[list(TRAIN_ID_OF_LABEL_ID)] = list(TRAIN_ID_OF_LABEL_ID.values())
    return table


@dataclass(frozen=True)
class _Frame:
    image: Path
    label: Path | None
    camera: Path | None
    disparity: Path | None


class CityscapesSource:
    """Frames of the folder `train` or `val` (all: of both) that have labels, or a disparity with its camera.

    The split is the data set's own. Raises `DatasetError` for missing folders and a split without targets.
    """

    def __init__(self, folder: Path, split: str, name: str = "") -> None:
        if split not in SPLITS:
            raise DatasetError(f"split is one of {', '.join(SPLITS)}, got {split!r}")
        self._split = split
        self._name = name or folder.resolve().name
        parts = _FOLDERS[split]
        images = [path for part in parts for path in sorted((folder / _IMAGES / part).glob(f"*/*_{_IMAGES}.png"))]
        if not images:
            raise DatasetError(
                f"{folder} has no {_IMAGES}/{'|'.join(parts)}/CITY/*_{_IMAGES}.png: no Cityscapes layout"
            )
        frames = [_frame(folder, image) for image in images]
        self._frames = [frame for frame in frames if frame.label or (frame.disparity and frame.camera)]
        if not self._frames:
            raise DatasetError(
                f"{folder}: none of the {len(images)} images of {split} has gtFine labels, or disparity with camera"
            )
        self._table = label_id_table()

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._name

    def __len__(self) -> int:
        return len(self._frames)

    def sample(self, index: int) -> TrainingSample:
        """See `Source.sample`."""
        frame = self._frames[index]
        try:
            return self._sample(frame)
        except (BagError, CameraError) as error:
            raise DamagedSampleError(str(error)) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedSampleError(f"{frame.camera} is no camera file of Cityscapes ({error})") from error

    def document(self) -> dict[str, Any]:
        """See `Source.document`."""
        return {
            "kind": "cityscapes",
            "name": self.name,
            "source": "Cityscapes layout",
            "licence": "of the data set; Cityscapes itself is non-commercial",
            "split": self._split,
            "samples": len(self),
        }

    def _sample(self, frame: _Frame) -> TrainingSample:
        image = colour(decode(read_image(frame.image, None), str(frame.image)))
        size = (image.shape[1], image.shape[0])
        label, is_scene = self._label(frame, size)
        camera, depth_m, height_m = None, None, None
        if frame.camera is not None:
            document = json.loads(frame.camera.read_text(encoding="utf-8"))
            camera = _camera(document, size)
            height_m = float(document["extrinsic"]["z"])
            if frame.disparity is not None:
                baseline_m = float(document["extrinsic"]["baseline"])
                depth_m = _depth(frame.disparity, size, camera.fx * baseline_m)
                depth_m[~is_scene] = np.nan
        return TrainingSample(
            image=image,
            camera=camera,
            name=frame.image.name[: -len(f"_{_IMAGES}.png")],
            source=self.name,
            depth_m=depth_with_sky(depth_m, label),
            label=label,
            painted=painted_of_photograph(label, size),
            height_m=height_m,
        )

    def _label(self, frame: _Frame, size: tuple[int, int]) -> tuple[NDArray[np.uint8] | None, NDArray[np.bool_]]:
        """TrainIds (H, W), and where the picture shows the scene at all."""
        if frame.label is None:
            return None, np.ones(size[::-1], np.bool_)
        stored = read_map(frame.label, np.uint8, size)
        if frame.label.stem.endswith("labelTrainIds"):
            return np.where(
                stored <= max(TRAIN_ID_OF_LABEL_ID.values()), stored, np.uint8(UNKNOWN_LABEL)
            ), stored != 255
        return self._table[stored], ~np.isin(stored, _NOT_SCENE)


def _frame(folder: Path, image: Path) -> _Frame:
    part, city = image.parent.parent.name, image.parent.name
    stem = image.name[: -len(f"{_IMAGES}.png")]

    def found(kind: str, *endings: str) -> Path | None:
        paths = (folder / kind / part / city / f"{stem}{ending}" for ending in endings)
        return next((path for path in paths if path.is_file()), None)

    return _Frame(
        image,
        found("gtFine", "gtFine_labelIds.png", "gtFine_labelTrainIds.png"),
        found("camera", "camera.json"),
        found("disparity", "disparity.png"),
    )


def _camera(document: dict[str, Any], size: tuple[int, int]) -> CameraModel:
    k = document["intrinsic"]
    intrinsics = np.array([[k["fx"], 0.0, k["u0"]], [0.0, k["fy"], k["v0"]], [0.0, 0.0, 1.0]], np.float64)
    return CameraModel(*size, intrinsics)


def _depth(path: Path, size: tuple[int, int], focal_baseline: float) -> NDArray[np.float32]:
    """Depth (H, W) of a stereo disparity: focal length x baseline / disparity; NaN where there is none."""
    stored = read_map(path, np.uint16, size)
    disparity = (stored.astype(np.float32) - np.float32(1.0)) / np.float32(_DISPARITY_STEPS_PER_PX)
    disparity[disparity <= 0.0] = np.nan
    return np.float32(focal_baseline) / disparity
