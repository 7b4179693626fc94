"""Where motion and network meet: what a bend may lead past ends the free road all the same."""

from __future__ import annotations

import numpy as np
import pytest

from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.camera.watch import WatchedFrame
from perception_fm.config import PerceptionConfig
from perception_fm.fusion import Fused, fuse
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.scene.free_grid import FREE, FreeSpaceGrid
from perception_fm.scene.stage import SceneReport
from perception_fm.scene.tracks import SceneTracks
from perception_fm.types import CameraFrame

MOUNTING = base_from_camera(1.5, 0.0)
CURVATURE_PER_M = 0.01
VERIFIED_M = 38.0


def watched() -> WatchedFrame:
    camera = CameraModel(640, 384, np.array([[500.0, 0.0, 319.5], [0.0, 500.0, 191.5], [0.0, 0.0, 1.0]]))
    gray = np.zeros((384, 640), np.uint8)
    return WatchedFrame(CameraFrame(1, "front_optical", gray, camera, MOUNTING), Rectifier(camera), gray, MOUNTING, ())


def fused(report: MotionReport, tracks: SceneTracks) -> Fused:
    seen = watched()
    frame = RectifiedFrame(1, seen.gray, seen.frame.camera.intrinsics, MOUNTING, None)
    scene = SceneReport(grid=all_free(), tracks=tracks)
    return fuse(report, scene, frame, [seen], RigidTransform.identity(), PerceptionConfig())


def all_free() -> FreeSpaceGrid:
    cells = np.full((400, 400), FREE, np.int8)
    return FreeSpaceGrid(
        cells, np.full(cells.shape, -3.0, np.float32), np.zeros(cells.shape, bool), 0.25, (-50.0, -50.0)
    )


def car_in_the_bend(distance_m: float) -> SceneTracks:
    """A confirmed car on a path that bends to the left; its middle is so far away along it."""
    odds = np.full((1, 20), 1e-3)
    odds[0, 13] = 5.0
    return SceneTracks(
        track_id=np.array([7]), state=np.array([[distance_m, 0.5 * CURVATURE_PER_M * distance_m**2, 0.0, 0.0]]),
        covariance=np.diag([0.04, 0.04, 0.01, 0.01])[None], size_m=np.array([[4.0, 1.8, 1.5]]),
        size_sigma_m=np.array([[0.4, 0.1, 0.1]]), yaw_rad=np.array([CURVATURE_PER_M * distance_m]),
        yaw_sigma_rad=np.array([0.1]), class_odds=odds, log_odds=np.array([4.0]), is_confirmed=np.array([True]),
        nearest_m=np.array([distance_m - 2.0]), unseen_s=np.zeros(1),
    )  # fmt: skip


@pytest.mark.parametrize(("sigma_per_m", "is_in_path"), [(0.0, True), (0.01, False)])
def test_free_road_ends_before_what_the_path_may_lead_past(sigma_per_m, is_in_path):
    path = PredictedPath(0.0, CURVATURE_PER_M, 0.95, curvature_sigma_per_m=sigma_per_m)
    report = MotionReport(path=path, verified_m=VERIFIED_M, speed_mps=10.0)
    assert fused(report, SceneTracks.none()).verified_m == pytest.approx(VERIFIED_M)
    found = fused(report, car_in_the_bend(25.0))
    (car,) = found.obstacles
    assert car.is_confirmed
    assert car.is_in_path is is_in_path
    assert 20.0 < car.distance_m < 23.5
    assert 20.0 < found.verified_m < 23.5
