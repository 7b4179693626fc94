"""Speed from the camera's height over the road."""

import math

import numpy as np
import pytest
from motion_scene import HEIGHT_M, INTRINSICS, SPEED_MPS, canyon, free_road

from perception_fm.config import TrackingConfig
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import base_from_camera
from perception_fm.motion.ego_views import EgoMotionStage, EgoViews
from perception_fm.motion.metric_scale import SPEED_SIGMA_SHARE, SpeedFromRoad, along_travel, mode_of_log
from perception_fm.motion.warp import GrayPyramid

ROAD = plane_from_mounting(base_from_camera(HEIGHT_M, 0.0))
STRAIGHT = PredictedPath(0.0, 0.0, 0.95)
BLANK = GrayPyramid.build(np.full((288, 480), 128, np.uint8), INTRINSICS)  # its pixels say nothing


def views(rays: np.ndarray, speed_mps: np.ndarray | float, window_s: float = 0.2) -> EgoViews:
    """Tracks that stream by as the flat road does at a speed."""
    count = len(rays)
    expansion = speed_mps * window_s * ROAD.inverse_depth(rays)
    return EgoViews(
        (), None, rays, rays, rays, expansion, np.full(count, 1e-4), np.full(count, window_s),
        np.zeros(count, np.intp), 0.1,
    )  # fmt: skip


def road_rays(count: int = 60) -> np.ndarray:
    """Rays to the lane between 5 and 14 m."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(5.0, 14.0, count)
    return np.column_stack([rng.uniform(-1.5, 1.5, count) / depth, HEIGHT_M / depth])


def test_speed_is_unknown_before_the_road_was_seen():
    assert math.isnan(SpeedFromRoad().speed_mps)


@pytest.mark.parametrize("speed_mps", [2.0, 12.0, 30.0])
def test_flowing_road_gives_the_speed(speed_mps):
    scale = SpeedFromRoad()
    scale.update(views(road_rays(), speed_mps), ROAD, STRAIGHT, 0.1, BLANK)
    assert scale.speed_mps == pytest.approx(speed_mps, rel=1e-9)


def test_height_scales_the_speed():
    """A camera believed 5% too high believes to be 5% too fast."""
    scale = SpeedFromRoad()
    wrong = plane_from_mounting(base_from_camera(1.05 * HEIGHT_M, 0.0))
    scale.update(views(road_rays(), 10.0), wrong, STRAIGHT, 0.1, BLANK)
    assert scale.speed_mps == pytest.approx(10.5, rel=1e-6)


def test_road_outvotes_what_stands_on_it():
    """Tracks on a nearer car side expand faster than the road behind it would."""
    rays = road_rays(60)
    speeds = np.full(60, 10.0)
    speeds[:24] = np.random.default_rng(1).uniform(12.0, 30.0, 24)
    scale = SpeedFromRoad()
    scale.update(views(rays, speeds), ROAD, STRAIGHT, 0.1, BLANK)
    assert scale.speed_mps == pytest.approx(10.0, rel=0.02)


def test_few_tracks_say_nothing():
    scale = SpeedFromRoad()
    scale.update(views(road_rays(7), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert math.isnan(scale.speed_mps)


def test_tracks_beside_the_lane_say_nothing():
    rays = road_rays()
    rays[:, 0] += 4.0 * rays[:, 1] / HEIGHT_M  # 4 m to the right
    scale = SpeedFromRoad()
    scale.update(views(rays, 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert math.isnan(scale.speed_mps)


def test_still_picture_says_nothing():
    """Expansions below three sigmas are no speed, not even a slow one."""
    scale = SpeedFromRoad()
    scale.update(views(road_rays(), 0.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert math.isnan(scale.speed_mps)


def test_new_speed_is_taken_over_within_a_second():
    scale = SpeedFromRoad()
    scale.update(views(road_rays(), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    for _ in range(3):
        scale.update(views(road_rays(), 5.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert scale.speed_mps == pytest.approx(5.0 + 5.0 * math.exp(-2.0), rel=1e-6)


def test_speed_that_is_not_seen_any_more_is_forgotten():
    """It may have changed by 8 m/s in a second of braking."""
    scale = SpeedFromRoad()
    scale.update(views(road_rays(), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    for _ in range(10):
        scale.update(views(road_rays(3), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert scale.speed_mps == pytest.approx(10.0)
    scale.update(views(road_rays(3), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    assert math.isnan(scale.speed_mps)


def test_reset_forgets_the_speed():
    scale = SpeedFromRoad()
    scale.update(views(road_rays(), 10.0), ROAD, STRAIGHT, 0.1, BLANK)
    scale.reset()
    assert math.isnan(scale.speed_mps)


def test_mode_is_the_crowd_and_not_the_mean():
    assert mode_of_log(np.array([10.0] * 10 + [100.0] * 9)) == pytest.approx(10.0)
    assert mode_of_log(np.array([3.0])) == pytest.approx(3.0)


@pytest.mark.parametrize("scene", [canyon(), free_road()], ids=["street", "open road"])
def test_rendered_road_gives_the_speed_within_its_sigma(scene):
    """No odometry at all: rotation, focus and speed from the pictures and the camera height."""
    stage, scale = EgoMotionStage(TrackingConfig()), SpeedFromRoad()
    for number in range(7):
        pyramid = GrayPyramid.build(scene.gray(number * 0.1 * SPEED_MPS), INTRINSICS)
        stamp_ns = round(number * 1e8)
        stage.track(pyramid.levels[0], stamp_ns)
        assumed = 1.0 if math.isnan(scale.speed_mps) else scale.speed_mps
        found = stage.views(pyramid, stamp_ns, None, scene.mounting, assumed, scene.plane.m)
        scale.update(found, scene.plane, scene.path, 0.1, pyramid)
    assert scale.speed_mps == pytest.approx(SPEED_MPS, rel=SPEED_SIGMA_SHARE)


def test_plane_follows_the_travel_and_keeps_its_height():
    """A camera that looks 3 degrees too far down, by its mounting, while the vehicle rolls along the road."""
    wrong = plane_from_mounting(base_from_camera(HEIGHT_M, math.radians(3.0)))
    level = along_travel(wrong, np.zeros(2))
    assert level.m == pytest.approx(ROAD.m, abs=1e-9)
