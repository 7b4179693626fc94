"""Which earlier frames the current one is compared with, and how the camera moved since: odometry refined by tracks."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.config import TrackingConfig
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.egomotion import MotionPrior, RelativeMotion, is_above_ground, refine_motion
from perception_fm.motion.odometry_prior import OdometryPrior, Passed, yaw_rad
from perception_fm.motion.patches import SHORT_S
from perception_fm.motion.tracker import FeatureTracker, TrackWindow
from perception_fm.motion.turn_chain import Turn, TurnChain
from perception_fm.motion.warp import GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]

_KEPT = 1.5  # times the longest window: how long frames are kept
_MIN_TRACKS, _MIN_TRACKS_OF_KNOWN_TURN = 12, 6
_MOVING_SHARE, _MOVING_PX = 0.1, 0.5  # of a moving camera's tracks a tenth surely moves more than noise does
_SIGMA_FLOOR_PX = 0.05  # Lucas-Kanade's own floor on good texture
_OUTLIER_SIGMAS = 4.0
_AGREE_PX, _CONTRADICTION_SIGMAS = 0.5, 3.0


@dataclass(frozen=True, eq=False)
class EgoViews:
    """References from the shortest window to the longest (none at standstill). `focus` (2,), a ray, `sigma_px`, of one
    coordinate of a track, are those of the longest window up to about half a second; `yaw_bias_rps`: how much faster to
    the left the vehicle turns than odometry says.

    `expansion`, `expansion_sigma` describe all live tracks over the longest window up to about half a second that each
    survived; `rays` (N, 2) and `rays_reference` (N, 2), `window_s` (N,), `reference_index` (N,).
    """

    references: tuple[ReferenceView, ...]
    focus: FloatArray | None
    rays: FloatArray
    rays_reference: FloatArray
    pixels: FloatArray
    expansion: FloatArray
    expansion_sigma: FloatArray
    window_s: FloatArray
    reference_index: NDArray[np.intp]
    sigma_px: float
    yaw_bias_rps: float = 0.0

    @property
    def recent(self) -> tuple[ReferenceView, ...]:
        """References of up to about half a second: the road near by has left the view of older ones."""
        return tuple(view for view in self.references if view.window_s <= SHORT_S) or self.references


@dataclass(frozen=True, eq=False)
class _Past:
    pyramid: GrayPyramid
    passed: Passed


@dataclass(frozen=True, eq=False)
class _Window:
    """Motion since the frame at `stamp_ns`, what odometry told of it, and the tracks of what stands still: slots (N,)
    and rays (N, 2) then."""

    stamp_ns: int
    motion: RelativeMotion
    told: MotionPrior
    slots: NDArray[np.intp]
    before: FloatArray


class EgoMotionStage:
    """Follows features and turns each window into a `ReferenceView`."""

    def __init__(self, config: TrackingConfig, ego_mask: NDArray[np.uint8] | None = None) -> None:
        self._windows_s = config.windows_s
        self._tracker = FeatureTracker(config.max_tracks, config.windows_s[-1], ego_mask)
        self._odometry = OdometryPrior()
        self._turns = TurnChain(_KEPT * config.windows_s[-1])
        self.reset()

    def reset(self) -> None:
        """Forget frames, tracks and what was learned of odometry."""
        self.forget_images()
        self._odometry.reset()
        self._stamp_ns: int | None = None

    def forget_images(self) -> None:
        """Forget frames and tracks, but not what was learned of odometry."""
        self._tracker.reset()
        self._turns.reset()
        self._past: OrderedDict[int, _Past] = OrderedDict()

    def track(self, gray: NDArray[np.uint8], stamp_ns: int) -> None:
        """Follow all features into the rectified grey image (H, W) uint8."""
        self._tracker.update(gray, stamp_ns)

    def views(
        self,
        pyramid: GrayPyramid,
        stamp_ns: int,
        ego: EgoState | None,
        base_from_camera: RigidTransform,
        assumed_speed_mps: float,
        road_m: FloatArray,
    ) -> EgoViews:
        """Refined motion over every window. `assumed_speed_mps` stands in where odometry has no translation; the road
        is 1/Z = `road_m` . (x, y, 1)."""
        pose = None if ego is None else ego.odom_from_base @ base_from_camera
        has_translation = ego is not None and ego.has_translation
        here = _Past(pyramid, Passed(pose, has_translation, base_from_camera, assumed_speed_mps))
        self._past[stamp_ns] = here
        while stamp_ns - next(iter(self._past)) > _KEPT * self._windows_s[-1] * 1e9:
            self._past.popitem(last=False)
        dt_s = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns = stamp_ns
        pixels = self._tracker.pixels
        k = pyramid.intrinsics[0]
        gather = _Gather(len(pixels))
        references: list[ReferenceView] = []
        shortest: _Window | None = None
        recent: _Window | None = None
        seen: set[int] = set()
        for window_s in self._windows_s:
            stamp = self._tracker.reference_stamp(window_s)
            if stamp is None or stamp in seen or stamp not in self._past:
                continue
            span_s = (stamp_ns - stamp) * 1e-9
            if span_s > SHORT_S and len(references) < len(seen):
                break  # the vehicle stands by now, or the picture does
            seen.add(stamp)
            window = self._window(here, stamp_ns, stamp, road_m, is_shortest=shortest is None)
            if window is None:
                continue
            shortest = shortest or window
            travel = np.array([*window.motion.focus, 1.0]) * window.motion.travel_m
            references.append(ReferenceView(self._past[stamp].pyramid, window.motion.rotation, travel, span_s))
            if span_s <= SHORT_S or recent is None:
                recent = window
                gather.add(window.slots, window.before, window.motion, span_s, len(references) - 1)
        if recent is not None and shortest is not None:
            self._learn(here, recent, shortest, (stamp_ns - recent.stamp_ns) * 1e-9, dt_s)
        known = np.flatnonzero(gather.window_s > 0.0)
        return EgoViews(
            references=tuple(references),
            focus=None if recent is None else recent.motion.focus,
            rays=_rays(pixels, k)[known],
            rays_reference=gather.before[known],
            pixels=pixels[known],
            expansion=gather.expansion[known],
            expansion_sigma=gather.expansion_sigma[known],
            window_s=gather.window_s[known],
            reference_index=gather.reference_index[known],
            sigma_px=max(_SIGMA_FLOOR_PX, recent.motion.sigma * float(k[0, 0]) if recent is not None else 1.0),
            yaw_bias_rps=self._odometry.yaw_bias.rps,
        )

    def _window(
        self, here: _Past, stamp_ns: int, stamp: int, road_m: FloatArray, *, is_shortest: bool
    ) -> _Window | None:
        """Motion since the frame at `stamp`; None where the picture stands still, or hardly anything is known."""
        tracks = self._tracker.window(stamp)
        told = self._odometry.since(here.passed, self._past[stamp].passed, (stamp_ns - stamp) * 1e-9)
        if told is None or _stands_still(tracks):
            return None
        turn = None if is_shortest else self._turn(here, stamp_ns, stamp, told)
        prior = told
        if turn is not None:
            prior = dataclasses.replace(told, rotation=turn.rotation, rotation_sigma_rad=turn.sigma_rad)
        k = here.pyramid.intrinsics[0]
        before, now = _rays(tracks.pixels_reference, k), _rays(tracks.pixels_current, k)
        static = is_above_ground(before, now, prior, road_m)
        if np.count_nonzero(static) < (_MIN_TRACKS if turn is None else _MIN_TRACKS_OF_KNOWN_TURN):
            return None
        before = before[static]
        motion = refine_motion(before, now[static], prior, _SIGMA_FLOOR_PX / k[0, 0])
        if is_shortest:
            self._turns.add(stamp_ns, Turn(stamp, motion.rotation, np.sqrt(np.diag(motion.covariance)[:3])))
        return _Window(stamp, motion, told, tracks.slots[static], before)

    def _turn(self, here: _Past, stamp_ns: int, stamp: int, told: MotionPrior) -> Turn | None:
        """The turn since a frame as the short windows tell it, with what odometry says of the rest; None where they
        cannot, or where they contradict odometry."""
        turn = self._turns.since(stamp_ns, stamp)
        if turn is None:
            return None
        if turn.stamp_ns != stamp:
            gap_s = (turn.stamp_ns - stamp) * 1e-9
            rest = self._odometry.turn(self._past[turn.stamp_ns].passed, self._past[stamp].passed, gap_s)
            if rest is None:
                return None
            turn = Turn(stamp, turn.rotation @ rest[0], turn.sigma_rad + rest[1])
        return turn if _agree(turn, told) else None

    def _learn(self, here: _Past, recent: _Window, shortest: _Window, span_s: float, dt_s: float) -> None:
        """What this frame says of odometry's constant errors."""
        motion, focal_px = recent.motion, here.pyramid.intrinsics[0][0, 0]
        self._odometry.learn_focus(motion.focus - recent.told.focus, abs(motion.travel_m))
        if here.passed.odom_from_camera is None or self._past[recent.stamp_ns].passed.odom_from_camera is None:
            return
        base_from_camera = here.passed.base_from_camera
        turned, told = (yaw_rad(one, base_from_camera) / span_s for one in (motion.rotation, recent.told.rotation))
        apart = np.abs(shortest.motion.residual) * shortest.motion.sigma * focal_px
        consensus = float(np.mean(apart < _AGREE_PX))
        self._odometry.yaw_bias.learn(turned - told, told, consensus, dt_s)


def _agree(turn: Turn, told: MotionPrior) -> bool:
    """Whether a turn is what odometry may have meant."""
    apart = cv2.Rodrigues(turn.rotation @ told.rotation.T)[0].ravel()
    return bool(np.all(np.abs(apart) <= _CONTRADICTION_SIGMAS * told.rotation_sigma_rad))


def _stands_still(tracks: TrackWindow) -> bool:
    """Whether the picture as a whole did not move, whatever odometry says: it is frozen."""
    moved = np.linalg.norm(tracks.pixels_current - tracks.pixels_reference, axis=1)
    return float(np.count_nonzero(moved >= _MOVING_PX)) < _MOVING_SHARE * len(moved)


class _Gather:
    """Per track slot: what the longest window said."""

    def __init__(self, count: int) -> None:
        self.before = np.zeros((count, 2))
        self.expansion = np.full(count, np.nan)
        self.expansion_sigma = np.full(count, np.inf)
        self.window_s = np.zeros(count)
        self.reference_index = np.zeros(count, np.intp)

    def add(
        self, slots: NDArray[np.intp], before: FloatArray, motion: RelativeMotion, span_s: float, reference: int
    ) -> None:
        """Overwrite the slots whose track agrees with the static scene over this (longer) window."""
        agree = np.abs(motion.residual) < _OUTLIER_SIGMAS
        rows = slots[agree]
        self.before[rows] = before[agree]
        self.expansion[rows] = motion.expansion[agree]
        self.expansion_sigma[rows] = motion.expansion_sigma[agree]
        self.window_s[rows] = span_s
        self.reference_index[rows] = reference


def _rays(pixels: FloatArray, k: FloatArray) -> FloatArray:
    """Rays (N, 2) of rectified pixels (N, 2)."""
    return np.asarray((pixels - (k[0, 2], k[1, 2])) / (k[0, 0], k[1, 1]))
