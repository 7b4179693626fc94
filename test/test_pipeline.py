"""The whole geometry-only pipeline on a rendered street: free, with a painted wall, and with every input that may fail.

A constant 12 m/s at 10 Hz, 480x288 pixels, f = 400 px. The wall stands at x = 55 m; its print matches from 45 m.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_fm.camera.model import CameraModel
from perception_fm.config import PerceptionConfig, TrackingConfig
from perception_fm.dense import CITYSCAPES_CLASSES, DensePrediction, ModelState
from perception_fm.errors import ImageError, PerceptionError
from perception_fm.fakewall.finding import Anomaly
from perception_fm.frame_result import stopping_distance_m
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.pipeline import PerceptionPipeline
from perception_fm.synth.planar.drive import DriveConfig, PlannedDrive, SyntheticDrive
from perception_fm.types import CameraFrame, Mode, PathState, PerceptionResult, ScaleSource

SPEED_MPS, STEP_S, START_NS = 12.0, 0.1, 1_000_000_000
STEP_M = SPEED_MPS * STEP_S
WALL_M = 55.0
DRIVE = DriveConfig(
    seed=0,
    width_px=480,
    height_px=288,
    focal_px=400.0,
    travel_m=51.0,
    stop_before_wall_m=WALL_M - 51.0,
    sweet_spot_m=45.0,
    weave_m=0.0,
    bounce_rad=0.0,
)
MOUNTING = base_from_camera(DRIVE.camera_height_m, DRIVE.camera_pitch_rad)
CAMERA = CameraModel(480, 288, np.array([[400.0, 0.0, 239.5], [0.0, 400.0, 143.5], [0.0, 0.0, 1.0]]))
Images = list[np.ndarray]


def photographs(drive: SyntheticDrive, poses: Sequence[RigidTransform]) -> Images:
    """Pictures with sensor noise from camera poses in the world."""
    plan = PlannedDrive(tuple(range(len(poses))), (0.0,) * len(poses), tuple(poses))
    posed = dataclasses.replace(drive, plan=plan)
    return [posed.photograph(posed.render(number).image, number) for number in range(len(poses))]


def camera_at(x_m: float) -> RigidTransform:
    return RigidTransform(MOUNTING.rotation, MOUNTING.translation_m + np.array([x_m, 0.0, 0.0]))


def cruise(count: int) -> list[RigidTransform]:
    return [camera_at(number * STEP_M) for number in range(count)]


@pytest.fixture(scope="module")
def street() -> SyntheticDrive:
    return SyntheticDrive.build(dataclasses.replace(DRIVE, has_wall=False))


@pytest.fixture(scope="module")
def free_images(street) -> Images:
    return photographs(street, cruise(22))


@pytest.fixture(scope="module")
def wall_images() -> Images:
    """From 55 m to 9.4 m before the wall."""
    return photographs(SyntheticDrive.build(DRIVE), cruise(39))


def stamp_of(number: int) -> int:
    return START_NS + round(number * STEP_S * 1e9)


def odometry(number: int, x_m: float | None = None, speed_mps: float = SPEED_MPS) -> EgoState:
    """The pose at a frame of the cruise, or at `x_m`."""
    x = number * STEP_M if x_m is None else x_m
    return EgoState(stamp_of(number), RigidTransform(np.eye(3), np.array([x, 0.0, 0.0])), speed_mps, 0.0, True)


def frame(number: int, image: np.ndarray, **changes: Any) -> CameraFrame:
    """Frame of the cruise with everything known."""
    known = {"base_from_camera": MOUNTING, "ego": odometry(number), "camera": CAMERA, "stamp_ns": stamp_of(number)}
    return CameraFrame(frame_id="front_optical", image=image, **(known | changes))


def run(images: Images, pipeline: PerceptionPipeline | None = None, **changes: Any) -> list[PerceptionResult]:
    worker = pipeline or PerceptionPipeline(PerceptionConfig())
    return [worker.process(frame(number, image, **changes)) for number, image in enumerate(images)]


@pytest.fixture(scope="module")
def free_results(free_images) -> list[PerceptionResult]:
    return run(free_images)


@pytest.fixture(scope="module")
def wall_results(wall_images) -> list[PerceptionResult]:
    return run(wall_images)


def confirmed(result: PerceptionResult) -> list[float]:
    """Distances of confirmed obstacles."""
    return [obstacle.distance_m for obstacle in result.obstacles if obstacle.is_confirmed]


def ground_contacts(results: list[PerceptionResult]) -> np.ndarray:
    """Ground distance, its sigma and the true distance (3, N) of the confirmed wall from 25 m on."""
    rows = [
        (o.ground_distance_m, o.ground_distance_sigma_m, WALL_M - number * STEP_M)
        for number, result in enumerate(results[25:], start=25)
        for o in result.obstacles
        if o.is_confirmed and math.isfinite(o.ground_distance_m)
    ]
    assert len(rows) > 5
    return np.array(rows).T


def noisy_copies(image: np.ndarray, count: int) -> Images:
    """What a sensor that stands still sees: the same scene, new noise."""
    rng = np.random.default_rng(7)
    return [np.clip(image + rng.normal(0.0, 1.5, image.shape), 0, 255).astype(np.uint8) for _ in range(count)]


def fingerprint(result: PerceptionResult) -> tuple[Any, ...]:
    """Everything that a run decides, latencies aside."""
    obstacles = [(o.obstacle_id, o.is_confirmed, o.distance_m, o.ttc_s, o.distance_sigma_m) for o in result.obstacles]
    return (result.state, result.verified_free_distance_m, result.speed_mps, result.reasons, str(obstacles))


class TestFreeStreet:
    def test_free_street_is_verified_without_an_obstacle(self, free_results):
        states = [result.state for result in free_results]
        assert all(state is PathState.FREE_VERIFIED for state in states[5:])  # half a second to look
        assert not any(confirmed(result) for result in free_results)

    def test_verified_road_reaches_beyond_braking(self, free_results):
        assert stopping_distance_m(SPEED_MPS) == pytest.approx(12.0**2 / 12.0 + 6.0)
        for result in free_results:
            if result.state is PathState.FREE_VERIFIED:
                assert result.verified_free_distance_m >= stopping_distance_m(SPEED_MPS)
        assert np.median([result.verified_free_distance_m for result in free_results[5:]]) > 22.0

    def test_first_frame_is_unverified(self, free_results):
        assert free_results[0].state is PathState.UNVERIFIED
        assert free_results[0].reasons == ("warming up",)
        assert free_results[0].verified_free_distance_m == 0.0

    def test_nothing_is_missing_in_a_nominal_drive(self, free_results):
        for result in free_results[5:]:
            assert result.reasons == ()
            assert result.mode is Mode.NOMINAL
            assert result.scale_source is ScaleSource.ODOMETRY
            assert result.speed_mps == SPEED_MPS

    def test_road_is_measured_where_it_is(self, free_results):
        road = free_results[-1].road
        assert road is not None
        assert road.is_measured
        assert road.height_m == pytest.approx(DRIVE.camera_height_m, rel=0.03)
        assert road.pitch_rad == pytest.approx(DRIVE.camera_pitch_rad, abs=math.radians(0.4))

    def test_focus_of_expansion_is_straight_ahead(self, free_results):
        focus = free_results[-1].focus_of_expansion
        # A level drive with the camera 0.02 rad down sees it 0.02 above the centre.
        np.testing.assert_allclose(focus, (0.0, -math.tan(0.02)), atol=math.radians(0.4))

    def test_stamp_and_frame_are_carried(self, free_results):
        assert [result.stamp_ns for result in free_results] == [stamp_of(i) for i in range(len(free_results))]
        assert {result.frame_id for result in free_results} == {"front_optical"}

    def test_latencies_are_named(self, free_results):
        names = set(free_results[-1].latency_ms)
        assert {"rectify", "track", "ego", "road", "sweep", "obstacles", "free_space", "total"} <= names

    def test_tracks_end_in_the_picture(self, free_results):
        motion = free_results[-1].motion
        assert motion is not None
        assert len(motion) > 50
        assert ((motion.pixels_current >= 0.0) & (motion.pixels_current < (480.0, 288.0))).all()

    def test_grey_images_give_the_same(self, free_images, free_results):
        grey = run([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in free_images[:8]])
        assert [fingerprint(result) for result in grey] == [fingerprint(result) for result in free_results[:8]]

    def test_same_frames_give_the_same_results(self, free_images, free_results):
        again = run(free_images)
        assert [fingerprint(result) for result in again] == [fingerprint(result) for result in free_results]

    def test_input_image_is_not_changed(self, free_images):
        before = [image.copy() for image in free_images[:4]]
        run(free_images[:4])
        assert all((one == other).all() for one, other in zip(before, free_images))


class TestPaintedWall:
    def test_painted_wall_is_confirmed_where_it_stands(self, wall_results):
        first = next(number for number, result in enumerate(wall_results) if confirmed(result))
        assert WALL_M - first * STEP_M > 24.0  # half a second before the 18 m of braking
        for number, result in enumerate(wall_results[first:], start=first):
            assert result.state is PathState.OBSTACLE, f"lost at {WALL_M - number * STEP_M:.1f} m"
            assert min(confirmed(result)) == pytest.approx(WALL_M - number * STEP_M, rel=0.1)

    def test_distance_is_as_certain_as_it_says(self, wall_results):
        scores = [
            (obstacle.distance_m - (WALL_M - number * STEP_M)) / obstacle.distance_sigma_m
            for number, result in enumerate(wall_results)
            for obstacle in result.obstacles
            if obstacle.is_confirmed
        ]
        assert np.abs(scores).max() < 3.5
        assert np.sqrt(np.mean(np.square(scores))) < 2.0

    def test_time_to_contact(self, wall_results):
        for number, result in enumerate(wall_results):
            for obstacle in result.obstacles:
                if obstacle.is_confirmed:
                    assert obstacle.ttc_s == pytest.approx((WALL_M - number * STEP_M) / SPEED_MPS, rel=0.12)

    def test_wall_keeps_its_id(self, wall_results):
        ids = {o.obstacle_id for result in wall_results for o in result.obstacles if o.is_confirmed}
        assert len(ids) == 1

    def test_road_is_never_verified_beyond_the_wall(self, wall_results):
        for number, result in enumerate(wall_results):
            assert result.verified_free_distance_m < WALL_M - number * STEP_M
            if result.sweep is not None:
                free = result.sweep.distance_m[result.sweep.is_free]
                assert free.max(initial=0.0) < WALL_M - number * STEP_M

    def test_verified_road_ends_before_a_confirmed_obstacle(self, wall_results):
        for result in wall_results:
            assert all(result.verified_free_distance_m <= distance for distance in confirmed(result))

    def test_wall_is_upright_and_as_wide_as_the_path(self, wall_results):
        (wall,) = (o for o in wall_results[30].obstacles if o.is_confirmed)
        assert wall.slope_rad > math.radians(60.0)
        assert wall.size_m[1] == pytest.approx(1.9)
        assert wall.existence_probability > 0.999

    def test_wall_in_base_coordinates(self, wall_results):
        (wall,) = (o for o in wall_results[30].obstacles if o.is_confirmed)
        distance = WALL_M - 30 * STEP_M
        assert wall.centre_base_m[0] == pytest.approx(distance, rel=0.1)  # the camera is above base_link
        assert abs(wall.centre_base_m[1]) < 0.3  # heading noise of 0.5 degrees at 19 m is 0.17 m
        # Half its height; the road's pitch, known to 0.4 degrees, lifts or lowers its foot.
        foot = wall.centre_base_m[2] - 0.5 * wall.size_m[2]
        assert abs(foot) < distance * math.radians(0.6)

    def test_ground_contact_agrees(self, wall_results):
        measured, _, distance = ground_contacts(wall_results)
        # Camera height and pitch, without speed: 0.4 degrees at 20 m are 10%, beside one patch row of 2.5%.
        assert abs(np.median(measured / distance) - 1.0) < 0.15
        assert np.abs(measured / distance - 1.0).max() < 0.25

    def test_ground_contact_is_as_certain_as_it_says(self, wall_results):
        measured, sigma, distance = ground_contacts(wall_results)
        assert np.sqrt(np.mean(((measured - distance) / sigma) ** 2)) < 2.0

    def test_no_fake_wall_without_learned_depth(self, wall_results, free_results):
        allowed = {PathState.UNVERIFIED, PathState.FREE_VERIFIED, PathState.OBSTACLE}
        assert {result.state for result in [*wall_results, *free_results]} <= allowed

    def test_wall_without_odometry(self, wall_images):
        results = run(wall_images, ego=None)
        late = results[25:]
        assert all(result.state is PathState.OBSTACLE for result in late)
        assert all("no odometry" in result.reasons for result in late)
        assert all(result.mode is Mode.DEGRADED for result in late)
        for number, result in enumerate(late, start=25):
            # The scale is the speed from camera height (8%), beside the 10% of any distance.
            assert min(confirmed(result)) == pytest.approx(WALL_M - number * STEP_M, rel=0.13)

    def test_obstacle_stays_while_standing_before_it(self, wall_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(wall_images[:33], pipeline)
        before = confirmed(pipeline.process(frame(33, wall_images[33])))
        for number, image in enumerate(noisy_copies(wall_images[33], 20), start=34):
            result = pipeline.process(frame(number, image, ego=odometry(number, 33 * STEP_M, 0.0)))
            assert result.state is PathState.OBSTACLE
        assert confirmed(result) == pytest.approx(before, rel=0.02)

    def test_obstacle_stays_while_backing_away(self, wall_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(wall_images[:34], pipeline)
        for step in range(1, 8):
            x_m = (33 - step) * STEP_M
            ego = odometry(33 + step, x_m, -SPEED_MPS)
            result = pipeline.process(frame(33 + step, wall_images[33 - step], ego=ego))
            assert result.state is PathState.OBSTACLE
            assert min(confirmed(result)) == pytest.approx(WALL_M - x_m, rel=0.1)

    def test_obstacle_stays_while_the_camera_is_frozen(self, wall_images):
        """Its distance shrinks by the travelled way though nothing new is seen."""
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(wall_images[:30], pipeline)
        for number in range(30, 35):
            result = pipeline.process(frame(number, wall_images[29]))
            assert "image frozen" in result.reasons
            assert result.mode is Mode.UNTRUSTED
            assert result.state is PathState.OBSTACLE
            assert min(confirmed(result)) == pytest.approx(WALL_M - number * STEP_M, rel=0.1)

    def test_distance_never_turns_negative(self, wall_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(wall_images[:30], pipeline)
        for number in range(30, 60):  # blind, on to 16 m beyond the wall
            result = pipeline.process(frame(number, wall_images[29]))
            assert all(obstacle.distance_m >= 0.0 for obstacle in result.obstacles)
            assert result.state is not PathState.FREE_VERIFIED


class TestBadInput:
    def test_missing_mounting_makes_path_unverified(self, free_images):
        for result in run(free_images[:10], base_from_camera=None):
            assert result.state is PathState.UNVERIFIED
            assert result.reasons == ("camera mounting unknown",)
            assert result.mode is Mode.UNTRUSTED
            assert result.verified_free_distance_m == 0.0
            assert result.obstacles == ()
            assert result.road is None

    def test_mounting_lost_on_the_way_makes_path_unverified(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        assert run(free_images[:10], pipeline)[-1].state is PathState.FREE_VERIFIED
        lost = pipeline.process(frame(10, free_images[10], base_from_camera=None))
        assert (lost.state, lost.verified_free_distance_m) == (PathState.UNVERIFIED, 0.0)
        later = [pipeline.process(frame(number, free_images[number])) for number in range(11, 16)]
        assert later[-1].state is PathState.FREE_VERIFIED

    def test_missing_odometry_measures_by_camera_height_and_says_so(self, free_images):
        results = run(free_images, ego=None)
        for result in results[5:]:
            assert "no odometry" in result.reasons
            assert result.mode is Mode.DEGRADED
            assert result.scale_source is ScaleSource.CAMERA_HEIGHT
            assert result.speed_mps == pytest.approx(SPEED_MPS, rel=0.08)  # SPEED_SIGMA_SHARE of metric_scale
            assert not confirmed(result)
        assert results[0].state is PathState.UNVERIFIED
        assert results[-1].state is PathState.FREE_VERIFIED

    def test_gyro_alone_is_named(self, free_images):
        def gyro(number: int) -> EgoState:
            return EgoState(stamp_of(number), RigidTransform.identity(), math.nan, 0.0, False)

        pipeline = PerceptionPipeline(PerceptionConfig())
        results = [pipeline.process(frame(i, image, ego=gyro(i))) for i, image in enumerate(free_images[:12])]
        for result in results[3:]:
            assert "odometry without translation" in result.reasons
            assert result.scale_source is ScaleSource.CAMERA_HEIGHT
            assert result.speed_mps == pytest.approx(SPEED_MPS, rel=0.08)

    def test_odometry_lost_on_the_way_stays_honest(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:10], pipeline)
        for number in range(10, 18):
            result = pipeline.process(frame(number, free_images[number], ego=None))
            assert "no odometry" in result.reasons
            assert not confirmed(result)
            if result.state is PathState.FREE_VERIFIED:
                assert result.scale_source is ScaleSource.CAMERA_HEIGHT

    def test_standstill_makes_path_unverified(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        assert run(free_images[:10], pipeline)[-1].state is PathState.FREE_VERIFIED
        results = [
            pipeline.process(frame(number, image, ego=odometry(number, 9 * STEP_M, 0.0)))
            for number, image in enumerate(noisy_copies(free_images[9], 12), start=10)
        ]
        for result in results[6:]:  # half a second later no window holds any motion
            assert result.state is PathState.UNVERIFIED
            assert result.verified_free_distance_m == 0.0
            assert "standing still" in result.reasons
        assert not any(confirmed(result) for result in results)

    def test_standstill_without_odometry_is_unverified(self, free_images):
        for result in run(noisy_copies(free_images[0], 15), ego=None):
            assert result.state is PathState.UNVERIFIED
            assert result.verified_free_distance_m == 0.0

    def test_road_verified_before_a_stop_must_be_seen_again(self, street, free_images):
        """While we stood something may have stepped in: at the first metre the old proof counts no more."""
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:12], pipeline)
        x_m, number = 11 * STEP_M, 12
        for image in noisy_copies(free_images[11], 60):  # six seconds
            pipeline.process(frame(number, image, ego=odometry(number, x_m, 0.0)))
            number += 1
        starts = photographs(street, [camera_at(x_m + 0.1 * step) for step in range(1, 6)])
        for image in starts:
            image[60:225, 120:360] = 120  # a blank lorry right before us shows no texture that could be judged
            x_m += 0.1
            result = pipeline.process(frame(number, image, ego=odometry(number, x_m, 1.0)))
            number += 1
            # Its foot, in row 225, is 1.4 m below the camera and 0.02 rad lower than the axis: 6.2 m away.
            assert result.verified_free_distance_m < 6.2

    def test_reversing_makes_path_unverified(self, free_images):
        images = free_images[:12][::-1]
        pipeline = PerceptionPipeline(PerceptionConfig())
        for number, image in enumerate(images):
            ego = odometry(number, (len(images) - 1 - number) * STEP_M, -SPEED_MPS)
            result = pipeline.process(frame(number, image, ego=ego))
            assert result.state is PathState.UNVERIFIED
            assert "reversing" in result.reasons
            assert not confirmed(result)

    @pytest.mark.parametrize("has_odometry", [True, False])
    def test_pure_rotation_abstains(self, street, has_odometry):
        yaw_rate = math.radians(15.0)
        turns = [Rotation.from_euler("Z", yaw_rate * STEP_S * number).as_matrix() for number in range(9)]
        poses = [RigidTransform(turn, np.array([20.0, 0.0, 0.0])) @ MOUNTING for turn in turns]
        pipeline = PerceptionPipeline(PerceptionConfig())
        for number, image in enumerate(photographs(street, poses)):
            pose = RigidTransform(turns[number], np.zeros(3))
            ego = EgoState(stamp_of(number), pose, 0.0, yaw_rate, True) if has_odometry else None
            result = pipeline.process(frame(number, image, ego=ego))
            assert result.state is PathState.UNVERIFIED
            assert result.verified_free_distance_m == 0.0
            assert not confirmed(result)

    def test_stamp_that_does_not_advance_is_refused(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:3], pipeline)
        for stale in (stamp_of(2), stamp_of(0)):
            with pytest.raises(PerceptionError, match="advance in time"):
                pipeline.process(frame(3, free_images[3], stamp_ns=stale))
        assert pipeline.process(frame(3, free_images[3])).stamp_ns == stamp_of(3)  # and it lives on

    def test_reset_forgets(self, wall_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        assert confirmed(run(wall_images[:30], pipeline)[-1])
        pipeline.reset()
        first = pipeline.process(frame(0, wall_images[0]))  # earlier than the last: a clock jump back
        assert (first.state, first.obstacles) == (PathState.UNVERIFIED, ())
        assert first.reasons == ("warming up",)

    def test_run_after_reset_equals_the_first(self, free_images, free_results):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images, pipeline)
        pipeline.reset()
        again = run(free_images, pipeline)
        assert [fingerprint(result) for result in again] == [fingerprint(result) for result in free_results]

    def test_changed_calibration_starts_anew(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        assert run(free_images[:10], pipeline)[-1].state is PathState.FREE_VERIFIED
        k = CAMERA.intrinsics.copy()
        k[0, 0] = k[1, 1] = 410.0
        changed = pipeline.process(frame(10, free_images[10], camera=CameraModel(480, 288, k)))
        assert changed.state is PathState.UNVERIFIED
        assert changed.reasons == ("warming up",)

    def test_changed_image_size_starts_anew(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:10], pipeline)
        half = np.diag([0.5, 0.5, 1.0]) @ CAMERA.intrinsics
        small = cv2.pyrDown(free_images[10])
        changed = pipeline.process(frame(10, small, camera=CameraModel(240, 144, half)))
        assert changed.state is PathState.UNVERIFIED
        assert changed.reasons == ("warming up",)

    def test_image_of_another_size_than_its_calibration_is_refused(self, free_images):
        with pytest.raises(ImageError, match="camera_info says"):
            frame(0, free_images[0][:200])

    @pytest.mark.parametrize(
        ("picture", "reason"),
        [
            (lambda image: np.zeros_like(image), "image black"),
            (lambda image: np.full_like(image, 255), "image over-exposed"),
            (lambda image: np.full_like(image, 90), "camera blocked"),
        ],
    )
    def test_useless_picture_makes_path_unverified(self, free_images, picture, reason):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:10], pipeline)
        result = pipeline.process(frame(10, picture(free_images[10])))
        assert result.state is PathState.UNVERIFIED
        assert result.verified_free_distance_m == 0.0
        assert reason in result.reasons
        assert result.mode is Mode.UNTRUSTED

    def test_frozen_image_makes_path_unverified(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:10], pipeline)
        for number in range(10, 15):
            result = pipeline.process(frame(number, free_images[9]))
            assert result.state is PathState.UNVERIFIED
            assert "image frozen" in result.reasons

    def test_identical_pictures_while_standing_are_no_fault(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        for number in range(4):
            result = pipeline.process(frame(number, free_images[0], ego=odometry(number, 0.0, 0.0)))
        assert result.mode is Mode.NOMINAL
        assert result.reasons == ("standing still",)

    def test_gap_in_the_images_forgets_verified_road(self, free_images):
        """Three seconds without an image at 12 m/s: what comes next was never looked at."""
        pipeline = PerceptionPipeline(PerceptionConfig())
        run(free_images[:10], pipeline)
        after = pipeline.process(frame(40, free_images[10], ego=odometry(40, 10 * STEP_M)))
        assert after.state is PathState.UNVERIFIED
        assert after.verified_free_distance_m == 0.0

    def test_dropped_frames_are_bridged(self, free_images):
        pipeline = PerceptionPipeline(PerceptionConfig())
        numbers = [number for number in range(len(free_images)) if number % 3 != 2]
        results = [pipeline.process(frame(number, free_images[number])) for number in numbers]
        assert all(result.state is PathState.FREE_VERIFIED for result in results[6:])
        assert not any(confirmed(result) for result in results)

    def test_camera_that_looks_at_the_sky_verifies_nothing(self, free_images):
        for result in run(free_images[:6], base_from_camera=base_from_camera(1.4, -0.6)):
            assert result.state is PathState.UNVERIFIED
            assert result.verified_free_distance_m == 0.0


LENS = CameraModel(480, 288, CAMERA.intrinsics, "plumb_bob", np.array([0.08, 0.01, 0.001, -0.001, 0.0]))


@pytest.fixture(scope="module")
def lens_results(wall_images) -> list[PerceptionResult]:
    """The wall through a lens with pincushion distortion: every stored pixel looks at the pinhole picture."""
    columns, rows = np.meshgrid(np.arange(480.0), np.arange(288.0))
    rays = LENS.unproject(np.column_stack([columns.ravel(), rows.ravel()]))
    source = CAMERA.project(rays).reshape(288, 480, 2).astype(np.float32)
    stored = [cv2.remap(image, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for image in wall_images]
    return run(stored, camera=LENS)


class TestCameras:
    def test_distorted_camera_gives_the_same_answers(self, lens_results, wall_results):
        states = [(one.state, other.state) for one, other in zip(lens_results, wall_results)]
        # Confirmation may come a few frames earlier or later: the pictures were resampled.
        assert np.mean([one is other for one, other in states]) > 0.85
        for number, result in enumerate(lens_results[27:], start=27):
            assert result.state is PathState.OBSTACLE
            assert min(confirmed(result)) == pytest.approx(WALL_M - number * STEP_M, rel=0.1)

    def test_tracks_are_reported_in_pixels_of_the_stored_image(self, lens_results):
        motion = lens_results[-1].motion
        assert motion is not None
        np.testing.assert_allclose(LENS.project(motion.rays_current), motion.pixels_current, atol=1e-6)

    def test_rectifying_rotation_turns_the_mounting(self, free_images):
        """R turns the stored optical axis up in the rectified picture: the rectified camera looks 0.02 rad lower."""
        turn = Rotation.from_rotvec([0.02, 0.0, 0.0]).as_matrix()
        projection = np.column_stack([CAMERA.intrinsics, np.zeros(3)])
        camera = CameraModel(480, 288, CAMERA.intrinsics, rectification=turn, projection=projection)
        results = run(free_images[:12], camera=camera)
        assert results[0].road is not None
        assert results[-1].road is not None
        assert results[0].road.pitch_rad == pytest.approx(DRIVE.camera_pitch_rad + 0.02)  # before anything was measured
        assert results[-1].road.pitch_rad == pytest.approx(DRIVE.camera_pitch_rad + 0.02, abs=math.radians(0.4))
        assert results[-1].state is PathState.FREE_VERIFIED

    def test_own_bonnet_does_not_disturb(self, free_images):
        """A bonnet fixed in the picture, masked: the road before it is still verified."""
        rng = np.random.default_rng(0)
        bonnet = cv2.GaussianBlur(rng.integers(0, 255, (38, 480, 3), dtype=np.uint8), (0, 0), 1.5)
        images = [image.copy() for image in free_images[:14]]
        for image in images:
            image[250:] = bonnet
        mask = (0.0, 0.86, 1.0, 0.86, 1.0, 1.0, 0.0, 1.0)
        config = PerceptionConfig(tracking=TrackingConfig(ego_mask=mask))
        results = run(images, PerceptionPipeline(config))
        assert results[-1].speed_mps == SPEED_MPS
        for result in results:
            assert not confirmed(result)
            assert result.motion is None or result.motion.pixels_current[:, 1].max(initial=0.0) < 0.87 * 288

    def test_camera_mounted_aside_still_verifies_the_path(self, free_images):
        """A camera 0.3 m left of the middle looks for the path 0.3 m to its right."""
        left = base_from_camera(DRIVE.camera_height_m, DRIVE.camera_pitch_rad, left_m=0.3)
        result = run(free_images[:10], base_from_camera=left)[-1]
        assert result.state is PathState.FREE_VERIFIED


class Believer:
    """A network that takes the print for the street: road up to 80 m, sky above it, and nothing else."""

    state = ModelState("believer", "test", "fp32", "0", ("depth", "label", "confidence"))
    depth_error = None

    def unknown(self, camera: CameraModel) -> DensePrediction:
        return DensePrediction(camera, np.full((camera.height, camera.width), np.nan, np.float32))

    def predict(self, images, cameras):
        grid = CameraModel(120, 72, np.array([[100.0, 0.0, 59.5], [0.0, 100.0, 35.5], [0.0, 0.0, 1.0]]))
        down = (np.arange(72) - 35.5) / 100.0 + DRIVE.camera_pitch_rad
        depth = np.minimum(DRIVE.camera_height_m / np.maximum(down, 1e-3), 80.0)
        label = np.where(depth < 80.0, CITYSCAPES_CLASSES.index("road"), CITYSCAPES_CLASSES.index("sky"))
        depth_m, label = (np.repeat(one[:, None], 120, axis=1) for one in (depth, label))
        confidence = np.full(label.shape, 230, np.uint8)
        return (DensePrediction(grid, depth_m.astype(np.float32), None, label.astype(np.uint8), confidence),)


def test_wall_that_the_network_denies_is_called_so(wall_images, wall_results):
    results = run(wall_images, PerceptionPipeline(PerceptionConfig(), Believer()))
    states = [result.state for result in results]
    first = states.index(PathState.FAKE_WALL)
    assert WALL_M - first * STEP_M > 20.0  # beyond the 18 m of braking
    assert all(state is PathState.FAKE_WALL for state in states[first:])
    assert confirmed(wall_results[first])  # not before motion alone confirms it
    assert not confirmed(results[first - 1]) or states[first - 1] is PathState.OBSTACLE
    (wall,) = (item for item in results[first].obstacles if item.is_confirmed)
    assert wall.anomaly_flags & Anomaly.DEPTH_CONTRADICTION
    finding = results[first].fake_wall
    assert finding.obstacle_id == wall.obstacle_id
    assert finding.polygon_m[:, 0].mean() == pytest.approx(WALL_M - first * STEP_M, rel=0.1)


def test_denied_wall_is_no_wall_before_motion_has_seen_it(free_images):
    results = run(free_images, PerceptionPipeline(PerceptionConfig(), Believer()))
    assert PathState.FAKE_WALL not in {result.state for result in results}
    assert not any(confirmed(result) for result in results)


def test_free_street_does_not_flicker(free_results):
    """Evidence fades by a third in 0.4 s; a frame alone takes no great part of the verified road away."""
    for before, after in itertools.pairwise(free_results[5:]):
        assert after.verified_free_distance_m > 0.6 * before.verified_free_distance_m
