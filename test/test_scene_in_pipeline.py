"""Network and motion together: what the pipeline makes of dense predictions, of one camera and of several."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig, SceneConfig
from perception_fm.dense import CITYSCAPES_CLASSES, DensePrediction, ModelState
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.scene.free_grid import FREE, OCCUPIED, UNKNOWN
from perception_fm.scene.free_sectors import Boundary
from perception_fm.scene.stage import SCALE_OFF
from perception_fm.types import CameraFrame, Mode, PathState, Provenance

WIDTH, HEIGHT, FOCAL_PX = 96, 56, 75.0
CAMERA = CameraModel(WIDTH, HEIGHT, np.array([[FOCAL_PX, 0.0, 47.5], [0.0, FOCAL_PX, 27.5], [0.0, 0.0, 1.0]]))
FRONT = base_from_camera(1.5, 0.06, forward_m=1.2)
BACK = base_from_camera(1.5, 0.06, forward_m=-0.8, yaw_rad=math.pi)
ROAD, CAR, SKY = (CITYSCAPES_CLASSES.index(name) for name in ("road", "car", "sky"))
START_NS, STEP_NS = 1_000_000_000, 100_000_000


class World:
    """A level road with a car ahead and one behind; the predictor knows which camera asks by the first pixel."""

    state = ModelState("exact", "test", "fp32", "0", ("depth", "label", "confidence"))

    def __init__(self, front_m: float = 20.0, back_m: float = 12.0, factor: float = 1.0) -> None:
        self.mountings = {0: FRONT, 1: BACK}
        self.cars = {key: [(front_m, front_m + 4.0), (-back_m - 4.0, -back_m)] for key in (0, 1)}
        self.factor = factor
        self.change = lambda dense: dense

    depth_error = None

    def unknown(self, camera: CameraModel) -> DensePrediction:
        nothing = np.full((HEIGHT, WIDTH), np.nan, np.float32)
        return DensePrediction(camera, nothing, nothing, np.full((HEIGHT, WIDTH), 255, np.uint8))

    def predict(self, images, cameras):
        return tuple(self.change(self._exact(int(image[0, 0, 0]))) for image in images)

    def _exact(self, number: int) -> DensePrediction:
        mounting = self.mountings[number]
        columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
        rays = np.stack([(columns - 47.5) / FOCAL_PX, (rows - 27.5) / FOCAL_PX, np.ones(columns.shape)], axis=-1)
        way, origin = rays @ mounting.rotation.T, mounting.translation_m
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(way[..., 2] < 0.0, -origin[2] / way[..., 2], np.inf)
            label = np.where(np.isfinite(depth), ROAD, SKY)
            for near, far in self.cars[number]:
                first, second = (([x, y, z] - origin) / way for x, y, z in ((near, -0.9, 0.0), (far, 0.9, 1.5)))
                enter, leave = np.minimum(first, second).max(axis=-1), np.maximum(first, second).min(axis=-1)
                is_hit = (enter <= leave) & (enter > 0.0) & (enter < depth)
                depth, label = np.where(is_hit, enter, depth), np.where(is_hit, CAR, label)
        depth = (self.factor * np.where(np.isfinite(depth), depth, np.nan)).astype(np.float32)
        confidence = np.full(depth.shape, 250, np.uint8)
        return DensePrediction(CAMERA, depth, depth * np.float32(0.02), label.astype(np.uint8), confidence)


def picture(number: int, step: int) -> np.ndarray:
    image = np.random.default_rng(step).integers(40, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[0, 0] = number
    return image


def frame(step: int, number: int = 0, late_ns: int = 0, speed_mps: float = 0.0, **changes) -> CameraFrame:
    stamp = START_NS + step * STEP_NS + late_ns
    x_m = speed_mps * (stamp - START_NS) * 1e-9
    ego = EgoState(stamp, RigidTransform(np.eye(3), np.array([x_m, 0.0, 0.0])), speed_mps, 0.0, True)
    known = {"base_from_camera": BACK if number else FRONT, "ego": ego}
    names = ("front_optical", "back_optical")
    return CameraFrame(stamp, names[number], picture(number, step), CAMERA, **(known | changes))


def run(pipeline: PerceptionPipeline, steps: int, *, is_both: bool = False, **changes):
    for step in range(steps):
        others = [frame(step, 1)] if is_both else []
        result = pipeline.process(frame(step, **changes), *others)
    return result


def at(result, x: float, y: float) -> int:
    column, row = np.floor((np.array([x, y]) - result.grid.origin_m) / result.grid.resolution_m).astype(int)
    return int(result.grid.cells[row, column])


def confirmed(result):
    return [item for item in result.obstacles if item.is_confirmed]


def test_one_frame_gives_points_sectors_grid_scale_and_obstacles():
    result = run(PerceptionPipeline(PerceptionConfig(), World()), 12)
    assert (at(result, 12.0, 0.1), at(result, 20.1, 0.1), at(result, 30.0, 0.1)) == (FREE, OCCUPIED, UNKNOWN)
    assert result.points.surface.shape == (HEIGHT, WIDTH)
    assert result.scale.ratio == pytest.approx(1.0, abs=0.03)
    ahead = int(np.argmin(np.abs(result.sectors.bearing_rad)))
    assert result.sectors.boundary[ahead] == Boundary.OBSTACLE
    assert result.sectors.free_m[ahead] == pytest.approx(20.0 - 1.2, abs=0.8)
    (car,) = confirmed(result)
    assert car.provenance is Provenance.LEARNED
    assert CITYSCAPES_CLASSES[car.class_id] == "car"
    assert car.distance_m == pytest.approx(18.8, abs=0.5)
    assert result.state is PathState.OBSTACLE
    assert result.cameras == ("front_optical",)
    assert {"scene_points", "scene_free_space", "scene_obstacles", "network", "total"} <= set(result.latency_ms)


def test_network_alone_verifies_nothing():
    """Standing still, motion has proved no road: the nearer of both limits is none."""
    far = World(front_m=200.0)
    result = run(PerceptionPipeline(PerceptionConfig(), far), 12)
    assert at(result, 12.0, 0.1) == FREE
    assert result.verified_free_distance_m == 0.0
    assert result.state is PathState.UNVERIFIED


@pytest.mark.parametrize("heads", [("depth",), ("label", "confidence"), ("normals",)])
def test_model_without_depth_or_classes_leaves_geometry(heads):
    world = World()
    world.state = dataclasses.replace(world.state, heads=heads)
    result = run(PerceptionPipeline(PerceptionConfig(), world), 3)
    assert result.points is None
    assert result.obstacles == ()
    assert not (result.grid.cells == FREE).any()


def test_untrained_model_says_nothing_about_the_scene():
    world = World()
    world.state = dataclasses.replace(world.state, is_trained=False)
    result = run(PerceptionPipeline(PerceptionConfig(), world), 3)
    assert result.points is None
    assert not (result.grid.cells == FREE).any()


def test_unknown_mounting_gives_no_grid():
    result = run(PerceptionPipeline(PerceptionConfig(), World()), 3, base_from_camera=None)
    assert result.grid is None
    assert result.sectors is None
    assert result.mode is Mode.UNTRUSTED


def test_scale_that_is_off_makes_the_output_untrusted_and_frees_nothing():
    result = run(PerceptionPipeline(PerceptionConfig(), World(factor=1.6)), 12)
    assert result.mode is Mode.UNTRUSTED
    assert any(reason.startswith(SCALE_OFF) for reason in result.reasons)
    assert not (result.grid.cells == FREE).any()
    assert result.scale.ratio == pytest.approx(1.6, rel=0.05)


def test_short_scale_leaves_free_space_short_and_boxes_where_they_are():
    ends = {}
    for stretches in (False, True):
        config = PerceptionConfig(scene=SceneConfig(corrects_scale=stretches))
        result = run(PerceptionPipeline(config, World(factor=0.87)), 12)
        (car,) = confirmed(result)
        assert car.distance_m == pytest.approx(18.8, abs=0.8)
        ends[stretches] = max(x for x in np.arange(2.0, 30.0, 0.25) if at(result, x, 0.1) == FREE)
    assert ends[True] < car.centre_base_m[0] - 0.5 * car.size_m[0]
    assert ends[False] == pytest.approx(0.87 * ends[True], abs=0.6)


def test_long_scale_is_corrected_unasked():
    (car,) = confirmed(run(PerceptionPipeline(PerceptionConfig(), World(factor=1.15)), 12))
    assert car.distance_m == pytest.approx(18.8, abs=0.8)


def test_two_cameras_share_one_grid_and_one_list():
    result = run(PerceptionPipeline(PerceptionConfig(), World()), 12, is_both=True)
    assert result.cameras == ("front_optical", "back_optical")
    assert at(result, 12.0, 0.1) == FREE
    assert at(result, -8.0, 0.1) == FREE
    assert at(result, -12.2, 0.1) == OCCUPIED
    ahead, behind = sorted(confirmed(result), key=lambda item: -item.centre_base_m[0])
    assert behind.centre_base_m[0] < -11.5
    assert ahead.is_in_path
    assert not behind.is_in_path
    assert np.ptp(result.sectors.bearing_rad) > math.radians(220.0)


def test_late_image_of_another_camera_is_moved_by_the_odometry():
    """At 20 m/s an image 40 ms earlier was taken 0.8 m further back."""
    world = World(front_m=200.0)
    pipeline = PerceptionPipeline(PerceptionConfig(), world)
    for step in range(8):
        rear = -12.0 - 2.0 * step
        world.cars[1] = [(rear - 4.0 + 0.8, rear + 0.8)]
        result = pipeline.process(frame(step, speed_mps=20.0), frame(step, 1, late_ns=-40_000_000, speed_mps=20.0))
    assert result.camera_spread_s == pytest.approx(0.04)
    behind = min(result.obstacles, key=lambda item: item.centre_base_m[0])
    assert behind.centre_base_m[0] + 0.5 * behind.size_m[0] == pytest.approx(rear, abs=0.4)


def test_blind_side_camera_is_named_and_does_not_blind_the_other():
    pipeline = PerceptionPipeline(PerceptionConfig(), World())
    for step in range(6):
        black = dataclasses.replace(frame(step, 1), image=np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        result = pipeline.process(frame(step), black)
    assert any("back_optical" in reason for reason in result.reasons)
    assert result.mode is Mode.DEGRADED
    assert at(result, 12.0, 0.1) == FREE
    assert at(result, -8.0, 0.1) == UNKNOWN


@pytest.mark.parametrize(
    "change",
    [
        lambda d: dataclasses.replace(d, depth_m=np.full_like(d.depth_m, np.nan)),
        lambda d: dataclasses.replace(d, depth_m=np.full_like(d.depth_m, 1e6)),
        lambda d: dataclasses.replace(d, depth_m=np.full_like(d.depth_m, 0.05)),
        lambda d: dataclasses.replace(d, label=np.full_like(d.label, CAR)),
        lambda d: dataclasses.replace(d, label=np.full_like(d.label, SKY)),
        lambda d: dataclasses.replace(d, label=np.full_like(d.label, 77)),
        lambda d: dataclasses.replace(d, confidence=np.zeros_like(d.confidence)),
    ],
)
def test_predictions_that_mean_nothing_free_nothing(change):
    world = World()
    world.change = change
    result = run(PerceptionPipeline(PerceptionConfig(), world), 4)
    assert not (result.grid.cells == FREE).any()
    assert (result.sectors.free_m == 0.0).all()


def test_all_road_is_free_and_still_not_verified():
    world = World()
    world.change = lambda d: dataclasses.replace(d, label=np.full_like(d.label, ROAD))
    result = run(PerceptionPipeline(PerceptionConfig(), world), 4)
    assert result.state is not PathState.FREE_VERIFIED


def test_ids_of_obstacles_are_never_used_twice():
    pipeline = PerceptionPipeline(PerceptionConfig(), World())
    first = {item.obstacle_id for item in run(pipeline, 5).obstacles}
    pipeline.reset()
    second = {item.obstacle_id for item in run(pipeline, 5).obstacles}
    assert first
    assert second
    assert first.isdisjoint(second)
