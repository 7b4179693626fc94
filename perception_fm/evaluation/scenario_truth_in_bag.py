"""The truth of a recorded scenario: what stands in the vehicle's corridor in each frame, from true depth and labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.bags.message_types import deserialize
from perception_fm.bags.reader import BagReader
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.corridor import Swept
from perception_fm.evaluation.driven_truth import DrivenTruth
from perception_fm.evaluation.scenario_truth import FrameTruth
from perception_fm.evaluation.wall_in_bag import pose_topic, stamp_ns, true_poses, wall_in_way

CHANNELS = "depth,label"
"""What `synth.recording.record` must write for `frame_truths`."""

_SPEED_TOPIC = "/ground_truth/speed"


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
        drive = DrivenTruth([poses[stamp] for stamp in stamps], swept)
        for number, (stamp, depth, label) in enumerate(_pictures(reader, base)):
            if stamp != stamps[number]:
                raise PerceptionError(f"{bag}: the picture of {stamp} ns has no true pose")
            yield drive.frame(number, stamp, speeds[stamp], wall, depth, label, intrinsics)


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
