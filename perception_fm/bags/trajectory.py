"""From camera poses to the mountings of cameras and the odometry of the vehicle."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.bags.drive import CameraPose
from perception_fm.geometry.transform import RigidTransform

_MIN_TRAVEL_M = 5.0  # below this, pose noise of a centimetre turns the direction by more than 0.1 degree
_MIN_SPEED_MPS = 1.0
# In a turn a camera ahead of the rear axle moves sideways: 2 m at 0.05 rad/s is 0.1 m/s, under 1 degree from 6 m/s on.
_MAX_TURN_RPS = 0.05
_MAX_GAP_NS = 500_000_000  # as in EgoHistory: further apart, two poses say nothing about the time between


@dataclass(frozen=True, eq=False)
class OdometrySample:
    """One `nav_msgs/Odometry`: pose of base_link in odom and its twist in base_link."""

    stamp_ns: int
    odom_from_base: RigidTransform
    linear_mps: NDArray[np.float64]
    angular_rps: NDArray[np.float64]


def travel_direction(poses: Sequence[CameraPose]) -> NDArray[np.float64] | None:
    """Unit vector (3,), optical axes: the way the camera moves when the vehicle drives straight.

    Wheels keep that way parallel to the road, so it tells the mounting. None where less than 5 m were driven straight.
    """
    total = np.zeros(3)
    length_m = 0.0
    for before, after in pairwise(poses):
        dt = (after.stamp_ns - before.stamp_ns) * 1e-9
        step = before.world_from_camera.inverse() @ after.world_from_camera
        turn = Rotation.from_matrix(step.rotation.copy()).as_rotvec()  # SciPy up to 1.9 refuses read-only arrays
        distance_m = float(np.linalg.norm(step.translation_m))
        if distance_m < _MIN_SPEED_MPS * dt or np.linalg.norm(turn) > _MAX_TURN_RPS * dt:
            continue
        # Half of the turn belongs to each end: the mean attitude sees the chord along its own axes.
        total += Rotation.from_rotvec(-0.5 * turn).as_matrix() @ step.translation_m
        length_m += distance_m
    norm = float(np.linalg.norm(total))
    return total / norm if length_m >= _MIN_TRAVEL_M and norm > 0.5 * length_m else None


def mounting_from_travel(direction: NDArray[np.float64], height_m: float) -> RigidTransform:
    """`base_from_camera` with base x along `direction` and base z as near as possible to the image's up.

    The base lies `height_m` below the camera. Holds for cameras that look to any side, held upright.
    """
    forward = direction / np.linalg.norm(direction)
    image_up = np.array([0.0, -1.0, 0.0])
    up = image_up - forward * (image_up @ forward)
    up /= np.linalg.norm(up)
    return RigidTransform(np.stack([forward, np.cross(up, forward), up]), np.array([0.0, 0.0, height_m]))


@dataclass(frozen=True, eq=False)
class MountingBeside:
    """`base_from_camera` of a further camera, and how far single poses are from it at most."""

    base_from_camera: RigidTransform
    scatter_m: float
    scatter_rad: float


def mounting_beside(
    first: Sequence[CameraPose], base_from_first: RigidTransform, other: Sequence[CameraPose]
) -> MountingBeside | None:
    """Mounting of a camera whose poses are of the same world as those of the first: the mean over its poses, against
    those of the first at the same time. None where the first has no poses around any of them (0.5 s).
    """
    found = []
    for pose in other:
        at = _pose_at(first, pose.stamp_ns)
        if at is not None:
            found.append(base_from_first @ at.inverse() @ pose.world_from_camera)
    if not found:
        return None
    rotations = Rotation.from_matrix(np.stack([one.rotation for one in found]))
    places_m = np.stack([one.translation_m for one in found])
    middle, place_m = rotations.mean(), places_m.mean(axis=0)
    return MountingBeside(
        RigidTransform(middle.as_matrix(), place_m),
        float(np.linalg.norm(places_m - place_m, axis=1).max()),
        float((middle.inv() * rotations).magnitude().max()),
    )


def _pose_at(poses: Sequence[CameraPose], stamp_ns: int) -> RigidTransform | None:
    """`world_from_camera` between two poses; None before the first, after the last, and in a gap."""
    after = bisect.bisect_left(poses, stamp_ns, key=lambda pose: pose.stamp_ns)
    if after < len(poses) and poses[after].stamp_ns == stamp_ns:
        return poses[after].world_from_camera
    if not 0 < after < len(poses):
        return None
    one, other = poses[after - 1], poses[after]
    gap_ns = other.stamp_ns - one.stamp_ns
    if gap_ns > _MAX_GAP_NS:
        return None
    return one.world_from_camera.interpolate(other.world_from_camera, (stamp_ns - one.stamp_ns) / gap_ns)


def odometry_from_poses(poses: Sequence[CameraPose], base_from_camera: RigidTransform) -> list[OdometrySample]:
    """Odometry with odom equal to base_link at the first pose; twist by central differences, one-sided at the ends.

    A pose with no other within 0.5 s has no twist and is left out.
    """
    if not poses:
        return []
    camera_from_base = base_from_camera.inverse()
    odom_from_world = (poses[0].world_from_camera @ camera_from_base).inverse()
    bases = [odom_from_world @ pose.world_from_camera @ camera_from_base for pose in poses]
    stamps = [pose.stamp_ns for pose in poses]
    samples = []
    for index, (stamp_ns, base) in enumerate(zip(stamps, bases)):
        first = index - 1 if index > 0 and stamp_ns - stamps[index - 1] <= _MAX_GAP_NS else index
        last = index + 1 if index + 1 < len(poses) and stamps[index + 1] - stamp_ns <= _MAX_GAP_NS else index
        if first == last:
            continue
        dt = (stamps[last] - stamps[first]) * 1e-9
        moved_m = bases[last].translation_m - bases[first].translation_m
        turn = Rotation.from_matrix(bases[first].rotation.T @ bases[last].rotation).as_rotvec()
        samples.append(OdometrySample(stamp_ns, base, base.rotation.T @ moved_m / dt, turn / dt))
    return samples
