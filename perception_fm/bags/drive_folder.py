"""Import `drive-folder/1`, this project's own format of images with truth (docs/data_format.md)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.drive import (
    INTRINSICS_ADVICE,
    RELATIVE_CLOCK_START_NS,
    Calibration,
    CameraPose,
    DriveFrame,
    DriveInfo,
    Intrinsics,
    check_stamps,
)
from perception_fm.bags.encoded_image import read_image, read_map
from perception_fm.errors import BagError, TransformError
from perception_fm.geometry.transform import RigidTransform

FORMAT = "drive-folder/1"
DEPTH_STEPS_PER_M = 256.0  # depth PNGs hold uint16 metres x 256; 0 means no depth

_TRUTH_FILES = ("depth", "cls", "label")
_MODELS = {"none": "plumb_bob"}  # all other names are those of sensor_msgs/CameraInfo
_COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}


class DriveFolder:
    """A folder with `meta.json`; every name in it is checked when it is opened, images when they are read.

    `intrinsics` and `rate_hz` fill what the folder leaves open (K null, stamps null) and are refused where the folder
    knows better. Raises `BagError` for everything that does not follow the format.
    """

    def __init__(self, folder: Path, intrinsics: Intrinsics, rate_hz: float | None) -> None:
        self.folder = folder
        self._meta = f"{folder}/meta.json"
        document = self._read_meta()
        frames = self._expect(document, "frames", list)
        if not frames:
            raise BagError(f"{self._meta}: frames is empty; a drive has at least one frame")
        self._frames: list[dict[str, Any]] = []
        for index, frame in enumerate(frames):
            if not isinstance(frame, dict):
                raise BagError(f"{self._meta}: frame {index} must be an object, got {frame!r}")
            self._frames.append(frame)
        self._stamps_ns = self._read_stamps(rate_hz)
        self._poses = [self._read_pose(index) for index in range(len(frames))]
        notes = self._check_files()
        self.info = self._read_info(document, intrinsics, notes)

    @property
    def trajectory(self) -> tuple[CameraPose, ...]:
        """Poses of the frames that have one."""
        return tuple(CameraPose(stamp, pose) for stamp, pose in zip(self._stamps_ns, self._poses) if pose is not None)

    def frames(self) -> Iterator[DriveFrame]:
        """All frames, image files untouched."""
        for index in range(len(self._frames)):
            yield self.frame(index)

    def frame(self, index: int) -> DriveFrame:
        """One frame, image file untouched. Raises `BagError`, which names a file that cannot be read."""
        frame = self._frames[index]
        size = (self.info.calibration.width, self.info.calibration.height)
        label_key = "label" if frame.get("label") else "cls"
        return DriveFrame(
            stamp_ns=self._stamps_ns[index],
            image=read_image(self.folder / frame["image"], size),
            world_from_camera=self._poses[index],
            speed_mps=math.nan if frame.get("speed_mps") is None else float(frame["speed_mps"]),
            depth_m=_depth(self.folder / frame["depth"], size) if frame.get("depth") else None,
            label=read_map(self.folder / frame[label_key], np.uint8, size) if frame.get(label_key) else None,
        )

    def _read_meta(self) -> dict[str, Any]:
        try:
            document = json.loads(Path(self._meta).read_text(encoding="utf-8"))
        except OSError as error:
            raise BagError(f"cannot read {self._meta}: {error.strerror}") from error
        except ValueError as error:
            raise BagError(f"{self._meta} is not JSON: {error}") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            found = document.get("format") if isinstance(document, dict) else None
            raise BagError(f"{self._meta}: format must be {FORMAT!r}, got {found!r}")
        return document

    def _expect(self, mapping: dict[str, Any], key: str, kind: type) -> Any:
        value = mapping.get(key)
        if not isinstance(value, kind):
            raise BagError(f"{self._meta}: {key} must be given as {kind.__name__}, got {value!r}")
        return value

    def _number(self, frame: dict[str, Any], key: str, where: str) -> None:
        value = frame.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise BagError(f"{self._meta}: {key} of {where} must be a number or null, got {value!r}")

    def _read_stamps(self, rate_hz: float | None) -> list[int]:
        stamps: list[Any] = [frame.get("stamp_ns") for frame in self._frames]
        if all(stamp is None for stamp in stamps):
            if rate_hz is None:
                raise BagError(f"{self._meta}: stamp_ns is null; give the frame rate with --rate")
            return [RELATIVE_CLOCK_START_NS + round(index * 1e9 / rate_hz) for index in range(len(stamps))]
        for index, stamp in enumerate(stamps):
            if isinstance(stamp, bool) or not isinstance(stamp, int) or not 0 < stamp < 2**63:
                raise BagError(
                    f"{self._meta}: stamp_ns of frame {index} must be nanoseconds as a whole number, got {stamp!r}; "
                    "stamps are null for all frames or for none"
                )
        if rate_hz is not None:
            raise BagError(f"{self._meta} has stamps of its own; leave --rate out")
        check_stamps(stamps, self._meta)
        return stamps

    def _read_pose(self, index: int) -> RigidTransform | None:
        matrix = self._frames[index].get("T_world_camera")
        if matrix is None:
            return None
        try:
            return RigidTransform.from_matrix(np.asarray(matrix, dtype=np.float64))
        except (TransformError, ValueError, TypeError) as error:
            raise BagError(f"{self._meta}: T_world_camera of frame {index} is no pose: {error}") from error

    def _check_files(self) -> tuple[str, ...]:
        """Refuse missing images; truth that is named and missing is forgotten, and told in the lines returned."""
        missing: Counter[str] = Counter()
        for index, frame in enumerate(self._frames):
            for key in ("image", *_TRUTH_FILES):
                name = frame.get(key)
                if name is None and key != "image":
                    continue
                if not isinstance(name, str):
                    raise BagError(f"{self._meta}: {key} of frame {index} must name a file, got {name!r}")
                if (self.folder / name).is_file():
                    continue
                if key == "image":
                    raise BagError(f"{self.folder / name} is missing, named by frame {index} of {self._meta}")
                missing[key] += 1
                frame[key] = None
            self._number(frame, "speed_mps", f"frame {index}")
        return tuple(f"{n} named {key} files do not exist: those frames have none" for key, n in missing.items())

    def _read_info(self, document: dict[str, Any], intrinsics: Intrinsics, notes: tuple[str, ...]) -> DriveInfo:
        camera = self._expect(document, "camera", dict)
        name = self._expect(camera, "name", str)
        # The name becomes part of topics, which allow no more than this.
        if not (name.isascii() and name.isidentifier()):
            raise BagError(f"{self._meta}: camera.name must be letters, digits and _, got {name!r}")
        if camera.get("frame_id", f"{name}_optical") != f"{name}_optical":
            raise BagError(f"{self._meta}: camera.frame_id must be {name}_optical, got {camera['frame_id']!r}")
        self._number(camera, "height_m", "camera")
        height_m = camera.get("height_m")
        if height_m is not None and not 0.0 < height_m < 10.0:
            raise BagError(f"{self._meta}: camera.height_m is metres above the road or null, got {height_m}")
        names = document.get("class_names") or {}
        if not isinstance(names, dict):
            raise BagError(f"{self._meta}: class_names must map ids to names, got {names!r}")
        return DriveInfo(
            source=str(document.get("source") or self.folder.name),
            licence=str(document.get("licence") or "unknown"),
            camera_name=name,
            calibration=self._read_calibration(camera, intrinsics),
            camera_height_m=height_m,
            frame_count=len(self._frames),
            class_names={str(key): str(value) for key, value in names.items()},
            notes=notes,
        )

    def _read_calibration(self, camera: dict[str, Any], intrinsics: Intrinsics) -> Calibration:
        size = self._numbers(camera, "size", (2,))
        width, height = int(size[0]), int(size[1])
        given = intrinsics.calibration(width, height)
        if camera.get("K") is None:
            if given is None:
                raise BagError(f"{self._meta}: camera.K is null; {INTRINSICS_ADVICE}")
            return given
        if given is not None:
            raise BagError(f"{self._meta} has intrinsics of its own; leave --fx --fy --cx --cy and --hfov-deg out")
        fx, fy, cx, cy = self._numbers(camera, "K", (4,))
        stored = self._expect(camera, "distortion_model", str)
        model = _MODELS.get(stored, stored)
        if model not in _COEFFICIENTS:
            raise BagError(
                f"{self._meta}: camera.distortion_model must be none, {', '.join(_COEFFICIENTS)}; got {stored!r}"
            )
        distortion = self._numbers(camera, "D", (0,) if stored == "none" else _COEFFICIENTS[model])
        if model == "plumb_bob":
            distortion = distortion + (0.0,) * (5 - len(distortion))
        try:
            return Calibration(width, height, (fx, fy), (cx, cy), model, distortion)
        except BagError as error:
            raise BagError(f"{self._meta}: {error}") from error

    def _numbers(self, camera: dict[str, Any], key: str, lengths: tuple[int, ...]) -> tuple[float, ...]:
        values = camera.get(key)
        is_list = isinstance(values, list) and len(values) in lengths
        if not is_list or any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values or ()):
            wanted = " or ".join(map(str, lengths))
            raise BagError(f"{self._meta}: camera.{key} must be a list of {wanted} numbers, got {values!r}")
        return tuple(float(value) for value in values or ())


def _depth(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    stored = read_map(path, np.uint16, size)
    depth_m = stored.astype(np.float32) / np.float32(DEPTH_STEPS_PER_M)
    depth_m[stored == 0] = np.nan
    return depth_m
