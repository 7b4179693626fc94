"""A copy of a drive folder with a painted wall standing in every frame, and the truth about it in `meta.json`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import BagError, ConfigError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.composite.compositor import PrintOptions, WallCompositor
from perception_fm.synth.composite.occlusion import carried, compare_depth, nearer_share, wall_depth_m
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall, WallPlacement, place_wall

FORMAT = "drive-folder/1"
DEPTH_UNITS_PER_M = 256.0  # drive-folder/1 stores depth as uint16, metres x 256
_JPEG_QUALITY = 95
_CARRY_FRAMES = 3  # depth of a frame this near says what stands before the wall in a frame without depth


def composite_drive(
    source: Path,
    target: Path,
    placement: WallPlacement,
    options: PrintOptions | None = None,
    *,
    sweet_spot: int = 0,
    picture: NDArray[np.uint8] | None = None,
    camera_height_m: float | None = None,
    road_pitch_rad: float = 0.0,
    seed: int = 0,
) -> Iterator[int]:
    """Write the copy; yields the index of each finished frame. `target` appears when all are written.

    `sweet_spot`: index of the frame that is the print. `picture`: another print, stretched over the canvas.
    `camera_height_m` overrides the folder's. What a depth map shows clearly nearer than the wall stays before it, also
    in the few frames round it that have none. Depth maps show the wall where they show something behind it; class maps
    say "none" there. Raises `BagError` for a folder that cannot be read or a target that exists, `ConfigError` for a
    clip without poses or with distortion.
    """
    options = options or PrintOptions()
    meta = read_meta(source)
    frames = meta["frames"]
    intrinsics = _intrinsics(meta["camera"])
    if not 0 <= sweet_spot < len(frames):
        raise ConfigError(f"the sweet spot is frame 0 to {len(frames) - 1} of this drive, got {sweet_spot}")
    poses = [_pose(frame) for frame in frames]
    height_m = camera_height_m if camera_height_m is not None else meta["camera"].get("height_m")
    if height_m is None:
        raise ConfigError(f"{source} does not know its camera height: give --camera-height")
    wall = place_wall(placement, poses[sweet_spot:], float(height_m), road_pitch_rad=road_pitch_rad)
    first = read_image(source / frames[sweet_spot]["image"])
    compositor = (
        WallCompositor.seamless(wall, first, intrinsics, poses[sweet_spot], options, seed)
        if picture is None
        else WallCompositor.picture(wall, _like(picture, first), options, seed)
    )
    with folder_when_complete(target) as partial:
        shutil.copytree(source, partial, dirs_exist_ok=True, copy_function=shutil.copyfile)
        _make_writable(partial)
        for index, (frame, pose) in enumerate(zip(frames, poses)):
            image = read_image(source / frame["image"])
            polygon = wall.polygon_px(intrinsics, pose)
            comparison = _comparison(source, frames, index, image, wall, intrinsics) if len(polygon) else None
            nearer = None if comparison is None else nearer_share(comparison, image, polygon, intrinsics[0, 0])
            write_image(partial / frame["image"], compositor.composite(image, intrinsics, pose, nearer))
            frame["wall_distance_m"] = round(wall.distance_to_wall_m(pose), 4)
            frame["wall_polygon_px"] = polygon.round(2).tolist()
            frame.pop("image_right", None)  # the wall is not in the second camera's picture
            _hide_behind_wall(partial, frame, wall, intrinsics, pose)
            yield index
        meta.pop("stereo_baseline_m", None)
        meta["wall"] = {
            "corners_world_m": wall.corners_world_m.round(5).tolist(),
            "normal_world": wall.normal_world.round(6).tolist(),
            "approach_world": wall.approach_world.round(6).tolist(),
            "sweet_spot_frame": sweet_spot,
            "print": "clip" if picture is None else "picture",
            **asdict(placement),
            **asdict(options),
        }
        (partial / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        for unused in partial.glob("*_right"):
            shutil.rmtree(unused)


def read_meta(folder: Path) -> dict[str, Any]:
    """`meta.json` of a drive folder with at least one frame. Raises `BagError`."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BagError(f"{folder} is no drive folder: cannot read meta.json ({error.strerror})") from error
    except ValueError as error:
        raise BagError(f"{folder}/meta.json is not JSON: {error}") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise BagError(f"{folder} is no {FORMAT} folder")
    if not meta.get("frames") or "camera" not in meta:
        raise BagError(f"{folder} holds no frames or no camera")
    return meta


def read_image(path: Path) -> NDArray[np.uint8]:
    """Grey (H, W) or BGR (H, W, 3) uint8. Raises `BagError`."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        raise BagError(f"cannot read the image {path}")
    return np.asarray(image[..., :3] if image.ndim == 3 else image, dtype=np.uint8)


def write_image(path: Path, image: NDArray[Any]) -> None:
    """JPEG of quality 95 or PNG, by the name's ending. Raises `BagError`."""
    is_jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if is_jpeg else []):
        raise BagError(f"cannot write the image {path}")


@contextmanager
def folder_when_complete(target: Path) -> Iterator[Path]:
    """A working folder beside `target` that takes its name at the end; nothing stays behind after an error."""
    if target.exists():
        raise BagError(f"{target} exists already: give another folder or remove it")
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except OSError as error:
        raise BagError(f"cannot write {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _intrinsics(camera: Mapping[str, Any]) -> FloatArray:
    if camera.get("K") is None:
        raise ConfigError("the drive's camera has no K: a wall cannot be projected into it")
    if any(camera.get("D") or ()):
        raise ConfigError("the drive's images are distorted: rectify them first")
    fx, fy, cx, cy = camera["K"]
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _pose(frame: Mapping[str, Any]) -> RigidTransform:
    if frame.get("T_world_camera") is None:
        raise ConfigError(f"frame {frame.get('id')} has no pose: a wall fixed in the world needs one for every frame")
    return RigidTransform.from_matrix(frame["T_world_camera"])


def _like(picture: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in the clip's number of channels."""
    if picture.ndim == image.ndim:
        return picture
    code = cv2.COLOR_BGR2GRAY if image.ndim == 2 else cv2.COLOR_GRAY2BGR
    return np.asarray(cv2.cvtColor(picture, code), dtype=np.uint8)


def _comparison(
    source: Path,
    frames: Sequence[Mapping[str, Any]],
    index: int,
    image: NDArray[np.uint8],
    wall: PaintedWall,
    intrinsics: FloatArray,
) -> NDArray[np.int8] | None:
    """What is nearer than the wall at this frame's measured points, or at those of the nearest frame that has any."""
    near = range(max(0, index - _CARRY_FRAMES), min(len(frames), index + _CARRY_FRAMES + 1))
    for number in sorted(near, key=lambda other: abs(other - index)):
        depth = _read_depth(source, frames[number])
        if depth is not None:
            depth_m = (depth / DEPTH_UNITS_PER_M).astype(np.float32)
            comparison = compare_depth(depth_m, wall, intrinsics, _pose(frames[number]))
            if number == index:
                return comparison
            return carried(comparison, read_image(source / frames[number]["image"]), image)
    return None


def _read_depth(folder: Path, frame: Mapping[str, Any]) -> NDArray[np.uint16] | None:
    """Stored depth (H, W), None where the frame has none: a folder may name maps that were left out of it."""
    if not frame.get("depth") or not (folder / frame["depth"]).exists():
        return None
    stored = cv2.imread(str(folder / frame["depth"]), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise BagError(f"cannot read the depth map {folder / frame['depth']}")
    return np.asarray(stored, dtype=np.uint16)


def _hide_behind_wall(
    folder: Path, frame: Mapping[str, Any], wall: PaintedWall, intrinsics: FloatArray, pose: RigidTransform
) -> None:
    """Depth and classes of what the wall now hides, where the frame has them."""
    polygon = wall.polygon_px(intrinsics, pose)
    stored = _read_depth(folder, frame)
    if stored is None or len(polygon) < 3:
        return
    rows, columns = np.nonzero(stored)
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=1) @ np.linalg.inv(intrinsics).T
    wall_m = wall_depth_m(rays, wall, pose)
    hidden = _inside(polygon, columns, rows) & (stored[rows, columns] / DEPTH_UNITS_PER_M > wall_m)
    stored[rows[hidden], columns[hidden]] = np.rint(wall_m[hidden] * DEPTH_UNITS_PER_M).astype(np.uint16)
    write_image(folder / frame["depth"], stored)
    if frame.get("cls"):
        classes = cv2.imread(str(folder / frame["cls"]), cv2.IMREAD_UNCHANGED)
        if classes is None or classes.shape != stored.shape:
            raise BagError(f"cannot read the class map {folder / frame['cls']}")
        classes[rows[hidden], columns[hidden]] = 0
        write_image(folder / frame["cls"], classes)


def _inside(polygon: FloatArray, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) whether pixels lie in a convex polygon (M, 2), its edge included."""
    sides = [
        (following[0] - point[0]) * (rows - point[1]) - (following[1] - point[1]) * (columns - point[0])
        for point, following in zip(polygon, np.roll(polygon, -1, axis=0))
    ]
    return np.asarray(np.all(np.array(sides) >= 0.0, axis=0) | np.all(np.array(sides) <= 0.0, axis=0))


def _make_writable(folder: Path) -> None:
    """A copy of a read-only source can be written."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
