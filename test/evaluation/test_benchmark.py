"""The benchmark measures what it says, on frames whose time goes on."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.errors import PerceptionError
from perception_fm.evaluation.benchmark import (
    WARM_UP_FRAMES,
    MemoryGrowth,
    Timing,
    memory_growth,
    passes,
    time_stages,
    time_without_tracking,
)
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.types import CameraFrame

PERIOD_NS = 33_333_333


@pytest.fixture
def frames() -> list[CameraFrame]:
    """A tiny drive: three more frames than the warm-up takes."""
    camera = CameraModel(64, 48, np.array([[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]]))
    street = np.random.default_rng(2).integers(0, 256, (48, 128), dtype=np.uint8)
    drive = []
    for number in range(WARM_UP_FRAMES + 3):
        pose = RigidTransform(np.eye(3), np.array([0.3 * number, 0.0, 0.0]))
        ego = EgoState(number * PERIOD_NS, pose, 9.0, 0.0, True)
        image = np.ascontiguousarray(street[:, number : number + 64])
        drive.append(CameraFrame(number * PERIOD_NS, "front", image, camera, base_from_camera(1.4, 0.0), ego))
    return drive


def test_timing_of_known_values() -> None:
    timing = Timing.of([float(value) for value in range(101)])
    assert (timing.p50_ms, timing.p99_ms, timing.count) == (50.0, 99.0, 101)
    with pytest.raises(PerceptionError, match="at least one"):
        Timing.of([])


def test_stamps_go_on_from_pass_to_pass_and_each_begin_is_told(frames: list[CameraFrame]) -> None:
    count = len(frames)
    repeated = list(passes(frames, 2 * count + 1))
    stamps = [frame.stamp_ns for frame, _ in repeated]
    assert np.diff(stamps).min() > 0
    assert [index for index, (_, begins) in enumerate(repeated) if begins] == [0, count, 2 * count]
    assert all(frame.ego is not None and frame.ego.stamp_ns == frame.stamp_ns for frame, _ in repeated)


def test_stages_are_timed_without_the_warm_up_of_each_pass(frames: list[CameraFrame]) -> None:
    stages = time_stages(frames, PerceptionConfig(), 2 * len(frames))
    assert stages["total"].count == 2 * 3
    assert all(0.0 <= timing.p50_ms <= timing.p99_ms for timing in stages.values())


def test_one_core_is_given_back(frames: list[CameraFrame]) -> None:
    threads, cores = cv2.getNumThreads(), os.sched_getaffinity(0)
    timing = time_without_tracking(frames, PerceptionConfig(), len(frames))
    assert timing.count == 3
    assert (cv2.getNumThreads(), os.sched_getaffinity(0)) == (threads, cores)


def test_memory_is_read_at_start_and_end(frames: list[CameraFrame]) -> None:
    growth = memory_growth(frames, PerceptionConfig(), 30)
    assert growth.frames == 30
    assert growth.start_mib > 10.0  # an interpreter with NumPy takes more
    assert MemoryGrowth(5, 100.0, 103.5).growth_mib == 3.5
