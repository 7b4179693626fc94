"""The road plane ahead and how it drifts, with the camera's mounting as prior.

A plane n . X = h (n unit, towards the road, in optical axes; h the camera's height) gives every ray (x, y, 1) that
meets it the inverse depth 1/Z = m . (x, y, 1) with m = n / h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform

FloatArray = NDArray[np.float64]

_HEIGHT_PRIOR_SHARE = 0.05  # load and tyres move a camera by a few centimetres; mounting is measured to a few per cent
# Braking and load pitch a car by up to about 1.5 degrees (FAKE_WALL physics: 0.5 typ.).
_ANGLE_PRIOR_RAD = np.radians(1.5)
_ANGLE_RATE_RAD_PER_SQRT_S = np.radians(0.6)  # pitch bounce: about 0.2 degrees within 0.1 s
_HEIGHT_RATE_SHARE_PER_SQRT_S = 0.01


@dataclass(frozen=True, eq=False)
class PlaneEstimate:
    """m = n / h (3,), its covariance (3, 3), and whether any road point spoke in this frame."""

    m: FloatArray
    covariance: FloatArray
    is_measured: bool

    @property
    def height_m(self) -> float:
        """Height of the camera over the plane."""
        return float(1.0 / np.linalg.norm(self.m))

    @property
    def height_sigma_m(self) -> float:
        """Standard deviation of the height."""
        direction = self.m * self.height_m
        return float(np.sqrt(direction @ self.covariance @ direction) * self.height_m**2)

    @property
    def pitch_rad(self) -> float:
        """Angle of the optical axis below the plane's horizon: positive looks down at the road."""
        return float(np.arctan2(self.m[2], self.m[1]))

    def inverse_depth(self, rays: FloatArray) -> FloatArray:
        """1/Z (N,) in 1/m where rays (N, 2) meet the plane; zero or negative at and above the horizon."""
        return np.asarray(rays @ self.m[:2] + self.m[2])


def plane_from_mounting(base_from_camera: RigidTransform) -> PlaneEstimate:
    """The plane below a camera on a level vehicle (base frame on the ground, z up)."""
    height = float(base_from_camera.translation_m[2])
    m = -base_from_camera.rotation[2] / height
    return PlaneEstimate(m, tilt_covariance(m, _ANGLE_PRIOR_RAD, _HEIGHT_PRIOR_SHARE), False)


def tilt_covariance(m: FloatArray, angle_rad: float, height_share: float) -> FloatArray:
    """Covariance of m = n/h for an isotropic tilt of n and a relative error of h."""
    unit = m / np.linalg.norm(m)
    along = np.outer(unit, unit)
    scale = float(m @ m)
    return np.asarray(scale * (height_share**2 * along + angle_rad**2 * (np.eye(3) - along)))


def predict_plane(plane: PlaneEstimate, mounting: PlaneEstimate, dt_s: float) -> PlaneEstimate:
    """The plane after `dt_s` without looking: it diffuses, but never past the uncertainty of the mounting itself."""
    diffusion = tilt_covariance(
        plane.m, _ANGLE_RATE_RAD_PER_SQRT_S * np.sqrt(dt_s), _HEIGHT_RATE_SHARE_PER_SQRT_S * np.sqrt(dt_s)
    )
    information = np.linalg.inv(plane.covariance + diffusion)
    # The mounting keeps speaking, softly: over about ten seconds the estimate returns to it.
    share = min(1.0, dt_s / 10.0)
    pull = share * np.linalg.inv(mounting.covariance)
    covariance = np.linalg.inv(information + pull)
    return PlaneEstimate(covariance @ (information @ plane.m + pull @ mounting.m), covariance, False)
