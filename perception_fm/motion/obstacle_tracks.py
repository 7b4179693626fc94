"""Obstacles over time: a sequential probability ratio test on world-fixed planes (Wald 1945)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from perception_fm.motion.plane_fit import PlaneFit

FloatArray = NDArray[np.float64]

# One false alarm per 1e5 km at 14 m/s, five independent windows a second, ten hypotheses: alpha = 2.8e-9, ln A = 19.7.
CONFIRM = 19.7
_LONGEST_GAP_S = 0.5
CEILING = 2.0 * CONFIRM  # so that an obstacle that is gone is released as fast as it was confirmed
_DROP = -2.0
_INDEPENDENT_S = 0.2
_CANDIDATE = 3.0  # a peak below e^3 is not worth a track
_MIN_FRAMES = 3
_GATE_SHARE = 0.15
_GATE_SIGMAS = 3.0
_BOX_SHARE = 0.06  # of the distance: what the boxes themselves leave open
_PROCESS_SIGMA_M_PER_SQRT_S = 0.3  # odometry drift and a plane that is not quite one
_MODEL_SHARE = 0.02  # speed and focal length are known to about this; it does not average out
_MIN_FIT_CORRELATION = 0.5
_KNOWN_SHARE = 0.1  # of the distance: an alarm says how far
_KNOWN_SIGMAS, _AGREEING_SIGMAS = 2.0, 3.0  # that are less: of one plane's own error, and of how well several agree
_LOOK_S = 0.1  # planes of frames so far apart do not share their errors (docs/motion.md)
_BEHIND = 1.3  # times as far as something confirmed: twice the gate, so it is not the same thing, misplaced


@dataclass
class ObstacleTrack:
    """A hypothesis: something stands at `position_m`, metres on the odometer (travelled plus ahead).

    `is_wide`: its plane goes on by the path's width on both sides. `looks`, `mean_m`, `squares_m2`: how many planes
    were measured, counted as independent ones, their mean position and the sum of squares about it.
    """

    track_id: int
    position_m: float
    variance_m2: float
    log_ratio: float = 0.0
    frames: int = 0
    is_confirmed: bool = False
    is_seen: bool = False
    is_wide: bool = False
    fit: PlaneFit | None = None
    ground_m: tuple[float, float] | None = field(default=None)
    row: int = -1
    place_m: FloatArray | None = None
    looks: float = 0.0
    mean_m: float = 0.0
    squares_m2: float = 0.0

    def distance_m(self, odometer_m: float) -> float:
        """Distance ahead of the camera, metres."""
        return self.position_m - odometer_m

    def distance_sigma_m(self, odometer_m: float) -> float:
        """Its standard deviation, with the share that averaging does not remove."""
        return float(np.hypot(np.sqrt(self.variance_m2), _MODEL_SHARE * self.distance_m(odometer_m)))

    def is_known(self, odometer_m: float) -> bool:
        """Whether the distance is known to a tenth: by what each plane says of its error, or by how well they agree.

        The first is for the worst that the misalignment of two views may do. The second is Student's interval about the
        mean; three sigmas, since it is asked again with every plane.
        """
        limit_m = _KNOWN_SHARE * self.distance_m(odometer_m)
        if _KNOWN_SIGMAS * float(np.sqrt(self.variance_m2)) <= limit_m:
            return True
        if self.looks <= 1.0:
            return False
        error_m = float(np.sqrt(self.squares_m2 / (self.looks - 1.0) / self.looks))
        return float(stdtrit(self.looks - 1.0, ndtr(_AGREEING_SIGMAS))) * error_m <= limit_m

    def measure(self, fit: PlaneFit, odometer_m: float, dt_s: float = _LOOK_S) -> None:
        """Kalman update with one frame's plane, `dt_s` after the frame before."""
        noise = fit.depth_sigma_m**2 + fit.alignment_sigma_m**2 + (0.5 * _MODEL_SHARE * fit.depth_m) ** 2
        gain = self.variance_m2 / (self.variance_m2 + noise)
        self.position_m += gain * (fit.depth_m - self.distance_m(odometer_m))
        self.variance_m2 *= 1.0 - gain
        self.fit = fit
        share = min(1.0, dt_s / _LOOK_S)
        self.looks += share
        away_m = odometer_m + fit.depth_m - self.mean_m
        new = share / self.looks if share > 0.0 else 0.0
        self.mean_m += new * away_m
        self.squares_m2 += share * (1.0 - new) * away_m**2


class ObstacleTracks:
    """All current hypotheses, nearest first. `ids`: numbers for new ones; none is used twice."""

    def __init__(self, ids: Iterator[int] | None = None) -> None:
        self._ids = itertools.count(1) if ids is None else ids
        self.tracks: list[ObstacleTrack] = []

    def reset(self) -> None:
        """Forget all; ids go on."""
        self.tracks = []

    def predict(self, dt_s: float, odometer_m: float) -> None:
        """Let every plane diffuse; drop those that the camera has passed, and after a gap what was only suspected."""
        is_gap = dt_s > _LONGEST_GAP_S
        self.tracks = [
            track for track in self.tracks if track.distance_m(odometer_m) > 0.0 and (track.is_confirmed or not is_gap)
        ]
        for track in self.tracks:
            track.variance_m2 += _PROCESS_SIGMA_M_PER_SQRT_S**2 * dt_s
            track.is_seen, track.row = False, -1

    def loosen(self, slip_m: float) -> None:
        """The way driven is unsure by so much more, for all of them in the same direction."""
        for track in self.tracks:
            track.variance_m2 = float(np.sqrt(track.variance_m2) + slip_m) ** 2

    def leave_path(self, distance_m: FloatArray, position_m: FloatArray, odometer_m: float, width_m: float) -> None:
        """Drop what stands beside the path now that the path has turned away.

        `position_m` (K, 2): where the path's centre lies at `distance_m` (K,), in a frame fixed to the world.
        """
        self.tracks = [
            track
            for track in self.tracks
            if track.place_m is None
            or _aside_m(track.place_m, distance_m, position_m, track.distance_m(odometer_m)) <= width_m
        ]

    def distances_m(self, odometer_m: float) -> list[float]:
        """Where each of them stands, metres ahead."""
        return [track.distance_m(odometer_m) for track in self.tracks]

    def update(
        self,
        odometer_m: float,
        distance_m: FloatArray,
        ratio: FloatArray,
        dt_s: float,
        certain_m: float = np.inf,
        thing: NDArray[np.intp] | None = None,
        certain_wide_m: float = np.inf,
    ) -> list[ObstacleTrack]:
        """Weigh this frame's evidence `ratio` (K,) at `distance_m` (K,); returns the tracks that a peak supports.

        `certain_m`: what stands farther off is not confirmed yet, as the path may lead past it; `certain_wide_m`: the
        same of what is wide. `thing` (K,): the box whose peak a box belongs to, -1 for none: tracks that stand in boxes
        of one peak are one thing.
        """
        share = min(1.0, dt_s / _INDEPENDENT_S)
        supported = []
        peaks = _peaks(ratio)
        for track in self.tracks:
            distance = track.distance_m(odometer_m)
            if not distance_m[0] <= distance <= distance_m[-1]:
                continue
            gate = max(_GATE_SHARE * distance, _GATE_SIGMAS * float(np.sqrt(track.variance_m2)))
            near = [row for row in peaks if abs(distance_m[row] - distance) <= gate]
            if near:
                row = max(near, key=lambda index: float(ratio[index]))
                peaks = [index for index in peaks if abs(distance_m[index] - distance) > gate]
                track.log_ratio += share * float(ratio[row])
                track.is_seen, track.row = True, row
                supported.append(track)
            else:
                reach = max(_BOX_SHARE * distance, min(gate, _GATE_SIGMAS * float(np.sqrt(track.variance_m2))))
                around = np.abs(distance_m - distance) <= reach
                track.log_ratio += share * min(0.0, float(ratio[around].max(initial=-np.inf)))
        for row in peaks[:1]:
            track = ObstacleTrack(
                next(self._ids),
                odometer_m + float(distance_m[row]),
                (_GATE_SHARE * float(distance_m[row])) ** 2,
                share * float(ratio[row]),
                is_seen=True,
                row=row,
            )
            self.tracks.append(track)
            supported.append(track)
        if thing is not None:
            self._absorb(odometer_m, distance_m, thing)
        self._settle(odometer_m, certain_m, certain_wide_m)
        return supported

    def _absorb(self, odometer_m: float, distance_m: FloatArray, thing: NDArray[np.intp]) -> None:
        """A track without a peak of its own, in a box that belongs to the peak of another, is that thing, misplaced.

        What is confirmed stays where it is until there is more evidence for the other: one odd look moves no alarm.
        """
        seen = {track.row: track for track in self.tracks if track.is_seen}
        kept = []
        for track in self.tracks:
            box = int(np.argmin(np.abs(distance_m - track.distance_m(odometer_m))))
            owner = None if track.is_seen else seen.get(int(thing[box]))
            if owner is None or (track.is_confirmed and owner.log_ratio < track.log_ratio):
                kept.append(track)
                continue
            owner.track_id = min(owner.track_id, track.track_id)
            owner.frames = max(owner.frames, track.frames)
            owner.log_ratio = max(owner.log_ratio, track.log_ratio)
            owner.is_confirmed = owner.is_confirmed or track.is_confirmed
        self.tracks = kept

    def _settle(self, odometer_m: float, certain_m: float, certain_wide_m: float) -> None:
        """Confirm what has enough evidence, and nothing far behind what is confirmed: it is hidden."""
        nearest_m = min((t.distance_m(odometer_m) for t in self.tracks if t.is_confirmed), default=np.inf)
        for track in self.tracks:
            track.frames += track.is_seen
            track.log_ratio = float(np.clip(track.log_ratio, -CONFIRM, CEILING))
            is_settled = track.log_ratio >= CONFIRM and track.frames >= _MIN_FRAMES and track.is_known(odometer_m)
            visible_m = min(certain_wide_m if track.is_wide else certain_m, _BEHIND * nearest_m)
            if is_settled and track.distance_m(odometer_m) <= visible_m:
                track.is_confirmed = True
        self.tracks = sorted(
            (track for track in self.tracks if track.log_ratio > _DROP),
            key=lambda track: track.position_m,
        )
        self.tracks = _merged(self.tracks, odometer_m)


def is_trustworthy(fit: PlaneFit | None, distance_m: float) -> bool:
    """Whether one frame's plane may move a track at `distance_m`."""
    return (
        fit is not None
        and fit.correlation >= _MIN_FIT_CORRELATION
        and abs(fit.depth_m - distance_m) <= 2.0 * _GATE_SHARE * distance_m
    )


def _aside_m(place_m: FloatArray, distance_m: FloatArray, position_m: FloatArray, at_m: float) -> float:
    """How far a place (2,) lies beside the path's centre at `at_m` along it."""
    tangent = np.gradient(position_m, distance_m, axis=0)
    centre = np.array([np.interp(at_m, distance_m, column) for column in position_m.T])
    along = np.array([np.interp(at_m, distance_m, column) for column in tangent.T])
    apart = place_m - centre
    return float(abs(along[0] * apart[1] - along[1] * apart[0]) / max(float(np.linalg.norm(along)), 1e-9))


def _peaks(ratio: FloatArray) -> list[int]:
    """Rows of local maxima that are worth a track, nearest first."""
    left = np.concatenate([[-np.inf], ratio[:-1]])
    right = np.concatenate([ratio[1:], [-np.inf]])
    return [int(row) for row in np.flatnonzero((ratio > _CANDIDATE) & (ratio >= left) & (ratio > right))]


def _merged(tracks: list[ObstacleTrack], odometer_m: float) -> list[ObstacleTrack]:
    """Of two tracks on the same plane the stronger stays."""
    kept: list[ObstacleTrack] = []
    for track in tracks:
        distance = track.distance_m(odometer_m)
        if kept and distance - kept[-1].distance_m(odometer_m) < 0.5 * _GATE_SHARE * distance:
            if (track.is_confirmed, track.log_ratio) > (kept[-1].is_confirmed, kept[-1].log_ratio):
                kept[-1] = track
            continue
        kept.append(track)
    return kept
