"""Drives at a painted wall and down the free street, and whatever can be wrong with what a vehicle delivers.

480x288 pixels, f = 400 px, 10 Hz, 11 to 13 m/s with a wander in the lane and the pitch of the springs. The wall stands
47 m from the start; its print matches from 45 m. Odometry is planar and goes through `EgoHistory` as in the live node:
at an image's stamp only what has arrived by then is known.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig
from perception_fm.dense import CITYSCAPES_CLASSES, DensePrediction, ModelState
from perception_fm.geometry.ego import EgoHistory
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.synth.planar.drive import DriveConfig, PlannedDrive, SyntheticDrive
from perception_fm.synth.planar.planar_world import PlanarWorld
from perception_fm.types import CameraFrame, Obstacle, PathState, PerceptionResult

WALL_M = 47.0
STEP_S = 0.1
BRAKING_M = 12.0**2 / 12.0 + 6.0  # what 12 m/s need: 6 m/s^2 after half a second
CONFIG = DriveConfig(
    seed=0, width_px=480, height_px=288, focal_px=400.0, travel_m=43.0, stop_before_wall_m=WALL_M - 43.0,
    sweet_spot_m=45.0, weave_m=0.0, bounce_rad=0.0,
)  # fmt: skip
CAMERA = CameraModel(480, 288, np.array([[400.0, 0.0, 239.5], [0.0, 400.0, 143.5], [0.0, 0.0, 1.0]]))
MOUNTING = base_from_camera(CONFIG.camera_height_m, CONFIG.camera_pitch_rad)
_GRID = CameraModel(120, 72, np.array([[100.0, 0.0, 59.5], [0.0, 100.0, 35.5], [0.0, 0.0, 1.0]]))
_SEES_M = 80.0  # no learned depth is longer; sky is that far
_ROAD, _SKY = CITYSCAPES_CLASSES.index("road"), CITYSCAPES_CLASSES.index("sky")
_EPOCH_NS = 1_000_000_000
_MEAN_MPS, _SWING_MPS, _SWING_RPS = 12.0, 1.0, math.pi  # a foot on the pedal: up to 3 m/s^2
_WEAVE_M, _WEAVE_RAD_PER_M = 0.12, 2.0 * math.pi / 60.0
_BOUNCE_RAD, _BOUNCE_RPS = 0.003, 2.0 * math.pi * 1.3  # as in `synth.planar.drive`
_PHASE_S = 0.007  # no sensor of motion shares a beat with the camera

Motion = Callable[[float], RigidTransform]
"""World from base at a time, seconds."""


def cruise(time_s: float) -> RigidTransform:
    """Down the lane; wheels do not feel the springs."""
    x = _MEAN_MPS * time_s + _SWING_MPS / _SWING_RPS * (1.0 - math.cos(_SWING_RPS * time_s))
    yaw = math.atan(_WEAVE_M * _WEAVE_RAD_PER_M * math.cos(_WEAVE_RAD_PER_M * x))
    return turned(yaw, np.array([x, _WEAVE_M * math.sin(_WEAVE_RAD_PER_M * x), 0.0]))


def turned(yaw_rad: float, place_m: np.ndarray | None = None) -> RigidTransform:
    """A pose on the ground."""
    rotation = Rotation.from_rotvec([0.0, 0.0, yaw_rad]).as_matrix()
    return RigidTransform(rotation, np.zeros(3) if place_m is None else place_m)


@dataclasses.dataclass(frozen=True, eq=False)
class Shot:
    """A picture, the time when it is delivered, and what a network that takes the print for the street makes of it."""

    time_s: float
    image: np.ndarray
    belief: DensePrediction


@cache
def world(has_wall: bool) -> PlanarWorld:
    """The street, with the wall across it or without."""
    if has_wall:
        return SyntheticDrive.build(CONFIG).world
    walled = world(True)
    return PlanarWorld(walled.surfaces[:-1], walled.sky)


def wall_shots(count: int = 24) -> tuple[Shot, ...]:
    """At the wall: 19 are to 25 m before it, all 24 to 19 m."""
    return shots(True, cruise, range(24))[:count]


def free_shots() -> tuple[Shot, ...]:
    """Eight, on free road."""
    return shots(False, cruise, range(8))


@cache
def shots(has_wall: bool, motion: Motion, numbers: Sequence[int]) -> tuple[Shot, ...]:
    """Pictures with sensor noise at every tenth of a second."""
    times = [number * STEP_S for number in numbers]
    poses = [motion(time_s) @ _sprung(time_s) @ MOUNTING for time_s in times]
    plan = PlannedDrive(tuple(numbers), (0.0,) * len(poses), tuple(poses))
    drive = SyntheticDrive(CONFIG, plan, world(has_wall), None, CAMERA.intrinsics)
    taken = []
    for number, (time_s, pose) in enumerate(zip(times, poses)):
        taken.append(Shot(time_s, drive.photograph(drive.render(number).image, number), _belief(pose)))
    return tuple(taken)


def _sprung(time_s: float) -> RigidTransform:
    pitch = _BOUNCE_RAD * math.sin(_BOUNCE_RPS * time_s)
    return RigidTransform(Rotation.from_rotvec([0.0, pitch, 0.0]).as_matrix(), np.zeros(3))


def _belief(pose: RigidTransform) -> DensePrediction:
    """Road up to 80 m, sky above it, and nothing else."""
    columns, rows = np.meshgrid(np.arange(float(_GRID.width)), np.arange(float(_GRID.height)))
    rays = np.dstack([(columns - _GRID.cx) / _GRID.fx, (rows - _GRID.cy) / _GRID.fy, np.ones(rows.shape)])
    sinking = -(rays @ pose.rotation[2])  # metres down for each metre of depth
    depth = np.minimum(pose.translation_m[2] / np.maximum(sinking, 1e-3), _SEES_M).astype(np.float32)
    label = np.where(depth < _SEES_M, _ROAD, _SKY).astype(np.uint8)
    return DensePrediction(_GRID, depth, None, label, np.full(label.shape, 230, np.uint8))


def with_noise(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """The picture with new noise of `sigma` grey levels."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0.0, 255.0).astype(np.uint8)


class Believer:
    """A network whose answer to the next picture is known beforehand. Told of a focal length that is too long it sees
    everything too far by the same share, as Metric3D does (arXiv 2307.10984)."""

    state = ModelState("believer", "test", "fp32", "0", ("depth", "label", "confidence"))
    depth_error = None

    def __init__(self) -> None:
        self.belief: DensePrediction | None = None

    def unknown(self, camera: CameraModel) -> DensePrediction:
        shape = (camera.height, camera.width)
        return DensePrediction(camera, np.full(shape, np.nan, np.float32), None, np.full(shape, 255, np.uint8))

    def predict(self, images, cameras):
        assert self.belief is not None
        share = cameras[0].fx / CAMERA.fx
        intrinsics = _GRID.intrinsics * [[share, 1.0, 1.0], [1.0, share, 1.0], [1.0, 1.0, 1.0]]
        grid = CameraModel(_GRID.width, _GRID.height, intrinsics)
        return (dataclasses.replace(self.belief, camera=grid, depth_m=np.float32(share) * self.belief.depth_m),)


@dataclasses.dataclass(frozen=True)
class Odometry:
    """What a vehicle says of its motion, and how wrong that is."""

    rate_hz: float = 50.0
    scale: float = 1.0  # of all lengths
    heading_rad: float = 0.0  # its base frame looks this much to the left of where the wheels roll
    turn_rps: float = 0.0  # bias of the gyro; the place follows the wrong heading
    delay_s: float = 0.0  # stamps are this much late

    def samples(self, motion: Motion, until_s: float) -> list[tuple[float, RigidTransform, float, float]]:
        """Stamp (s), pose, speed and yaw rate, from half a second before time 0."""
        step_s = 1.0 / self.rate_hz
        stamps = np.arange(-0.5 - _PHASE_S, until_s, step_s)
        told = [motion(stamp - self.delay_s) for stamp in stamps]
        pose, said = told[0], []
        for before, after, stamp in zip(told, told[1:], stamps[1:]):
            step = before.inverse() @ after
            way_m = self.scale * step.translation_m
            turn_rad = math.atan2(step.rotation[1, 0], step.rotation[0, 0]) + self.turn_rps * step_s
            pose = pose @ turned(turn_rad, way_m)
            speed_mps = math.cos(self.heading_rad) * float(way_m[0]) / step_s
            said.append((float(stamp), pose @ turned(self.heading_rad), speed_mps, turn_rad / step_s))
        return said


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What the pipeline said of a shot, where the wall really was, and how fast it was come to."""

    time_s: float
    result: PerceptionResult
    wall_m: float
    motion: Motion

    def __str__(self) -> str:
        return f"at {self.time_s:.1f} s, {self.wall_m:.1f} m before the wall"

    @property
    def confirmed(self) -> list[Obstacle]:
        """What is said to stand in the path."""
        return [item for item in self.result.obstacles if item.is_confirmed and item.is_in_path]

    def closing_mps(self, window_s: float) -> float:
        """Mean speed towards the wall over the window."""
        now, then = (self.motion(time_s).translation_m[0] for time_s in (self.time_s, self.time_s - window_s))
        return float(now - then) / window_s


def answers(
    taken: Sequence[Shot],
    motion: Motion = cruise,
    odometry: Odometry | None = Odometry(),
    has_network: bool = True,
    camera: CameraModel = CAMERA,
    mounting: RigidTransform = MOUNTING,
    jitter_s: Sequence[float] = (0.0,),
) -> list[Answer]:
    """Every shot through one pipeline. `odometry` None: there is none. `jitter_s`: what is wrong with the stamps of the
    images, over and over."""
    network = Believer() if has_network else None
    pipeline = PerceptionPipeline(PerceptionConfig(), network)
    samples = [] if odometry is None else odometry.samples(motion, taken[-1].time_s + STEP_S)
    history, given = EgoHistory(), []
    for number, shot in enumerate(taken):
        stamp_s = shot.time_s + jitter_s[number % len(jitter_s)]
        while samples and samples[0][0] <= stamp_s:
            time_s, *told = samples.pop(0)
            history.add_odometry(_ns(time_s), *told)
        if network is not None:
            network.belief = shot.belief
        frame = CameraFrame(_ns(stamp_s), "front", shot.image, camera, mounting, history.at(_ns(stamp_s)))
        wall_m = WALL_M - float(motion(shot.time_s).translation_m[0])
        given.append(Answer(shot.time_s, pipeline.process(frame), wall_m, motion))
    return given


def _ns(time_s: float) -> int:
    return _EPOCH_NS + round(time_s * 1e9)


@cache
def usual_answers() -> tuple[Answer, ...]:
    """At the wall, with nothing wrong."""
    return tuple(answers(wall_shots()))


def first_confirmed_m(given: Sequence[Answer]) -> float:
    """True distance of the wall when something in the path was first confirmed; 0 if nothing was."""
    return next((one.wall_m for one in given if one.confirmed), 0.0)


def wrong_answers(given: Sequence[Answer], has_wall: bool, scale: float = 1.0, share: float = 0.1) -> list[str]:
    """Whatever is said with confidence and is not so; what is not known is not wrong.

    `scale`: lengths may be too long by this factor; times to contact must be right all the same. `share`: how far off
    a distance may be.
    """
    if has_wall:
        return [*wrong_distances(given, scale, share), *wrong_times(given), *free_beyond_the_wall(given)]
    return [
        f"{one}: {one.result.state.name} at {[item.distance_m for item in one.confirmed]} on free road"
        for one in given
        if one.confirmed or one.result.state not in (PathState.UNVERIFIED, PathState.FREE_VERIFIED)
    ]


def wrong_distances(given: Sequence[Answer], scale: float = 1.0, share: float = 0.1) -> list[str]:
    """What is confirmed in the path elsewhere than within 10% of the wall, or another `share`."""
    return [
        f"{one}: {item.distance_m:.1f} m"
        for one in given
        for item in one.confirmed
        if abs(item.distance_m / (scale * one.wall_m) - 1.0) > share
    ]


def wrong_times(given: Sequence[Answer]) -> list[str]:
    """Times to contact that are off by more than 10%, at the mean speed of the window that they are of."""
    return [
        f"{one}: {item.ttc_s:.2f} s"
        for one in given
        for item in one.confirmed
        if abs(item.ttc_s * one.closing_mps(_window_s(item)) / one.wall_m - 1.0) > 0.1
    ]


def _window_s(item: Obstacle) -> float:
    return item.window_s if math.isfinite(item.window_s) else STEP_S


def free_beyond_the_wall(given: Sequence[Answer]) -> list[str]:
    """Road that is called free where it cannot be seen."""
    wrong = []
    for one in given:
        sweep, reach_m = one.result.sweep, one.result.verified_free_distance_m
        if sweep is not None:
            reach_m = max([reach_m, *sweep.distance_m[sweep.is_free].tolist()])
        if reach_m > one.wall_m:
            wrong.append(f"{one}: free to {reach_m:.1f} m")
    return wrong
