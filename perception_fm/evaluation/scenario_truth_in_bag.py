"""The truth of a recorded scenario: what stands in the vehicle's corridor in each frame, from true depth and labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.corridor import Swept, driven_way, present_way, scan
from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.evaluation.wall_in_bag import pose_topic, stamp_ns, true_poses, wall_in_way
from perception_fm.geometry.transform import RigidTransform

CHANNELS = "depth,label"
"""What `synth.recording.record` must write for `frame_truths`."""

# Half a metre at both sides: so far off the true corridor may the predicted one be (0.3 m, and half a degree at 20 m),
# and what stands there is a near miss and no invention.
MARGIN_M = 0.5
_SPEED_TOPIC = "/ground_truth/speed"
_LEAST_STEP_M = 0.05  # a shorter step has no curvature


def bag_scenario(bag: Path) -> str | None:
    """YAML text of the scenario that a bag was recorded from; None where the bag does not say it."""
    with BagReader(bag) as reader:
        return reader.custom_data.get("scenario")


def frame_truths(bag: Path, swept: Swept) -> Iterator[FrameTruth]:
    """The truth of every frame, in the order of time. Raises `PerceptionError` for a bag without it."""
    with BagReader(bag) as reader:
        topic = pose_topic(reader)
        base = topic.removesuffix("/pose")
        poses = true_poses(reader, topic)
        wall = wall_in_way(reader)
        speeds = {stamp_ns(m.header): float(m.twist.linear.x) for m in _messages(reader, _SPEED_TOPIC)}
        intrinsics = np.array(next(_messages(reader, f"{base}/camera_info")).k, dtype=np.float64).reshape(3, 3)
        stamps = list(poses)
        positions = np.array([poses[stamp].translation_m for stamp in stamps])
        curvature = curvatures([poses[stamp] for stamp in stamps], positions)
        moved = np.linalg.norm(np.diff(positions, axis=0, prepend=positions[:1]), axis=1)
        for number, (stamp, depth, label) in enumerate(_pictures(reader, base)):
            if stamp != stamps[number]:
                raise PerceptionError(f"{bag}: the picture of {stamp} ns has no true pose")
            pose, speed = poses[stamp], speeds[stamp]
            present, taken = present_way(pose, float(curvature[number]), speed), driven_way(positions, number)
            standing, driven = scan(depth, label, intrinsics, pose, [present, taken])
            yield FrameTruth(
                stamp_ns=stamp,
                speed_mps=speed,
                moved_m=float(moved[number]),
                wall_m=math.nan if wall is None else taken.meets_m(wall),
                nearest_m=min((start for start, _ in standing.stretches(swept)), default=math.inf),
                standing=standing.stretches(swept, MARGIN_M),
                driven=driven.stretches(swept, MARGIN_M),
            )


def curvatures(poses: list[RigidTransform], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the driven path (F,), 1/m, left positive: change of heading over way, between the neighbours of each frame."""
    axes = np.array([pose.rotation[:, 2] for pose in poses])
    heading = np.unwrap(np.arctan2(axes[:, 1], axes[:, 0]))
    before = np.maximum(np.arange(len(poses)) - 1, 0)
    after = np.minimum(np.arange(len(poses)) + 1, len(poses) - 1)
    step = np.linalg.norm(positions[after] - positions[before], axis=1)
    turned = heading[after] - heading[before]
    return np.where(step > _LEAST_STEP_M, turned / np.maximum(step, _LEAST_STEP_M), 0.0)


def _pictures(reader: BagReader, base: str) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.uint8]]]:
    """Stamp, depth (H, W) and label (H, W) of every frame; depth lies before label in the bag."""
    depth: tuple[int, NDArray[np.float32]] | None = None
    for topic, msgtype, _, cdr in reader.messages([f"{base}/depth", f"{base}/label"]):
        message = deserialize(cdr, msgtype)
        shape, stamp = (message.height, message.width), stamp_ns(message.header)
        if topic.endswith("/depth"):
            depth = stamp, np.frombuffer(message.data, np.float32).reshape(shape)
        elif depth is not None and depth[0] == stamp:
            yield stamp, depth[1], np.frombuffer(message.data, np.uint8).reshape(shape)


def _messages(reader: BagReader, topic: str) -> Iterator[Any]:
    for _, msgtype, _, cdr in reader.messages([topic]):
        yield deserialize(cdr, msgtype)
