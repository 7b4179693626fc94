"""KITTI layouts: raw drives with annotated depth (Uhrig et al., 3DV 2017), and the semantic benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.encoded_image import decode, read_image, read_map
from perception_fm.bags.kitti import CAMERA_HEIGHT_M, LICENCE, numbers, read_calibration
from perception_fm.camera.model import CameraModel
from perception_fm.errors import BagError, CameraError, DatasetError
from perception_fm.training.sample import TrainingSample
from perception_fm.training.sources.cityscapes import label_id_table
from perception_fm.training.sources.photograph import colour, depth_with_sky, painted_of_photograph
from perception_fm.training.sources.source import DamagedSampleError
from perception_fm.training.sources.split import split_drive, split_groups

_CAMERA = "image_02"
_DEPTH_STEPS_PER_M = 256.0  # devkit of the depth benchmark: metres x 256, 0 = none
_CALIBRATION = "calib_cam_to_cam.txt"


@dataclass(frozen=True)
class _Frame:
    """`calibration` holds P_rect_02 of the image; None: no focal length is known."""

    drive: str
    image: Path
    calibration: Path | None
    depth: Path | None = None
    label: Path | None = None


class KittiSource:
    """Frames with annotated depth (`DATE/DRIVE_sync/image_02/data` with `proj_depth/groundtruth/image_02` in the drive,
    or in `train/DRIVE_sync` or `val/DRIVE_sync` of the same folder), or with labels (`training/image_2`, `semantic`).

    Whole drives validate; of a single drive, stretches. Raises `DatasetError` for another layout and an empty split.
    """

    def __init__(self, folder: Path, split: str, validation_share: float = 0.1, seed: int = 0, name: str = "") -> None:
        self._split = split
        self._name = name or folder.resolve().name
        frames = _raw_frames(folder) + _semantic_frames(folder)
        if not frames:
            raise DatasetError(
                f"{folder} has no KITTI frames with depth or labels: expected DATE/DRIVE_sync/{_CAMERA}/data with "
                "proj_depth/groundtruth, or training/image_2 with training/semantic"
            )
        drives = [frame.drive for frame in frames]
        if len(set(drives)) > 1:
            kept = split_groups(drives, split, validation_share, seed)
        else:
            kept = split_drive(len(frames), split, validation_share, seed)
        if not kept:
            raise DatasetError(f"{folder}: the split {split} of {len(frames)} frames is empty; use split: all")
        self._frames = [frames[number] for number in kept]
        self._table = label_id_table()

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._name

    def __len__(self) -> int:
        return len(self._frames)

    def sample(self, index: int) -> TrainingSample:
        """See `Source.sample`."""
        try:
            return self._sample(self._frames[index])
        except (BagError, CameraError) as error:
            raise DamagedSampleError(str(error)) from error

    def document(self) -> dict[str, Any]:
        """See `Source.document`."""
        return {
            "kind": "kitti",
            "name": self.name,
            "source": "KITTI layout",
            "licence": LICENCE,
            "split": self._split,
            "samples": len(self),
        }

    def _sample(self, frame: _Frame) -> TrainingSample:
        image = colour(decode(read_image(frame.image, None), str(frame.image)))
        size = (image.shape[1], image.shape[0])
        label = None if frame.label is None else self._table[read_map(frame.label, np.uint8, size)]
        depth_m = None
        if frame.depth is not None and frame.calibration is not None:
            depth_m = _depth(frame.depth, size)
        return TrainingSample(
            image=image,
            camera=None if frame.calibration is None else _camera(frame.calibration, size),
            name=f"{frame.drive}/{frame.image.stem}",
            source=self.name,
            depth_m=depth_with_sky(depth_m, label),
            label=label,
            painted=painted_of_photograph(label, size),
            height_m=CAMERA_HEIGHT_M,
            points=("depth_m",),
        )


def _raw_frames(folder: Path) -> list[_Frame]:
    """Raises `DatasetError` for annotated depth without its calibration."""
    frames = []
    for drive in sorted(folder.glob("*/*_sync")):
        below = Path("proj_depth", "groundtruth", _CAMERA)
        places = [root / below for root in (drive, folder / "train" / drive.name, folder / "val" / drive.name)]
        depths = {path.stem: path for place in places for path in place.glob("*.png")}
        data = drive / _CAMERA / "data"
        images = [path for path in sorted([*data.glob("*.png"), *data.glob("*.jpg")]) if path.stem in depths]
        calibration = drive.parent / _CALIBRATION
        if images and not calibration.is_file():
            raise DatasetError(f"{calibration} is missing: depth of {drive.name} needs its calibration")
        frames += [_Frame(drive.name, path, calibration, depths[path.stem]) for path in images]
    return frames


def _semantic_frames(folder: Path) -> list[_Frame]:
    frames = []
    for label in sorted((folder / "training" / "semantic").glob("*.png")):
        image = folder / "training" / "image_2" / label.name
        calibration = folder / "training" / "calib_cam_to_cam" / f"{label.stem.partition('_')[0]}.txt"
        if image.is_file():
            has_calibration = calibration.is_file()
            frames.append(_Frame("semantic", image, calibration if has_calibration else None, label=label))
    return frames


@lru_cache(maxsize=256)
def _camera(calibration: Path, size: tuple[int, int]) -> CameraModel:
    p = numbers(read_calibration(calibration), "P_rect_02", 12, calibration).reshape(3, 4)
    return CameraModel(*size, np.array([[p[0, 0], 0.0, p[0, 2]], [0.0, p[1, 1], p[1, 2]], [0.0, 0.0, 1.0]]))


def _depth(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    stored = read_map(path, np.uint16, size)
    depth_m = stored.astype(np.float32) / np.float32(_DEPTH_STEPS_PER_M)
    depth_m[stored == 0] = np.nan
    return depth_m
