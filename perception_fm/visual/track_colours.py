"""Which tracks come nearer, and how soon: the expansion of each track about the focus of expansion, for display."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_fm.types import MotionField

FloatArray = NDArray[np.float64]

_MIN_RADIUS = 0.01  # rays; nearer to the focus of expansion the direction of motion is noise
_OUTLIER_MADS = 4.0
_RIDGE = 1e-9  # against rays that fix no rotation; hundreds of tracks have squares of about 1 each


def time_to_contact_s(motion: MotionField, focus_of_expansion: FloatArray) -> FloatArray:
    """Time (N,) until each track's point passes the camera; inf where it stays, NaN at the focus of expansion.

    Rotation is removed by least squares on the motion across the radial direction, which depth cannot cause. It is a
    picture's accuracy: decisions use the motion stage's own estimate.
    """
    x, y = motion.rays_current[:, 0], motion.rays_current[:, 1]
    # Rotational flow of a ray about the optical x, y, z axes (Longuet-Higgins & Prazdny 1980).
    turning = np.stack([
        np.stack([-x * y, 1.0 + x * x, -y], axis=1),
        np.stack([-(1.0 + y * y), x * y, x], axis=1),
    ], axis=1)
    arm = motion.rays_current - focus_of_expansion
    radius = np.maximum(np.hypot(arm[:, 0], arm[:, 1]), 1e-9)
    radial = arm / radius[:, None]
    across = np.stack([-radial[:, 1], radial[:, 0]], axis=1)
    flow = motion.rays_current - motion.rays_reference
    rotation = np.zeros((len(motion), 3))
    for index in np.unique(motion.reference_index):
        of_window = motion.reference_index == index
        rotation[of_window] = _rotation(
            np.einsum("ni,nij->nj", across[of_window], turning[of_window]),
            np.einsum("ni,ni->n", across[of_window], flow[of_window]),
        )
    outward = np.einsum("ni,ni->n", radial, flow - np.einsum("nij,nj->ni", turning, rotation))
    with np.errstate(divide="ignore"):
        # e = b / (Z - b) with the radius at the window's start, so that T / e counts from its end.
        ttc_s = motion.window_s * np.maximum(radius - outward, 0.0) / np.maximum(outward, 0.0)
    return np.where(radius > _MIN_RADIUS, ttc_s, np.nan)


def _rotation(rows: FloatArray, flow_across: FloatArray) -> FloatArray:
    """Rotation (3,) that explains the motion across; twice, the second time without what moves by itself."""
    keep = np.ones(len(rows), dtype=bool)
    rotation = np.zeros(3)
    for _ in range(2):
        if np.count_nonzero(keep) < 8:
            return rotation
        # Normal equations: a picture does not need the digits that they lose.
        kept = rows[keep]
        rotation = np.linalg.solve(kept.T @ kept + _RIDGE * np.eye(3), kept.T @ flow_across[keep])
        residual = np.abs(flow_across - rows @ rotation)
        # For a few dozen numbers NumPy's own median takes ten times as long.
        ranked = np.sort(residual)
        keep = residual <= _OUTLIER_MADS * 0.5 * (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2])
    return rotation
