"""Predictions that another system has written, one file per frame, as a source to be scored like a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive_folder import DEPTH_STEPS_PER_M
from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.errors import DatasetError
from perception_fm.evaluation.dense_drive import DenseDrive, Task, TruthFrame
from perception_fm.evaluation.grid_sampling import PixelPrediction


class FolderSource:
    """Files NAME.png or NAME.npy of the stored size, and NAME_std or NAME_confidence beside them where known.

    NAME is the `id` of the frame, or the name of its image file without ending: whichever of the two is there for every
    frame. Depth: PNG uint16, metres x 256, 0 invalid; NPY any float, metres, what is not finite and positive invalid.
    Labels: uint8, Cityscapes trainId, 255 unknown. Confidence: PNG uint8 x 255, NPY 0 to 1. Raises `DatasetError`.
    """

    def __init__(self, folder: Path, drive: DenseDrive, task: Task, step: int = 1) -> None:
        if not folder.is_dir():
            raise DatasetError(f"{folder} is no folder of predictions")
        self._folder, self._task = folder, task
        self._shape = (drive.camera.height, drive.camera.width)
        keys = [drive.key_of(index) for index in drive.indices[::step]]
        ids, stems = ([pair[place] for pair in keys] for place in (0, 1))
        lacks = {
            name: [key for key in names if self._file(key) is None] for name, names in (("id", ids), ("stem", stems))
        }
        if not lacks["id"] and len(set(ids)) == len(ids):
            self._by_id = True
        elif not lacks["stem"] and len(set(stems)) == len(stems):
            self._by_id = False
        else:
            fewest = min(lacks.values(), key=len)
            raise DatasetError(
                f"{folder} has no prediction of {len(fewest)} of {len(keys)} frames with truth: "
                f"{fewest[0] if fewest else ids[0]}.png or .npy is expected, named by the frame's id or image file"
            )

    def predict(self, frame: TruthFrame) -> PixelPrediction:
        """See `DenseSource`. Raises `DatasetError` for a file that cannot be used."""
        key = frame.frame_id if self._by_id else frame.stem
        everywhere = np.ones(self._shape, np.bool_)
        values, file = self._read(key)
        if self._task == "depth":
            std = self._extra(f"{key}_std", _depth)
            return PixelPrediction(everywhere, depth_m=_depth(values, file), depth_std_m=std)
        confidence = self._extra(f"{key}_confidence", _confidence)
        return PixelPrediction(everywhere, label=_label(values, file), confidence=confidence)

    def document(self) -> dict[str, Any]:
        """The folder's name."""
        return {"kind": "folder", "name": self._folder.resolve().name}

    def _file(self, key: str) -> Path | None:
        found = [path for ending in ("npy", "png") if (path := self._folder / f"{key}.{ending}").is_file()]
        if len(found) > 1:
            raise DatasetError(f"{found[0]} and {found[1].name} both exist; keep one of them")
        return found[0] if found else None

    def _extra(self, key: str, convert: Any) -> NDArray[np.float32] | None:
        return None if self._file(key) is None else convert(*self._read(key))

    def _read(self, key: str) -> tuple[NDArray[Any], Path]:
        file = self._file(key)
        if file is None:
            raise DatasetError(f"{self._folder / key}.png or .npy is gone")
        values = _load(file) if file.suffix == ".npy" else cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        if values is None:
            raise DatasetError(f"{file} cannot be decoded; write it again")
        if values.shape != self._shape:
            got = "x".join(map(str, values.shape[1::-1]))
            want = f"{self._shape[1]}x{self._shape[0]}"
            raise DatasetError(
                f"{file} is {got} with {values.ndim} axes, expected one channel of {want}, as the images"
            )
        return values, file


def _load(file: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{file} is no NPY file of numbers: {error}") from error


def _depth(values: NDArray[Any], file: Path) -> NDArray[np.float32]:
    if file.suffix == ".png":
        _expect(values, np.uint16, file)
        values = values / DEPTH_STEPS_PER_M
    elif values.dtype.kind != "f":
        raise DatasetError(f"{file} holds {values.dtype}, expected metres as floating point numbers")
    depth = values.astype(np.float32)
    depth[~((depth > 0.0) & (depth < np.inf))] = np.nan
    return depth


def _label(values: NDArray[Any], file: Path) -> NDArray[np.uint8]:
    _expect(values, np.uint8, file)
    wrong = values[(values >= len(CITYSCAPES_CLASSES)) & (values != UNKNOWN_LABEL)]
    if wrong.size:
        raise DatasetError(f"{file} holds the label {wrong[0]}; labels are Cityscapes trainIds 0 to 18, 255 unknown")
    return values


def _confidence(values: NDArray[Any], file: Path) -> NDArray[np.float32]:
    if file.suffix == ".png":
        _expect(values, np.uint8, file)
        return values.astype(np.float32) / np.float32(255)
    if values.dtype.kind != "f" or not ((values >= 0.0) & (values <= 1.0)).all():
        raise DatasetError(f"{file} holds something else than confidences from 0 to 1")
    return values.astype(np.float32)


def _expect(values: NDArray[Any], dtype: type[np.generic], file: Path) -> None:
    if values.dtype != dtype:
        raise DatasetError(f"{file} holds {values.dtype}, expected {np.dtype(dtype)}")
