"""Matrices (4, 4) between world, camera, light and OpenGL's clip space."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.render.frame import View

FloatArray = NDArray[np.float64]

NEAR_M = 0.3  # as for painted walls: nearer, a canvas fills the view and touches the vehicle already
FAR_M = 3000.0


def matrix(transform: RigidTransform) -> FloatArray:
    """Homogeneous matrix."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = transform.rotation, transform.translation_m
    return result


def clip_from_camera(view: View) -> FloatArray:
    """Projection in which row 0 of the buffer is row 0 of the image, and pixel centres are integers."""
    k = view.intrinsics
    result = np.zeros((4, 4))
    result[0, :3] = 2.0 * k[0] / view.width
    result[1, :3] = 2.0 * k[1] / view.height
    result[0, 2] += 1.0 / view.width - 1.0
    result[1, 2] += 1.0 / view.height - 1.0
    result[2, 2] = (FAR_M + NEAR_M) / (FAR_M - NEAR_M)
    result[2, 3] = -2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    result[3, 2] = 1.0
    return result


def light_axes(towards_light: FloatArray) -> FloatArray:
    """(3, 3) rows: two axes across the light and one towards it."""
    up = np.array([1.0, 0.0, 0.0]) if abs(towards_light[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    across = np.cross(up, towards_light)
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(towards_light, across), towards_light])


def shadow_box(
    towards_light: FloatArray, centre_m: FloatArray, radius_m: float, reach_m: float, texels: int
) -> FloatArray:
    """Clip-from-world of a parallel light over a sphere and what stands up to `reach_m` before it.

    Moves in steps of whole texels only, so that shadows do not swim (Valient, ShaderX6, 2008).
    """
    axes = light_axes(towards_light)
    texel = 2.0 * radius_m / texels
    middle = axes @ centre_m
    middle[:2] = np.floor(middle[:2] / texel) * texel
    result = np.eye(4)
    result[:3, :3] = axes / np.array([[radius_m], [radius_m], [-0.5 * (reach_m + radius_m)]])
    result[:3, 3] = -result[:3, :3] @ (axes.T @ (middle + np.array([0.0, 0.0, 0.5 * (reach_m - radius_m)])))
    return result


def sphere_round(view: View, near_m: float, far_m: float) -> tuple[FloatArray, float]:
    """Centre in the world and radius of a sphere round the part of a view between two depths.

    The radius depends on the intrinsics alone and is rounded, so that it is the same in every frame.
    """
    k = view.intrinsics
    columns, rows = np.array([-0.5, view.width - 0.5]), np.array([-0.5, view.height - 0.5])
    x, y = (columns - k[0, 2]) / k[0, 0], (rows - k[1, 2]) / k[1, 1]
    slope = math.hypot(np.abs(x).max(), np.abs(y).max())
    # The sphere through the corners of both ends has its centre on the axis here, or at the far end if that is beyond.
    centre = min(0.5 * (far_m + near_m) * (1.0 + slope**2), far_m)
    radius = math.hypot(far_m - centre, slope * far_m)
    return view.world_from_camera.apply(np.array([0.0, 0.0, centre])), math.ceil(radius)


def reflection(plane: FloatArray) -> FloatArray:
    """World to its mirror image in a plane (4,) with unit normal."""
    result = np.eye(4)
    result[:3, :3] -= 2.0 * np.outer(plane[:3], plane[:3])
    result[:3, 3] = -2.0 * plane[3] * plane[:3]
    return result
