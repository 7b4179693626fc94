"""Which earlier frames the current one is compared with, and how the camera moved since: odometry refined by tracks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.config import TrackingConfig
from perception_fm.geometry.ego import EgoState
from perception_fm.geometry.transform import RigidTransform
from perception_fm.motion.egomotion import MotionPrior, RelativeMotion, is_above_ground, refine_motion
from perception_fm.motion.patches import SHORT_S
from perception_fm.motion.tracker import FeatureTracker, TrackWindow
from perception_fm.motion.warp import GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]

MIN_TRAVEL_M = 0.05  # less baseline and nothing expands by a measurable amount
_MIN_TRACKS = 12
_MOVING_SHARE, _MOVING_PX = 0.1, 0.5  # of a moving camera's tracks a tenth surely moves more than noise does
_SIGMA_FLOOR_PX = 0.05  # Lucas-Kanade's own floor on good texture
_OUTLIER_SIGMAS = 4.0
# Rotation that the prior may miss, about the optical x, y, z axes: wheel odometry knows no pitch and no roll.
_ODOMETRY_RATE_RAD = np.radians([5.0, 1.0, 3.0])
_UNKNOWN_RATE_RAD = np.radians([10.0, 30.0, 10.0])
# The focus of expansion against the heading: a constant mounting error, learned, and what tyres and pitch add per
# frame.
_FOCUS_START_SIGMA = float(np.radians(2.0))
_FOCUS_SLIP_SIGMA = float(np.radians(0.25))
_FOCUS_NOISE_SIGMA = float(np.radians(0.4))
_FOCUS_DRIFT_SIGMA = float(np.radians(0.03))


@dataclass(frozen=True, eq=False)
class EgoViews:
    """References from the shortest window to the longest (none at standstill). `focus` (2,), a ray, `sigma_px`, of one
    coordinate of a track, and `yaw_slip_rps`, how much faster to the left the tracks turn than odometry says, are those
    of the longest window up to about half a second.

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
    yaw_slip_rps: float = 0.0

    @property
    def recent(self) -> tuple[ReferenceView, ...]:
        """References of up to about half a second: the road near by has left the view of older ones."""
        return tuple(view for view in self.references if view.window_s <= SHORT_S) or self.references


@dataclass(frozen=True, eq=False)
class _Past:
    pyramid: GrayPyramid
    odom_from_camera: RigidTransform | None
    has_translation: bool


class EgoMotionStage:
    """Follows features and turns each window into a `ReferenceView`."""

    def __init__(self, config: TrackingConfig, ego_mask: NDArray[np.uint8] | None = None) -> None:
        self._windows_s = config.windows_s
        self._tracker = FeatureTracker(config.max_tracks, config.windows_s[-1], ego_mask)
        self.reset()

    def reset(self) -> None:
        """Forget frames, tracks and the learned direction of travel."""
        self.forget_images()
        self._bias = np.zeros(2)
        self._bias_sigma = _FOCUS_START_SIGMA

    def forget_images(self) -> None:
        """Forget frames and tracks, but not the direction of travel."""
        self._tracker.reset()
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
        camera_from_odom = None if pose is None else pose.inverse()
        has_translation = ego is not None and ego.has_translation
        self._past[stamp_ns] = _Past(pyramid, pose, has_translation)
        while stamp_ns - next(iter(self._past)) > self._windows_s[-1] * 1.5e9:
            self._past.popitem(last=False)
        pixels = self._tracker.pixels
        k = pyramid.intrinsics[0]
        gather = _Gather(len(pixels))
        references: list[ReferenceView] = []
        recent, innovation, yaw_slip_rps = None, np.zeros(2), 0.0
        seen: set[int] = set()
        for window_s in self._windows_s:
            stamp = self._tracker.reference_stamp(window_s)
            if stamp is None or stamp in seen or stamp not in self._past:
                continue
            span_s = (stamp_ns - stamp) * 1e-9
            if span_s > SHORT_S and len(references) < len(seen):
                break  # the vehicle stands by now, or the picture does
            seen.add(stamp)
            tracks = self._tracker.window(stamp)
            if _stands_still(tracks):
                continue
            prior, focus_prior = self._prior(
                camera_from_odom, has_translation, stamp, span_s, base_from_camera, assumed_speed_mps
            )
            if prior is None or len(tracks.slots) < _MIN_TRACKS:
                continue
            before = _rays(tracks.pixels_reference, k)
            now = _rays(tracks.pixels_current, k)
            static = is_above_ground(before, now, prior, road_m)
            if np.count_nonzero(static) < _MIN_TRACKS:
                continue
            before, now = before[static], now[static]
            motion = refine_motion(before, now, prior, _SIGMA_FLOOR_PX / k[0, 0])
            travel = np.array([*motion.focus, 1.0]) * motion.travel_m
            references.append(ReferenceView(self._past[stamp].pyramid, motion.rotation, travel, span_s))
            if span_s <= SHORT_S or recent is None:
                recent = motion
                gather.add(tracks.slots[static], before, motion, span_s, len(references) - 1)
                innovation = motion.focus - focus_prior
                turned, told = (_yaw_rad(one, base_from_camera) for one in (motion.rotation, prior.rotation))
                yaw_slip_rps = (turned - told) / span_s
        if recent is not None:
            self._learn_focus(innovation, abs(recent.travel_m))
        known = np.flatnonzero(gather.window_s > 0.0)
        return EgoViews(
            references=tuple(references),
            focus=None if recent is None else recent.focus,
            rays=_rays(pixels, k)[known],
            rays_reference=gather.before[known],
            pixels=pixels[known],
            expansion=gather.expansion[known],
            expansion_sigma=gather.expansion_sigma[known],
            window_s=gather.window_s[known],
            reference_index=gather.reference_index[known],
            sigma_px=max(_SIGMA_FLOOR_PX, recent.sigma * float(k[0, 0]) if recent is not None else 1.0),
            yaw_slip_rps=yaw_slip_rps,
        )

    def _prior(
        self,
        camera_from_odom: RigidTransform | None,
        has_translation: bool,
        stamp: int,
        span_s: float,
        base_from_camera: RigidTransform,
        assumed_speed_mps: float,
    ) -> tuple[MotionPrior | None, FloatArray]:
        """Prior for one window, and its focus; None where the camera hardly moved or moved backwards."""
        past = self._past[stamp]
        rotation, rate = np.eye(3), _UNKNOWN_RATE_RAD
        path_m, yaw = assumed_speed_mps * span_s, 0.0
        if camera_from_odom is not None and past.odom_from_camera is not None:
            current_from_past = camera_from_odom @ past.odom_from_camera
            rotation, rate = current_from_past.rotation, _ODOMETRY_RATE_RAD
            yaw = _yaw_rad(rotation, base_from_camera)
            if has_translation and past.has_translation:
                path_m = -float(base_from_camera.rotation[0] @ current_from_past.translation_m)
        if not path_m >= MIN_TRAVEL_M:
            return None, np.zeros(2)
        travel = base_from_camera.rotation.T @ _chord(path_m, yaw, float(base_from_camera.translation_m[0]))
        if not travel[2] >= MIN_TRAVEL_M:
            return None, np.zeros(2)
        focus = travel[:2] / travel[2] + self._bias
        sigma = float(np.hypot(self._bias_sigma, _FOCUS_SLIP_SIGMA))
        return MotionPrior(rotation, rate * span_s, focus, sigma, float(travel[2])), focus

    def _learn_focus(self, innovation: FloatArray, travel_m: float) -> None:
        """Kalman update of the constant part of the focus; slow motion says little about direction."""
        noise = float(np.hypot(_FOCUS_NOISE_SIGMA, 0.002 / max(travel_m, 0.01)))
        gain = self._bias_sigma**2 / (self._bias_sigma**2 + noise**2)
        self._bias = self._bias + gain * innovation
        self._bias_sigma = float(np.sqrt((1.0 - gain) * self._bias_sigma**2 + _FOCUS_DRIFT_SIGMA**2))


def _yaw_rad(current_from_past: FloatArray, base_from_camera: RigidTransform) -> float:
    """How far left the vehicle turned, from the camera's rotation (3, 3)."""
    turn = base_from_camera.rotation @ current_from_past.T @ base_from_camera.rotation.T
    return float(np.arctan2(turn[1, 0], turn[0, 0]))


def _stands_still(tracks: TrackWindow) -> bool:
    """Whether the picture as a whole did not move, whatever odometry says: it is frozen."""
    moved = np.linalg.norm(tracks.pixels_current - tracks.pixels_reference, axis=1)
    return float(np.count_nonzero(moved >= _MOVING_PX)) < _MOVING_SHARE * len(moved)


def _chord(path_m: float, yaw_rad: float, ahead_of_axle_m: float) -> FloatArray:
    """Travel (3,) of a camera in current base axes, for a vehicle that rolls without slipping sideways.

    Odometry poses are too rough for a direction: a centimetre in a metre is half a degree. The chord of an arc lies
    half the turn off the heading, and a camera ahead of the axle swings out.
    """
    half = 0.5 * yaw_rad
    return np.array([path_m * np.cos(half), -path_m * np.sin(half) + yaw_rad * ahead_of_axle_m, 0.0])


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
