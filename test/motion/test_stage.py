"""The motion stage frame by frame: which path, which road, what stands on it, and why it is blind."""

import math

import numpy as np
import pytest
from motion_scene import (
    GREY,
    HALF_WIDTH_M,
    INTRINSICS,
    SPEED_MPS,
    Scene,
    canyon,
    free_road,
    front_across,
    house_front,
    make_scene,
    noise_texture,
    ramp,
    road,
    wall,
)
from scipy.spatial.transform import Rotation

from perception_fm.config import PerceptionConfig
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.stage import MotionReport, MotionStage, RectifiedFrame
from perception_fm.types import ScaleSource

STEP_S = 0.1
STEP_M = SPEED_MPS * STEP_S
HOUSES = (house_front(noise_texture(3), 8.0), house_front(noise_texture(4), -8.0))


def frame_of(number: int, gray: np.ndarray, scene: Scene, ego: EgoState | None) -> RectifiedFrame:
    noise = np.random.default_rng(number).normal(0.0, 1.5, gray.shape)
    noisy = np.clip(gray + noise, 0, 255).astype(np.uint8)
    return RectifiedFrame(round(number * STEP_S * 1e9), noisy, INTRINSICS, scene.mounting, ego)


def ego_of(number: int, yaw_rate_rps: float = 0.0) -> EgoState:
    """An arc at constant speed."""
    yaw = yaw_rate_rps * number * STEP_S
    pose = RigidTransform(Rotation.from_euler("Z", yaw).as_matrix(), np.array([number * STEP_M, 0.0, 0.0]))
    return EgoState(round(number * STEP_S * 1e9), pose, SPEED_MPS, yaw_rate_rps, True)


def drive(scene: Scene, frames: int, stage: MotionStage | None = None) -> list[MotionReport]:
    """Straight ahead at 12 m/s from x = 0."""
    worker = stage or MotionStage(PerceptionConfig())
    return [
        worker.update(frame_of(number, scene.gray(number * STEP_M), scene, ego_of(number))) for number in range(frames)
    ]


def is_confirmed(report: MotionReport) -> bool:
    return any(track.is_confirmed for track in report.tracks)


@pytest.fixture(scope="module")
def free() -> list[MotionReport]:
    return drive(canyon(), 10)


@pytest.mark.parametrize(("speed_mps", "farthest_m"), [(12.0, 100.0), (28.0, 140.0), (45.0, 150.0)])
def test_fast_vehicles_look_farther(speed_mps, farthest_m):
    stage, scene, report = MotionStage(PerceptionConfig()), canyon(), None
    for number in range(4):
        x_m = number * STEP_S * speed_mps
        pose = RigidTransform(np.eye(3), np.array([x_m, 0.0, 0.0]))
        ego = EgoState(round(number * STEP_S * 1e9), pose, speed_mps, 0.0, True)
        report = stage.update(frame_of(number, scene.gray(x_m), scene, ego))
    assert report.sweep.distance_m[-1] == pytest.approx(farthest_m, rel=0.06)  # boxes are 6% apart


def test_textured_road_is_verified(free):
    assert free[-1].verified_m > 15.0
    assert free[-1].sweep is not None
    assert free[-1].sweep.is_free.any()
    assert not any(is_confirmed(report) for report in free)


def test_odometer_counts_the_travelled_way(free):
    assert free[-1].odometer_m == pytest.approx(9 * STEP_M)


def test_road_without_texture_is_never_verified():
    for report in drive(make_scene(road(GREY), *HOUSES), 10):
        assert report.verified_m == 0.0
        assert not is_confirmed(report)


def test_ramp_is_no_obstacle():
    """The road rises by 6 degrees from x = 30 m on: at most as far as there is it the flat road."""
    reports = drive(make_scene(road(noise_texture(1)), ramp(noise_texture(5), 30.0, math.radians(6.0))), 14)
    assert not any(is_confirmed(report) for report in reports)


def test_crest_is_no_obstacle_and_hides_what_is_not_verified():
    """The road falls by 8% from x = 25 m on, out of sight until the camera is 17.5 m before it, then seen over it."""
    falling = ramp(noise_texture(5), 25.0, -math.atan(0.08))
    reports = drive(make_scene(road(noise_texture(1), length_m=45.0), falling, *HOUSES), 17)
    assert not any(is_confirmed(report) for report in reports)
    assert max(report.verified_m for report in reports) > 15.0
    for number, report in enumerate(reports[:7]):
        assert report.verified_m < 25.0 - number * STEP_M


def test_front_beyond_a_bend_is_no_obstacle():
    """A bend to the left, 60 m of radius; 45 m straight ahead of where it begins a front that ends 14 m beside it."""
    scene = make_scene(road(noise_texture(1)), front_across(noise_texture(2), 45.0, 6.0))
    stage, radius_m, verified_m = MotionStage(PerceptionConfig()), 60.0, []
    for number in range(22):
        yaw = number * STEP_M / radius_m
        place_m = radius_m * np.array([math.sin(yaw), 1.0 - math.cos(yaw), 0.0])
        pose = RigidTransform(Rotation.from_euler("Z", yaw).as_matrix(), place_m)
        ego = EgoState(round(number * STEP_S * 1e9), pose, SPEED_MPS, SPEED_MPS / radius_m, True)
        report = stage.update(frame_of(number, scene.gray_from(pose), scene, ego))
        assert not is_confirmed(report)
        verified_m.append(report.verified_m)
    assert max(verified_m) > 20.0


def test_vehicle_ahead_at_our_own_speed_is_no_obstacle_and_no_free_road():
    """It stays 14 m ahead and 1.95 m wide: nothing closes in, and behind it nothing is proven."""
    stage, odometer_m = MotionStage(PerceptionConfig()), 0.0
    for number in range(12):
        odometer_m = number * STEP_M
        scene = make_scene(road(noise_texture(1)), *HOUSES, wall(noise_texture(2), odometer_m + 14.0, 1.95, 2.0))
        report = stage.update(frame_of(number, scene.gray(odometer_m), scene, ego_of(number)))
        assert not is_confirmed(report)
        assert report.verified_m < 14.0


def test_blank_wall_is_no_free_road():
    """It offers nothing to judge, so it is unknown; the road is verified up to it at most."""
    scene = make_scene(road(noise_texture(1)), wall(GREY, 30.0, width_m=40.0, height_m=20.0))
    for number, report in enumerate(drive(scene, 16)):
        assert report.verified_m < 30.0 - number * STEP_M


def test_verified_road_ends_before_what_is_only_suspected(monkeypatch):
    """Even if every strip claimed to be road, it would not be free beyond an obstacle that is not confirmed yet."""
    scene = make_scene(road(noise_texture(1)), *HOUSES, wall(noise_texture(2), 30.0))

    def all_road(_current, _aligned, _path, distance_m, _least_height_m):
        return np.full((len(distance_m), COLUMNS), 6.0)

    monkeypatch.setattr("perception_fm.motion.stage.road_strips", all_road)
    stage, suspected = MotionStage(PerceptionConfig()), 0
    for number in range(6):
        odometer_m = number * STEP_M
        report = stage.update(frame_of(number, scene.gray(odometer_m), scene, ego_of(number)))
        strong = [track.distance_m(odometer_m) for track in report.tracks if track.log_ratio >= 3.0]
        suspected += bool(strong) and not is_confirmed(report)
        assert report.verified_m <= min(strong, default=math.inf)
    assert suspected
    assert report.verified_m == pytest.approx(30.0 - odometer_m, rel=0.15)


def test_straight_drive_has_a_straight_path(free):
    path = free[-1].path
    assert path is not None
    assert path.curvature_per_m == 0.0
    assert path.heading == pytest.approx(0.0, abs=math.radians(0.5))
    assert path.half_width_m == pytest.approx(0.95)


@pytest.mark.parametrize("yaw_rate_rps", [0.2, -0.2])
def test_turning_bends_the_path_to_the_same_side(yaw_rate_rps):
    stage, gray = MotionStage(PerceptionConfig()), canyon().gray(0.0)
    for number in range(30):
        report = stage.update(frame_of(number, gray, canyon(), ego_of(number, yaw_rate_rps)))
    assert report.path is not None
    # Three time constants, less 0.3 degrees/s that count as gyro noise.
    expected = math.copysign(0.2 - math.radians(0.3), yaw_rate_rps) / SPEED_MPS
    assert report.path.curvature_per_m == pytest.approx(expected, rel=0.06)


def test_gyro_noise_does_not_bend_the_path():
    stage = MotionStage(PerceptionConfig())
    for number in range(10):
        ego = ego_of(number, math.radians(0.25))
        report = stage.update(frame_of(number, canyon().gray(number * STEP_M), canyon(), ego))
    assert report.path is not None
    assert report.path.curvature_per_m == 0.0


@pytest.mark.parametrize(("speed_mps", "reason"), [(0.0, "standing still"), (-3.0, "reversing")])
def test_blindness_is_named(speed_mps, reason):
    stage, gray = MotionStage(PerceptionConfig()), canyon().gray(0.0)
    for number in range(7):
        x_m = speed_mps * number * STEP_S
        ego = EgoState(0, RigidTransform(np.eye(3), np.array([x_m, 0.0, 0.0])), speed_mps, 0.0, True)
        report = stage.update(frame_of(number, gray, canyon(), ego))
        assert report.reasons == [reason]
        assert report.verified_m == 0.0


def test_unknown_mounting_is_named_and_says_nothing():
    frame = frame_of(0, canyon().gray(0.0), canyon(), ego_of(0))
    blind = RectifiedFrame(frame.stamp_ns, frame.gray, frame.intrinsics, None, frame.ego)
    report = MotionStage(PerceptionConfig()).update(blind)
    assert report.reasons == ["camera mounting unknown"]
    assert (report.verified_m, report.tracks, report.path, report.road) == (0.0, (), None, None)


def test_scale_is_unknown_before_road_or_odometry_gave_it():
    stage = MotionStage(PerceptionConfig())
    report = stage.update(frame_of(0, canyon().gray(0.0), canyon(), None))
    assert report.scale_source is ScaleSource.NONE
    assert math.isnan(report.speed_mps)
    assert "no odometry" in report.reasons


def test_useless_picture_keeps_obstacles_and_drops_free_road():
    scene = make_scene(road(noise_texture(1)), *HOUSES, wall(noise_texture(2), 30.0))
    stage = MotionStage(PerceptionConfig())
    seen = drive(scene, 10, stage)
    assert is_confirmed(seen[-1])
    blind = stage.blind(frame_of(10, np.zeros((288, 480), np.uint8), scene, ego_of(10)))
    assert blind.verified_m == 0.0
    assert [track.track_id for track in blind.tracks] == [track.track_id for track in seen[-1].tracks]
    distance_m = min(track.distance_m(blind.odometer_m) for track in blind.tracks if track.is_confirmed)
    assert distance_m == pytest.approx(30.0 - 10 * STEP_M, rel=0.05)


def test_reset_forgets_everything(free):
    stage = MotionStage(PerceptionConfig())
    drive(canyon(), 6, stage)
    stage.reset()
    again = drive(canyon(), 10, stage)
    assert [report.verified_m for report in again] == [report.verified_m for report in free]
    assert again[0].reasons == ["warming up"]


def test_entering_a_bend_makes_the_far_path_uncertain():
    """The curvature follows the wheels with a second's delay; until then what it leaves out is the path's sigma."""
    scene, stage = free_road(), MotionStage(PerceptionConfig())
    for number in range(4):
        report = stage.update(frame_of(number, scene.gray(1.2 * number), scene, ego_of(number)))
    assert report.path is not None
    assert report.path.lateral_sigma_m(np.array([60.0]))[0] < 0.1
    for number in range(4, 7):
        report = stage.update(frame_of(number, scene.gray(1.2 * number), scene, ego_of(number, 0.15)))
    assert report.path is not None
    assert report.path.lateral_sigma_m(np.array([40.0]))[0] > HALF_WIDTH_M
    assert report.path.lateral_sigma_m(np.array([8.0]))[0] < HALF_WIDTH_M
