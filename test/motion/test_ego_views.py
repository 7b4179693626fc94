"""References with the refined motion since, on rendered drives."""

import math

import numpy as np
import pytest
from motion_scene import INTRINSICS, SPEED_MPS, canyon
from scipy.spatial.transform import Rotation

from perception_fm.config import TrackingConfig
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.ego_views import EgoMotionStage, EgoViews
from perception_fm.motion.warp import GrayPyramid

STEP_NS = 100_000_000
STEP_M = 0.1 * SPEED_MPS


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    return [canyon().gray(number * STEP_M) for number in range(8)]


def state(number: int, x_m: float, speed_mps: float = SPEED_MPS, has_translation: bool = True) -> EgoState:
    pose = RigidTransform(np.eye(3), np.array([x_m, 0.0, 0.0]))
    return EgoState(number * STEP_NS, pose, speed_mps, 0.0, has_translation)


def drive(images, egos, mounting=None, assumed_mps: float = SPEED_MPS, stage: EgoMotionStage | None = None) -> EgoViews:
    """What is known at the last of the frames."""
    stage = stage or EgoMotionStage(TrackingConfig())
    for number, (image, ego) in enumerate(zip(images, egos)):
        pyramid = GrayPyramid.build(image, INTRINSICS)
        stage.track(image, number * STEP_NS)
        mounted = canyon().mounting if mounting is None else mounting
        road = plane_from_mounting(mounted)
        found = stage.views(pyramid, number * STEP_NS, ego, mounted, assumed_mps, road.m)
    return found


@pytest.fixture(scope="module")
def cruise(images) -> EgoViews:
    return drive(images, [state(number, number * STEP_M) for number in range(8)])


def test_one_reference_per_window_with_its_travel(cruise):
    windows_s = [view.window_s for view in cruise.references]
    assert windows_s == pytest.approx([0.1, 0.2, 0.5, 0.7])  # of a second all that there is
    for view in cruise.references:
        np.testing.assert_allclose(view.travel_m[2], SPEED_MPS * view.window_s, rtol=1e-6)
        # Tracks pin the rotation of a camera that does not turn to a hundredth of a degree per window of 0.1 s.
        assert Rotation.from_matrix(view.rotation).magnitude() < math.radians(0.05)


@pytest.mark.parametrize("turn_rps", [math.radians(1.0), -math.radians(1.0)])
def test_yaw_that_odometry_adds_is_seen(images, turn_rps):
    """The camera drives straight on; odometry believes that it turns by a degree a second."""
    egos = []
    for number in range(8):
        turn = Rotation.from_euler("z", turn_rps * 0.1 * number).as_matrix()
        pose = RigidTransform(turn, np.array([number * STEP_M, 0.0, 0.0]))
        egos.append(EgoState(number * STEP_NS, pose, SPEED_MPS, turn_rps, True))
    assert drive(images, egos).yaw_bias_rps == pytest.approx(-turn_rps, abs=math.radians(0.1))


def test_tracks_are_told_over_half_a_second_at_most(cruise):
    assert set(np.round(cruise.window_s, 3)) <= {0.1, 0.2, 0.5}


def test_focus_is_where_the_camera_drives(cruise):
    np.testing.assert_allclose(cruise.focus, 0.0, atol=math.radians(0.2))


def test_expansions_are_those_of_road_and_houses(cruise):
    x, y = cruise.rays.T
    with np.errstate(divide="ignore"):
        inverse = np.maximum(np.abs(x) / 8.0, y / 1.4)  # what is met first: a house at 8 m aside, the road 1.4 m below
    expected = SPEED_MPS * cruise.window_s * inverse
    score = (cruise.expansion - expected) / np.hypot(cruise.expansion_sigma, 0.01 * expected)
    clear = np.abs(np.abs(x) / 8.0 - y / 1.4) > 0.01  # off the edge between both
    assert clear.sum() > 100
    assert np.median(np.abs(score[clear])) < 1.5
    assert (np.abs(score[clear]) < 5.0).mean() > 0.9


def test_sigma_is_that_of_tracks_on_clean_pictures(cruise):
    assert 0.05 <= cruise.sigma_px < 0.5


def test_first_frame_has_no_reference(images):
    views = drive(images[:1], [state(0, 0.0)])
    assert views.references == ()
    assert views.focus is None
    assert len(views.rays) == 0


def test_standstill_has_no_reference(images):
    views = drive([images[0]] * 7, [state(number, 0.0, 0.0) for number in range(7)])
    assert views.references == ()


def test_reversing_has_no_reference(images):
    egos = [state(number, -number * STEP_M, -SPEED_MPS) for number in range(8)]
    assert drive(images[::-1], egos).references == ()


def test_gyro_alone_assumes_the_speed_it_is_given(images):
    egos = [state(number, 0.0, math.nan, has_translation=False) for number in range(8)]
    views = drive(images, egos, assumed_mps=6.0)
    assert views.references[0].travel_m[2] == pytest.approx(0.6)
    np.testing.assert_allclose(views.focus, 0.0, atol=math.radians(0.3))


def test_without_odometry_pictures_alone_give_the_direction(images):
    views = drive(images, [None] * 8)
    np.testing.assert_allclose(views.focus, 0.0, atol=math.radians(0.3))
    for view in views.references:
        assert Rotation.from_matrix(view.rotation).magnitude() < math.radians(0.15)


def test_yaw_error_of_the_mounting_is_learned(images):
    """A camera believed to look one degree aside still finds where it drives."""
    believed = RigidTransform(
        Rotation.from_euler("Z", math.radians(1.0)).as_matrix() @ canyon().mounting.rotation,
        canyon().mounting.translation_m,
    )
    views = drive(images, [state(number, number * STEP_M) for number in range(8)], mounting=believed)
    np.testing.assert_allclose(views.focus, 0.0, atol=math.radians(0.3))


def test_reset_forgets_every_reference(images):
    stage = EgoMotionStage(TrackingConfig())
    egos = [state(number, number * STEP_M) for number in range(8)]
    assert drive(images, egos, stage=stage).references
    stage.reset()
    assert drive(images[:1], egos[:1], stage=stage).references == ()
