"""Small drives of known geometry, built in temporary folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

SIZE = (64, 48)
K = [50.0, 51.0, 31.0, 24.0]
START_NS = 1_700_000_000_123_456_789


def picture(index: int, channels: int = 3) -> np.ndarray:
    """A smooth picture that differs from frame to frame."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    grey = ((rows + 2 * columns + 7 * index) % 256).astype(np.uint8)
    return grey if channels == 1 else np.dstack([grey, grey // 2, 255 - grey])


def straight_poses(count: int, speed_mps: float, dt_s: float, pitch_down_rad: float = 0.0) -> list[np.ndarray]:
    """Optical poses of a camera driven straight along world z; it looks `pitch_down_rad` below the road's direction."""
    c, s = np.cos(pitch_down_rad), np.sin(pitch_down_rad)
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    poses = []
    for index in range(count):
        pose = np.eye(4)
        pose[:3, :3] = rotation
        pose[2, 3] = index * dt_s * speed_mps
        poses.append(pose)
    return poses


@pytest.fixture
def make_drive_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a correct drive folder, after `change(meta)` had its way with the document; returns the folder."""

    def make(
        change: Callable[[dict[str, Any]], None] = lambda meta: None,
        *,
        count: int = 12,
        speed_mps: float = 10.0,
        pitch_down_rad: float = 0.0,
        channels: int = 3,
        name: str = "drive",
    ) -> Path:
        folder = tmp_path / name
        (folder / "rgb").mkdir(parents=True)
        (folder / "depth").mkdir()
        frames = []
        for index, pose in enumerate(straight_poses(count, speed_mps, 0.1, pitch_down_rad)):
            name = f"rgb/{index:02d}.jpg"
            cv2.imwrite(str(folder / name), picture(index, channels))
            frames.append(
                {
                    "id": index,
                    "stamp_ns": START_NS + index * 100_000_000,
                    "image": name,
                    "T_world_camera": pose.tolist(),
                    "speed_mps": speed_mps,
                }
            )
        depth = np.full((SIZE[1], SIZE[0]), 256 * 12 + 128, np.uint16)
        depth[0, :] = 0
        cv2.imwrite(str(folder / "depth/00.png"), depth)
        frames[0]["depth"] = "depth/00.png"
        meta = {
            "format": "drive-folder/1",
            "source": "test",
            "licence": "CC0",
            "camera": {
                "name": "front",
                "frame_id": "front_optical",
                "size": list(SIZE),
                "K": K,
                "distortion_model": "none",
                "D": [],
                "height_m": 1.5,
            },
            "frames": frames,
        }
        change(meta)
        (folder / "meta.json").write_text(json.dumps(meta))
        return folder

    return make
