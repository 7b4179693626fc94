"""A drive folder, frame by frame with its ego motion, and what LiDAR and annotation truly say about the scene."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.convert import DriveConversion, MountingOptions
from perception_fm.bags.drive import DriveFrame, Intrinsics
from perception_fm.bags.drive_folder import DriveFolder
from perception_fm.bags.encoded_image import EncodedImage, decode
from perception_fm.bags.trajectory import odometry_from_poses
from perception_fm.camera.rectification import Rectifier
from perception_fm.errors import BagError
from perception_fm.evaluation.dense_drive import camera_of
from perception_fm.evaluation.drive_classes import DriveClasses, train_id_of
from perception_fm.evaluation.scene_frames import SceneFrame
from perception_fm.evaluation.seen_things import TrueThing, thing_of_box
from perception_fm.evaluation.true_points import TruePoints, true_points
from perception_fm.geometry.ego import EgoState
from perception_fm.synth.composite.composite_drive import read_meta

FloatArray = NDArray[np.float64]

BOX_REACH_M = 40.0
_SAME_BOX_M = 1.0  # one thing may be annotated twice, once by each of two LiDARs
_LEAST_POINTS = 5
"""LiDAR points on a thing below which it is hidden."""


class SceneDrive:
    """A folder with camera height and poses. Raises `BagError` for one without any truth of a scene."""

    def __init__(self, folder: Path, step: int = 1) -> None:
        meta = read_meta(folder)
        self._metas: list[dict[str, Any]] = list(meta["frames"])
        self._drive = DriveFolder(folder, Intrinsics(), None)
        conversion = DriveConversion(self._drive, MountingOptions(), is_raw=False)
        if conversion.height_m is None:
            raise BagError(f"{folder}: camera.height_m is null; without it no height over the road is known")
        self._pose, self._notes = conversion.base_from_camera, conversion.notes
        self._odometry = {one.stamp_ns: one for one in odometry_from_poses(self._drive.trajectory, self._pose)}
        self._classes = DriveClasses(self._drive.info.class_names)
        self._step = step
        self.name, self.count = folder.resolve().name, len(self._metas)
        if not any(one.get("corridor_nearest_m") is not None or self._has_points(one) for one in self._metas):
            raise BagError(
                f"{folder}: no frame has corridor_nearest_m, or depth with cls, so there is nothing to compare with"
            )
        self._camera = camera_of(self._drive.info.calibration)
        self._rectifier = Rectifier(self._camera)

    def frames(self) -> Iterator[SceneFrame]:
        """All frames in order; of those between every `step`-th the truth is left out."""
        for index, frame in enumerate(self._drive.frames()):
            yield self._frame(index, frame)

    def document(self) -> dict[str, Any]:
        """What was judged, for the result file."""
        info = self._drive.info
        return {
            "kind": "drive", "name": self.name, "source": info.source, "licence": info.licence, "frames": self.count,
            "every": self._step, "notes": list(self._notes),
        }  # fmt: skip

    def _frame(self, index: int, frame: DriveFrame) -> SceneFrame:
        meta = self._metas[index]
        image = frame.image
        pixels = decode(image, str(meta["image"])) if isinstance(image, EncodedImage) else image
        is_judged = index % self._step == 0
        points = self._points(frame) if is_judged else None
        boxes = meta.get("boxes_camera")
        corridor = meta.get("corridor_nearest_m", math.nan) if is_judged else math.nan
        odometry = self._odometry.get(frame.stamp_ns)
        ego = None
        if odometry is not None:
            ego = EgoState(
                frame.stamp_ns, odometry.odom_from_base, float(odometry.linear_mps[0]),
                float(odometry.angular_rps[2]), True,
            )  # fmt: skip
        skipped = [
            reason
            for reason, is_missing in (
                ("no LiDAR points with classes", points is None),
                ("no 3-D boxes that LiDAR shows to be visible", points is None or boxes is None),
                ("no corridor_nearest_m", corridor is not None and math.isnan(corridor)),
                ("no pose: no ego motion", ego is None),
            )
            if is_missing
        ]
        return SceneFrame(
            frame_id=str(meta.get("id", index)),
            group=self.name,
            stamp_ns=frame.stamp_ns,
            follows=index > 0,
            image=self._rectifier.rectify(pixels),
            camera=self._rectifier.rectified,
            truth_camera=self._camera,
            base_from_camera=self._pose,
            ego=ego,
            dense_truth=None,
            points=points,
            things=None if points is None or boxes is None else self._things(points, boxes),
            things_reach_m=BOX_REACH_M,
            corridor_m=math.inf if corridor is None else (None if math.isnan(corridor) else float(corridor)),
            skipped=tuple(skipped) if is_judged else ("not every frame was asked for",),
        )

    def _has_points(self, meta: dict[str, Any]) -> bool:
        return meta.get("depth") is not None and meta.get("cls") is not None and self._classes.has_road

    def _points(self, frame: DriveFrame) -> TruePoints | None:
        if frame.depth_m is None or frame.label is None or not self._classes.has_road:
            return None
        label, is_road, is_ground, is_thing = self._classes.of(frame.label)
        return true_points(frame.depth_m, self._camera, self._pose, label, is_road, is_ground, is_thing)

    def _things(self, points: TruePoints, boxes: list[dict[str, Any]]) -> list[TrueThing]:
        """Annotated things within 40 m, in the picture and not hidden."""
        things: list[TrueThing] = []
        foot = self._pose.translation_m[:2]
        for box in boxes:
            optical = np.asarray(box["center_m"], np.float64)
            if optical[2] <= 0.0 or not self._is_in_picture(optical):
                continue
            centre = self._pose.apply(optical)[:2]
            width, length, height = (float(one) for one in box["size_m"])
            is_known = any(np.hypot(*(centre - one.centre_m)) < _SAME_BOX_M for one in things)
            if is_known or np.hypot(*(centre - foot)) > BOX_REACH_M:
                continue
            size = np.array([length, width, height])
            thing = thing_of_box(points, train_id_of(str(box["class"])), centre, size, foot, _LEAST_POINTS)
            if thing is not None:
                things.append(thing)
        return things

    def _is_in_picture(self, optical_m: FloatArray) -> bool:
        u, v = self._camera.project(optical_m[None, :2] / optical_m[2])[0]
        return bool(0.0 <= u < self._camera.width and 0.0 <= v < self._camera.height)
