"""The whole pipeline at standstill before a painted wall, with a range sensor; and on the way to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from test_pipeline import (
    DRIVE,
    STEP_M,
    WALL_M,
    Believer,
    Images,
    camera_at,
    confirmed,
    frame,
    noisy_copies,
    odometry,
    photographs,
)

from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction
from perception_fm.fakewall.finding import Anomaly
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.scene.free_grid import FREE, OCCUPIED
from perception_fm.synth.planar.drive import SyntheticDrive
from perception_fm.types import PathState, PerceptionResult, Provenance

STANDS_AT_M = 40.0
AHEAD_M = WALL_M - STANDS_AT_M


def face_at(ahead_m: float) -> RangeScan:
    """What a LiDAR meets of the wall, base frame."""
    y, z = np.mgrid[-2.0:2.01:0.2, 0.2:4.0:0.2]
    return RangeScan(np.column_stack([np.full(y.size, ahead_m), y.ravel(), z.ravel()]), 0.05)


@pytest.fixture(scope="module")
def still_images() -> Images:
    (image,) = photographs(SyntheticDrive.build(DRIVE), [camera_at(STANDS_AT_M)])
    return noisy_copies(image, 20)


def standing(images: Images, network: Any = None, scan: RangeScan | None = None) -> list[PerceptionResult]:
    pipeline = PerceptionPipeline(PerceptionConfig(), network)
    results = []
    for number, image in enumerate(images):
        ego = odometry(number, STANDS_AT_M, 0.0)
        results.append(pipeline.process(frame(number, image, ego=ego, range_scan=scan)))
    return results


class Sees(Believer):
    """A network that sees the wall where it stands."""

    def predict(self, images, cameras):
        (believed,) = super().predict(images, cameras)
        building = np.full_like(believed.label, 2)
        depth = np.minimum(believed.depth_m, np.float32(AHEAD_M))
        return (DensePrediction(believed.camera, depth, None, building, believed.confidence),)


def test_nothing_is_known_at_standstill_without_a_range(still_images):
    assert {result.state for result in standing(still_images, Believer())} == {PathState.UNVERIFIED}


def test_a_range_that_the_network_denies_is_a_fake_wall_at_standstill(still_images):
    results = standing(still_images, Believer(), face_at(AHEAD_M))
    last = results[-1]
    assert last.state is PathState.FAKE_WALL
    assert last.verified_free_distance_m <= AHEAD_M
    (wall,) = (item for item in last.obstacles if item.is_confirmed)
    assert wall.provenance is Provenance.RANGE
    assert wall.anomaly_flags & Anomaly.RANGE_CONTRADICTION
    assert wall.anomaly_score == 1.0
    assert wall.distance_m == pytest.approx(AHEAD_M, abs=0.2)
    assert last.fake_wall.obstacle_id == wall.obstacle_id


def test_a_range_alone_is_an_obstacle_and_ends_the_verified_road(still_images):
    last = standing(still_images, None, face_at(AHEAD_M))[-1]
    assert last.state is PathState.OBSTACLE
    assert confirmed(last) == pytest.approx([AHEAD_M], abs=0.2)
    assert last.verified_free_distance_m <= AHEAD_M


def test_the_grid_is_occupied_where_the_range_was_met_and_nothing_behind_is_free(still_images):
    last = standing(still_images, Believer(), face_at(AHEAD_M))[-1]
    grid = last.grid
    column = int((AHEAD_M - grid.origin_m[0]) / grid.resolution_m)
    row = int((0.0 - grid.origin_m[1]) / grid.resolution_m)
    assert (grid.cells[row - 3 : row + 4, column - 1 : column + 2] == OCCUPIED).any(axis=1).all()
    assert not (grid.cells[row, column + 1 :] == FREE).any()


def test_a_wall_that_the_network_sees_too_is_an_obstacle(still_images):
    states = [result.state for result in standing(still_images, Sees(), face_at(AHEAD_M))]
    assert states[-1] is PathState.OBSTACLE
    assert PathState.FAKE_WALL not in states


def test_a_suspicion_already_ends_the_road_that_motion_has_verified():
    """The street is free to the eye; the range sensor has met something twice."""
    street = SyntheticDrive.build(dataclasses.replace(DRIVE, has_wall=False))
    images = photographs(street, [camera_at(number * STEP_M) for number in range(14)])
    pipeline = PerceptionPipeline(PerceptionConfig())
    verified = []
    for number, image in enumerate(images):
        scan = face_at(22.0 - number * STEP_M) if number >= 12 else None
        verified.append(pipeline.process(frame(number, image, range_scan=scan)))
    assert verified[11].verified_free_distance_m > 15.0
    assert verified[13].verified_free_distance_m == pytest.approx(22.0 - 13 * STEP_M, abs=0.3)
    assert verified[13].state is not PathState.OBSTACLE  # not confirmed yet


def test_what_motion_and_range_have_seen_is_one_obstacle():
    images = photographs(SyntheticDrive.build(DRIVE), [camera_at(number * STEP_M) for number in range(20, 37)])
    pipeline = PerceptionPipeline(PerceptionConfig(), Believer())
    for number, image in enumerate(images, start=20):
        scan = face_at(WALL_M - number * STEP_M)
        result = pipeline.process(frame(number, image, range_scan=scan))
    assert result.state is PathState.FAKE_WALL
    (wall,) = (item for item in result.obstacles if item.is_confirmed and item.is_in_path)
    assert wall.provenance is Provenance.MOTION


def test_a_reset_forgets_what_the_range_has_confirmed(still_images):
    pipeline = PerceptionPipeline(PerceptionConfig())
    for number, image in enumerate(still_images):
        ego = odometry(number, STANDS_AT_M, 0.0)
        result = pipeline.process(frame(number, image, ego=ego, range_scan=face_at(AHEAD_M)))
    assert result.state is PathState.OBSTACLE
    pipeline.reset()
    ego = odometry(30, STANDS_AT_M, 0.0)
    assert pipeline.process(frame(30, still_images[0], ego=ego)).state is PathState.UNVERIFIED
