"""What stands before a wall in a real picture, from sparse depth (a LiDAR) and the picture's own edges."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.painted_wall import FloatArray, PaintedWall

Samples = NDArray[np.float32]

NEARER, FARTHER = 1, -1  # of a measured point against the wall; 0 where nothing was measured
_MARGIN_M, _MARGIN = 0.3, 0.03  # a point counts as nearer by more than this: errors of range, pose and timing
_ROAD_CLEARANCE_M = 0.2  # lower points are the road, which ends at the wall's foot and never hides it
_SCAN_SPACING_RAD = math.radians(0.4)  # between the lines of vehicle LiDARs with 64 channels (HDL-64E, Pandar64)
_EDGE_CONTRAST = 6.0  # grey levels that make an edge for the guided filter


def compare_depth(
    depth_m: Samples, wall: PaintedWall, intrinsics: FloatArray, world_from_camera: RigidTransform
) -> NDArray[np.int8]:
    """(H, W) `NEARER`, `FARTHER` or 0 against the wall's plane, for `depth_m` (H, W) along optical z, 0 = none."""
    result = np.zeros(depth_m.shape, dtype=np.int8)
    rows, columns = np.nonzero(depth_m)
    measured_m = depth_m[rows, columns].astype(np.float64)
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=1) @ np.linalg.inv(intrinsics).T
    wall_m = wall_depth_m(rays, wall, world_from_camera)
    foot = wall.corners_world_m[1] - wall.corners_world_m[0]
    up = np.cross(foot, wall.approach_world)
    up /= np.linalg.norm(up)
    points_world_m = world_from_camera.apply(rays * measured_m[:, None])
    height_m = (points_world_m - wall.corners_world_m[0]) @ up
    is_nearer = (measured_m < (1.0 - _MARGIN) * wall_m - _MARGIN_M) & (height_m > _ROAD_CLEARANCE_M)
    result[rows, columns] = np.where(is_nearer, NEARER, FARTHER)
    return result


def wall_depth_m(rays: FloatArray, wall: PaintedWall, world_from_camera: RigidTransform) -> FloatArray:
    """(N,) depth along optical z at which rays (N, 3) with z = 1 meet the wall's plane; inf where they never do."""
    approach = -(rays @ (world_from_camera.rotation.T @ wall.normal_world))
    clearance_m = wall.clearance_m(world_from_camera)
    meets = approach > 1e-9
    return np.where(meets, clearance_m / np.where(meets, approach, 1.0), math.inf)


def carried(comparison: NDArray[np.int8], there: NDArray[np.uint8], here: NDArray[np.uint8]) -> NDArray[np.int8]:
    """A comparison made in another picture of the clip (`there`), moved to this one (`here`) by optical flow.

    Dense inverse search (Kroeger et al., ECCV 2016), which follows moving objects too. All (H, W), pictures uint8 with
    or without channels.
    """
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(_grey(here), _grey(there), None)
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    shifted = comparison.astype(np.int16)  # cv2.remap takes no int8
    moved = cv2.remap(shifted, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_NEAREST)
    return np.asarray(moved, dtype=np.int8)


def nearer_share(
    comparison: NDArray[np.int8], image: NDArray[np.uint8], polygon_px: FloatArray, focal_px: float
) -> Samples:
    """(H, W) share of each pixel, 0..1, that something before the wall covers; 0 far from the wall's outline (N, 2) px.

    A pixel belongs to the nearest measured point within one spacing of the scan lines; without one the wall hides it.
    The border is then drawn to the edges of the picture (guided filter: He, Sun & Tang, TPAMI 35(6), 2013).
    """
    share = np.zeros(comparison.shape, dtype=np.float32)
    radius = max(2, math.ceil(focal_px * _SCAN_SPACING_RAD))
    if len(polygon_px):
        size = (comparison.shape[1], comparison.shape[0])
        x0, y0 = np.clip(np.floor(polygon_px.min(axis=0)) - 3 * radius, 0, size).astype(int)
        x1, y1 = np.clip(np.ceil(polygon_px.max(axis=0)) + 3 * radius, 0, size).astype(int)
        near = np.s_[y0:y1, x0:x1]
        if (comparison[near] == NEARER).any():
            share[near] = _share(comparison[near], image[near].astype(np.float32), radius)
    return share


def _share(comparison: NDArray[np.int8], image: Samples, radius: int) -> Samples:
    distance, labels = cv2.distanceTransformWithLabels(
        (comparison == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(int(labels.max()) + 1, dtype=np.int8)
    value_of[labels[comparison != 0]] = comparison[comparison != 0]
    is_nearer = ((value_of[labels] == NEARER) & (distance <= radius)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (radius | 1, radius | 1))
    # Lone points on glass, or seen through it, make no hole; lone points before the wall make no object.
    is_nearer = cv2.morphologyEx(cv2.morphologyEx(is_nearer, cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
    share = _guided(is_nearer.astype(np.float32), image, radius)
    return np.clip(2.0 * (share - 0.5) + 0.5, 0.0, 1.0)


def _guided(mask: Samples, image: Samples, radius: int) -> Samples:
    """The mask as a locally linear function of the picture's colours."""
    pixels = image[..., None] if image.ndim == 2 else image

    def mean(values: Samples) -> Samples:
        return np.asarray(cv2.blur(values, (2 * radius + 1,) * 2), dtype=np.float32)

    count = pixels.shape[2]
    means = np.stack([mean(pixels[..., c]) for c in range(count)], axis=-1)
    mask_mean = mean(mask)
    cross = np.stack([mean(pixels[..., c] * mask) for c in range(count)], axis=-1) - means * mask_mean[..., None]
    covariance = np.empty((*mask.shape, count, count), dtype=np.float32)
    for c in range(count):
        for d in range(c, count):
            covariance[..., c, d] = mean(pixels[..., c] * pixels[..., d]) - means[..., c] * means[..., d]
            covariance[..., d, c] = covariance[..., c, d]
    covariance += _EDGE_CONTRAST**2 * np.eye(count, dtype=np.float32)
    slope = np.linalg.solve(covariance, cross[..., None])[..., 0]
    offset = mask_mean - (slope * means).sum(axis=-1)
    slope_mean = np.stack([mean(np.ascontiguousarray(slope[..., c])) for c in range(count)], axis=-1)
    return np.asarray((slope_mean * pixels).sum(axis=-1) + mean(offset), dtype=np.float32)


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
