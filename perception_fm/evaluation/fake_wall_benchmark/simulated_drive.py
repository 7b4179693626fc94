"""Frames of a rendered scenario, straight from the renderer into the detectors: no bag lies between."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES
from perception_fm.evaluation.corridor import Swept
from perception_fm.evaluation.driven_truth import DrivenTruth
from perception_fm.evaluation.fake_wall_benchmark.bench_frame import BelievedScene, BenchFrame
from perception_fm.geometry.ego import EgoHistory
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.driving.drive_plan import mounting
from perception_fm.synth.driving.odometry_error import odometry_readings
from perception_fm.synth.render.frame import Truth, View
from perception_fm.synth.scenario.scenario import Scenario
from perception_fm.synth.simulation import SimulatedFrame, Simulation
from perception_fm.types import CameraFrame

FloatArray = NDArray[np.float64]

GRID_STRIDE = 4  # pixels per cell of a network's output, along each side
_TRUTH_STRIDE = 2  # of the pixels that say where something stands: half a metre is asked for
_ROAD, _BUILDING, _SKY = (CITYSCAPES_CLASSES.index(name) for name in ("road", "building", "sky"))
# A pictured point this far over the level of the wheels still counts as pictured road: kerbs, camber, a slight slope.
_ROAD_HEIGHT_M, _ROAD_SLOPE = 0.25, 0.03


def simulated_frames(scenario: Scenario, swept: Swept) -> Iterator[BenchFrame]:
    """All frames of a scenario in order. Raises `ConfigError` and `RenderError` as `Simulation` does."""
    simulation = Simulation(scenario)
    motion = simulation.plan.motion
    base_from_camera = mounting(scenario.camera)
    times = [simulation.frame_time_s(number) for number in range(len(simulation))]
    drive = DrivenTruth([motion.world_from_camera(time_s) for time_s in times], swept)
    ego = _Odometry(simulation)
    with simulation:
        for number in range(len(simulation)):
            frame = simulation.frame(number)
            assert frame.truth is not None
            wall = None if simulation.wall_in_way is None else frame.walls.get(simulation.wall_in_way)
            seen = _thinned(frame.truth, frame.truth_view)
            truth = drive.frame(number, frame.stamp_ns, frame.speed_mps, wall, *seen)
            ego.take_until(frame.time_s)
            shown = CameraFrame(
                frame.stamp_ns,
                f"{scenario.camera.name}_optical",
                _transmitted(simulation, frame),
                simulation.calibration,
                base_from_camera,
                ego.history.at(frame.stamp_ns),
            )
            yield BenchFrame(shown, truth, believed_scene(frame.truth, frame.truth_view, base_from_camera))


class _Odometry:
    """The scenario's odometry with its errors, heard in the order of its stamps: never a sample from the future."""

    def __init__(self, simulation: Simulation) -> None:
        drive, seed = simulation.scenario.drive, simulation.scenario.seed
        self._readings = iter(odometry_readings(simulation.plan.motion, drive.odometry, seed))
        self._next = next(self._readings, None)
        self._stamp_ns = simulation.stamp_ns
        self.history = EgoHistory()

    def take_until(self, time_s: float) -> None:
        """Everything with a stamp up to that of the image."""
        while self._next is not None and self._next.time_s <= time_s:
            one = self._next
            turn_rps = float(one.angular_rps[2])
            self.history.add_odometry(
                self._stamp_ns(one.time_s), one.odom_from_base, float(one.linear_mps[0]), turn_rps
            )
            self._next = next(self._readings, None)


def _transmitted(simulation: Simulation, frame: SimulatedFrame) -> NDArray[np.uint8]:
    """The picture (H, W, 3) as a bag would give it back, through the camera's JPEG."""
    encoded = np.frombuffer(simulation.camera.compress(frame.picture), np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)


def _thinned(truth: Truth, view: View) -> tuple[NDArray[np.float32], NDArray[np.uint8], FloatArray]:
    """Depth, label and intrinsics of every second pixel of every second row."""
    step = _TRUTH_STRIDE
    scale = np.diag([1.0 / step, 1.0 / step, 1.0])
    return truth.depth_m[::step, ::step], truth.label[::step, ::step], scale @ view.intrinsics


def believed_scene(truth: Truth, view: View, base_from_camera: RigidTransform) -> BelievedScene:
    """Pictured depth, and the class of what is pictured: sky, road where the pictured point lies on the level of the
    wheels, else a building. Elsewhere the true ones.
    """
    first, step = GRID_STRIDE // 2, GRID_STRIDE
    depth_m = np.ascontiguousarray(truth.depth_pictured_m[first::step, first::step])
    label = truth.label[first::step, first::step].copy()
    intrinsics = np.diag([1.0 / step, 1.0 / step, 1.0]) @ view.intrinsics
    intrinsics[:2, 2] -= first / step
    camera = CameraModel(depth_m.shape[1], depth_m.shape[0], intrinsics)
    rows, columns = np.nonzero(truth.painted[first::step, first::step])
    z = depth_m[rows, columns].astype(np.float64)
    is_sky = ~np.isfinite(z)
    z[is_sky] = 1.0
    rays = np.column_stack([columns, rows, np.ones(len(rows))]) @ np.linalg.inv(intrinsics).T
    height_m = base_from_camera.apply(rays * z[:, None])[:, 2]
    pictured = np.where(np.abs(height_m) < _ROAD_HEIGHT_M + _ROAD_SLOPE * z, _ROAD, _BUILDING)
    label[rows, columns] = np.where(is_sky, _SKY, pictured)
    return BelievedScene(camera, depth_m, label)
