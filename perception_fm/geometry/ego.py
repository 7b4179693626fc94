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
_GYRO, _TWIST, _ODOMETRY = 1, 2, 3  # ranks: the better source wins
_MAX_GAP_NS = 500_000_000  # two samples further apart say nothing reliable about the time between them


@dataclass(frozen=True, eq=False)
class EgoState:
    """Pose of the vehicle at one instant.

    `odom_from_base` drifts but is continuous (REP 105). `speed_mps` is along base x (NaN when only rotation is known),
    `yaw_rate_rps` about base z, positive to the left. `has_translation` is False when only a gyro was available:
    then the translation of `odom_from_base` means nothing (it stays where it was).
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
    Better sources win: odometry over twist over gyro; a worse one takes over when the better one was silent for 0.5 s.
    A change of source does not move the vehicle: integration starts at the last pose, and the frame of odometry is laid
    so that its first pose continues the integrated ones. So poses before and after may be compared.
    """

    def __init__(self, span_s: float = 5.0) -> None:
        self._span_ns = int(span_s * 1e9)
        self.clear()

    def clear(self) -> None:
        """Forget everything: after a clock jump no old pose may be interpolated with a new one."""
        self._states: deque[EgoState] = deque()
        self._rank = 0
        self._odom_from_source = RigidTransform.identity()
        self._has_joined = False

    def add_odometry(
        self, stamp_ns: int, odom_from_base: RigidTransform, speed_mps: float, yaw_rate_rps: float
    ) -> None:
        """One `nav_msgs/Odometry`. Raises `OdometryError` for NaN or a stamp that does not advance."""
        self._check_finite(speed_mps, yaw_rate_rps)
        if self._rank < _ODOMETRY:
            self._join_odometry(stamp_ns, odom_from_base)
        pose = self._odom_from_source @ odom_from_base
        self._append(EgoState(stamp_ns, pose, speed_mps, yaw_rate_rps, True), _ODOMETRY)

    def add_twist(self, stamp_ns: int, speed_mps: float, yaw_rate_rps: float) -> None:
        """One `geometry_msgs/TwistStamped` of the vehicle, integrated (planar, midpoint rule)."""
        self._check_finite(speed_mps, yaw_rate_rps)
        pose = RigidTransform.identity()
        if self._states:
            last = self._states[-1]
            dt = (stamp_ns - last.stamp_ns) * 1e-9
            speed = 0.5 * (speed_mps + last.speed_mps) if last.has_translation else speed_mps
            pose = last.odom_from_base @ _planar_step(speed * dt, 0.5 * (yaw_rate_rps + last.yaw_rate_rps) * dt)
        self._append(EgoState(stamp_ns, pose, speed_mps, yaw_rate_rps, True), _TWIST)

    def add_gyro(self, stamp_ns: int, angular_velocity_base_rps: NDArray[np.float64]) -> None:
        """One `sensor_msgs/Imu` angular velocity (3,) in the base frame, integrated to a rotation."""
        rate = np.asarray(angular_velocity_base_rps, dtype=np.float64)
        self._check_finite(*rate)
        pose = RigidTransform.identity()
        if self._states:
            last = self._states[-1]
            turn = Rotation.from_rotvec(rate * (stamp_ns - last.stamp_ns) * 1e-9).as_matrix()
            pose = last.odom_from_base @ RigidTransform(turn, np.zeros(3))
        self._append(EgoState(stamp_ns, pose, float("nan"), float(rate[2]), False), _GYRO)

    def at(self, stamp_ns: int) -> EgoState | None:
        """Ego state at a stamp; None where it would be a guess: before the first, in a gap, 100 ms after the last."""
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

    def _join_odometry(self, stamp_ns: int, pose_in_source: RigidTransform) -> None:
        """Lay the frame of odometry so that its pose at `stamp_ns` is the one already known."""
        now = self.at(stamp_ns)
        # A gyro alone has stood still: the frame known from before carries on better.
        if now is not None and (now.has_translation or not self._has_joined):
            self._odom_from_source = now.odom_from_base @ pose_in_source.inverse()
        self._has_joined = True

    def _append(self, state: EgoState, rank: int) -> None:
        silence_ns = state.stamp_ns - self._states[-1].stamp_ns if self._states else _MAX_GAP_NS
        if rank < self._rank and silence_ns < _MAX_GAP_NS:
            return
        if rank == self._rank and self._states and silence_ns <= 0:
            raise OdometryError(f"ego motion went back in time by {-silence_ns * 1e-6:.1f} ms or repeats a stamp")
        if rank != self._rank:
            self._states.clear()
            self._rank = rank
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
    distance_m = state.speed_mps * dt if state.has_translation else 0.0
    pose = state.odom_from_base @ _planar_step(distance_m, state.yaw_rate_rps * dt)
    return EgoState(stamp_ns, pose, state.speed_mps, state.yaw_rate_rps, state.has_translation)


def _planar_step(distance_m: float, yaw_rad: float) -> RigidTransform:
    """Motion in the base frame along a chord: an arc of `distance_m` to second order in the turn."""
    return RigidTransform(
        Rotation.from_rotvec([0.0, 0.0, yaw_rad]).as_matrix(),
        distance_m * np.array([np.cos(0.5 * yaw_rad), np.sin(0.5 * yaw_rad), 0.0]),
    )
