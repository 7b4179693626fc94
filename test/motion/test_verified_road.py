"""Memory of verified road: it moves with the vehicle, fades, and bridges no gap that could hide an obstacle."""

import math

import numpy as np
import pytest

from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import BOX_SPACING, box_distances
from perception_fm.motion.verified_road import CELL_M, VerifiedRoad, verified_distance_m

DISTANCES_M = box_distances(5.0, 60.0)
VERIFIED = math.log(100.0)  # odds of a hundred to one
HEIGHT_M, LEAST_M = 1.4, 0.5
DT_S = 0.1
INNER = slice(1, 42)  # boxes between cells; the first and the last may share one with what is out of range


def ratio(value: float) -> np.ndarray:
    return np.full((len(DISTANCES_M), COLUMNS), value)


def straight(odometer_m: float, lateral_m: float = 0.0) -> np.ndarray:
    """Where the path lies in the world, for a drive along x."""
    return np.column_stack([DISTANCES_M + odometer_m, np.full(len(DISTANCES_M), lateral_m)])


def drive(road: VerifiedRoad, frames: int, value: float, speed_mps: float = 0.0, start_m: float = 0.0) -> np.ndarray:
    """Evidence after some frames of the same look everywhere."""
    memory = np.empty(0)
    for number in range(frames):
        odometer_m = start_m + number * DT_S * speed_mps
        memory = road.update(odometer_m, DISTANCES_M, ratio(value), straight(odometer_m), DT_S)
    return memory


def test_evidence_adds_up_and_fades():
    memory = drive(VerifiedRoad(), 2, 2.0)
    np.testing.assert_allclose(memory[INNER], 2.0 * math.exp(-DT_S) + 2.0)


def test_frames_in_quick_succession_count_in_part():
    road = VerifiedRoad()
    memory = np.empty(0)
    for _ in range(4):
        memory = road.update(0.0, DISTANCES_M, ratio(4.0), straight(0.0), 0.025)
    # Four looks within 0.1 s weigh as one, fading meanwhile by 1 - e^(-0.1) at most.
    assert 4.0 * math.exp(-0.1) < memory.max() <= 4.0


def test_first_frame_after_reset_says_nothing():
    assert VerifiedRoad().update(0.0, DISTANCES_M, ratio(6.0), straight(0.0), 0.0).max() == 0.0


def test_unseen_road_is_forgotten_within_a_second():
    road = VerifiedRoad()
    assert drive(road, 10, 6.0).min() >= VERIFIED - 1e-9
    memory = drive(road, 10, 0.0)  # one second without evidence
    assert memory.max() < VERIFIED
    assert memory.max() > 0.0


def test_evidence_has_a_ceiling():
    """However long a stretch was seen free, a second against it outweighs all."""
    road = VerifiedRoad()
    assert drive(road, 100, 6.0).max() <= 2.0 * VERIFIED
    assert drive(road, 3, -6.0).max() < 0.0


def test_verified_road_comes_nearer_with_travel():
    road = VerifiedRoad()
    look = ratio(0.0)
    stretch = (DISTANCES_M > 28.0) & (DISTANCES_M < 42.0)
    look[stretch] = 6.0
    road.update(0.0, DISTANCES_M, look, straight(0.0), DT_S)
    memory = road.update(10.0, DISTANCES_M, ratio(0.0), straight(10.0), DT_S)
    free = DISTANCES_M[memory.min(axis=1) > 3.0]
    # Linear interpolation between boxes 6% apart blurs the edges by 2.4 m, the grid by half a metre.
    assert free.min() == pytest.approx(18.0, abs=2.4 + CELL_M)
    assert free.max() == pytest.approx(32.0, abs=2.4 + CELL_M)


def test_moved_path_drops_what_was_verified_beside_it():
    road = VerifiedRoad()
    assert drive(road, 10, 6.0).min() >= VERIFIED - 1e-9
    aside = road.update(0.0, DISTANCES_M, ratio(0.0), straight(0.0, lateral_m=0.95), DT_S)
    assert aside.max() <= 0.0  # half the vehicle's width is another strip of road at any distance


def test_heading_noise_far_ahead_drops_nothing():
    """Half a degree swings the path aside by 0.5 m at 55 m and by 5 cm at 5 m."""
    road = VerifiedRoad()
    assert drive(road, 10, 6.0).min() >= 0.5 * VERIFIED
    turned = straight(0.0)
    turned[:, 1] = 0.009 * DISTANCES_M
    assert road.update(0.0, DISTANCES_M, ratio(0.0), turned, DT_S)[INNER].min() >= VERIFIED - 1e-9


def test_wander_of_a_hand_keeps_what_was_verified():
    road = VerifiedRoad()
    drive(road, 10, 6.0)
    assert road.update(0.0, DISTANCES_M, ratio(0.0), straight(0.0, lateral_m=0.15), DT_S)[INNER].min() >= VERIFIED


def test_moved_path_keeps_what_speaks_against_it():
    road = VerifiedRoad()
    drive(road, 10, -6.0)
    assert road.update(0.0, DISTANCES_M, ratio(0.0), straight(0.0, lateral_m=0.95), DT_S)[INNER].max() < -VERIFIED


def test_slow_creep_aside_is_noticed():
    """Small steps sideways add up against where the evidence was gathered."""
    road = VerifiedRoad()
    drive(road, 10, 6.0)
    for step in range(1, 11):
        memory = road.update(0.0, DISTANCES_M, ratio(0.0), straight(0.0, lateral_m=0.08 * step), 0.01)
    assert memory.max() <= 0.0


def test_jump_back_of_the_odometer_forgets():
    road = VerifiedRoad()
    drive(road, 10, 6.0, start_m=50.0)
    assert road.update(20.0, DISTANCES_M, ratio(0.0), straight(20.0), DT_S).max() == 0.0


def test_jump_ahead_beyond_all_that_is_known_forgets():
    road = VerifiedRoad()
    drive(road, 10, 6.0)
    assert road.update(500.0, DISTANCES_M, ratio(0.0), straight(500.0), DT_S).max() == 0.0


def test_reset_forgets():
    road = VerifiedRoad()
    drive(road, 10, 6.0)
    road.reset()
    assert road.update(0.0, DISTANCES_M, ratio(0.0), straight(0.0), DT_S).max() == 0.0


def verified(evidence: np.ndarray, nearest_m: float = 4.0, least_m: float = LEAST_M) -> float:
    return verified_distance_m(DISTANCES_M, evidence, nearest_m, HEIGHT_M, least_m)[0]


def test_all_verified_reaches_the_last_box():
    distance, free = verified_distance_m(DISTANCES_M, ratio(VERIFIED), 4.0, HEIGHT_M, LEAST_M)
    assert distance == DISTANCES_M[-1]
    assert free.all()


def test_evidence_just_below_the_odds_verifies_nothing():
    distance, free = verified_distance_m(DISTANCES_M, ratio(VERIFIED - 0.01), 4.0, HEIGHT_M, LEAST_M)
    assert distance == 0.0
    assert not free.any()


@pytest.mark.parametrize("column", range(COLUMNS))
def test_every_column_must_be_verified(column):
    evidence = ratio(9.0)
    evidence[12:, column] = 0.0
    assert verified(evidence) == pytest.approx(DISTANCES_M[11])


def test_gap_is_bridged_only_where_nothing_could_hide():
    """An obstacle of H = 0.5 m hides Z to Z h/(h - H) = 1.556 Z; boxes at most sqrt of it (1.247) apart leave no room.

    Boxes are 6% apart: two in a row may be missing (1.06^3 = 1.19), three may not (1.06^4 = 1.26).
    """
    two, three = ratio(9.0), ratio(9.0)
    two[10:12], three[10:13] = 0.0, 0.0
    assert BOX_SPACING**3 < (1.0 - LEAST_M / HEIGHT_M) ** -0.5 < BOX_SPACING**4
    assert verified(two) == DISTANCES_M[-1]
    assert verified(three) == pytest.approx(DISTANCES_M[9])


def test_lower_obstacles_allow_a_smaller_gap():
    """(1 - 0.2 / 1.4)^-0.5 = 1.08: neighbours only."""
    one = ratio(9.0)
    one[10] = 0.0
    assert verified(one, least_m=0.2) == pytest.approx(DISTANCES_M[9])
    assert verified(ratio(9.0), least_m=0.2) == DISTANCES_M[-1]


def test_obstacles_lower_than_boxes_resolve_are_never_excluded():
    """1 / (1 - 0.05 / 1.4) = 1.04: the strip of such an obstacle does not reach the next box, 6% farther."""
    assert verified(ratio(9.0), least_m=0.05) <= DISTANCES_M[0]


def test_strips_that_reach_their_neighbours_leave_no_gap():
    """1 / (1 - 0.1 / 1.4) = 1.08: strips overlap, although half of one (1.04) does not reach the next box."""
    assert verified(ratio(9.0), least_m=0.1) == pytest.approx(DISTANCES_M[-1])


def test_road_that_begins_behind_a_gap_is_not_verified():
    evidence = ratio(9.0)
    evidence[DISTANCES_M < 7.0] = 0.0
    assert verified(evidence) == 0.0


def test_unverified_boxes_before_the_end_are_not_marked_free():
    evidence = ratio(9.0)
    evidence[3] = 0.0
    evidence[14:] = -3.0
    distance, free = verified_distance_m(DISTANCES_M, evidence, 4.0, HEIGHT_M, LEAST_M)
    assert distance == pytest.approx(DISTANCES_M[13])
    np.testing.assert_array_equal(np.flatnonzero(free), [0, 1, 2, *range(4, 14)])


def test_free_road_beyond_the_end_is_not_marked_free():
    evidence = ratio(9.0)
    evidence[6:12] = 0.0
    _, free = verified_distance_m(DISTANCES_M, evidence, 4.0, HEIGHT_M, LEAST_M)
    assert not free[6:].any()


def test_obstacle_taller_than_the_camera_leaves_a_finite_rule():
    assert verified(ratio(9.0), least_m=2.0) == DISTANCES_M[-1]
