"""The sequential test on planes fixed to the world: when it confirms, when it lets go, where it puts them."""

import dataclasses
import math

import numpy as np
import pytest

from perception_fm.motion.obstacle_tracks import CONFIRM, ObstacleTracks, is_trustworthy
from perception_fm.motion.path_boxes import box_distances
from perception_fm.motion.plane_fit import PlaneFit

DISTANCES_M = box_distances(5.0, 100.0)
DT_S = 0.1


def plane(depth_m: float, sigma_m: float = 0.2, correlation: float = 0.9) -> PlaneFit:
    return PlaneFit(depth_m, sigma_m, 6.0 / depth_m, 6.0 * sigma_m / depth_m**2, 0.5, 1.57, 0.1, 1.0, correlation)


def peak(distance_m: float, height: float, elsewhere: float = -5.0) -> np.ndarray:
    ratio = np.full(len(DISTANCES_M), elsewhere)
    ratio[np.argmin(np.abs(DISTANCES_M - distance_m))] = height
    return ratio


def look(tracks: ObstacleTracks, ratio: np.ndarray, odometer_m: float = 0.0, dt_s: float = DT_S, fits: bool = True):
    """One frame; every supported track measures the plane of the nearest peak."""
    tracks.predict(dt_s, odometer_m)
    supported = tracks.update(odometer_m, DISTANCES_M, ratio, dt_s)
    peaks = DISTANCES_M[ratio > 3.0]
    for track in supported if fits else ():
        nearest = np.argmin(np.abs(peaks - track.distance_m(odometer_m)))
        track.measure(plane(float(peaks[nearest])), odometer_m)
    return supported


def test_what_is_hidden_behind_something_confirmed_is_not_confirmed_before_that_is_gone():
    tracks = ObstacleTracks()
    for _ in range(10):
        look(tracks, peak(30.0, 10.0))
    for _ in range(10):
        look(tracks, np.maximum(peak(30.0, 10.0), peak(60.0, 10.0)))
    assert [track.is_confirmed for track in tracks.tracks] == [True, False]
    for _ in range(20):
        look(tracks, peak(60.0, 10.0, elsewhere=-20.0))
    assert [track.is_confirmed for track in tracks.tracks] == [True]
    assert tracks.tracks[0].distance_m(0.0) == pytest.approx(60.0, rel=0.06)


def frames_to_confirm(height: float, dt_s: float = DT_S, limit: int = 200) -> int:
    tracks = ObstacleTracks()
    for number in range(1, limit):
        look(tracks, peak(30.0, height), dt_s=dt_s)
        if tracks.tracks[0].is_confirmed:
            return number
    raise AssertionError("never confirmed")


def test_budget_of_false_alarms_sets_the_threshold():
    # One per 1e5 km at 14 m/s, five windows a second, ten hypotheses.
    alpha = 14.0 / (1e8 * 5.0 * 10.0)
    assert pytest.approx(-math.log(alpha), abs=0.05) == CONFIRM


@pytest.mark.parametrize(("height", "dt_s"), [(4.0, 0.1), (8.0, 0.1), (8.0, 0.05), (8.0, 0.2), (8.0, 0.4), (30.0, 0.1)])
def test_confirmed_after_the_frames_that_the_arithmetic_says(height, dt_s):
    """Five looks a second count in full; never fewer than three."""
    per_frame = height * min(1.0, dt_s / 0.2)
    assert frames_to_confirm(height, dt_s) == max(3, math.ceil(CONFIRM / per_frame))


@pytest.mark.parametrize("frames", [1, 2])
def test_strongest_evidence_does_not_confirm_before_the_third_frame(frames):
    tracks = ObstacleTracks()
    for _ in range(frames):
        look(tracks, peak(30.0, 1000.0), dt_s=1.0)
    assert len(tracks.tracks) == 1
    assert not tracks.tracks[0].is_confirmed


def test_peak_without_a_plane_is_never_confirmed():
    tracks = ObstacleTracks()
    for _ in range(50):
        look(tracks, peak(30.0, 20.0), fits=False)
    assert tracks.tracks[0].log_ratio >= CONFIRM
    assert not tracks.tracks[0].is_confirmed


def test_weak_peak_is_no_candidate():
    tracks = ObstacleTracks()
    for _ in range(50):
        look(tracks, peak(30.0, 2.9))
    assert tracks.tracks == []


def test_flat_evidence_is_no_candidate():
    tracks = ObstacleTracks()
    look(tracks, np.full(len(DISTANCES_M), -5.0))
    assert tracks.tracks == []


def test_nearest_peak_comes_first():
    tracks = ObstacleTracks()
    ratio = np.maximum(peak(20.0, 5.0), peak(50.0, 30.0))
    look(tracks, ratio)
    assert tracks.tracks[0].position_m == pytest.approx(20.0, rel=0.04)
    look(tracks, ratio)
    np.testing.assert_allclose([track.position_m for track in tracks.tracks], [20.0, 50.0], rtol=0.04)


def test_evidence_that_turns_drops_the_obstacle():
    tracks = ObstacleTracks()
    for _ in range(100):
        look(tracks, peak(30.0, 10.0))
    assert tracks.tracks[0].is_confirmed
    # The sum is held at twice the threshold; -10 per look, half of it per frame at 10 Hz, down to -2.
    wanted = math.ceil((2.0 * CONFIRM + 2.0) / 5.0)
    for _ in range(wanted - 1):
        look(tracks, np.full(len(DISTANCES_M), -10.0))
    assert len(tracks.tracks) == 1
    look(tracks, np.full(len(DISTANCES_M), -10.0))
    assert tracks.tracks == []


def test_silence_keeps_a_confirmed_obstacle():
    """Boxes that say nothing are no evidence that it left."""
    tracks = ObstacleTracks()
    for _ in range(20):
        look(tracks, peak(30.0, 10.0))
    for _ in range(100):
        look(tracks, np.zeros(len(DISTANCES_M)))
    assert tracks.tracks[0].is_confirmed
    assert not tracks.tracks[0].is_seen


def test_obstacle_nearer_than_the_first_box_is_kept():
    tracks = ObstacleTracks()
    for _ in range(20):
        look(tracks, peak(30.0, 10.0))
    look(tracks, np.full(len(DISTANCES_M), -50.0), odometer_m=27.0)
    assert tracks.tracks[0].distance_m(27.0) == pytest.approx(3.0, abs=1.0)
    assert tracks.tracks[0].is_confirmed


def test_obstacle_that_was_passed_is_dropped():
    tracks = ObstacleTracks()
    for _ in range(20):
        look(tracks, peak(30.0, 10.0))
    look(tracks, np.zeros(len(DISTANCES_M)), odometer_m=32.0)
    assert tracks.tracks == []


def test_id_stays_while_driving_towards_it():
    tracks = ObstacleTracks()
    ids = set()
    for number in range(20):
        odometer_m = 1.2 * number
        look(tracks, peak(50.0 - odometer_m, 8.0), odometer_m)
        assert len(tracks.tracks) == 1
        ids.add(tracks.tracks[0].track_id)
    assert ids == {1}
    assert tracks.tracks[0].distance_m(odometer_m) == pytest.approx(50.0 - odometer_m, rel=0.04)


def test_reset_forgets_but_no_id_is_given_twice():
    tracks = ObstacleTracks()
    look(tracks, peak(30.0, 8.0))
    tracks.reset()
    assert tracks.tracks == []
    look(tracks, peak(30.0, 8.0))
    assert tracks.tracks[0].track_id == 2


def test_distance_is_the_weighted_mean_of_its_measurements():
    tracks = ObstacleTracks()
    (track,) = look(tracks, peak(30.0, 8.0), fits=False)
    rng = np.random.default_rng(0)
    track.measure(plane(28.0, 0.5), 0.0)
    for depth_m in 28.0 + rng.normal(0.0, 0.5, 40):
        track.measure(plane(float(depth_m), 0.5), 0.0)
    # 41 measurements of 0.5 m and 1% each: 0.09 m; three of it.
    assert track.distance_m(0.0) == pytest.approx(28.0, abs=3.0 * math.sqrt((0.5**2 + 0.28**2) / 41))
    assert math.sqrt(track.variance_m2) == pytest.approx(math.sqrt((0.5**2 + 0.28**2) / 41), rel=0.05)


def looks_until_known(scatter: float, dt_s: float = DT_S, sigma_m: float = 6.0) -> int:
    """Planes about 30 m with a scatter that is a share of that, each of which claims to be off by a fifth."""
    tracks = ObstacleTracks()
    (track,) = look(tracks, peak(30.0, 8.0), fits=False)
    for number in range(1, 200):
        depth_m = 30.0 * (1.0 + scatter * (-1.0) ** number)
        track.measure(dataclasses.replace(plane(depth_m), alignment_sigma_m=sigma_m), 0.0, dt_s)
        if track.is_known(0.0):
            return number
    raise AssertionError("never known")


def test_planes_that_agree_make_a_distance_known_before_their_sigmas_do():
    by_sigma = looks_until_known(0.2)
    assert looks_until_known(0.02) < by_sigma / 2
    assert looks_until_known(0.01) <= 4
    assert looks_until_known(0.02, sigma_m=0.1) == 1  # a sure plane needs no second


def test_planes_that_disagree_are_no_better_than_their_sigmas():
    # Two sigmas of the mean of n planes that are each off by 6 m are 3 m.
    assert looks_until_known(0.2) == pytest.approx((2.0 * 6.0 / 3.0) ** 2, abs=2)
    assert looks_until_known(0.3) >= looks_until_known(0.2)


def test_planes_of_one_moment_count_as_one():
    assert looks_until_known(0.02, DT_S / 4) > 2 * looks_until_known(0.02)


def test_plane_of_no_time_is_no_look():
    tracks = ObstacleTracks()
    (track,) = look(tracks, peak(30.0, 8.0), fits=False)
    track.measure(plane(30.0), 0.0, 0.0)
    assert track.looks == 0.0
    assert math.isfinite(track.mean_m)


def test_sigma_never_falls_below_what_speed_and_focal_length_allow():
    tracks = ObstacleTracks()
    (track,) = look(tracks, peak(30.0, 8.0), fits=False)
    for _ in range(500):
        track.measure(plane(30.0, 0.01), 0.0)
    assert track.distance_sigma_m(0.0) >= 0.02 * 30.0


def test_sigma_grows_while_it_is_not_seen():
    tracks = ObstacleTracks()
    look(tracks, peak(30.0, 8.0))
    before = tracks.tracks[0].variance_m2
    for _ in range(5):
        tracks.predict(0.4, 0.0)
    assert tracks.tracks[0].variance_m2 - before == pytest.approx(0.3**2 * 2.0)


def test_after_a_gap_only_what_is_confirmed_is_remembered():
    suspected, sure = ObstacleTracks(), ObstacleTracks()
    look(suspected, peak(30.0, 8.0))
    for _ in range(12):
        look(sure, peak(30.0, 8.0))
    for tracks in (suspected, sure):
        tracks.predict(0.6, 0.0)
    assert not suspected.tracks
    assert len(sure.tracks) == 1


def test_two_tracks_on_the_same_plane_become_the_stronger_one():
    tracks = ObstacleTracks()
    for _ in range(6):
        look(tracks, peak(30.0, 8.0))
    look(tracks, peak(60.0, 8.0))
    strong, weak = tracks.tracks
    weak.position_m = strong.position_m + 1.0
    weak.variance_m2 = strong.variance_m2 = 0.01
    look(tracks, peak(30.0, 8.0))
    assert [track.track_id for track in tracks.tracks] == [strong.track_id]
    assert strong.is_confirmed


def test_obstacles_far_apart_stay_two():
    tracks = ObstacleTracks()
    for _ in range(10):
        look(tracks, np.maximum(peak(20.0, 8.0), peak(40.0, 8.0)))
    assert [track.log_ratio > CONFIRM for track in tracks.tracks] == [True, True]


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (None, False),
        (plane(30.0), True),
        (plane(30.0, correlation=0.49), False),
        (plane(38.9), True),
        (plane(39.1), False),
        (plane(20.9), False),
    ],
)
def test_plane_that_disagrees_may_not_move_a_track(fit, expected):
    """30% is twice the gate; half a correlation is no match."""
    assert is_trustworthy(fit, 30.0) is expected


def test_far_end_of_an_uncertain_path_is_not_confirmed():
    """What stands where the path may lead past it waits until the path is known, and loses nothing meanwhile."""
    tracks = ObstacleTracks()
    for certain_m, expected in ((20.0, False), (20.0, False), (20.0, False), (20.0, False), (40.0, True)):
        tracks.predict(DT_S, 0.0)
        for track in tracks.update(0.0, DISTANCES_M, peak(30.0, 24.0), DT_S, certain_m):
            track.measure(plane(30.0), 0.0)
        assert tracks.tracks[0].is_confirmed is expected
    assert tracks.tracks[0].log_ratio > CONFIRM


def test_what_is_not_known_to_a_tenth_of_its_distance_is_not_confirmed_yet():
    tracks = ObstacleTracks()
    rough = [dataclasses.replace(plane(depth_m), alignment_sigma_m=4.0) for depth_m in (28.0, 33.0, 27.0, 32.0)]
    for fit, expected in (*((one, False) for one in rough), (plane(30.0), True)):
        tracks.predict(DT_S, 0.0)
        for track in tracks.update(0.0, DISTANCES_M, peak(30.0, 24.0), DT_S):
            track.measure(fit, 0.0)
        tracks.update(0.0, DISTANCES_M, peak(30.0, 24.0), 0.0)
        assert tracks.tracks[0].is_confirmed is expected


@pytest.mark.parametrize("is_wide", [True, False])
def test_what_is_wide_is_in_the_way_where_a_narrow_thing_may_not_be(is_wide):
    tracks = ObstacleTracks()
    for _ in range(5):
        tracks.predict(DT_S, 0.0)
        for track in tracks.update(0.0, DISTANCES_M, peak(30.0, 24.0), DT_S, 20.0, certain_wide_m=40.0):
            track.measure(plane(30.0), 0.0)
            track.is_wide = is_wide
    assert tracks.tracks[0].is_confirmed is is_wide


def test_confirmed_obstacle_stays_when_the_path_becomes_uncertain():
    tracks = ObstacleTracks()
    for certain_m in (40.0, 40.0, 40.0, 10.0):
        tracks.predict(DT_S, 0.0)
        for track in tracks.update(0.0, DISTANCES_M, peak(30.0, 24.0), DT_S, certain_m):
            track.measure(plane(30.0), 0.0)
    assert tracks.tracks[0].is_confirmed


@pytest.mark.parametrize(("looks", "expected_m"), [(1, [30.0, 36.0]), (4, [36.0])])
def test_track_in_a_box_that_shows_another_is_that_one_when_that_has_more_evidence(looks, expected_m):
    """A second box before the wall ends when the wall's own box explains it; the alarm and its id stay. One odd look
    moves no alarm."""
    tracks = ObstacleTracks()
    for _ in range(5):
        look(tracks, peak(30.0, 24.0))
    first = tracks.tracks[0].track_id
    wall = int(np.argmin(np.abs(DISTANCES_M - 36.0)))
    thing = np.full(len(DISTANCES_M), -1)
    thing[(DISTANCES_M > 27.0) & (DISTANCES_M < 39.0)] = wall
    for _ in range(looks):
        tracks.predict(DT_S, 0.0)
        for track in tracks.update(0.0, DISTANCES_M, peak(36.0, 24.0), DT_S, np.inf, thing):
            track.measure(plane(36.0), 0.0)
    assert [track.distance_m(0.0) for track in tracks.tracks] == pytest.approx(expected_m, rel=0.03)
    assert [track.track_id for track in tracks.tracks if track.is_confirmed] == [first]


def test_what_is_only_suspected_is_absorbed_at_once():
    tracks = ObstacleTracks()
    for _ in range(3):
        look(tracks, peak(30.0, 10.0))
    assert not tracks.tracks[0].is_confirmed
    wall = int(np.argmin(np.abs(DISTANCES_M - 36.0)))
    tracks.predict(DT_S, 0.0)
    tracks.update(0.0, DISTANCES_M, peak(36.0, 10.0), DT_S, np.inf, np.full(len(DISTANCES_M), wall))
    assert [track.distance_m(0.0) for track in tracks.tracks] == pytest.approx([36.0], rel=0.03)


def test_what_the_path_has_turned_away_from_is_dropped():
    tracks = ObstacleTracks()
    for _ in range(4):
        for track in look(tracks, peak(30.0, 24.0)):
            track.place_m = np.array([30.0, 0.0])
    straight = np.column_stack([DISTANCES_M, np.zeros(len(DISTANCES_M))])
    tracks.leave_path(DISTANCES_M, straight, 0.0, 1.9)
    assert len(tracks.tracks) == 1
    bent = np.column_stack([DISTANCES_M, 0.005 * DISTANCES_M**2])  # 4.5 m aside at 30 m
    tracks.leave_path(DISTANCES_M, bent, 0.0, 1.9)
    assert tracks.tracks == []
