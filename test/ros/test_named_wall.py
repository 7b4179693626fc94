"""A wall that the network denies, in everything that the node says of it: nobody downstream may drive on."""

from __future__ import annotations

import math
from typing import Any

import foreign_messages
import numpy as np
import pytest
from foreign_messages import ObjectClassification as Label

from perception_fm.camera.model import CameraModel
from perception_fm.config import NodeConfig
from perception_fm.dense import DensePrediction, ModelState
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.ros.costmap import grid_message, marking_cloud
from perception_fm.ros.foreign_objects import autoware_objects
from perception_fm.ros.obstacle_scan import obstacle_scan
from perception_fm.ros.results import fake_wall_report, free_space, obstacle_array
from perception_fm.types import CameraFrame, PerceptionResult
from perception_fm_msgs.msg import FakeWallEvidence, FakeWallReport, Obstacle

WALL_M, CAMERA_M, HEIGHT_M = 15.0, 1.0, 1.4
CONFIG = NodeConfig()
CAMERA = CameraModel(480, 288, np.array([[400.0, 0.0, 239.5], [0.0, 400.0, 143.5], [0.0, 0.0, 1.0]]))
GRID = CameraModel(120, 72, np.array([[100.0, 0.0, 59.5], [0.0, 100.0, 35.5], [0.0, 0.0, 1.0]]))
MOUNTING = base_from_camera(HEIGHT_M, 0.0, forward_m=CAMERA_M)


class Believer:
    """A network that sees a flat road up to 80 m and sky, whatever stands there."""

    state = ModelState("believer", "test", "fp32", "0", ("depth", "label", "confidence"))
    depth_error = None

    def predict(self, images: Any, cameras: Any) -> tuple[DensePrediction, ...]:
        down = (np.arange(72) - 35.5) / 100.0
        depth = np.repeat(np.minimum(HEIGHT_M / np.maximum(down, 1e-3), 80.0)[:, None], 120, axis=1)
        label = np.where(depth < 80.0, 0, 10).astype(np.uint8)
        return (DensePrediction(GRID, depth.astype(np.float32), None, label, np.full(label.shape, 230, np.uint8)),)


def results(count: int, seen_until: int) -> list[PerceptionResult]:
    """A vehicle stands before the wall, which a LiDAR meets in the first frames; the network sees none in any."""
    rng = np.random.default_rng(0)
    y, z = np.mgrid[-3.0:3.01:0.2, 0.2:4.0:0.2]
    scan = RangeScan(np.column_stack([np.full(y.size, WALL_M), y.ravel(), z.ravel()]), 0.05)
    pipeline, found = PerceptionPipeline(CONFIG, Believer()), []
    for number in range(count):
        stamp = 1_000_000_000 + number * 100_000_000
        ego = EgoState(stamp, RigidTransform.identity(), 0.0, 0.0, True)
        image = rng.integers(40, 200, (288, 480), dtype=np.uint8)
        met = scan if number < seen_until else None
        found.append(pipeline.process(CameraFrame(stamp, "front_optical", image, CAMERA, MOUNTING, ego, met)))
    return found


@pytest.fixture(scope="module")
def named() -> PerceptionResult:
    """Half a second after the sensor went silent: only the network speaks, and says road."""
    return results(25, 20)[-1]


def test_the_report_says_fake_wall_where_and_why(named):
    report = fake_wall_report(named, CONFIG)
    assert report.state == FakeWallReport.FAKE_WALL
    assert report.distance_m == pytest.approx(WALL_M - CAMERA_M, abs=0.2)
    assert report.probability > 0.9
    assert report.obstacle_id >= 0
    assert math.isnan(report.ttc_s)  # nothing closes in at standstill
    np.testing.assert_allclose(report.plane, [-1.0, 0.0, 0.0, WALL_M], atol=0.2)
    assert len(report.polygon.points) == 4
    assert {one.cue for one in report.evidence} >= {FakeWallEvidence.CUE_RANGE, FakeWallEvidence.CUE_SEMANTICS}


def test_there_is_a_report_for_every_frame():
    states = [fake_wall_report(one, CONFIG).state for one in results(20, 20)]
    assert states[0] == FakeWallReport.UNVERIFIED
    assert states[-1] == FakeWallReport.FAKE_WALL
    assert states == sorted(states)  # suspicion, obstacle, name: none is taken back


def test_the_obstacle_carries_its_anomaly(named):
    (item,) = (one for one in obstacle_array(named, CONFIG).obstacles if one.is_confirmed)
    assert item.is_in_path
    assert item.provenance == Obstacle.PROVENANCE_RANGE
    assert item.anomaly_flags != Obstacle.ANOMALY_NONE
    assert item.anomaly_score == 1.0
    assert item.id == fake_wall_report(named, CONFIG).obstacle_id


def test_no_road_is_verified_beyond_it(named):
    assert free_space(named, CONFIG).verified_free_distance_m <= WALL_M - CAMERA_M + 0.2


def test_the_grid_holds_a_strip_as_wide_as_the_path_and_nothing_free_behind(named):
    message = grid_message(named, CONFIG)
    info = message.info
    cells = np.array(message.data, np.int8).reshape(info.height, info.width)
    row = int(-info.origin.position.y / info.resolution)
    column = int((WALL_M - info.origin.position.x) / info.resolution)
    half = int(0.5 * CONFIG.vehicle.width_m / info.resolution)
    assert (cells[row - half : row + half, column - 1 : column + 2] == 100).any(axis=1).all()
    assert not (cells[row - half : row + half, column + 2 :] == 0).any()
    assert (cells[row, : column - 4] == 0).any()  # before it the network's road counts


def test_the_marking_cloud_and_the_scan_hold_it(named):
    cloud = marking_cloud(named, CONFIG)
    points = np.frombuffer(cloud.data.tobytes(), np.float32).reshape(-1, 3)
    near = points[(np.abs(points[:, 0] - WALL_M) < 0.5) & (np.abs(points[:, 1]) < 1.0)]
    assert len(near) > 4
    assert near[:, 2].max() > 1.0
    scan = obstacle_scan(named, CONFIG)
    ahead = scan.ranges[round(-scan.angle_min / scan.angle_increment)]
    assert ahead == pytest.approx(WALL_M, abs=0.6)


def test_autoware_hears_of_a_hazard(named):
    labels = [
        one.classification[0].label
        for one in autoware_objects(named, CONFIG, foreign_messages.autoware).objects
        if abs(one.kinematics.pose_with_covariance.pose.position.x - WALL_M) < 1.0
    ]
    assert labels == [Label.HAZARD]
