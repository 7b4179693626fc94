"""Latency and memory of the bare pipeline on a rendered street: the same images on every machine."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePredictor
from perception_fm.errors import PerceptionError
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.synth.planar.drive import DriveConfig, SyntheticDrive
from perception_fm.types import CameraFrame

WIDTH_PX, HEIGHT_PX, FOCAL_PX, RATE_HZ = 1280, 720, 1000.0, 30.0  # the benchmark camera
WARM_UP_FRAMES = 31  # the longest tracking window, 1 s, fills; before that there is less work than later
_CRUISE_MPS = 5.0
_MIB = 2**20


@dataclass(frozen=True)
class Timing:
    """Milliseconds over `count` frames."""

    p50_ms: float
    p99_ms: float
    count: int

    @staticmethod
    def of(milliseconds: Sequence[float]) -> Timing:
        """Raises `PerceptionError` for no measurement at all."""
        if not milliseconds:
            raise PerceptionError("a timing needs at least one measured frame")
        return Timing(
            float(np.percentile(milliseconds, 50)), float(np.percentile(milliseconds, 99)), len(milliseconds)
        )


@dataclass(frozen=True)
class MemoryGrowth:
    """Resident memory after the warm-up and at the end, medians over a tenth of the frames each."""

    frames: int
    start_mib: float
    end_mib: float

    @property
    def growth_mib(self) -> float:
        """End minus start."""
        return self.end_mib - self.start_mib


def benchmark_frames(count: int) -> Iterator[CameraFrame]:
    """`count` colour frames of the benchmark camera on a street at up to 11.5 m/s, the same ones every time."""
    drive = SyntheticDrive.build(
        DriveConfig(width_px=WIDTH_PX, height_px=HEIGHT_PX, focal_px=FOCAL_PX, rate_hz=RATE_HZ)
    )
    config, plan = drive.config, drive.plan
    moving = [number for number, speed in enumerate(plan.speeds_mps) if speed > _CRUISE_MPS]
    if count > len(moving):
        raise PerceptionError(f"the benchmark's drive has {len(moving)} frames, {count} were asked for")
    camera = CameraModel(WIDTH_PX, HEIGHT_PX, drive.intrinsics)
    mounting = base_from_camera(config.camera_height_m, config.camera_pitch_rad)
    for number in moving[:count]:
        stamp_ns, pose = plan.stamps_ns[number], plan.world_from_camera[number] @ mounting.inverse()
        ego = EgoState(stamp_ns, pose, plan.speeds_mps[number], 0.0, has_translation=True)
        image = drive.photograph(drive.render(number).image, number)
        yield CameraFrame(stamp_ns, "front_optical", image, camera, mounting, ego)


def passes(frames: Sequence[CameraFrame], total: int) -> Iterator[tuple[CameraFrame, bool]]:
    """`total` frames, the sequence again and again with stamps that go on; True where a pass begins."""
    period_ns = frames[-1].stamp_ns - frames[0].stamp_ns + round(1e9 / RATE_HZ)
    for number in range(total):
        repeat, index = divmod(number, len(frames))
        shift_ns = repeat * period_ns
        frame = frames[index]
        ego = frame.ego and dataclasses.replace(frame.ego, stamp_ns=frame.ego.stamp_ns + shift_ns)
        yield dataclasses.replace(frame, stamp_ns=frame.stamp_ns + shift_ns, ego=ego), index == 0


def time_stages(
    frames: Sequence[CameraFrame], config: PerceptionConfig, total: int, predictor: DensePredictor | None = None
) -> dict[str, Timing]:
    """Timing of every stage of the pipeline, warm-up of each pass left out; `predictor` None: geometry only."""
    stages: dict[str, list[float]] = {}
    for latency_ms in _latencies_ms(frames, config, total, predictor):
        for stage, milliseconds in latency_ms.items():
            stages.setdefault(stage, []).append(milliseconds)
    return {stage: Timing.of(values) for stage, values in stages.items()}


def time_without_tracking(frames: Sequence[CameraFrame], config: PerceptionConfig, total: int) -> Timing:
    """Timing of a whole frame, geometry only, less the following of features, on one core."""
    with _one_core():
        latencies = list(_latencies_ms(frames, config, total, None))
    return Timing.of([one["total"] - one["track"] for one in latencies])


def _latencies_ms(
    frames: Sequence[CameraFrame], config: PerceptionConfig, total: int, predictor: DensePredictor | None
) -> Iterator[Mapping[str, float]]:
    """Milliseconds by stage of each frame, warm-up of each pass left out."""
    pipeline = PerceptionPipeline(config, predictor)
    since_begin = 0
    for frame, begins in passes(frames, total):
        if begins:
            pipeline.reset()
            since_begin = 0
        since_begin += 1
        result = pipeline.process(frame)
        if since_begin > WARM_UP_FRAMES:
            yield result.latency_ms


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keeps this thread on one core, and OpenCV to this thread. Linux only, as is the vehicle."""
    threads, cores = cv2.getNumThreads(), os.sched_getaffinity(0)
    cv2.setNumThreads(1)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        cv2.setNumThreads(threads)


def memory_growth(
    frames: Sequence[CameraFrame], config: PerceptionConfig, total: int,
    progress: Iterable[int] | None = None,
) -> MemoryGrowth:
    """Resident memory of this process while `total` frames pass through one pipeline; the first fifth is warm-up."""
    pipeline = PerceptionPipeline(config)
    resident_mib = []
    ticks = itertools.count() if progress is None else progress
    for (frame, begins), _ in zip(passes(frames, total), ticks):
        if begins:
            pipeline.reset()
        pipeline.process(frame)
        resident_mib.append(_resident_mib())
    tenth = max(1, total // 10)
    return MemoryGrowth(
        total, float(np.median(resident_mib[2 * tenth : 3 * tenth])), float(np.median(resident_mib[-tenth:]))
    )


def _resident_mib() -> float:
    """Linux only, as is the vehicle; the second number of statm is resident pages."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB
