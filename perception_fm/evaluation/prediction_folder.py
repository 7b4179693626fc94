"""Predictions that another system has written, one file per frame, as a source to be scored like a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive_folder import DEPTH_STEPS_PER_M
from perception_fm.bags.encoded_image import read_map
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
        """See `DenseSource`. Raises `PerceptionError` for a file that cannot be used."""
        key = frame.frame_id if self._by_id else frame.stem
        everywhere = np.ones(self._shape, np.bool_)
        if self._task == "depth":
            std = self._depth(f"{key}_std") if self._file(f"{key}_std") else None
            return PixelPrediction(everywhere, depth_m=self._depth(key), depth_std_m=std)
        confidence = self._confidence(f"{key}_confidence") if self._file(f"{key}_confidence") else None
        return PixelPrediction(everywhere, label=self._label(key), confidence=confidence)

    def document(self) -> dict[str, Any]:
        """The folder's name."""
        return {"kind": "folder", "name": self._folder.resolve().name}

    def _file(self, key: str) -> Path | None:
        found = [path for ending in ("npy", "png") if (path := self._folder / f"{key}.{ending}").is_file()]
        if len(found) > 1:
            raise DatasetError(f"{found[0]} and {found[1].name} both exist; keep one of them")
        return found[0] if found else None

    def _read(self, key: str, png_dtype: type[np.generic]) -> tuple[NDArray[Any], Path]:
        """Values of the images' size, those of a PNG of this type."""
        file = self._file(key)
        if file is None:
            raise DatasetError(f"{self._folder / key}.png or .npy is gone")
        if file.suffix == ".png":
            return read_map(file, png_dtype, self._shape[::-1]), file
        try:
            values = np.load(file, mmap_mode="r", allow_pickle=False)  # a header cannot promise more than the file has
        except (OSError, ValueError, EOFError, OverflowError) as error:
            raise DatasetError(f"{file} is no NPY file of numbers: {error}") from error
        if not isinstance(values, np.ndarray) or values.shape != self._shape:
            got = "x".join(map(str, getattr(values, "shape", ())))
            raise DatasetError(f"{file} is an array of {got or 'no shape'}, expected {self._shape[0]}x{self._shape[1]}")
        return np.array(values), file

    def _depth(self, key: str) -> NDArray[np.float32]:
        values, file = self._read(key, np.uint16)
        if file.suffix == ".png":
            values = values / DEPTH_STEPS_PER_M
        elif values.dtype.kind != "f":
            raise DatasetError(f"{file} holds {values.dtype}, expected metres as floating point numbers")
        depth = values.astype(np.float32)
        depth[~((depth > 0.0) & (depth < np.inf))] = np.nan
        return depth

    def _label(self, key: str) -> NDArray[np.uint8]:
        values, file = self._read(key, np.uint8)
        if values.dtype != np.uint8:
            raise DatasetError(f"{file} holds {values.dtype}, expected uint8")
        wrong = values[(values >= len(CITYSCAPES_CLASSES)) & (values != UNKNOWN_LABEL)]
        if wrong.size:
            raise DatasetError(
                f"{file} holds the label {wrong[0]}; labels are Cityscapes trainIds 0 to 18, 255 unknown"
            )
        return values

    def _confidence(self, key: str) -> NDArray[np.float32]:
        values, file = self._read(key, np.uint8)
        if file.suffix == ".png":
            return values.astype(np.float32) / np.float32(255)
        if values.dtype.kind != "f" or not ((values >= 0.0) & (values <= 1.0)).all():
            raise DatasetError(f"{file} holds something else than confidences from 0 to 1")
        return values.astype(np.float32)
