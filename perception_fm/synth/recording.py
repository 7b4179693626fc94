"""A scenario as a rosbag2 recording: what a vehicle's own sensors publish, and the truth beside it."""

from __future__ import annotations

import dataclasses
import heapq
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import perception_fm
from perception_fm.bags import drive_messages as build
from perception_fm.bags.drive import Calibration
from perception_fm.bags.encoded_image import EncodedImage
from perception_fm.bags.message_types import serialize
from perception_fm.bags.trajectory import OdometrySample
from perception_fm.bags.writer import BagWriter, refuse_output
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.errors import ConfigError
from perception_fm.synth.driving.drive_plan import mounting
from perception_fm.synth.driving.odometry_error import imu_readings, odometry_readings
from perception_fm.synth.painted.painted_wall import PaintedWall
from perception_fm.synth.render.frame import Truth
from perception_fm.synth.scenario.scenario import Scenario, scenario_yaml
from perception_fm.synth.simulation import SimulatedFrame, Simulation

CLOCK_HZ = 100.0

Timed = tuple[int, str, Any]
"""Stamp in ns, topic and message."""


def _known(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth as this project's messages carry it: NaN where there is none, which sky is."""
    return np.where(np.isfinite(depth_m), depth_m, np.float32(np.nan))


# Channel -> its image. All are of the pinhole camera in `/ground_truth/<name>/camera_info`.
CHANNELS: dict[str, Callable[[Truth], NDArray[Any]]] = {
    "depth": lambda truth: _known(truth.depth_m),
    "depth_pictured": lambda truth: _known(truth.depth_pictured_m),
    "label": lambda truth: truth.label,
    "instance": lambda truth: truth.instance,
    "normal": lambda truth: truth.normal,
    "albedo": lambda truth: truth.albedo,
    "roughness": lambda truth: truth.roughness,
    "painted": lambda truth: np.where(truth.painted, np.uint8(255), np.uint8(0)),
}
# Poses, speed and calibration take next to nothing and are part of every choice but "none".
TRUTH_CHOICES = {"all": tuple(CHANNELS), "light": (), "none": None}


def truth_channels(choice: str) -> tuple[str, ...] | None:
    """Image channels of `all`, `light` (poses and speed only), or a list such as `depth,label`; None for `none`.

    Raises `ConfigError` for an unknown one.
    """
    if choice in TRUTH_CHOICES:
        return TRUTH_CHOICES[choice]
    names = tuple(name.strip() for name in choice.split(","))
    unknown = [name for name in names if name not in CHANNELS]
    if unknown:
        raise ConfigError(f"truth is all, light, none or a list of {', '.join(CHANNELS)}; got {unknown[0]!r}")
    if len(set(names)) < len(names):
        raise ConfigError(f"truth: a channel is given twice in {choice!r}")
    return names


def record(
    scenario: Scenario, target: Path, *, truth: str = "light", is_raw: bool = False, overwrite: bool = False
) -> Iterator[int]:
    """Write the bag `target`; yields the number of each frame that is in it.

    `truth`: see `truth_channels`. `is_raw`: uncompressed images. The bag appears when it is complete. Raises
    `ConfigError`, `BagError` for a bag that exists or cannot be written, `RenderError` where there is no OpenGL.
    """
    channels = truth_channels(truth)
    simulation = Simulation(scenario)
    refuse_output(target, overwrite=overwrite)  # told before the rendering, not after
    with simulation:
        data = custom_data(simulation)
        with BagWriter(target, overwrite=overwrite, compress=bool(channels), custom_data=data) as writer:
            yield from _write(simulation, writer, channels, is_raw)


def custom_data(simulation: Simulation) -> dict[str, str]:
    """Metadata of the bag: origin, classes, the scenario, and the painted surfaces at the first image (JSON)."""
    walls = simulation.walls_at(0.0)
    data = {
        "source": f"procedural road world of perception_fm {perception_fm.__version__}",
        "licence": "Apache-2.0",
        "class_names": json.dumps({str(number): name for number, name in enumerate(CITYSCAPES_CLASSES)}),
        "scenario": scenario_yaml(simulation.scenario),
        "walls": json.dumps([wall_document(walls[number], number, simulation) for number in sorted(walls)]),
    }
    if simulation.wall_in_way in walls:
        number = simulation.wall_in_way
        data["wall"] = json.dumps(wall_document(walls[number], number, simulation))
    return data


def wall_document(wall: PaintedWall, number: int, simulation: Simulation) -> dict[str, Any]:
    """Plane and corners in the world with the setting that they come from."""
    return {
        "corners_world_m": wall.corners_world_m.round(9).tolist(),
        "normal_world": wall.normal_world.round(9).tolist(),
        "approach_world": wall.approach_world.round(9).tolist(),
        "number": number,
        **dataclasses.asdict(simulation.surfaces[number].config),
        "width_m": round(wall.width_m, 5),
        "height_m": round(wall.height_m, 5),
    }


def _write(simulation: Simulation, writer: BagWriter, channels: tuple[str, ...] | None, is_raw: bool) -> Iterator[int]:
    scenario = simulation.scenario
    optical = f"{scenario.camera.name}_optical"
    motion = _motion_messages(simulation)
    following = next(motion)
    mounted = build.transforms(following[0], "base_link", optical, mounting(scenario.camera))
    _put(writer, (following[0], "/tf_static", mounted))
    for number in range(len(simulation)):
        frame = simulation.frame(number, truth=bool(channels))
        while following is not None and following[0] <= frame.stamp_ns:
            _put(writer, following)
            following = next(motion, None)
        for message in _camera_messages(simulation, frame, is_raw):
            _put(writer, message)
        if channels is not None:
            for message in _truth_messages(simulation, frame, channels):
                _put(writer, message)
        yield number
    while following is not None:
        _put(writer, following)
        following = next(motion, None)


def _camera_messages(simulation: Simulation, frame: SimulatedFrame, is_raw: bool) -> Iterator[Timed]:
    name = simulation.scenario.camera.name
    stamp, optical, topic = frame.stamp_ns, f"{name}_optical", f"/camera/{name}"
    camera = simulation.calibration
    is_distorted = camera.distortion_model != "none"
    lens = (camera.distortion_model, tuple(camera.distortion)) if is_distorted else ()
    yield stamp, f"{topic}/camera_info", build.camera_info(stamp, optical, _calibration(simulation, *lens))
    if is_raw:
        yield stamp, f"{topic}/image_raw", build.image(stamp, optical, frame.picture)
    else:
        encoded = EncodedImage(simulation.camera.compress(frame.picture), "jpeg")
        yield stamp, f"{topic}/image_raw/compressed", build.compressed_image(stamp, optical, encoded)


def _truth_messages(simulation: Simulation, frame: SimulatedFrame, channels: tuple[str, ...]) -> Iterator[Timed]:
    name = simulation.scenario.camera.name
    stamp, optical, topic = frame.stamp_ns, f"{name}_optical", f"/ground_truth/{name}"
    yield stamp, f"{topic}/pose", build.pose_stamped(stamp, "world", frame.world_from_camera)
    yield stamp, "/ground_truth/speed", build.speed_stamped(stamp, frame.speed_mps)
    yield stamp, f"{topic}/camera_info", build.camera_info(stamp, optical, _calibration(simulation))
    for channel in channels if frame.truth is not None else ():
        yield stamp, f"{topic}/{channel}", build.image(stamp, optical, CHANNELS[channel](frame.truth))


def _motion_messages(simulation: Simulation) -> Iterator[Timed]:
    """Odometry, its transform, IMU and clock in the order of their stamps."""
    drive, seed = simulation.scenario.drive, simulation.scenario.seed
    motion = simulation.plan.motion

    def odometry() -> Iterator[Timed]:
        for reading in odometry_readings(motion, drive.odometry, seed):
            stamp = simulation.stamp_ns(reading.time_s)
            sample = OdometrySample(stamp, reading.odom_from_base, reading.linear_mps, reading.angular_rps)
            yield stamp, "/odometry", build.odometry(sample, reading.pose_variance, reading.twist_variance)
            yield stamp, "/tf", build.transforms(stamp, "odom", "base_link", reading.odom_from_base)

    def imu() -> Iterator[Timed]:
        for reading in imu_readings(motion, drive.imu, seed):
            stamp = simulation.stamp_ns(reading.time_s)
            values = (reading.angular_rps, reading.force_mps2, reading.angular_variance, reading.force_variance)
            yield stamp, "/imu", build.imu(stamp, "base_link", *values)

    def clock() -> Iterator[Timed]:
        for number in range(int(motion.duration_s * CLOCK_HZ) + 1):
            stamp = simulation.stamp_ns(number / CLOCK_HZ)
            yield stamp, "/clock", build.clock(stamp)

    return heapq.merge(odometry(), imu(), clock(), key=lambda item: item[0])


def _calibration(simulation: Simulation, *lens: Any) -> Calibration:
    """Of the delivered picture with its lens, of the pinhole camera without."""
    camera = simulation.calibration
    k = camera.intrinsics
    focal, principal = (float(k[0, 0]), float(k[1, 1])), (float(k[0, 2]), float(k[1, 2]))
    return Calibration(camera.width, camera.height, focal, principal, *lens)


def _put(writer: BagWriter, item: Timed) -> None:
    stamp_ns, topic, value = item
    writer.write(topic, stamp_ns, serialize(value), value.__msgtype__)
