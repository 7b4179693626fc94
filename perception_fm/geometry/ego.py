"""Ego motion at an image's stamp, from odometry, twist and gyro samples that arrive at other times."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.errors import OdometryError
from perception_fm.geometry.transform import RigidTransform

MAX_EXTRAPOLATION_NS = 100_000_000  # older than this, odometry counts as missing
_MAX_GAP_NS = 500_000_000  # two samples further apart say nothing reliable about the time between them


@dataclass(frozen=True, eq=False)
class EgoState:
    """Pose of the vehicle at one instant.

    `odom_from_base` drifts but is continuous (REP 105). `speed_mps` is along base x (NaN when only rotation is known),
    `yaw_rate_rps` about base z, positive to the left. `has_translation` is False when only a gyro was available:
    then the translation of `odom_from_base` means nothing.
    """

    stamp_ns: int
    odom_from_base: RigidTransform
    speed_mps: float
    yaw_rate_rps: float
    has_translation: bool

    def __post_init__(self) -> None:
        if self.has_translation and not np.isfinite(self.speed_mps):
            raise OdometryError("an ego state with translation needs a finite speed")


class EgoHistory:
    """The last seconds of ego motion; answers for any stamp inside, and up to 100 ms after the newest sample.

    One source at a time feeds it: odometry poses, or twist integrated to poses, or a gyro integrated to rotations.
    Better sources win: odometry over twist over gyro.
    """

    def __init__(self, span_s: float = 5.0) -> None:
        self._span_ns = int(span_s * 1e9)
        self._states: deque[EgoState] = deque()
        self._rank = 0

    def clear(self) -> None:
        """Forget everything: after a clock jump no old pose may be interpolated with a new one."""
        self._states.clear()
        self._rank = 0

    def add_odometry(self, stamp_ns: int, odom_from_base: RigidTransform, speed_mps: float, yaw_rate_rps: float) -> None:
        """One `nav_msgs/Odometry`. Raises `OdometryError` for NaN or a stamp that does not advance."""
        self._check_finite(speed_mps, yaw_rate_rps)
        self._append(EgoState(stamp_ns, odom_from_base, speed_mps, yaw_rate_rps, True), rank=3)

    def add_twist(self, stamp_ns: int, speed_mps: float, yaw_rate_rps: float) -> None:
        """One `geometry_msgs/TwistStamped` of the vehicle, integrated (planar, midpoint rule)."""
        self._check_finite(speed_mps, yaw_rate_rps)
        pose = RigidTransform.identity()
        if self._rank == 2 and self._states:
            last = self._states[-1]
            dt = (stamp_ns - last.stamp_ns) * 1e-9
            speed = 0.5 * (speed_mps + last.speed_mps)
            yaw = 0.5 * (yaw_rate_rps + last.yaw_rate_rps) * dt
            step = RigidTransform(
                Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix(),
                speed * dt * np.array([np.cos(0.5 * yaw), np.sin(0.5 * yaw), 0.0]),
            )
            pose = last.odom_from_base @ step
        self._append(EgoState(stamp_ns, pose, speed_mps, yaw_rate_rps, True), rank=2)

    def add_gyro(self, stamp_ns: int, angular_velocity_base_rps: NDArray[np.float64]) -> None:
        """One `sensor_msgs/Imu` angular velocity (3,) in the base frame, integrated to a rotation."""
        rate = np.asarray(angular_velocity_base_rps, dtype=np.float64)
        self._check_finite(*rate)
        rotation = np.eye(3)
        if self._rank == 1 and self._states:
            last = self._states[-1]
            dt = (stamp_ns - last.stamp_ns) * 1e-9
            rotation = last.odom_from_base.rotation @ Rotation.from_rotvec(rate * dt).as_matrix()
        self._append(EgoState(stamp_ns, RigidTransform(rotation, np.zeros(3)), float("nan"), float(rate[2]), False), 1)

    def at(self, stamp_ns: int) -> EgoState | None:
        """Ego state at a stamp; None where it would have to be guessed (before the first, a gap, or 100 ms after the last)."""
        if not self._states:
            return None
        stamps = [state.stamp_ns for state in self._states]
        index = bisect_right(stamps, stamp_ns)
        if index == 0:
            return None
        before = self._states[index - 1]
        if before.stamp_ns == stamp_ns:
            return before
        if index < len(stamps):
            after = self._states[index]
            if after.stamp_ns - before.stamp_ns > _MAX_GAP_NS:
                return None
            return _blend(before, after, stamp_ns)
        if stamp_ns - before.stamp_ns > MAX_EXTRAPOLATION_NS:
            return None
        return _extrapolate(before, stamp_ns)

    def _append(self, state: EgoState, rank: int) -> None:
        if rank < self._rank and self._states and state.stamp_ns - self._states[-1].stamp_ns < _MAX_GAP_NS:
            return
        if rank != self._rank:
            self._states.clear()
            self._rank = rank
        if self._states and state.stamp_ns <= self._states[-1].stamp_ns:
            raise OdometryError(
                f"ego motion went back in time by {(self._states[-1].stamp_ns - state.stamp_ns) * 1e-6:.1f} ms"
            )
        self._states.append(state)
        while self._states[-1].stamp_ns - self._states[0].stamp_ns > self._span_ns:
            self._states.popleft()

    @staticmethod
    def _check_finite(*values: float) -> None:
        if not np.isfinite(values).all():
            raise OdometryError("ego motion holds NaN or infinity")


def _blend(before: EgoState, after: EgoState, stamp_ns: int) -> EgoState:
    f = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
    return EgoState(
        stamp_ns,
        before.odom_from_base.interpolate(after.odom_from_base, f),
        (1.0 - f) * before.speed_mps + f * after.speed_mps,
        (1.0 - f) * before.yaw_rate_rps + f * after.yaw_rate_rps,
        before.has_translation and after.has_translation,
    )


def _extrapolate(state: EgoState, stamp_ns: int) -> EgoState:
    dt = (stamp_ns - state.stamp_ns) * 1e-9
    yaw = state.yaw_rate_rps * dt
    distance = state.speed_mps * dt if state.has_translation else 0.0
    step = RigidTransform(
        Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix(),
        distance * np.array([np.cos(0.5 * yaw), np.sin(0.5 * yaw), 0.0]),
    )
    return EgoState(stamp_ns, state.odom_from_base @ step, state.speed_mps, state.yaw_rate_rps, state.has_translation)
