"""Pictures, stamps and calibrations that are not as they should be, and a vehicle that does not drive on: at a painted
wall and on free road. The answer is UNVERIFIED or a right one.

The network, where there is one, sees nothing but road and sky: whatever is confirmed, motion has confirmed.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from bad_drive import (
    BRAKING_M,
    CAMERA,
    CONFIG,
    MOUNTING,
    STEP_S,
    Answer,
    Shot,
    answers,
    cruise,
    first_confirmed_m,
    free_beyond_the_wall,
    free_shots,
    shots,
    turned,
    usual_answers,
    wall_shots,
    with_noise,
    wrong_answers,
    wrong_distances,
    wrong_times,
)

from perception_fm.camera.model import CameraModel
from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.types import Mode, PathState

NOISE = CONFIG.noise_levels
both_ways = pytest.mark.parametrize("has_network", [True, False], ids=["network", "geometry"])
Pictures = Callable[[np.ndarray], np.ndarray]


def reshot(taken: Sequence[Shot], change: Pictures, noise: float = NOISE) -> list[Shot]:
    """Every picture changed, with new sensor noise."""
    return [
        dataclasses.replace(shot, image=with_noise(change(shot.image), noise, number))
        for number, shot in enumerate(taken)
    ]


def is_silent(given: Sequence[Answer]) -> bool:
    """Whether nothing at all is claimed."""
    return all(
        one.result.state is PathState.UNVERIFIED and one.result.verified_free_distance_m == 0.0 and not one.confirmed
        for one in given
    )


def wall_and_road(**known: Any) -> tuple[list[Answer], list[Answer]]:
    """Both drives with the same fault; neither has a wrong answer."""
    at_wall, on_road = answers(wall_shots(19), **known), answers(free_shots(), **known)
    assert wrong_answers(at_wall, has_wall=True) == []
    assert wrong_answers(on_road, has_wall=False) == []
    return at_wall, on_road


class TestNothingWrong:
    """What the others are compared with."""

    def test_wall_is_named_in_time_and_road_is_verified(self):
        at_wall, on_road = usual_answers(), answers(free_shots())
        assert wrong_answers(at_wall, has_wall=True) == []
        assert wrong_answers(on_road, has_wall=False) == []
        assert first_confirmed_m(at_wall) > 24.0  # half a second before braking has to begin
        assert at_wall[-1].result.state is PathState.FAKE_WALL
        assert on_road[-1].result.state is PathState.FREE_VERIFIED
        assert {one.result.mode for one in (*at_wall, *on_road)} == {Mode.NOMINAL}

    def test_wall_is_confirmed_as_early_without_a_network(self):
        at_wall = answers(wall_shots(), has_network=False)
        assert wrong_answers(at_wall, has_wall=True) == []
        assert first_confirmed_m(at_wall) == first_confirmed_m(usual_answers())
        assert at_wall[-1].result.state is PathState.OBSTACLE


class TestMotion:
    @both_ways
    @pytest.mark.parametrize("has_odometry", [True, False], ids=["odometry", "no_odometry"])
    @pytest.mark.parametrize("taken", [wall_shots, free_shots])
    def test_standstill_is_unverified(self, taken, has_odometry, has_network):
        """Before the wall, and in the free street; nothing was seen before."""
        scene = taken()[-1]
        still = [
            dataclasses.replace(scene, time_s=number * STEP_S, image=with_noise(scene.image, NOISE, number))
            for number in range(8)
        ]
        known = {} if has_odometry else {"odometry": None}
        given = answers(still, lambda _: cruise(scene.time_s), has_network=has_network, **known)
        assert is_silent(given)

    def test_stop_before_a_wall_keeps_it(self):
        taken, last = wall_shots(), wall_shots()[-1]
        stood = [
            dataclasses.replace(last, time_s=last.time_s + number * STEP_S, image=with_noise(last.image, NOISE, number))
            for number in range(1, 10)
        ]
        given = answers([*taken, *stood], lambda time_s: cruise(min(time_s, last.time_s)))[len(taken) :]
        for one in given:
            assert one.result.state is PathState.FAKE_WALL
            assert one.result.verified_free_distance_m < one.wall_m
            assert [item.distance_m for item in one.confirmed] == pytest.approx([one.wall_m], rel=0.1)

    @both_ways
    @pytest.mark.parametrize("has_wall", [True, False])
    def test_pure_rotation_is_unverified(self, turning, has_wall, has_network):
        taken, motion = turning[has_wall]
        for known in ({}, {"odometry": None}):
            given = answers(taken, motion, has_network=has_network, **known)
            assert is_silent(given)

    @both_ways
    @pytest.mark.parametrize("taken", [wall_shots, free_shots])
    def test_reverse_is_unverified(self, taken, has_network):
        """Away from the wall, and down the free street; what would be the road ahead is never looked at."""
        back = taken()[-8:][::-1]
        times = [number * STEP_S for number in range(len(back))]
        backwards = [dataclasses.replace(shot, time_s=time_s) for shot, time_s in zip(back, times)]
        given = answers(backwards, lambda time_s: cruise(back[0].time_s - time_s), has_network=has_network)
        assert is_silent(given)
        assert all("reversing" in one.result.reasons for one in given)


@pytest.fixture(scope="module")
def turning() -> dict[bool, tuple[tuple[Shot, ...], Callable[[float], RigidTransform]]]:
    """A turn of 15 degrees a second on the spot, 20 m before the wall and in the free street."""

    def motion(time_s: float) -> RigidTransform:
        return turned(math.radians(15.0) * time_s, np.array([27.0, 0.0, 0.0]))

    return {has_wall: (shots(has_wall, motion, range(5)), motion) for has_wall in (True, False)}


def frozen(taken: Sequence[Shot], first: int, noise: float) -> list[Shot]:
    """From `first` on the same picture, with new noise if asked."""
    held = taken[first]
    return [
        shot
        if number <= first
        else dataclasses.replace(shot, image=with_noise(held.image, noise, number), belief=held.belief)
        for number, shot in enumerate(taken)
    ]


class TestFrames:
    @pytest.mark.parametrize("noise", [0.0, NOISE], ids=["repeated", "noisy"])
    @pytest.mark.parametrize("has_odometry", [True, False], ids=["odometry", "no_odometry"])
    def test_frozen_picture_is_unverified(self, has_odometry, noise):
        """Frozen before the wall was seen. A picture that repeats is noticed; with new noise it just never moves."""
        known = {} if has_odometry else {"odometry": None}
        for taken, has_wall in ((wall_shots(10), True), (free_shots(), False)):
            given = answers(frozen(taken, 3, noise), **known)
            assert wrong_answers(given, has_wall) == []
            assert is_silent(given[6:])
            if noise == 0.0:
                assert all(one.result.mode is Mode.UNTRUSTED for one in given[4:])
                assert all("image frozen" in one.result.reasons for one in given[4:])

    def test_picture_that_freezes_keeps_the_wall_where_it_is(self):
        given = answers(frozen(wall_shots(24), 18, 0.0))
        assert wrong_answers(given, has_wall=True) == []
        assert all(one.confirmed for one in given[18:])
        assert all(one.result.mode is Mode.UNTRUSTED for one in given[19:])

    def test_picture_that_freezes_without_odometry_keeps_the_wall_where_it_is(self):
        given = answers(frozen(wall_shots(24), 18, 0.0), odometry=None)
        assert given[18].confirmed
        assert wrong_answers(given[:19], has_wall=True) == []
        for before, one in itertools.pairwise(given[18:]):
            for was, item in zip(before.confirmed, one.confirmed, strict=True):
                assert abs(item.distance_m - one.wall_m) < max(0.1 * one.wall_m, 2.0 * item.distance_sigma_m)
                assert item.distance_sigma_m > 0.9 * was.distance_sigma_m  # nobody has looked since

    def test_noisy_picture_that_freezes_never_shows_the_wall_to_be_gone(self):
        given = answers(frozen(wall_shots(23), 18, NOISE))
        assert given[18].confirmed
        assert wrong_answers(given, has_wall=True) == []
        assert all(one.result.state is not PathState.FREE_VERIFIED for one in given[18:])

    def test_every_second_frame_missing(self):
        at_wall, on_road = answers(wall_shots()[::2]), answers(free_shots()[::2])
        assert wrong_answers(at_wall, has_wall=True) == []
        assert wrong_answers(on_road, has_wall=False) == []
        assert first_confirmed_m(at_wall) > BRAKING_M
        assert on_road[-1].result.state is PathState.FREE_VERIFIED

    @pytest.mark.parametrize(("first", "missing"), [(4, 10), (17, 5)], ids=["before_the_wall_is_seen", "after_it"])
    def test_gap(self, first, missing):
        given = answers([*wall_shots()[:first], *wall_shots()[first + missing :]])
        assert wrong_answers(given, has_wall=True) == []
        assert given[-1].result.state is PathState.FAKE_WALL
        assert given[first].result.verified_free_distance_m == 0.0

    def test_gap_of_a_second_on_free_road(self):
        late = shots(False, cruise, range(14, 17))
        given = answers([*free_shots()[:5], *late])
        assert wrong_answers(given, has_wall=False) == []
        assert given[4].result.state is PathState.FREE_VERIFIED
        assert is_silent(given[5:6])

    def test_stamps_with_jitter(self):
        at_wall, on_road = wall_and_road(jitter_s=np.random.default_rng(0).uniform(-0.01, 0.01, 24).tolist())
        assert first_confirmed_m(at_wall) > BRAKING_M
        assert on_road[-1].result.state is PathState.FREE_VERIFIED


def lens(factor: float) -> CameraModel:
    """A camera_info whose focal length is wrong by that factor."""
    return CameraModel(CAMERA.width, CAMERA.height, CAMERA.intrinsics * [[factor, 1, 1], [1, factor, 1], [1, 1, 1]])


def mounted(pitch_deg: float = 0.0, yaw_deg: float = 0.0) -> RigidTransform:
    """A mounting that is wrong by these angles."""
    pitched = base_from_camera(CONFIG.camera_height_m, CONFIG.camera_pitch_rad + math.radians(pitch_deg))
    return RigidTransform(turned(math.radians(yaw_deg)).rotation @ pitched.rotation, pitched.translation_m)


class TestCalibration:
    @pytest.mark.parametrize("factor", [1.1, 0.9])
    def test_wrong_focal_length(self, factor):
        """Expansion is a ratio of pixels: neither distance nor time to contact depends on K."""
        at_wall, _ = wall_and_road(camera=lens(factor))
        assert first_confirmed_m(at_wall) > BRAKING_M

    @pytest.mark.parametrize("error", [{"pitch_deg": 3.0}, {"pitch_deg": -3.0}, {"yaw_deg": 3.0}, {"yaw_deg": -3.0}])
    def test_wrong_mounting(self, error):
        at_wall, _ = wall_and_road(mounting=mounted(**error))
        assert first_confirmed_m(at_wall) > BRAKING_M

    def test_mounting_is_as_told(self):
        np.testing.assert_allclose(mounted().rotation, MOUNTING.rotation)


@pytest.fixture(scope="module", params=[3.0, -3.0])
def pitched(request) -> list[Answer]:
    """At the wall without odometry, the pitch of the mounting being wrong."""
    return answers(wall_shots(19), mounting=mounted(request.param), odometry=None)


class TestCalibrationWithoutOdometry:
    """Metres then come from camera height, K and pitch; time to contact does not need them."""

    @pytest.mark.parametrize("factor", [1.1, 0.9])
    def test_wrong_focal_length(self, factor):
        given = answers(wall_shots(19), camera=lens(factor), odometry=None)
        assert wrong_answers(given, has_wall=True, scale=factor) == []
        assert first_confirmed_m(given) > BRAKING_M

    def test_wrong_pitch_leaves_times_to_contact_right(self, pitched):
        assert wrong_times(pitched) == []
        assert first_confirmed_m(pitched) > BRAKING_M

    def test_wrong_pitch_leaves_distances_right(self, pitched):
        assert wrong_distances(pitched) == []
        assert free_beyond_the_wall(pitched) == []


def dark(share: float) -> Pictures:
    return lambda image: share * image.astype(np.float32)


def defocused(sigma_px: float) -> Pictures:
    return lambda image: cv2.GaussianBlur(image, (0, 0), sigma_px)


def smeared(length_px: int) -> Pictures:
    return lambda image: cv2.blur(image, (length_px, 1))


class TestPictures:
    def test_night(self):
        """A third of the light, and the noise of the gain."""
        at_wall = answers(reshot(wall_shots(), dark(0.3), 4.0))
        on_road = answers(reshot(free_shots(), dark(0.3), 4.0))
        assert wrong_answers(at_wall, has_wall=True) == []
        assert wrong_answers(on_road, has_wall=False) == []
        assert first_confirmed_m(at_wall) > BRAKING_M

    def test_night_that_shows_nothing(self):
        """As much noise as picture."""
        for taken, has_wall in ((wall_shots(15), True), (free_shots(), False)):
            given = answers(reshot(taken, dark(0.15), 6.0))
            assert wrong_answers(given, has_wall) == []
            assert all(one.result.state is PathState.UNVERIFIED for one in given)

    @pytest.mark.parametrize(
        ("blur", "share"), [(defocused(2.0), 0.1), (smeared(9), 0.1)], ids=["2px", "smeared_9px"]
    )
    def test_blur(self, blur, share):
        """Out of focus, a wall is told too near."""
        at_wall, on_road = answers(reshot(wall_shots(), blur)), answers(reshot(free_shots(), blur))
        assert wrong_answers(at_wall, has_wall=True, share=share) == []
        assert wrong_answers(on_road, has_wall=False) == []
        assert first_confirmed_m(at_wall) > BRAKING_M

    def test_blur_that_leaves_nothing_is_named(self):
        for taken, has_wall in ((wall_shots(15), True), (free_shots(), False)):
            given = answers(reshot(taken, defocused(5.0)))
            assert wrong_answers(given, has_wall) == []
            assert all("image blurred" in one.result.reasons for one in given)
            assert all(one.result.mode is not Mode.NOMINAL for one in given)  # the depth may be distrusted besides
