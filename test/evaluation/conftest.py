"""Results of the pipeline with known numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_fm.types import Mode, Obstacle, PathState, PerceptionResult, Provenance, ScaleSource

START_NS = 1_700_000_000_000_000_000


def obstacle(distance_m: float, obstacle_id: int = 1, is_confirmed: bool = True) -> Obstacle:
    """Closing at 10 m/s, its size unknown."""
    return Obstacle(
        obstacle_id=obstacle_id, distance_m=distance_m, distance_sigma_m=0.02 * distance_m, ttc_s=distance_m / 10.0,
        ttc_sigma_s=0.1, provenance=Provenance.MOTION, existence_probability=0.9, is_confirmed=is_confirmed,
        centre_base_m=np.array([distance_m, 0.0, 1.0]), size_m=np.full(3, math.nan),
    )


@pytest.fixture
def make_result() -> Callable[..., PerceptionResult]:
    """A result at frame `number` of a 10 Hz drive; `distance_m` None means no obstacle."""

    def make(number: int = 0, distance_m: float | None = None, **changes: Any) -> PerceptionResult:
        is_confirmed = changes.pop("is_confirmed", True)
        values: dict[str, Any] = {
            "stamp_ns": START_NS + number * 100_000_000,
            "frame_id": "front_optical",
            "state": PathState.UNVERIFIED if distance_m is None or not is_confirmed else PathState.OBSTACLE,
            "mode": Mode.NOMINAL,
            "reasons": (),
            "verified_free_distance_m": 0.0,
            "obstacles": () if distance_m is None else (obstacle(distance_m, is_confirmed=is_confirmed),),
            "speed_mps": 10.0,
            "path_curvature_per_m": 0.0,
            "scale_source": ScaleSource.ODOMETRY,
            "base_from_camera": None,
            "latency_ms": {"total": 10.0 + number, "track": 5.0},
        }
        return PerceptionResult(**(values | changes))

    return make


@pytest.fixture
def make_truth_drive(tmp_path: Path) -> Callable[..., Path]:
    """Writes a drive folder of two 64x48 frames: grey 100, depth 8.0625 m, road ids of PandaSet; returns the folder.

    8.0625 m is what the tiny model says there: (2 + 100 / 10) m x 43 / 64, the focal length 50 px in its input over 50.
    `change(meta)` has its way with the document.
    """

    def make(change: Callable[[dict[str, Any]], None] = lambda meta: None, name: str = "drive") -> Path:
        folder = tmp_path / name
        frames = []
        for kind in ("rgb", "depth", "cls"):
            (folder / kind).mkdir(parents=True)
        for index in range(2):
            files = {kind: f"{kind}/{index:02d}.png" for kind in ("rgb", "depth", "cls")}
            cv2.imwrite(str(folder / files["rgb"]), np.full((48, 64, 3), 100, np.uint8))
            cv2.imwrite(str(folder / files["depth"]), np.full((48, 64), round(8.0625 * 256), np.uint16))
            cv2.imwrite(str(folder / files["cls"]), np.full((48, 64), 7, np.uint8))
            stamp_ns = START_NS + index * 100_000_000
            frames.append(
                {
                    "id": f"frame{index}",
                    "stamp_ns": stamp_ns,
                    "image": files["rgb"],
                    "depth": files["depth"],
                    "cls": files["cls"],
                }
            )
        meta = {
            "format": "drive-folder/1",
            "source": "test",
            "licence": "CC0",
            "camera": {
                "name": "front",
                "size": [64, 48],
                "K": [50.0, 50.0, 31.5, 23.5],
                "distortion_model": "none",
                "D": [],
            },
            "class_names": {"7": "Road", "13": "Car"},
            "frames": frames,
        }
        change(meta)
        (folder / "meta.json").write_text(json.dumps(meta))
        return folder

    return make


@pytest.fixture
def make_shards(tmp_path: Path) -> Callable[..., Path]:
    """Writes a dataset of 64x32 frames, two of each of `worlds`: grey 80, road at 10 m; returns the folder.

    The upper half shows a print, at 10 m too, of what is 40 m away, in every world whose name is "painted"; normals
    look at the camera. The tiny model predicts that (2 + 80 / 10) m with the focal length of 50 px that frames have.
    `channels`: what is stored.
    """
    from perception_fm.synth.dataset.sample_codec import CHANNELS, Sample, encode
    from perception_fm.synth.dataset.shard import shard_path, write_shard
    from perception_fm.synth.render.frame import Truth

    def make(
        worlds: Sequence[str] = ("painted", "free"),
        name: str = "shards",
        channels: Sequence[str] = CHANNELS,
        is_complete: bool = True,
        distortion: tuple[str, list[float]] = ("none", []),
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        shape = (32, 64)
        encoded = []
        for seed, world in enumerate(worlds):
            painted = np.zeros(shape, np.bool_)
            painted[:16] = world == "painted"
            depth = np.full(shape, 10.0, np.float32)
            truth = Truth(
                depth_m=depth,
                depth_pictured_m=np.where(painted, np.float32(40.0), depth),
                label=np.where(painted, np.uint8(3), np.uint8(0)),
                instance=np.zeros(shape, np.uint16),
                normal=np.tile(np.array([0.0, 0.0, -1.0], np.float32), (*shape, 1)),
                albedo=np.zeros((*shape, 3), np.uint8),
                roughness=np.zeros(shape, np.uint8),
                painted=painted,
            )
            facts = {
                "camera": {"K": [50.0, 50.0, 31.5, 15.5], "size": [64, 32], "distortion_model": distortion[0],
                           "D": distortion[1]},
                "walls": [{"print": "scene"}] if world == "painted" else [],
                "share": world,
                "seed": seed,
            }  # fmt: skip
            picture = np.full((*shape, 3), 80, np.uint8)
            encoded += [encode(Sample(picture, truth, facts, quality=95), channels)] * 2
        list(write_shard(shard_path(folder, "dev", 0), encoded))
        index = {
            "format": "perception-fm-dataset/1", "version": "0", "identity": "0", "is_complete": is_complete,
            "split": "dev", "shards": 1, "channels": list(channels), "frames": len(encoded),
            "spec": {"width_px": 64, "height_px": 32},
        }  # fmt: skip
        (folder / "dataset.json").write_text(json.dumps(index))
        return folder

    return make
