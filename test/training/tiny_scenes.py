"""Samples and data sets of a scene whose every depth is known: a level road, a house front across it, a car."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.synth.dataset.sample_codec import CHANNELS, Sample, encode
from perception_fm.synth.dataset.shard import shard_path, write_shard
from perception_fm.synth.render.frame import Truth
from perception_fm.training.sample import TrainingSample

WIDTH, HEIGHT, FOCAL_PX = 160, 96, 120.0
CENTRE = (75.5, 40.0)  # not the middle, so that a sign is not lost
CAMERA_HEIGHT_M, HOUSE_M, CAR_M = 1.5, 30.0, 8.0
CAR_ROWS, CAR_COLUMNS = slice(44, 60), slice(30, 62)
ROAD, BUILDING, CAR = 0, 2, 13


def camera() -> CameraModel:
    """Of the scene."""
    return CameraModel(WIDTH, HEIGHT, np.array([[FOCAL_PX, 0, CENTRE[0]], [0, FOCAL_PX, CENTRE[1]], [0, 0, 1.0]]))


def road_scene(name: str = "scene", **changes: Any) -> TrainingSample:
    """Road 1.5 m below, house front at 30 m, a car's rear at 8 m; the texture follows the name."""
    y = (np.arange(HEIGHT) - CENTRE[1]) / FOCAL_PX
    with np.errstate(divide="ignore"):
        road_m = np.where(y > 0.0, CAMERA_HEIGHT_M / np.maximum(y, 1e-9), np.inf)
    is_road = np.broadcast_to((road_m < HOUSE_M)[:, None], (HEIGHT, WIDTH))
    depth_m = np.where(is_road, road_m[:, None], HOUSE_M).astype(np.float32)
    label = np.where(is_road, ROAD, BUILDING).astype(np.uint8)
    normals = np.where(is_road[..., None], np.float32([0, -1, 0]), np.float32([0, 0, -1])).astype(np.float32)
    depth_m[CAR_ROWS, CAR_COLUMNS], label[CAR_ROWS, CAR_COLUMNS] = CAR_M, CAR
    normals[CAR_ROWS, CAR_COLUMNS] = (0.0, 0.0, -1.0)
    targets = {
        "image": texture(name), "depth_m": depth_m, "label": label, "normals": normals, "painted": np.zeros_like(label),
        "camera": camera(), "height_m": CAMERA_HEIGHT_M,
    }  # fmt: skip
    return TrainingSample(name=name, source="tiny", **{**targets, **changes})


def texture(name: str) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of smooth spots."""
    noise = np.random.default_rng(list(name.encode())).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0))


def write_drive(folder: Path, frames: int = 6, truth: Sequence[str] = ("depth", "cls"), **camera_changes: Any) -> Path:
    """A drive folder of the scene with `class_names` of PandaSet: Road, Car, Building; `cls` at every 3rd pixel."""
    scene = road_scene()
    assert scene.depth_m is not None
    assert scene.label is not None
    ids = np.zeros(256, np.uint8)
    ids[[ROAD, BUILDING, CAR]] = (7, 41, 13)
    label = ids[scene.label]
    sparse = np.zeros_like(label)
    sparse[::3, ::3] = label[::3, ::3]
    arrays = {"depth": np.rint(scene.depth_m * 256.0).astype(np.uint16), "cls": sparse, "label": label}
    entries = []
    for kind in ("rgb", *truth):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        entry: dict[str, Any] = {"id": number, "stamp_ns": None, "image": f"rgb/{number}.png"}
        cv2.imwrite(str(folder / entry["image"]), texture(f"frame {number}"))
        for kind in truth:
            entry[kind] = f"{kind}/{number}.png"
            cv2.imwrite(str(folder / entry[kind]), arrays[kind])
        entries.append(entry)
    described = {
        "name": "front", "size": [WIDTH, HEIGHT], "K": [FOCAL_PX, FOCAL_PX, *CENTRE], "distortion_model": "none",
        "D": [], "height_m": CAMERA_HEIGHT_M, **camera_changes,
    }  # fmt: skip
    names = {"7": "Road", "13": "Car", "41": "Building"}
    meta = {"format": "drive-folder/1", "camera": described, "class_names": names, "frames": entries}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def write_shards(
    folder: Path,
    worlds: int = 3,
    frames: int = 2,
    channels: Sequence[str] = CHANNELS,
    lens: tuple[str, list[float]] = ("none", []),
    **index_changes: Any,
) -> Path:
    """A rendered data set of the scene, the upper half of the car painted as a view of 20 m."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = road_scene()
    painted = np.zeros((HEIGHT, WIDTH), np.bool_)
    painted[CAR_ROWS.start : CAR_ROWS.start + 8, CAR_COLUMNS] = True
    truth = Truth(
        depth_m=scene.depth_m, depth_pictured_m=np.where(painted, np.float32(20.0), scene.depth_m), label=scene.label,
        instance=np.zeros((HEIGHT, WIDTH), np.uint16), normal=scene.normals,
        albedo=np.zeros((HEIGHT, WIDTH, 3), np.uint8), roughness=np.zeros((HEIGHT, WIDTH), np.uint8),
        painted=painted,
    )  # fmt: skip
    facts = {
        "camera": {
            "K": [FOCAL_PX, FOCAL_PX, *CENTRE], "size": [WIDTH, HEIGHT], "distortion_model": lens[0], "D": lens[1],
            "height_m": CAMERA_HEIGHT_M,
        },
        "share": "tiny",
    }  # fmt: skip
    encoded = [
        encode(Sample(texture(f"{world} {frame}"), truth, {**facts, "seed": world}), channels)
        for world in range(worlds)
        for frame in range(frames)
    ]
    list(write_shard(shard_path(folder, "train", 0), encoded))
    index = {
        "format": "perception-fm-dataset/1", "version": "0", "identity": "0", "is_complete": True, "split": "train",
        "shards": 1, "channels": list(channels), "frames": len(encoded), "spec": {}, **index_changes,
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder


def points_m(sample: TrainingSample, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points (N, 3) in the sample's optical frame that the masked pixels show."""
    assert sample.camera is not None
    assert sample.depth_m is not None
    rows, columns = np.nonzero(mask)
    rays = sample.camera.unproject(np.column_stack([columns, rows]).astype(np.float64))
    return np.column_stack([rays, np.ones(len(rays))]) * sample.depth_m[mask][:, None]
