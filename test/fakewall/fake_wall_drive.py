"""A drive of 12 m/s at 10 Hz at something upright, what the motion stage says of it, and networks of every opinion.

480x288 pixels, f = 400 px; the network's grid is a quarter of that. The wall stands at x = 55 m, its print matches from
45 m before it.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction
from perception_fm.depth_error import DepthErrorModel
from perception_fm.fakewall.finding import FakeWallFinding
from perception_fm.fakewall.stage import FakeWallStage
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.obstacle_tracks import ObstacleTrack
from perception_fm.motion.stage import MotionReport, MotionStage, RectifiedFrame
from perception_fm.synth.planar import procedural
from perception_fm.synth.planar.drive import DriveConfig, SyntheticDrive
from perception_fm.synth.planar.planar_world import PlanarWorld
from perception_fm.synth.planar.ripmap import RipMap
from perception_fm.synth.planar.surface import Surface
from perception_fm.types import PathState

SPEED_MPS, STEP_S, START_NS = 12.0, 0.1, 1_000_000_000
STEP_M = SPEED_MPS * STEP_S
WALL_M = 55.0
FRAMES = range(8, 39)  # of the wall: from 45 to 9.4 m before it
SEES_M = 80.0  # no learned depth is longer; sky is that far
DRIVE = DriveConfig(
    seed=0, width_px=480, height_px=288, focal_px=400.0, travel_m=51.0, stop_before_wall_m=WALL_M - 51.0,
    sweet_spot_m=45.0, weave_m=0.0, bounce_rad=0.0,
)  # fmt: skip
MOUNTING = base_from_camera(DRIVE.camera_height_m, DRIVE.camera_pitch_rad)
INTRINSICS = np.array([[400.0, 0.0, 239.5], [0.0, 400.0, 143.5], [0.0, 0.0, 1.0]])
GRID = CameraModel(120, 72, np.array([[100.0, 0.0, 59.5], [0.0, 100.0, 35.5], [0.0, 0.0, 1.0]]))
CAR_LABEL = 13
Dense = Callable[[int], DensePrediction | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Drive:
    """What the motion stage said of each frame, by its number, and the worlds with and without the thing."""

    reports: dict[int, MotionReport]
    frames: dict[int, RectifiedFrame]
    world: PlanarWorld
    street: PlanarWorld

    def report(self, number: int) -> MotionReport:
        """Of one frame; nobody can change it for others."""
        return dataclasses.replace(self.reports[number], tracks=copy.deepcopy(self.reports[number].tracks))

    def confirmed(self, number: int) -> tuple[ObstacleTrack, ...]:
        return tuple(track for track in self.reports[number].tracks if track.is_confirmed)


def camera_at(number: int) -> RigidTransform:
    return RigidTransform(MOUNTING.rotation, MOUNTING.translation_m + np.array([number * STEP_M, 0.0, 0.0]))


def frame_of(number: int, gray: np.ndarray, has_odometry: bool = True) -> RectifiedFrame:
    stamp = START_NS + round(number * STEP_S * 1e9)
    pose = RigidTransform(np.eye(3), np.array([number * STEP_M, 0.0, 0.0]))
    ego = EgoState(stamp, pose, SPEED_MPS, 0.0, True) if has_odometry else None
    return RectifiedFrame(stamp, gray, INTRINSICS, MOUNTING, ego)


def grey_images(world: PlanarWorld, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """As the sensor gives them, by frame."""
    images = {}
    for number in numbers:
        image = world.render(INTRINSICS, (480, 288), camera_at(number)).image
        noise = np.random.default_rng(number).normal(0.0, 1.5, image.shape)
        images[number] = cv2.cvtColor(np.clip(image + noise, 0.0, 255.0).astype(np.uint8), cv2.COLOR_BGR2GRAY)
    return images


def driven(images: dict[int, np.ndarray], world: PlanarWorld, has_odometry: bool = True) -> Drive:
    stage, reports = MotionStage(PerceptionConfig()), {}
    frames = {number: frame_of(number, image, has_odometry) for number, image in images.items()}
    for number, frame in frames.items():
        reports[number] = stage.update(frame)
        reports[number].tracks = copy.deepcopy(reports[number].tracks)
    return Drive(reports, frames, world, street_world())


@cache
def street_world() -> PlanarWorld:
    return SyntheticDrive.build(dataclasses.replace(DRIVE, has_wall=False)).world


@cache
def wall_world() -> PlanarWorld:
    return SyntheticDrive.build(DRIVE).world


@cache
def wall_images() -> dict[int, np.ndarray]:
    """From 45 m before the wall."""
    return grey_images(wall_world(), FRAMES)


@cache
def wall_drive(has_odometry: bool = True) -> Drive:
    """At the painted wall."""
    return driven(wall_images(), wall_world(), has_odometry)


@cache
def car_drive() -> Drive:
    """From 31 m at the back of a car, 2.0 x 1.45 m and mottled; over its roof the street is seen."""
    paint = procedural.mottled((256, 256), 0.22, 0.9, (112.0, 112.0, 112.0), np.random.default_rng(2))
    texture = RipMap.build(paint, 0.03, 0.03, is_periodic=True)
    corner, right, down = np.array([WALL_M, 1.0, 1.45]), np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    back = Surface(corner, right, down, (2.0, 1.45), texture, CAR_LABEL, is_hazy=False)
    world = PlanarWorld([*street_world().surfaces, back], street_world().sky)
    return driven(grey_images(world, FRAMES[12:]), world)


@cache
def _seen(world: PlanarWorld, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Depth, sky at `SEES_M`, and labels on the network's grid."""
    rendered = world.render(GRID.intrinsics, (GRID.width, GRID.height), camera_at(number))
    return np.minimum(np.nan_to_num(rendered.depth_m, nan=SEES_M), np.float32(SEES_M)), rendered.label


def smooth_error(sigma: float, seed: int) -> np.ndarray:
    """Factor on a depth (h, w): its logarithm is Gaussian with `sigma`, smooth over a quarter of the image."""
    noise = np.random.default_rng(seed).normal(size=(3 * GRID.height, 3 * GRID.width))
    field = gaussian_filter(noise, 0.125 * GRID.width, mode="wrap")
    field /= field.std()
    return np.exp(sigma * field[GRID.height : 2 * GRID.height, GRID.width : 2 * GRID.width]).astype(np.float32)


def opinion(
    world: PlanarWorld,
    error: np.ndarray | float = 1.0,
    has_depth: bool = True,
    has_labels: bool = True,
    painted: float | None = None,
) -> Dense:
    """A network that sees `world`, its depth times `error`. Heads that are not asked for are missing."""

    def dense(number: int) -> DensePrediction:
        depth, label = _seen(world, number)
        return DensePrediction(
            GRID,
            depth_m=(depth * np.float32(error)).astype(np.float32) if has_depth else None,
            label=label if has_labels else None,
            confidence=np.full(label.shape, 230, np.uint8) if has_labels else None,
            painted=None if painted is None else np.full(label.shape, painted, np.float32),
        )

    return dense


def error_model(sigma: float) -> DepthErrorModel:
    """As fitted where all errors are smooth with `sigma`."""
    variance = (sigma**2,)
    return DepthErrorModel(
        "test", "", "synthetic", 100, 10_000, (), variance, variance, (0.0,), (0.0,), 1e-4, 1.0, 0.25
    )


Findings = dict[int, FakeWallFinding]
"""By frame."""


def named_at(findings: Findings) -> int | None:
    """The first frame that is named."""
    return next((number for number, one in findings.items() if one.state is PathState.FAKE_WALL), None)


def findings_of(drive: Drive, dense: Dense, stage: FakeWallStage | None = None, **known: Any) -> Findings:
    """`known`: further arguments of `update`."""
    worker = stage or FakeWallStage(PerceptionConfig())
    return {i: worker.update(drive.report(i), drive.frames[i], dense(i), **known) for i in drive.frames}
