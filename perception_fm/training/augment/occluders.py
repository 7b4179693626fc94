"""What stands before a pasted surface, from the depth that a sample knows: everywhere, or at single points."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import FloatArray
from perception_fm.training.sample import TrainingSample

_MARGIN_M, _MARGIN = 0.15, 0.02  # what is nearer by less is not told from the surface
_CLEARANCE_M = 0.2  # lower things are the road, which ends at the foot of what stands on it
_SCAN_SPACING_RAD = math.radians(0.4)  # between lines of vehicle LiDARs with 64 channels (HDL-64E, Pandar64)
_NEARER, _FARTHER = 1, 2
_SOFT_PX = 0.7  # of outlines, as a lens draws them
_EDGE = (0.03 * 255.0) ** 2  # variance of grey levels that makes an edge for the guided filter


def occluded_share(
    sample: TrainingSample, surface_m: NDArray[np.float32], road: FloatArray, box: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """Share (h, w) of each pixel of the box x0, y0, x1, y1 that something before the surface covers, 0 to 1.

    `surface_m` (h, w): depth of the surface over the box, inf where its plane is not met. `road`: see `road_plane`.
    """
    x0, y0, x1, y1 = box
    camera, depth_m = sample.camera, sample.depth_m
    if camera is None or depth_m is None:
        return np.zeros(surface_m.shape, np.float32)
    depth = depth_m[y0:y1, x0:x1]
    x = ((np.arange(x0, x1) - camera.cx) / camera.fx).astype(np.float32)[None, :]
    y = ((np.arange(y0, y1) - camera.cy) / camera.fy).astype(np.float32)[:, None]
    m = road.astype(np.float32)
    height_m = np.float32(1.0 / np.linalg.norm(road)) * (1.0 - depth * (m[0] * x + m[1] * y + m[2]))
    is_nearer = (depth < (1.0 - _MARGIN) * surface_m - _MARGIN_M) & (height_m > _CLEARANCE_M)
    if "depth_m" not in sample.points:
        return cv2.GaussianBlur(is_nearer.astype(np.float32), (0, 0), _SOFT_PX)
    if not is_nearer.any():
        return np.zeros(surface_m.shape, np.float32)
    seen = np.where(is_nearer, _NEARER, np.where(np.isnan(depth), 0, _FARTHER)).astype(np.uint8)
    return _filled(seen, sample.image[y0:y1, x0:x1], max(2, math.ceil(camera.fx * _SCAN_SPACING_RAD)))


def _filled(seen: NDArray[np.uint8], image: NDArray[np.uint8], radius: int) -> NDArray[np.float32]:
    """Every pixel is what the nearest measured point within one spacing of scan lines is; borders follow the picture.

    The steps of synth/composite/occlusion.py, with the guided filter (He, Sun & Tang, TPAMI 35(6), 2013) on grey
    levels: it is ten times as fast as the one on colours and an outline wrong by a pixel matters less here.
    """
    distance, places = cv2.distanceTransformWithLabels(
        (seen == 0).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(int(places.max()) + 1, np.uint8)
    value_of[places[seen != 0]] = seen[seen != 0]
    mask = ((value_of[places] == _NEARER) & (distance <= radius)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (radius | 1, radius | 1))
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)
    share = mask.astype(np.float32)
    grey_mean, share_mean = cv2.blur(grey, size), cv2.blur(share, size)
    slope = cv2.blur(grey * share, size) - grey_mean * share_mean
    slope /= cv2.blur(grey * grey, size) - grey_mean * grey_mean + np.float32(_EDGE)
    offset = share_mean - slope * grey_mean
    guided = cv2.blur(slope, size) * grey + cv2.blur(offset, size)
    return np.asarray(np.clip(2.0 * (guided - 0.5) + 0.5, 0.0, 1.0), np.float32)
