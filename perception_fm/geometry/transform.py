"""Rigid transforms, written target-from-source so that frames cancel on the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from perception_fm.errors import TransformError

_ORTHONORMAL_TOLERANCE = 1e-3  # poses stored with six decimals miss orthonormality by about 1e-6

# Optical axes (x right, y down, z forward) expressed in a base frame (x forward, y left, z up): REP 103.
BASE_FROM_OPTICAL_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """`target_from_source`: rotation (3, 3) and translation (3,) in metres.

    Raises `TransformError` for NaN, wrong shapes or a matrix that is no rotation.
    """

    rotation: NDArray[np.float64]
    translation_m: NDArray[np.float64]

    def __post_init__(self) -> None:
        rotation = np.array(self.rotation, dtype=np.float64)
        translation = np.array(self.translation_m, dtype=np.float64)
        if rotation.shape != (3, 3) or translation.shape != (3,):
            raise TransformError(
                f"a rigid transform needs a 3x3 rotation and 3 metres, got {rotation.shape} and {translation.shape}"
            )
        if not (np.isfinite(rotation).all() and np.isfinite(translation).all()):
            raise TransformError("a rigid transform holds NaN or infinity")
        error = np.abs(rotation @ rotation.T - np.eye(3)).max()
        if error > _ORTHONORMAL_TOLERANCE or np.linalg.det(rotation) < 0.0:
            raise TransformError(f"the rotation is not orthonormal (error {error:.2g}) or mirrors")
        rotation.setflags(write=False)
        translation.setflags(write=False)
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "translation_m", translation)

    @staticmethod
    def identity() -> RigidTransform:
        """The transform of a frame to itself."""
        return RigidTransform(np.eye(3), np.zeros(3))

    @staticmethod
    def from_matrix(matrix: ArrayLike) -> RigidTransform:
        """From a homogeneous (4, 4) or (3, 4) matrix."""
        m = np.asarray(matrix, dtype=np.float64)
        if m.shape not in ((4, 4), (3, 4)):
            raise TransformError(f"a homogeneous matrix is 4x4 or 3x4, got {m.shape}")
        if m.shape == (4, 4) and not np.array_equal(m[3], [0.0, 0.0, 0.0, 1.0]):
            raise TransformError(f"the last row of a rigid transform is 0 0 0 1, got {m[3].tolist()}: transposed?")
        return RigidTransform(m[:3, :3], m[:3, 3])

    @staticmethod
    def from_quaternion(xyzw: ArrayLike, translation_m: ArrayLike) -> RigidTransform:
        """From a quaternion (x, y, z, w), REP 103 order of ROS messages; it must be of unit length within 1%."""
        q = np.asarray(xyzw, dtype=np.float64)
        norm = float(np.linalg.norm(q)) if q.shape == (4,) else float("nan")
        if not abs(norm - 1.0) < 1e-2:
            raise TransformError(f"a quaternion (x, y, z, w) has unit length, got norm {norm:.3g}")
        return RigidTransform(Rotation.from_quat(q).as_matrix(), np.asarray(translation_m, dtype=np.float64))

    def quaternion_xyzw(self) -> NDArray[np.float64]:
        """Unit quaternion (x, y, z, w)."""
        # A copy: SciPy up to 1.9 refuses read-only arrays.
        return np.asarray(Rotation.from_matrix(self.rotation.copy()).as_quat(), dtype=np.float64)

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 3) of the source frame, in the target frame."""
        moved: NDArray[np.float64] = points @ self.rotation.T + self.translation_m
        return moved

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """`a_from_b @ b_from_c` is `a_from_c`."""
        return RigidTransform(self.rotation @ other.rotation, self.rotation @ other.translation_m + self.translation_m)

    def inverse(self) -> RigidTransform:
        """`source_from_target`."""
        # What is the inverse of a rotation needs no check: that takes longer than to make it.
        inverse: RigidTransform = object.__new__(RigidTransform)
        object.__setattr__(inverse, "rotation", self.rotation.T)
        object.__setattr__(inverse, "translation_m", -self.rotation.T @ self.translation_m)
        inverse.translation_m.setflags(write=False)
        return inverse

    def interpolate(self, other: RigidTransform, fraction: float) -> RigidTransform:
        """Between self (0) and other (1); outside [0, 1] it extrapolates at constant twist."""
        delta = Rotation.from_matrix(self.rotation.T @ other.rotation).as_rotvec()
        rotation = self.rotation @ Rotation.from_rotvec(fraction * delta).as_matrix()
        translation = self.translation_m + fraction * (other.translation_m - self.translation_m)
        return RigidTransform(rotation, translation)


def base_from_camera(
    height_m: float,
    pitch_rad: float,
    forward_m: float = 0.0,
    left_m: float = 0.0,
    roll_rad: float = 0.0,
    yaw_rad: float = 0.0,
) -> RigidTransform:
    """Mounting of a camera from numbers that a person can measure.

    `height_m` above the ground, `pitch_rad` positive when the camera looks down (a positive rotation about base y,
    REP 103), `yaw_rad` positive to the left, `roll_rad` positive when the right side goes down (about base x).
    """
    tilt = Rotation.from_euler("ZYX", [yaw_rad, pitch_rad, roll_rad]).as_matrix()
    return RigidTransform(tilt @ BASE_FROM_OPTICAL_AXES, np.array([forward_m, left_m, height_m]))
