"""A wall that motion confirms, and networks that believe its picture, see it, are wrong about it, or are silent."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from fake_wall_drive import (
    FRAMES,
    GRID,
    MOUNTING,
    STEP_M,
    WALL_M,
    Drive,
    car_drive,
    error_model,
    findings_of,
    named_at,
    opinion,
    smooth_error,
    street_world,
    wall_drive,
)

from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction
from perception_fm.fakewall.finding import Anomaly, Cue, Evidence, FakeWallFinding
from perception_fm.fakewall.stage import FakeWallStage, RangeReading
from perception_fm.motion.stage import MotionReport
from perception_fm.scene.ground import MetricScale
from perception_fm.types import Obstacle, PathState, Provenance

BRAKING_M = 12.0**2 / 12.0 + 6.0
SEEDS = range(5)


@pytest.fixture(scope="module")
def wall() -> Drive:
    return wall_drive()


@pytest.fixture(scope="module")
def car() -> Drive:
    return car_drive()


@pytest.fixture(scope="module")
def street():
    return street_world()


def evidence(finding: FakeWallFinding, cue: Cue) -> Evidence:
    return next(one for one in finding.evidence if one.cue is cue)


def is_never_named(findings: dict[int, FakeWallFinding]) -> bool:
    return named_at(findings) is None and not any(
        claim.is_fake_wall for one in findings.values() for claim in one.by_track.values()
    )


class TestBelievers:
    def test_a_believed_picture_is_named_before_braking_has_to_begin(self, wall, street):
        findings = findings_of(wall, opinion(street), depth_error=error_model(0.15))
        first = named_at(findings)
        assert first is not None
        assert WALL_M - first * STEP_M > BRAKING_M
        assert all(findings[number].state is PathState.FAKE_WALL for number in FRAMES if number >= first)

    @pytest.mark.parametrize("sigma", [0.15, 0.3])
    def test_depth_alone_names_in_spite_of_its_error(self, wall, street, sigma):
        for seed in SEEDS:
            error = smooth_error(min(sigma, 0.2), seed)  # 0.3 the other way may hide the picture: believed less far
            findings = findings_of(wall, opinion(street, error, has_labels=False), depth_error=error_model(sigma))
            assert named_at(findings) is not None

    def test_classes_alone_name_a_picture_of_nothing_but_road(self, wall, street):
        def all_road(number: int) -> DensePrediction:
            seen = opinion(street, has_depth=False)(number)
            return dataclasses.replace(seen, label=np.zeros_like(seen.label))

        assert named_at(findings_of(wall, all_road)) is not None

    def test_the_learned_depth_is_found_to_be_that_of_free_road(self, wall, street):
        findings = findings_of(wall, opinion(street))
        look = evidence(findings[30], Cue.DEPTH_CONTRADICTION)
        # One is the road going on; the plane is known to 2 to 3%, of a way of ln(80 / 19) = 1.4.
        assert look.value == pytest.approx(1.0, abs=0.1)
        assert (look.threshold, look.unit) == (0.5, "1")

    def test_a_believer_without_odometry_is_named_too(self, street):
        findings = findings_of(wall_drive(has_odometry=False), opinion(street), depth_error=error_model(0.15))
        assert named_at(findings) is not None

    def test_flags_say_what_is_strange(self, wall, street):
        last = findings_of(wall, opinion(street), depth_error=error_model(0.15))[FRAMES[-1]]
        claim = last.by_track[last.obstacle_id]
        assert claim.flags & Anomaly.DEPTH_CONTRADICTION
        assert not claim.flags & (Anomaly.PAINTED_SURFACE | Anomaly.RANGE_CONTRADICTION)
        assert claim.score == 1.0

    def test_the_face_lies_where_the_wall_stands(self, wall, street):
        last = findings_of(wall, opinion(street))[FRAMES[-1]]
        distance = WALL_M - FRAMES[-1] * STEP_M
        ahead = distance - MOUNTING.translation_m[0]
        np.testing.assert_allclose(last.polygon_m[:, 0], ahead, rtol=0.1)
        np.testing.assert_allclose(last.polygon_m[:, 2], [0.0, 0.0, 2.5, 2.5], atol=0.2)
        assert last.polygon_m[0, 1] > last.polygon_m[1, 1]  # foot left, then foot right: y is left
        np.testing.assert_allclose(last.polygon_m @ last.plane[:3] + last.plane[3], 0.0, atol=1e-9)
        assert last.plane[0] == pytest.approx(-1.0, abs=0.02)  # towards the vehicle
        assert last.distance_m == pytest.approx(ahead, rel=0.1)
        assert last.ttc_s == pytest.approx(distance / 12.0, rel=0.12)


class TestNothingContradicts:
    @pytest.mark.parametrize("sigma", [0.15, 0.3])
    @pytest.mark.parametrize("is_fitted", [True, False])
    def test_a_wall_that_the_network_sees_stays_an_obstacle(self, wall, sigma, is_fitted):
        model = error_model(sigma) if is_fitted else None
        for seed in SEEDS:
            findings = findings_of(
                wall, opinion(wall.world, smooth_error(sigma, seed), has_labels=False), depth_error=model
            )
            assert is_never_named(findings)
            assert findings[FRAMES[-1]].state is PathState.OBSTACLE

    def test_a_depth_that_is_worse_than_was_fitted_names_nothing(self, wall):
        for seed in SEEDS:
            dense = opinion(wall.world, smooth_error(0.3, seed))
            assert is_never_named(findings_of(wall, dense, depth_error=error_model(0.05)))

    def test_a_car_stays_an_obstacle_though_the_road_goes_on_above_its_roof(self, car):
        findings = findings_of(car, opinion(car.world), depth_error=error_model(0.15))
        assert any(one.state is PathState.OBSTACLE for one in findings.values())
        assert is_never_named(findings)

    def test_a_scale_that_is_known_to_be_long_names_nothing(self, wall):
        """Three times too long, as on a camera that the network has never seen: the scale is measured."""
        findings = findings_of(
            wall, opinion(wall.world, 3.0, has_labels=False), scale=MetricScale(3.0, 0.05), depth_error=None
        )
        assert is_never_named(findings)

    @pytest.mark.parametrize("painted", [0.96, 0.999, 1.0])
    def test_the_painted_head_alone_names_nothing(self, wall, painted):
        findings = findings_of(wall, opinion(wall.world, has_depth=False, has_labels=False, painted=painted))
        assert is_never_named(findings)
        last = findings[FRAMES[-1]]
        assert last.by_track[last.obstacle_id].flags == Anomaly.PAINTED_SURFACE

    def test_without_a_network_nothing_is_named_and_every_cue_is_silent(self, wall):
        findings = findings_of(wall, lambda _: None)
        assert is_never_named(findings)
        assert findings[FRAMES[-1]].state is PathState.OBSTACLE
        for one in findings.values():
            assert {cue.cue for cue in one.evidence} == set(Cue) - {Cue.ROAD_PARALLAX}
            assert not any(cue.is_available for cue in one.evidence)

    def test_absent_heads_say_nothing(self, wall):
        assert is_never_named(findings_of(wall, lambda _: DensePrediction(GRID)))

    def test_nan_depth_says_nothing(self, wall, street):
        findings = findings_of(wall, opinion(street, math.nan, has_labels=False))
        assert is_never_named(findings)
        assert all(not evidence(one, Cue.DEPTH_CONTRADICTION).is_available for one in findings.values())


class TestOverTime:
    def test_a_name_stays_when_the_network_changes_its_mind(self, wall, street):
        believes, sees = opinion(street), opinion(wall.world)
        findings = findings_of(
            wall, lambda number: (believes if number < 32 else sees)(number), depth_error=error_model(0.15)
        )
        first = named_at(findings)
        assert first is not None
        assert first < 32
        last = findings[FRAMES[-1]]
        assert last.state is PathState.FAKE_WALL
        assert evidence(last, Cue.DEPTH_CONTRADICTION).log_likelihood_ratio < 3.0  # it sees the wall by now
        assert last.by_track[last.obstacle_id].flags & Anomaly.DEPTH_CONTRADICTION

    def test_a_name_survives_frames_that_show_nothing(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        findings = findings_of(wall, opinion(street), stage, depth_error=error_model(0.15))
        assert findings[FRAMES[-1]].state is PathState.FAKE_WALL
        report, frame = wall.report(FRAMES[-1]), wall.frames[FRAMES[-1]]
        report.evidence = report.sweep = None
        for track in report.tracks:
            track.is_seen = False
        later = dataclasses.replace(frame, stamp_ns=frame.stamp_ns + 100_000_000)
        blind = stage.update(report, later, None)
        assert blind.state is PathState.FAKE_WALL
        assert not any(one.is_available for one in blind.evidence)

    def test_reset_forgets_names(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        findings_of(wall, opinion(street), stage, depth_error=error_model(0.15))
        stage.reset()
        last = FRAMES[-1]
        assert stage.update(wall.report(last), wall.frames[last], None).state is PathState.OBSTACLE

    def test_a_run_after_reset_equals_the_first(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        first = findings_of(wall, opinion(street), stage)
        stage.reset()
        again = findings_of(wall, opinion(street), stage)
        assert [str(one) for one in first.values()] == [str(one) for one in again.values()]

    def test_a_track_that_is_gone_takes_its_name_with_it(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        findings_of(wall, opinion(street), stage, depth_error=error_model(0.15))
        last = FRAMES[-1]
        report = dataclasses.replace(wall.report(last), tracks=())
        assert stage.update(report, wall.frames[last], None).by_track == {}
        assert stage.update(wall.report(last), wall.frames[last], None).state is PathState.OBSTACLE

    def test_a_merged_track_inherits_the_name(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        findings_of(wall, opinion(street), stage, depth_error=error_model(0.15))
        last = FRAMES[-1]
        report = wall.report(last)
        (track,) = (one for one in report.tracks if one.is_confirmed)
        track.track_id += 1000
        track.position_m += 0.2
        found = stage.update(report, wall.frames[last], None)
        assert (found.state, found.obstacle_id) == (PathState.FAKE_WALL, track.track_id)

    def test_a_repeated_stamp_adds_nothing(self, wall, street):
        number = 30
        stage = FakeWallStage(PerceptionConfig())
        for _ in range(200):
            found = stage.update(wall.report(number), wall.frames[number], opinion(street)(number))
        assert found.state is PathState.OBSTACLE

    def test_a_stamp_that_goes_back_adds_nothing(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        for number in reversed(FRAMES):
            found = stage.update(wall.report(number), wall.frames[number], opinion(street)(number))
        assert not any(claim.is_fake_wall for claim in found.by_track.values())

    def test_many_frames_of_one_picture_are_one_look(self, wall):
        """A doubtful depth that stays as it is never adds up to a name."""
        number, stage = 30, FakeWallStage(PerceptionConfig())
        halfway = opinion(wall.world, 2.2, has_labels=False)(number)
        for step in range(300):
            later = wall.frames[number].stamp_ns + step * 100_000_000
            frame = dataclasses.replace(wall.frames[number], stamp_ns=later)
            found = stage.update(wall.report(number), frame, halfway)
        assert found.state is PathState.OBSTACLE


class TestMotionDecides:
    """The name never appears without a track that motion has confirmed."""

    @pytest.mark.parametrize("seed", range(8))
    def test_no_name_without_a_confirmed_track(self, wall, street, seed):
        """Confirmation, stamps, opinions and ranges at random."""
        rng = np.random.default_rng(seed)
        stage, stamp = FakeWallStage(PerceptionConfig()), 0
        for number in rng.choice(list(FRAMES), 40):
            report = wall.report(int(number))
            for track in report.tracks:
                track.is_confirmed = bool(rng.random() < 0.2)
                track.log_ratio = float(rng.uniform(0.0, 40.0))
            stamp += int(rng.integers(1, 300_000_000))
            frame = dataclasses.replace(wall.frames[int(number)], stamp_ns=stamp)
            dense = opinion(street, float(rng.uniform(0.3, 5.0)), painted=0.99)(int(number))
            found = stage.update(report, frame, dense, measured=RangeReading(float(rng.uniform(1.0, 60.0)), 0.1))
            named = {key for key, claim in found.by_track.items() if claim.is_fake_wall}
            now = {track.track_id for track in report.tracks if track.is_confirmed}
            assert named <= now
            if found.state is PathState.FAKE_WALL:
                assert found.obstacle_id in now & named
            if not now:
                assert found.state is PathState.UNVERIFIED

    def test_all_evidence_of_the_world_confirms_nothing(self, wall, street):
        def unconfirmed(report: MotionReport) -> MotionReport:
            for track in report.tracks:
                track.is_confirmed = False
            return report

        stage = FakeWallStage(PerceptionConfig())
        for number in FRAMES:
            distance = WALL_M - number * STEP_M
            found = stage.update(
                unconfirmed(wall.report(number)), wall.frames[number], opinion(street, painted=1.0)(number),
                depth_error=error_model(0.05), measured=RangeReading(distance, 0.05),
            )  # fmt: skip
            assert found.state is PathState.UNVERIFIED
            assert not any(claim.is_fake_wall for claim in found.by_track.values())


class TestRange:
    def test_a_range_that_agrees_with_the_plane_confirms_the_contradiction(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        for number in FRAMES:
            measured = RangeReading(WALL_M - number * STEP_M, 0.1)
            found = stage.update(wall.report(number), wall.frames[number], opinion(street)(number), measured=measured)
        look = evidence(found, Cue.RANGE)
        assert look.is_available
        assert look.value == pytest.approx(1.0, abs=0.1)
        assert look.log_likelihood_ratio > 3.0

    @pytest.mark.parametrize("reading", [(30.0, 0.1), (2.0, 0.1), (math.nan, 0.1), (10.0, math.nan), (-1.0, 0.1)])
    def test_a_range_of_something_else_says_nothing(self, wall, street, reading):
        stage = FakeWallStage(PerceptionConfig())
        for number in FRAMES[-8:]:
            found = stage.update(
                wall.report(number), wall.frames[number], opinion(street)(number), measured=RangeReading(*reading)
            )
            assert not evidence(found, Cue.RANGE).is_available


class TestAbsurdInput:
    @pytest.mark.parametrize(
        "change",
        [
            {"variance_m2": math.nan},
            {"variance_m2": math.inf},
            {"position_m": math.nan},
            {"position_m": -1000.0},
            {"position_m": math.inf},
            {"position_m": 1e6},
        ],
    )
    def test_tracks_that_cannot_be_are_survived(self, wall, street, change):
        stage = FakeWallStage(PerceptionConfig())
        for number in FRAMES[-6:]:
            report = wall.report(number)
            for track in report.tracks:
                vars(track).update(change)
            found = stage.update(report, wall.frames[number], opinion(street)(number))
            assert found.state in (PathState.UNVERIFIED, PathState.OBSTACLE)

    @pytest.mark.parametrize("depth", [0.0, -5.0, math.inf, 1e30, 1e-30])
    def test_depths_that_cannot_be_are_survived(self, wall, street, depth):
        def dense(number: int) -> DensePrediction:
            seen = opinion(street)(number)
            full = np.full_like(seen.depth_m, depth)
            return dataclasses.replace(seen, depth_m=full, depth_std_m=full)

        for one in findings_of(wall, dense).values():
            assert math.isnan(one.probability) or 0.0 <= one.probability <= 1.0

    @pytest.mark.parametrize("scale", [MetricScale(), MetricScale(0.0, 0.1), MetricScale(math.inf, 0.0)])
    def test_a_scale_that_says_nothing_changes_nothing(self, wall, street, scale):
        plain = findings_of(wall, opinion(street))
        assert [str(one) for one in findings_of(wall, opinion(street), scale=scale).values()] == [
            str(one) for one in plain.values()
        ]

    def test_missing_mounting_makes_it_unverified(self, wall, street):
        stage = FakeWallStage(PerceptionConfig())
        findings_of(wall, opinion(street), stage)
        report = MotionReport(reasons=["camera mounting unknown"])
        frame = dataclasses.replace(wall.frames[FRAMES[-1]], base_from_camera=None)
        assert stage.update(report, frame, None).state is PathState.UNVERIFIED

    def test_a_grid_of_one_cell_says_nothing(self, wall):
        tiny = dataclasses.replace(GRID, width=1, height=1)
        dense = DensePrediction(tiny, depth_m=np.full((1, 1), 80.0, np.float32), label=np.zeros((1, 1), np.uint8))
        assert is_never_named(findings_of(wall, lambda _: dense))


def learned(distance_m: float, **changes: Any) -> Obstacle:
    known: dict[str, Any] = {
        "obstacle_id": 7, "distance_m": distance_m, "distance_sigma_m": 0.5, "ttc_s": 1.0, "ttc_sigma_s": 0.1,
        "provenance": Provenance.LEARNED, "existence_probability": 0.97, "is_confirmed": True,
        "centre_base_m": np.array([distance_m, 0.0, 0.5]), "size_m": np.array([math.nan, 1.5, 1.0]),
    }  # fmt: skip
    return Obstacle(**(known | changes))


class TestLearnedObstacles:
    def test_a_learned_obstacle_is_an_obstacle(self, wall):
        first = FRAMES[0]
        found = FakeWallStage(PerceptionConfig()).update(
            wall.report(first), wall.frames[first], None, learned=[learned(12.0)]
        )
        assert (found.state, found.obstacle_id, found.probability) == (PathState.OBSTACLE, 7, 0.97)

    def test_what_is_claimed_on_verified_road_is_a_phantom(self, wall):
        """Something 6 m ahead that nobody but the network sees, while the wall behind is not confirmed yet."""
        stage = FakeWallStage(PerceptionConfig())
        found = {}
        for number in FRAMES:
            if wall.confirmed(number):
                break
            found = stage.update(wall.report(number), wall.frames[number], None, learned=[learned(6.0)])
        assert (found.state, found.obstacle_id) == (PathState.FLAT_PHANTOM, 7)
        assert found.flat_ids == {7}
        assert found.probability > 0.999
        look = evidence(found, Cue.ROAD_PARALLAX)
        assert look.log_likelihood_ratio < -look.threshold  # speaks against a surface

    def test_what_motion_and_network_have_seen_is_no_phantom_beside_one(self, wall):
        both = learned(9.0, obstacle_id=8, provenance=Provenance.BOTH)
        stage, number = FakeWallStage(PerceptionConfig()), FRAMES[0]
        while not wall.confirmed(number):
            found = stage.update(wall.report(number), wall.frames[number], None, learned=[learned(6.0), both])
            number += 1
        assert found.flat_ids == {7}
        assert found.state is PathState.OBSTACLE

    def test_what_stands_beside_the_path_is_no_phantom(self, wall):
        stage = FakeWallStage(PerceptionConfig())
        aside = learned(6.0, centre_base_m=np.array([6.0, -1.2, 0.5]))
        for number in FRAMES:
            found = stage.update(wall.report(number), wall.frames[number], None, learned=[aside])
            assert found.flat_ids == frozenset()

    def test_a_confirmed_track_of_motion_comes_before_what_is_flat(self, wall):
        stage = FakeWallStage(PerceptionConfig())
        for number in FRAMES:
            found = stage.update(wall.report(number), wall.frames[number], None, learned=[learned(6.0)])
        assert wall.confirmed(FRAMES[-1])
        assert found.state is PathState.OBSTACLE
        assert found.obstacle_id != 7


def test_input_is_not_changed(wall, street):
    last = FRAMES[-1]
    report = wall.report(last)
    before = copy.deepcopy(report.tracks)
    FakeWallStage(PerceptionConfig()).update(report, wall.frames[last], opinion(street)(last))
    assert str(report.tracks) == str(before)


def test_arrays_of_a_finding_are_read_only(wall, street):
    found = findings_of(wall, opinion(street))[FRAMES[-1]]
    assert not found.plane.flags.writeable
    assert not found.polygon_m.flags.writeable
    with pytest.raises(TypeError):
        found.by_track[1] = None
