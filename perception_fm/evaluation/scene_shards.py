"""Rendered frames with the truth of their scene. They are drawn from their drives at random: each stands for itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import DatasetError
from perception_fm.evaluation.scene_frames import DenseTruth, SceneFrame
from perception_fm.evaluation.seen_things import things_of_instances
from perception_fm.evaluation.shard_frames import ShardFrame, ShardSet
from perception_fm.evaluation.true_points import true_points
from perception_fm.geometry.transform import base_from_camera

_NEEDED = ("depth", "label", "instance")
_GROUND = (0, 1, 9)  # road, sidewalk, terrain
_SKY = 10


class SceneShards:
    """Raises `DatasetError` for a dataset without depth, labels or instances."""

    def __init__(self, shards: ShardSet, step: int = 1) -> None:
        missing = [one for one in _NEEDED if one not in shards.index["channels"]]
        if missing:
            wanted = ", ".join(_NEEDED)
            raise DatasetError(f"the dataset {shards.name} lacks {', '.join(missing)}; a scene needs {wanted}")
        self._shards, self._step = shards, step
        self.count = -(-shards.frame_count // step)
        self._rectifier: Rectifier | None = None

    def frames(self) -> Iterator[SceneFrame]:
        """Every `step`-th frame."""
        for frame in self._shards.frames(self._step):
            yield self._frame(frame)

    def document(self) -> dict[str, object]:
        """What was judged, for the result file."""
        index = self._shards.index
        return {
            "kind": "shards",
            "name": self._shards.name,
            "split": index["split"],
            "identity": index["identity"],
            "dataset_version": index["version"],
            "frames": self._shards.frame_count,
            "every": self._step,
            "notes": ["frames are not consecutive: each is judged alone, without ego motion and without memory"],
        }

    def _frame(self, frame: ShardFrame) -> SceneFrame:
        truth, stored = frame.truth, frame.stored_camera
        assert truth.depth_m is not None
        assert truth.label is not None
        if self._rectifier is None or not self._rectifier.source.equals(stored):
            self._rectifier = Rectifier(stored)
        mounting = frame.facts["camera"]
        if "height_m" not in mounting or "pitch_deg" not in mounting:
            raise DatasetError(f"frame {truth.frame_id}: its facts lack height_m or pitch_deg of the camera")
        pose = base_from_camera(float(mounting["height_m"]), math.radians(float(mounting["pitch_deg"])))
        label = truth.label.astype(np.uint8)
        is_ground = np.isin(label, _GROUND)
        points = true_points(
            truth.depth_m, frame.camera, pose, label, label == 0, is_ground, ~is_ground & (label != _SKY),
            frame.instance, frame.normals,
        )  # fmt: skip
        return SceneFrame(
            frame_id=truth.frame_id,
            group=frame.scenario,
            stamp_ns=truth.index,
            follows=False,
            image=self._rectifier.rectify(truth.image),
            camera=self._rectifier.rectified,
            truth_camera=frame.camera,
            base_from_camera=pose,
            ego=None,
            dense_truth=DenseTruth(truth.depth_m, label),
            points=points,
            things=things_of_instances(points, pose.translation_m[:2]),
        )
