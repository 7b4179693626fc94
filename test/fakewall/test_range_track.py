"""What a range sensor meets over time, and what it makes of it: confirmed, released, forgotten, and named."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from fake_wall_drive import (
    DRIVE,
    GRID,
    INTRINSICS,
    MOUNTING,
    error_model,
    opinion,
    smooth_error,
    street_world,
    wall_world,
)
from test_range_surface import wall

from perception_fm.config import PerceptionConfig, SweepConfig
from perception_fm.dense import DensePrediction
from perception_fm.fakewall.finding import Anomaly, Cue, FakeWallFinding
from perception_fm.fakewall.range_scan import RangeScan
from perception_fm.fakewall.range_track import RangeTrack, RangeWatch, range_obstacle, unexplained
from perception_fm.fakewall.stage import FakeWallStage
from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import plane_from_mounting
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.types import PathState, Provenance, ScaleSource

STEP_NS = 100_000_000
FROM_WALL_M = 55.0 - 30 * 1.2  # of frame 30 of the drive, where the vehicle stands in these tests
NUMBER = 30


def standing_report(**changes: Any) -> MotionReport:
    """No motion, so no evidence of it: path and road are those of the mounting."""
    known: dict[str, Any] = {
        "reasons": ["standing still"], "path": PredictedPath(0.0, 0.0, 0.95), "road": plane_from_mounting(MOUNTING),
        "speed_mps": 0.0, "scale_source": ScaleSource.ODOMETRY,
    }  # fmt: skip
    return MotionReport(**(known | changes))


def frame_at(step: int) -> RectifiedFrame:
    return RectifiedFrame(1 + step * STEP_NS, np.zeros((288, 480), np.uint8), INTRINSICS, MOUNTING, None)


def scan_of(*points: np.ndarray) -> RangeScan:
    return RangeScan(np.concatenate([np.empty((0, 3)), *points]), 0.05)


def watched(scans: list[RangeScan | None], report: MotionReport | None = None) -> list[tuple[RangeTrack, ...]]:
    watch = RangeWatch(SweepConfig())
    return [
        tuple(dataclasses.replace(one) for one in watch.update(scan, report or standing_report(), frame_at(step)))
        for step, scan in enumerate(scans)
    ]


class TestOverTime:
    def test_a_wall_is_suspected_then_confirmed_within_a_second(self):
        tracks = watched([scan_of(wall(19.0))] * 12)
        assert tracks[0] == ()  # one look is none
        first = next(step for step, one in enumerate(tracks) if one)
        sure = next(step for step, one in enumerate(tracks) if one and one[0].is_confirmed)
        assert first < sure <= 10
        assert tracks[-1][0].distance_m(0.0) == pytest.approx(19.0 - MOUNTING.translation_m[0], abs=0.05)
        assert len({one.track_id for found in tracks for one in found}) == 1

    def test_a_sensor_that_repeats_itself_at_camera_rate_confirms_no_sooner(self):
        watch, confirmed_s = RangeWatch(SweepConfig()), []
        for step_ns in (STEP_NS, STEP_NS // 10):
            watch.reset()
            for step in range(200):
                frame = dataclasses.replace(frame_at(0), stamp_ns=1 + step * step_ns)
                if any(one.is_confirmed for one in watch.update(scan_of(wall(19.0)), standing_report(), frame)):
                    confirmed_s.append(step * step_ns * 1e-9)
                    break
        assert confirmed_s[1] == pytest.approx(confirmed_s[0], abs=0.1)

    def test_a_stray_echo_now_and_then_confirms_nothing(self):
        rng = np.random.default_rng(3)
        echoes = [scan_of(wall(float(rng.uniform(4.0, 40.0)), 1.0, 2.0)) if step % 3 == 0 else scan_of()
                  for step in range(90)]  # fmt: skip
        assert not any(one.is_confirmed for found in watched(echoes) for one in found)

    def test_the_road_under_a_pitching_sensor_is_never_met(self):
        """A level road; braking and bumps pitch the vehicle by 0.5 degrees, which its mounting does not tell."""
        rng = np.random.default_rng(5)
        x, y = np.mgrid[3.0:70.0:0.5, -3.0:3.01:0.3]
        scans = []
        for _ in range(60):
            z = x * math.tan(float(rng.normal(0.0, math.radians(0.5)))) + rng.normal(0.0, 0.03, x.shape)
            scans.append(scan_of(np.column_stack([x.ravel(), y.ravel(), z.ravel()])))
        assert all(found == () for found in watched(scans))

    def test_what_is_gone_is_released(self):
        tracks = watched([scan_of(wall(19.0))] * 12 + [scan_of(wall(39.0))] * 30)
        assert all(abs(one.distance_m(0.0) - 39.0) < 2.0 for one in tracks[-1])

    def test_what_is_hidden_stays(self):
        tracks = watched([scan_of(wall(19.0))] * 12 + [scan_of(wall(9.0)), scan_of(wall(6.0))] * 4)
        assert any(one.is_confirmed and abs(one.distance_m(0.0) - 19.0) < 1.0 for one in tracks[-1])

    def test_silence_keeps_it_for_a_second(self):
        tracks = watched([scan_of(wall(19.0))] * 12 + [None] * 12)
        assert tracks[20][0].is_confirmed
        assert tracks[20][0].reading is None
        assert tracks[-1] == ()

    def test_it_comes_nearer_as_the_vehicle_drives(self):
        watch = RangeWatch(SweepConfig())
        for step in range(15):
            scan = scan_of(wall(30.0 - step))
            found = watch.update(scan, standing_report(odometer_m=float(step), speed_mps=10.0), frame_at(step))
        (track,) = found
        assert track.is_confirmed
        assert track.distance_m(14.0) == pytest.approx(16.0 - MOUNTING.translation_m[0], abs=0.1)

    def test_reset_forgets_and_ids_go_on(self):
        watch = RangeWatch(SweepConfig())
        for step in range(12):
            before = watch.update(scan_of(wall(19.0)), standing_report(), frame_at(step))
        watch.reset()
        assert watch.update(scan_of(wall(19.0)), standing_report(), frame_at(13)) == ()
        for step in range(14, 20):
            after = watch.update(scan_of(wall(19.0)), standing_report(), frame_at(step))
        assert after[0].track_id > before[0].track_id

    @pytest.mark.parametrize("missing", [{"path": None}, {"road": None}])
    def test_without_path_or_road_nothing_has_a_place(self, missing):
        assert watched([scan_of(wall(19.0))] * 12, standing_report(**missing))[-1] == ()

    def test_stamps_that_stand_still_or_go_back_add_nothing(self):
        watch = RangeWatch(SweepConfig())
        for step in [0] * 50 + list(range(40, 0, -1)):
            found = watch.update(scan_of(wall(19.0)), standing_report(), frame_at(step))
        assert not any(one.is_confirmed for one in found)


class TestObstacle:
    def test_it_says_where_and_by_whom(self):
        report = standing_report()
        (track,) = watched([scan_of(wall(19.0))] * 12)[-1]
        item = range_obstacle(track, report, frame_at(11))
        assert item.provenance is Provenance.RANGE
        assert item.is_confirmed
        assert item.is_in_path
        assert item.centre_base_m[0] == pytest.approx(19.0, abs=0.05)
        assert item.size_m[1] > 1.4
        assert item.size_m[2] == pytest.approx(2.5, abs=0.1)
        assert math.isnan(item.ttc_s)  # nothing closes in at standstill
        moving = range_obstacle(track, standing_report(speed_mps=5.0), frame_at(11))
        assert moving.ttc_s == pytest.approx(item.distance_m / 5.0)

    def test_what_others_have_confirmed_there_is_not_said_twice(self):
        (track,) = watched([scan_of(wall(19.0))] * 12)[-1]
        item = range_obstacle(track, standing_report(), frame_at(11))
        same = dataclasses.replace(item, obstacle_id=99, provenance=Provenance.MOTION, distance_m=item.distance_m + 0.5)
        assert unexplained([item], [same]) == []
        assert unexplained([item], [dataclasses.replace(same, is_confirmed=False)]) == [item]
        assert unexplained([item], [dataclasses.replace(same, distance_m=item.distance_m + 8.0)]) == [item]
        assert unexplained([item], [dataclasses.replace(same, distance_m=math.nan)]) == [item]


def findings(dense: DensePrediction | None, points: np.ndarray, count: int = 20) -> list[FakeWallFinding]:
    """At standstill, with a range sensor that meets `points` in every frame."""
    watch, stage, found = RangeWatch(SweepConfig()), FakeWallStage(PerceptionConfig()), []
    for step in range(count):
        report, frame = standing_report(), frame_at(step)
        standing = watch.update(scan_of(points), report, frame)
        found.append(stage.update(report, frame, dense, depth_error=error_model(0.15), standing=standing))
    return found


FACE = wall(FROM_WALL_M)


class TestNamedAtStandstill:
    def test_a_picture_that_the_network_believes_is_named(self):
        found = findings(opinion(street_world(), has_labels=False)(NUMBER), FACE)
        last = found[-1]
        assert found[0].state is PathState.UNVERIFIED
        assert last.state is PathState.FAKE_WALL
        assert last.distance_m == pytest.approx(FROM_WALL_M - MOUNTING.translation_m[0], abs=0.1)
        assert last.polygon_m[:, 0] == pytest.approx(FROM_WALL_M, abs=0.2)
        assert last.by_track[last.obstacle_id].flags & Anomaly.RANGE_CONTRADICTION
        (look,) = (one for one in last.evidence if one.cue is Cue.RANGE)
        assert look.is_available
        assert look.value == pytest.approx(1.0, abs=0.1)
        first = [one.state for one in found].index(PathState.FAKE_WALL)
        assert found[first - 1].state is not PathState.FAKE_WALL
        assert all(one.state is PathState.FAKE_WALL for one in found[first:])

    @pytest.mark.parametrize("seed", range(4))
    def test_a_wall_that_the_network_sees_is_an_obstacle(self, seed):
        dense = opinion(wall_world(), smooth_error(0.25, seed), has_labels=False)(NUMBER)
        found = findings(dense, FACE)
        assert found[-1].state is PathState.OBSTACLE
        assert PathState.FAKE_WALL not in {one.state for one in found}

    def test_without_a_network_it_is_an_obstacle(self):
        assert findings(None, FACE)[-1].state is PathState.OBSTACLE

    def test_where_the_road_goes_on_nothing_is_found(self):
        found = findings(opinion(street_world())(NUMBER), np.empty((0, 3)))
        assert {one.state for one in found} == {PathState.UNVERIFIED}

    def test_a_thing_that_fills_less_than_half_the_path_is_no_wall(self):
        """A pole: the network rightly sees past it in most of the box."""
        pole = wall(FROM_WALL_M, left_m=0.2, right_m=0.0)
        assert findings(opinion(street_world())(NUMBER), pole)[-1].state is PathState.OBSTACLE

    def test_a_low_thing_is_compared_where_it_was_met(self):
        """A barrier of 1.25 m: above it the network rightly sees the road go on."""
        past = opinion(street_world(), has_labels=False)(NUMBER)
        seen = opinion(wall_world(), has_labels=False)(NUMBER)
        over_m = MOUNTING.translation_m[2] - 1.5  # blocks are half a metre high
        top_row = GRID.cy + GRID.fy * (over_m / FROM_WALL_M - DRIVE.camera_pitch_rad)
        depth = np.where(np.arange(GRID.height)[:, None] > top_row, seen.depth_m, past.depth_m)
        barrier = wall(FROM_WALL_M, 0.0, 1.3)
        assert findings(dataclasses.replace(past, depth_m=depth), barrier)[-1].state is PathState.OBSTACLE
        assert findings(past, barrier)[-1].state is PathState.FAKE_WALL

    @pytest.mark.parametrize("depth", [math.nan, 0.0, math.inf])
    def test_depth_that_cannot_be_names_nothing(self, depth):
        seen = opinion(street_world(), has_labels=False)(NUMBER)
        absurd = dataclasses.replace(seen, depth_m=np.full_like(seen.depth_m, depth))
        assert findings(absurd, FACE)[-1].state is PathState.OBSTACLE

    def test_reset_forgets_the_name(self):
        watch, stage = RangeWatch(SweepConfig()), FakeWallStage(PerceptionConfig())
        dense = opinion(street_world(), has_labels=False)(NUMBER)
        for step in range(20):
            standing = watch.update(scan_of(FACE), standing_report(), frame_at(step))
            found = stage.update(
                standing_report(), frame_at(step), dense, depth_error=error_model(0.15), standing=standing
            )
        assert found.state is PathState.FAKE_WALL
        stage.reset()
        assert stage.update(standing_report(), frame_at(20), None, standing=standing).state is PathState.OBSTACLE
