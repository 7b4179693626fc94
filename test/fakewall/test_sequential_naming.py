"""The test over frames: how evidence adds up, what it never exceeds, and how often it is wrong."""

import math

import numpy as np
import pytest

from perception_fm.fakewall.claims import Look, depth_log_ratio
from perception_fm.fakewall.finding import Cue
from perception_fm.fakewall.sequential import NAME, CueMemory, Suspect, joint_log_ratio
from perception_fm.motion.patches import COLUMNS
from perception_fm.motion.path_boxes import ROWS

SURE = Look(1.0, 0.1)


def after(look: Look, frames: int, dt_s: float) -> CueMemory:
    memory = CueMemory()
    for _ in range(frames):
        memory.take(look, depth_log_ratio, dt_s)
    return memory


def test_a_frame_counts_by_its_share_of_an_independent_look():
    whole = depth_log_ratio(SURE)
    assert after(SURE, 1, 0.2).log_ratio == pytest.approx(whole)
    assert after(SURE, 1, 0.05).log_ratio == pytest.approx(whole / 4.0)
    assert after(SURE, 1, 0.0).log_ratio == 0.0


def test_a_look_that_stays_the_same_is_one_look():
    assert after(SURE, 1000, 0.1).log_ratio == pytest.approx(depth_log_ratio(SURE))


def test_agreement_is_remembered_only_so_far():
    assert after(Look(0.0, 0.1), 1000, 0.1).log_ratio == -4.6


def test_a_lasting_error_names_as_rarely_as_the_budget_says():
    """Errors of a box that never change over a track's life, Gaussian: one in a thousand at most."""
    rng = np.random.default_rng(0)
    sigma, named, tracks = 0.3, 0, 4000
    for error in rng.normal(0.0, sigma, tracks):
        suspect = Suspect(0.0)
        for _ in range(20):
            suspect.take([(Cue.DEPTH_CONTRADICTION, Look(error, sigma))], 0.1)
        suspect.decide(is_confirmed=True)
        named += suspect.is_named
    # Expected 0.25: 0.5 + 7.13 x 0.09 = 1.14 is 3.8 sigmas.
    assert named <= 4


def test_independent_errors_name_as_rarely_as_the_budget_says():
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(1000):
        suspect = Suspect(0.0)
        for error in rng.normal(0.0, 0.5, 30):
            suspect.take([(Cue.DEPTH_CONTRADICTION, Look(error, 0.5))], 0.2)
            suspect.decide(is_confirmed=True)
        named += suspect.is_named
    assert named <= 4  # expected below one; 4 and more would be a chance of 2%


def test_a_cue_that_agrees_vetoes_nothing():
    depth = {Cue.DEPTH_CONTRADICTION: 12.0}
    assert joint_log_ratio({**depth, Cue.SEMANTICS: -50.0}) > NAME
    assert joint_log_ratio({**depth, Cue.SEMANTICS: -50.0}) < joint_log_ratio(depth)


def test_a_silent_cue_changes_nothing():
    depth = {Cue.DEPTH_CONTRADICTION: 3.0}
    assert joint_log_ratio({**depth, Cue.PAINTED_SURFACE: 0.0}) == pytest.approx(joint_log_ratio(depth))
    assert joint_log_ratio({cue: 0.0 for cue in Cue if cue not in (Cue.RANGE, Cue.ROAD_PARALLAX)}) == 0.0


def test_the_joint_ratio_is_fair():
    """Under agreement the mean of a likelihood ratio is one, so Wald's bound holds for the mixture too."""
    rng = np.random.default_rng(2)
    sigma = 0.6
    ratios = (rng.normal(0.0, sigma, 200_000) - 0.5) / sigma**2
    mean = np.mean([math.exp(joint_log_ratio({Cue.DEPTH_CONTRADICTION: one})) for one in ratios])
    assert mean == pytest.approx(1.0, abs=0.03)  # standard error of the mean about 0.01


def test_depth_and_range_are_one_piece_of_evidence():
    suspect = Suspect(0.0)
    suspect.take([(Cue.DEPTH_CONTRADICTION, SURE)], 0.2)
    alone = suspect.log_ratio
    suspect.take([(Cue.RANGE, SURE)], 0.2)
    assert suspect.log_ratio == pytest.approx(alone)


def test_nothing_is_named_before_motion_confirms():
    suspect = Suspect(0.0)
    suspect.take([(Cue.DEPTH_CONTRADICTION, SURE)], 1.0)
    suspect.decide(is_confirmed=False)
    assert not suspect.is_named
    suspect.decide(is_confirmed=True)
    assert suspect.is_named


def test_a_name_never_turns_back():
    suspect = Suspect(0.0)
    suspect.take([(Cue.DEPTH_CONTRADICTION, SURE)], 1.0)
    suspect.decide(is_confirmed=True)
    for _ in range(100):
        suspect.take([(Cue.DEPTH_CONTRADICTION, Look(0.0, 0.05))], 0.2)
        suspect.decide(is_confirmed=True)
    assert suspect.is_named


class TestUprightBlocks:
    def test_blocks_that_are_seen_past_are_left_out(self):
        suspect = Suspect(0.0)
        blocks = np.full((ROWS, COLUMNS), 2.0)
        blocks[0] = -2.0
        suspect.support(blocks, 0.2)
        assert not suspect.is_upright[0].any()
        assert suspect.is_upright[1:-1].all()

    def test_the_lowest_blocks_are_the_roads(self):
        suspect = Suspect(0.0)
        suspect.support(np.full((ROWS, COLUMNS), 6.0), 1.0)
        assert not suspect.is_upright[-1].any()

    def test_less_than_half_the_path_is_nothing(self):
        suspect = Suspect(0.0)
        blocks = np.full((ROWS, COLUMNS), -2.0)
        blocks[:, 0] = 6.0
        suspect.support(blocks, 1.0)
        assert not suspect.is_upright.any()

    def test_nan_is_no_support(self):
        suspect = Suspect(0.0)
        suspect.support(np.full((ROWS, COLUMNS), np.nan), 1.0)
        assert not suspect.is_upright.any()
