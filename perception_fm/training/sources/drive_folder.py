"""Drive folders (docs/data_format.md): photographs with LiDAR depth, and sparse or dense labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import Calibration, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage, decode
from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import BagError, CameraError, DatasetError
from perception_fm.synth.composite.composite_drive import read_meta
from perception_fm.training.sample import TrainingSample
from perception_fm.training.sources.photograph import colour, depth_with_sky, painted_of_photograph
from perception_fm.training.sources.source import DamagedSampleError
from perception_fm.training.sources.split import split_drive
from perception_fm.training.sources.train_ids import TrainIds

_META = "meta.json"
_ANY_INTRINSICS = Intrinsics(hfov_deg=60.0)  # of a folder without K: nothing rests on them
_ANY_RATE_HZ = 10.0  # stamps are not used
_NONE_MEASURED = 0  # id of `cls` where no point was measured


@dataclass(frozen=True, eq=False)
class _Camera:
    """One folder: its frames with truth, in their order, and what turns their ids into trainIds."""

    drive: DriveFolder
    frames: tuple[int, ...]
    has_dense_label: tuple[bool, ...]
    train_ids: TrainIds | None
    has_camera: bool
    rectifier: Rectifier

    @property
    def name(self) -> str:
        return self.drive.folder.resolve().name


class DriveFolderSource:
    """One drive folder, or a folder of them (surround cameras); each camera is split at the same places.

    `label_map`: name or file; None: the one whose ids and names are those of the folder. Raises `DatasetError` for a
    folder that does not follow the format or has neither depth nor labels, a label map that does not fit, and an empty
    split. Frames without any truth are left out. A folder without K gives no depth.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        validation_share: float = 0.1,
        seed: int = 0,
        label_map: str | None = None,
        name: str = "",
    ) -> None:
        self._split = split
        self._name = name or folder.resolve().name
        self._cameras = [_open(one, label_map) for one in _folders(folder)]
        self._places = [
            (camera, place)
            for camera in self._cameras
            for place in split_drive(len(camera.frames), split, validation_share, seed)
        ]
        if not self._places:
            count = sum(len(camera.frames) for camera in self._cameras)
            raise DatasetError(
                f"{folder}: the split {split} of {count} frames is empty; change the validating share or the split"
            )

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._name

    def __len__(self) -> int:
        return len(self._places)

    def sample(self, index: int) -> TrainingSample:
        """See `Source.sample`."""
        camera, place = self._places[index]
        number = camera.frames[place]
        try:
            frame = camera.drive.frame(number)
            image = frame.image
            assert isinstance(image, EncodedImage)
            pixels = colour(decode(image, f"{camera.drive.folder}: frame {number}"))
        except BagError as error:
            raise DamagedSampleError(str(error)) from error
        label = None
        if frame.label is not None and camera.train_ids is not None:
            label = _train_ids(camera, place, frame.label)
        depth_m = depth_with_sky(frame.depth_m, label) if camera.has_camera else None
        rectifier = camera.rectifier
        if not rectifier.is_identity:
            depth_m, label = _rectified(depth_m, np.nan, rectifier), _rectified(label, UNKNOWN_LABEL, rectifier)
        size = (rectifier.source.width, rectifier.source.height)
        return TrainingSample(
            image=rectifier.rectify(pixels),
            camera=rectifier.rectified if camera.has_camera else None,
            name=f"{camera.name}/{number}",
            source=self.name,
            depth_m=depth_m,
            label=label,
            painted=painted_of_photograph(label, size),
            height_m=camera.drive.info.camera_height_m,
            points=("depth_m",) if camera.has_dense_label[place] else ("depth_m", "label"),
        )

    def document(self) -> dict[str, Any]:
        """See `Source.document`."""
        info = self._cameras[0].drive.info
        return {
            "kind": "drive",
            "name": self.name,
            "source": info.source,
            "licence": info.licence,
            "split": self._split,
            "samples": len(self),
            "label_map": next((one.train_ids.name for one in self._cameras if one.train_ids), None),
        }


def _folders(folder: Path) -> list[Path]:
    if (folder / _META).is_file() or not folder.is_dir():
        return [folder]
    cameras = sorted(path.parent for path in folder.glob(f"*/{_META}"))
    if not cameras:
        raise DatasetError(f"{folder} has no {_META}, nor has a folder in it: it is no drive folder")
    return cameras


def _open(folder: Path, label_map: str | None) -> _Camera:
    try:
        meta = read_meta(folder)
        frames = meta["frames"] if isinstance(meta["frames"], list) else []
        is_timed = any(isinstance(one, dict) and one.get("stamp_ns") is not None for one in frames)
        has_camera = not isinstance(meta["camera"], dict) or meta["camera"].get("K") is not None
        intrinsics = Intrinsics() if has_camera else _ANY_INTRINSICS
        drive = DriveFolder(folder, intrinsics, None if is_timed else _ANY_RATE_HZ)
        rectifier = Rectifier(_camera_of(drive.info.calibration))
    except (BagError, CameraError) as error:
        raise DatasetError(str(error)) from error

    def has(frame: dict[str, Any], *keys: str) -> bool:
        return any(isinstance(frame.get(key), str) and (folder / frame[key]).is_file() for key in keys)

    known = ("depth", "label", "cls") if has_camera else ("label", "cls")
    kept = tuple(number for number, frame in enumerate(frames) if has(frame, *known))
    if not kept:
        notes = "".join(f" ({note})" for note in drive.info.notes)
        without = "" if has_camera else " that could be used (depth needs camera.K)"
        raise DatasetError(f"{folder}: no frame has depth, label or cls{without}: nothing to learn from{notes}")
    is_labelled = any(has(frames[number], "label", "cls") for number in kept)
    return _Camera(
        drive=drive,
        frames=kept,
        has_dense_label=tuple(has(frames[number], "label") for number in kept),
        train_ids=TrainIds(label_map, drive.info.class_names, str(folder)) if is_labelled else None,
        has_camera=has_camera,
        rectifier=rectifier,
    )


def _camera_of(calibration: Calibration) -> CameraModel:
    (fx, fy), (cx, cy) = calibration.focal_px, calibration.principal_px
    k = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    lens = np.array(calibration.distortion)
    return CameraModel(calibration.width, calibration.height, k, calibration.distortion_model, lens)


def _train_ids(camera: _Camera, place: int, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    assert camera.train_ids is not None
    where = f"{camera.drive.folder}: frame {camera.frames[place]}"
    if camera.has_dense_label[place]:
        return camera.train_ids.convert(ids, where)
    label = np.full(ids.shape, UNKNOWN_LABEL, np.uint8)
    measured = ids != _NONE_MEASURED
    label[measured] = camera.train_ids.convert(ids[measured], where)
    return label


def _rectified(target: Any, unknown: float, rectifier: Rectifier) -> Any:
    """A target (H, W) of the stored picture at the pixels of the rectified one; each takes the nearest stored pixel.

    Depth stays as it is: both pictures have the same optical axis.
    """
    if target is None:
        return None
    moved = np.full(target.shape, unknown, target.dtype)
    rows, columns = np.nonzero(~np.isnan(target) if target.dtype == np.float32 else target != unknown)
    values = target[rows, columns]
    rays = rectifier.source.unproject(np.column_stack([columns, rows]).astype(np.float64))
    pixels = rectifier.rectified.project(rays)
    is_known = np.isfinite(pixels).all(axis=1)
    column, row = np.rint(pixels[is_known]).astype(int).T
    inside = (column >= 0) & (column < target.shape[1]) & (row >= 0) & (row < target.shape[0])
    moved[row[inside], column[inside]] = values[is_known][inside]
    return moved
