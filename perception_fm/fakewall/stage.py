"""The naming stage: confirmed obstacle and contradicting claims make a painted wall.

tracks of motion -> cells of each -> looks of depth, classes, paint and range -> sequential test -> finding. Whether
something stands there is decided by motion, or by a range sensor over time (`range_track.py`); nothing here confirms,
moves or removes an obstacle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import PerceptionConfig
from perception_fm.dense import DensePrediction
from perception_fm.depth_error import DepthErrorModel
from perception_fm.fakewall.box_cells import cells_in_box, cross_section
from perception_fm.fakewall.claims import (
    Look,
    depth_look,
    label_look,
    learned_distance_m,
    painted_look,
    range_look,
)
from perception_fm.fakewall.finding import Contradiction, Cue, FakeWallFinding
from perception_fm.fakewall.flat_phantom import FLAT, FlatPhantoms
from perception_fm.fakewall.range_surface import RangeReading
from perception_fm.fakewall.range_suspects import RangeSuspects
from perception_fm.fakewall.range_track import RangeTrack, range_obstacle
from perception_fm.fakewall.report import contradiction_of, face_of, flat_evidence, nothing_said
from perception_fm.fakewall.sequential import Suspect
from perception_fm.motion.metric_scale import SPEED_SIGMA_SHARE
from perception_fm.motion.obstacle_report import motion_obstacle
from perception_fm.motion.obstacle_tracks import ObstacleTrack
from perception_fm.motion.path_boxes import BoxGeometry
from perception_fm.motion.stage import MotionReport, RectifiedFrame
from perception_fm.motion.swept_boxes import BoxEvidence
from perception_fm.scene.ground import MetricScale
from perception_fm.types import Obstacle, PathState, ScaleSource

_SUSPICION = 3.0  # log odds of a track from which it is looked at, as those that end the verified road
_MOST_TRACKS = 4  # nearest first: what stands behind several others can wait
_SAME_SHARE = 0.075  # of the distance: nearer than this the motion stage merges two tracks into one
_LONGEST_GAP_S = 1.0  # evidence across a longer gap is of one look, however long it was


class FakeWallStage:
    """Owns the temporal state of the naming."""

    def __init__(self, config: PerceptionConfig) -> None:
        self._sweep = config.sweep
        self._phantoms = FlatPhantoms()
        self._ranged = RangeSuspects(self._sweep)
        self.reset()

    def reset(self) -> None:
        """Forget everything, names as well, as after a clock jump."""
        self._phantoms.reset()
        self._suspects: dict[int, Suspect] = {}
        self._ranged.reset()
        self._stamp_ns: int | None = None

    def update(
        self,
        report: MotionReport,
        frame: RectifiedFrame,
        dense: DensePrediction | None,
        scale: MetricScale | None = None,
        depth_error: DepthErrorModel | None = None,
        learned: Sequence[Obstacle] = (),
        measured: RangeReading | None = None,
        standing: Sequence[RangeTrack] = (),
    ) -> FakeWallFinding:
        """The finding of one frame, later than the one before.

        `dense` is of `frame`, None where no network runs; a head that is missing or NaN says nothing. `scale` is that
        of the depth, None or unmeasured: not known. `depth_error`: None takes `CAUTIOUS_DEPTH_ERROR`. `learned`:
        obstacles of the frame; those that only the network has seen can be flat phantoms. `measured`: None without a
        sensor. `standing`: what a range sensor has found in the path, nearest first; this needs no motion.
        """
        since_s = 0.0 if self._stamp_ns is None else (frame.stamp_ns - self._stamp_ns) * 1e-9
        dt_s = min(max(since_s, 0.0), _LONGEST_GAP_S)
        self._stamp_ns = frame.stamp_ns
        tracks = self._followed(report, frame)
        scale = MetricScale() if scale is None else scale
        for track in tracks:
            suspect = self._suspects[track.track_id]
            if track.is_seen and report.evidence is not None:
                suspect.support(_blocks(report.evidence, track.distance_m(report.odometer_m)), dt_s)
                if dense is not None:
                    box = self._box(track, report)
                    looks = _looks(track, report, box, suspect, dense, scale, depth_error, measured)
                    suspect.take(looks, dt_s)
            suspect.decide(track.is_confirmed)
        ranged = list(standing) if report.path is not None and report.road is not None else []
        self._ranged.update(ranged, report, dense, scale, depth_error, dt_s)
        self._inherit(tracks, ranged, report.odometer_m)
        hidden = self._hidden(report)
        central = _central(learned, report, frame)
        flat = self._phantoms.update(central, report.sweep, report.verified_m, hidden, dt_s)
        return self._finding(tracks, ranged, report, frame, learned, flat)

    def _inherit(self, tracks: Sequence[ObstacleTrack], ranged: Sequence[RangeTrack], odometer_m: float) -> None:
        """What was named at standstill keeps its name when motion confirms it too."""
        for track in tracks:
            distance, sigma = track.distance_m(odometer_m), track.distance_sigma_m(odometer_m)
            for one in ranged:
                if track.is_confirmed and one.is_at(distance, sigma, odometer_m):
                    self._suspects[track.track_id].inherit(self._ranged.suspects[one.track_id])

    def _followed(self, report: MotionReport, frame: RectifiedFrame) -> list[ObstacleTrack]:
        """The tracks that are looked at, each with a suspect; what was known of a merged track goes to the one that
        took its place."""
        ids = {track.track_id for track in report.tracks}
        lost = [self._suspects.pop(key) for key in set(self._suspects) - ids]
        if report.path is None or report.road is None or frame.base_from_camera is None:
            return []
        ahead = sorted(report.tracks, key=lambda one: one.distance_m(report.odometer_m))
        ahead = [one for one in ahead if 0.0 < one.distance_m(report.odometer_m) < math.inf]
        chosen = [one for one in ahead if one.is_confirmed or one.log_ratio >= _SUSPICION][:_MOST_TRACKS]
        for track in chosen:
            suspect = self._suspects.setdefault(track.track_id, Suspect(track.position_m))
            suspect.position_m = track.position_m
            suspect.begin_frame()
        for old in lost:
            for track in chosen:
                suspect, reach = self._suspects[track.track_id], _SAME_SHARE * track.distance_m(report.odometer_m)
                if abs(old.position_m - track.position_m) <= reach and old.log_ratio > suspect.log_ratio:
                    self._suspects[track.track_id] = old
                    old.position_m = track.position_m
                    break
        return chosen

    def _box(self, track: ObstacleTrack | RangeTrack, report: MotionReport) -> BoxGeometry:
        return cross_section(track.distance_m(report.odometer_m), report, self._sweep)

    def _hidden(self, report: MotionReport) -> float:
        """Up to how many times its distance an obstacle of the least height that matters hides the road."""
        if report.road is None:
            return math.inf
        share = self._sweep.min_obstacle_height_m / report.road.height_m
        return 1.0 / (1.0 - share) if share < 1.0 else math.inf

    def _finding(
        self,
        tracks: list[ObstacleTrack],
        ranged: list[RangeTrack],
        report: MotionReport,
        frame: RectifiedFrame,
        learned: Sequence[Obstacle],
        flat: frozenset[int],
    ) -> FakeWallFinding:
        known = self._suspects | self._ranged.suspects
        every: list[ObstacleTrack | RangeTrack] = [*tracks, *ranged]
        by_track = {one.track_id: contradiction_of(known[one.track_id], one.is_confirmed) for one in every}
        standing = _nearest_standing(tracks, ranged, report.odometer_m)
        in_path = [one for one in learned if one.is_confirmed and one.is_in_path and math.isfinite(one.distance_m)]
        nearest = min(in_path, key=lambda one: one.distance_m, default=None)
        if standing is not None:
            return self._of_track(standing, by_track, report, frame, flat)
        evidence = nothing_said()
        if nearest is None:
            suspected = min(every, key=lambda one: one.position_m, default=None)
            if suspected is not None:  # only suspected, but what is claimed there is worth showing
                evidence = by_track[suspected.track_id].evidence
            return FakeWallFinding(PathState.UNVERIFIED, evidence=evidence, by_track=by_track, flat_ids=flat)
        is_flat = all(one.obstacle_id in flat for one in in_path)
        ratio = self._phantoms.log_ratio.get(nearest.obstacle_id)
        return FakeWallFinding(
            state=PathState.FLAT_PHANTOM if is_flat else PathState.OBSTACLE,
            probability=logistic(ratio or 0.0) if is_flat else nearest.existence_probability,
            obstacle_id=nearest.obstacle_id,
            distance_m=nearest.distance_m,
            distance_sigma_m=nearest.distance_sigma_m,
            ttc_s=nearest.ttc_s,
            ttc_sigma_s=nearest.ttc_sigma_s,
            slope_rad=nearest.slope_rad,
            slope_sigma_rad=nearest.slope_sigma_rad,
            evidence=(*evidence, flat_evidence(ratio, FLAT)),
            by_track=by_track,
            flat_ids=flat,
        )

    def _of_track(
        self,
        track: ObstacleTrack | RangeTrack,
        by_track: dict[int, Contradiction],
        report: MotionReport,
        frame: RectifiedFrame,
        flat: frozenset[int],
    ) -> FakeWallFinding:
        """The finding about a confirmed track: whatever else is claimed, it stands there."""
        assert frame.base_from_camera is not None
        claimed = by_track[track.track_id]
        seen = (
            range_obstacle(track, report, frame)
            if isinstance(track, RangeTrack)
            else motion_obstacle(track, report, frame)
        )
        plane, polygon_m = face_of(self._box(track, report), frame.base_from_camera)
        named = logistic(claimed.log_ratio) if claimed.is_fake_wall else 1.0
        return FakeWallFinding(
            state=PathState.FAKE_WALL if claimed.is_fake_wall else PathState.OBSTACLE,
            probability=seen.existence_probability * named,
            obstacle_id=track.track_id,
            distance_m=seen.distance_m,
            distance_sigma_m=seen.distance_sigma_m,
            ttc_s=seen.ttc_s,
            ttc_sigma_s=seen.ttc_sigma_s,
            plane=plane,
            polygon_m=polygon_m,
            slope_rad=seen.slope_rad,
            slope_sigma_rad=seen.slope_sigma_rad,
            evidence=claimed.evidence,
            by_track=by_track,
            flat_ids=flat,
        )


def _nearest_standing(
    tracks: Sequence[ObstacleTrack], ranged: Sequence[RangeTrack], odometer_m: float
) -> ObstacleTrack | RangeTrack | None:
    """The nearest confirmed one; that of motion where a range sensor has met the same."""
    moved = next((one for one in tracks if one.is_confirmed), None)
    met = next((one for one in ranged if one.is_confirmed), None)
    if moved is None or met is None:
        return moved or met
    distance, sigma = moved.distance_m(odometer_m), moved.distance_sigma_m(odometer_m)
    return met if met.position_m < moved.position_m and not met.is_at(distance, sigma, odometer_m) else moved


def logistic(log_odds: float) -> float:
    """Probability of log odds."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def _central(learned: Sequence[Obstacle], report: MotionReport, frame: RectifiedFrame) -> list[Obstacle]:
    """The confirmed ones in the path whose middle lies there: of nothing else does the verified road speak."""
    in_path = [one for one in learned if one.is_confirmed and one.is_in_path]
    if not in_path or report.path is None or frame.base_from_camera is None:
        return []
    middle_m = np.array([one.centre_base_m for one in in_path])
    optical_m = (middle_m - frame.base_from_camera.translation_m) @ frame.base_from_camera.rotation
    aside_m = np.abs(optical_m[:, 0] - report.path.centre_x_m(optical_m[:, 2]))
    return [one for one, aside in zip(in_path, aside_m) if aside <= report.path.half_width_m]


def _blocks(evidence: BoxEvidence, distance_m: float) -> NDArray[np.float64]:
    """This frame's blocks (ROWS, COLUMNS) of the box where the track is."""
    return np.asarray(evidence.obstacle[int(np.argmin(np.abs(evidence.distance_m - distance_m)))])


def _looks(
    track: ObstacleTrack,
    report: MotionReport,
    box: BoxGeometry,
    suspect: Suspect,
    dense: DensePrediction,
    scale: MetricScale,
    depth_error: DepthErrorModel | None,
    measured: RangeReading | None,
) -> list[tuple[Cue, Look | None]]:
    """What each cue says about the track in this frame."""
    assert report.road is not None
    cells = cells_in_box(dense.camera, box, report.road, suspect.is_upright)
    distance, sigma = track.distance_m(report.odometer_m), track.distance_sigma_m(report.odometer_m)
    if report.scale_source is ScaleSource.CAMERA_HEIGHT:
        sigma = math.hypot(sigma, SPEED_SIGMA_SHARE * distance)
    suspect.learned_m = learned_distance_m(dense, cells)
    looks: list[tuple[Cue, Look | None]] = [
        (Cue.DEPTH_CONTRADICTION, depth_look(dense, cells, sigma / distance, scale, depth_error)),
        (Cue.SEMANTICS, label_look(dense, cells)),
        (Cue.PAINTED_SURFACE, painted_look(dense, cells)),
    ]
    if measured is not None:
        reading = (measured.distance_m, measured.sigma_m)
        looks.append((Cue.RANGE, range_look(dense, cells, (distance, sigma), reading, scale, depth_error)))
    return looks
