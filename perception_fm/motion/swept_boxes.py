"""The swept-box test: at each distance along the path, is something standing there, or is it seen past?

Each box's cross-section (path width x swept height, standing on the road) is cut out of the current frame and predicted
from an earlier frame under rival hypotheses, each a plane (motion/warp.py):
- upright: an obstacle at this distance; - road: the road goes on; - far: nothing moves but by rotation (sky, and a
vehicle that travels with us); - past: upright planes 1.4 and 2.9 times farther; - nearer: one that stands 15% nearer.
A painted wall shows too few corners to count on (a magnified print is smooth), while its pixels all agree: comparing
whole patches uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.patches import (
    COLUMNS,
    MISALIGNMENT_PX,
    NOISE_VARIANCE,
    Stack,
    block_means,
    choose_views,
    exposed_alike,
    gradients,
    independent_pixels,
    patch_levels,
    patch_per_pixel,
    remove_shift,
)
from perception_fm.motion.path_boxes import PATCH_HEIGHT, PATCH_WIDTH, ROWS, BoxGeometry, box_geometries
from perception_fm.motion.road_alignment import RoadAlignment
from perception_fm.motion.warp import GrayPyramid, ReferenceView, plane_warps, sample

FloatArray = NDArray[np.float64]

_SIZE = PATCH_WIDTH, PATCH_HEIGHT
OPEN = -3.0  # log likelihood ratio from which a box is worth a closer look: below e^-3 it is seen past
SHIFT_SIGMA_PX = 0.5  # what is left of pitch and yaw after refinement, as a shift of the whole patch
PAST_SHARES = (0.7, 0.35)  # inverse depth of what is seen past the box; 0.5 is the effect-size gate between them
_NEARER_SHARE = 1.15
_WATCHED = 0.15
BLOCK_CLIP = 6.0  # no block decides alone: a moving shadow or a specular spot is not an obstacle
_STEADY_GROUP = 7  # boxes that share one correction: a factor of 1.5 in distance
_STEADY_M, _STEADY_PATCH_PX = 3.0, 64  # cross-section, metres and patch pixels, that the correction is measured on
_STEADY_MAX_BOX_PX = 130.0  # nearer boxes show so much expansion that a shift does not matter
_STEADY_MAX_SHIFT_PX, _STEADY_MAX_RATE_PXPS = 8.0, 24.0  # 0.45 degrees, and 1.4 a second, at f = 1000 px
_STEADY_GAIN = 0.6
_STEADY_TAPER = cv2.createHanningWindow((_STEADY_PATCH_PX, _STEADY_PATCH_PX), cv2.CV_32F)
_HIGH, _LOW = slice(0, ROWS - 1), slice(ROWS - 3, ROWS - 1)
_WINDOWS = (
    (_HIGH, slice(0, COLUMNS)), (_LOW, slice(0, COLUMNS)),
    (_HIGH, slice(0, 2)), (_HIGH, slice(1, 3)), (_HIGH, slice(2, 4)),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class BoxEvidence:
    """Log likelihood ratios per box (K), block row from the top (ROWS) and column from the left (COLUMNS).

    `obstacle` (K, ROWS, COLUMNS): positive where an upright plane at the box explains the image best. `views` (K,): the
    steadied view that each box was judged with. `swept_height_m`: height of the cross-sections.
    """

    distance_m: FloatArray
    obstacle: FloatArray
    views: tuple[ReferenceView, ...]
    swept_height_m: float


def sweep_boxes(
    current: GrayPyramid,
    aligned: RoadAlignment,
    path: PredictedPath,
    distance_m: FloatArray,
    swept_height_m: float,
    watched_m: Sequence[float] = (),
) -> BoxEvidence:
    """Evidence for all boxes at `distance_m` (K,); `aligned` holds at least one reference.

    What is seen past by upright planes alone is not asked about road and sky, but where there is a hypothesis,
    `watched_m` metres ahead: it is to end as soon as it can.
    """
    width_m = 2.0 * path.half_width_m
    roads = [aligned.road_at(float(distance)) for distance in distance_m]
    views = choose_views(aligned.references, distance_m, aligned.near.height_m, current.intrinsics[0][1, 1])
    steady = _steady_views(current, path, roads, views, distance_m)
    rays_from_patch, upright = box_geometries(distance_m, path, roads, 0.0, swept_height_m, width_m)
    levels = patch_levels(current, distance_m, width_m)
    now = np.empty((len(distance_m), PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
    pixel_from_patch = np.array([current.intrinsics[level] for level in levels]) @ rays_from_patch
    for index, level in enumerate(levels):
        sample(current.levels[level], pixel_from_patch[index], _SIZE, now[index])
    independent = independent_pixels(current, distance_m, width_m / COLUMNS, swept_height_m / ROWS)
    boxes = _Boxes.cut(now, independent, patch_per_pixel(current, distance_m, width_m))
    shares = (1.0, _NEARER_SHARE, *PAST_SHARES[:1])
    standing = _predicted(steady, levels, rays_from_patch, np.stack([share * upright for share in shares]))
    own, *rivals = boxes.unexplained(standing)
    least = np.min(rivals, axis=0)
    is_watched = np.abs(np.subtract.outer(distance_m, watched_m)) <= _WATCHED * distance_m[:, None]
    left = np.flatnonzero((_in_path(boxes.ratio(least, own)) > OPEN) | is_watched.any(axis=1))
    if len(left):
        road = np.stack([roads[row].m for row in left])
        behind = [share * upright[left] for share in PAST_SHARES[1:]]
        cuts, rays, scales = boxes.rows(left), rays_from_patch[left], levels[left]
        turned, plain = ([some[row] for row in left] for some in (steady, views))
        more = [
            cuts.unexplained(_predicted(turned, scales, rays, np.stack([*behind, road]))),
            cuts.unexplained(_predicted(plain, scales, rays, np.stack([road, np.zeros_like(road)]))),
        ]
        least[left] = np.minimum(least[left], np.concatenate(more).min(axis=0))
    return BoxEvidence(distance_m, boxes.ratio(least, own), tuple(steady), swept_height_m)


def _predicted(
    views: Sequence[ReferenceView], levels: NDArray[np.intp], rays_from_patch: FloatArray, planes: FloatArray
) -> NDArray[np.uint8]:
    """Patches (M, K, H, W) as the view of each box (K) shows them if they lie on its planes (M, K, 3)."""
    warps = plane_warps(views, levels, rays_from_patch, planes)
    predicted = np.empty((*warps.shape[:2], PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
    for index, level in enumerate(levels):
        image = views[index].pyramid.levels[level]
        for row in range(len(warps)):
            sample(image, warps[row, index], _SIZE, predicted[row, index])
    return predicted


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Patches of the current frame (K, H, W), less their means, with gradients `dx`, `dy`.

    `floor` (K, ROWS, COLUMNS): the variance that stays where all is right. `shift_sigma` (K,) in patch pixels,
    `independent` (K,) pixels of a block.
    """

    observed: Stack
    dx: Stack
    dy: Stack
    floor: FloatArray
    shift_sigma: FloatArray
    independent: FloatArray

    @staticmethod
    def cut(now: NDArray[np.uint8], independent: FloatArray, per_pixel: FloatArray) -> _Boxes:
        """Of patches (K, H, W) with so many patch pixels per image pixel (K,)."""
        observed = now.astype(np.float32)
        observed -= observed.mean(axis=(1, 2), keepdims=True)
        dx, dy = gradients(observed)
        misaligned = (MISALIGNMENT_PX * per_pixel[:, None, None]) ** 2 * block_means(dx * dx + dy * dy)
        return _Boxes(observed, dx, dy, NOISE_VARIANCE + misaligned, SHIFT_SIGMA_PX * per_pixel, independent)

    def rows(self, rows: NDArray[np.intp]) -> _Boxes:
        """Some of them."""
        return _Boxes(*(getattr(self, one.name)[rows] for one in fields(self)))

    def unexplained(self, predicted: NDArray[np.uint8]) -> FloatArray:
        """Mean squares (M, K, ROWS, COLUMNS) that predictions (M, K, H, W) leave, and the floor under them."""
        error = exposed_alike(predicted.astype(np.float32), self.observed)
        error -= self.observed
        left = remove_shift(self.dx, self.dy, error, self.shift_sigma)
        return np.asarray(block_means(np.square(left, out=left)) + self.floor)

    def ratio(self, rival: FloatArray, own: FloatArray) -> FloatArray:
        """Log likelihood ratios (K, ROWS, COLUMNS) from what a rival and an own hypothesis leave."""
        ratio = 0.5 * self.independent[:, None, None] * np.log(rival / own)
        return np.asarray(np.clip(ratio, -BLOCK_CLIP, BLOCK_CLIP), dtype=np.float64)


def _steady_views(
    current: GrayPyramid,
    path: PredictedPath,
    roads: list[PlaneEstimate],
    views: list[ReferenceView],
    distance_m: FloatArray,
) -> list[ReferenceView]:
    """The steadied view of each box; neighbours share one where they share the window."""
    groups = [slice(start, start + _STEADY_GROUP) for start in range(0, len(views), _STEADY_GROUP)]
    middle = [group.start + len(views[group]) // 2 for group in groups]
    boxes = box_geometries(distance_m[middle], path, [roads[row] for row in middle], 0.0, _STEADY_M, _STEADY_M)
    steady: list[ReferenceView] = []
    for group, row, rays_from_patch, upright in zip(groups, middle, *boxes):
        turned = _steadied(current, views[row], BoxGeometry(float(distance_m[row]), rays_from_patch, upright))
        steady.extend(turned if view is views[row] else view for view in views[group])
    return steady


def _steadied(current: GrayPyramid, view: ReferenceView, box: BoxGeometry) -> ReferenceView:
    """The view with pitch and yaw corrected so that an upright plane at `box` would stand still.

    The two rotation terms are free in the contradiction test: odometry and the tracks beside the path may both miss how
    the patch itself moved. Phase correlation finds the shift; it is taken only where it explains the patch better.
    """
    k = current.intrinsics[0]
    if k[1, 1] * _STEADY_M / box.distance_m > _STEADY_MAX_BOX_PX:
        return view
    rays_from_patch = box.rays_from_patch * (PATCH_WIDTH / _STEADY_PATCH_PX, PATCH_HEIGHT / _STEADY_PATCH_PX, 1.0)
    size = (_STEADY_PATCH_PX, _STEADY_PATCH_PX)
    now = sample(current.levels[0], k @ rays_from_patch, size).astype(np.float32)

    def predict(source: ReferenceView) -> NDArray[np.float32]:
        warp = source.pixels_from_patch(rays_from_patch, box.upright, 0)
        return sample(source.pyramid.levels[0], warp, size).astype(np.float32)

    before = predict(view)
    (shift_x, shift_y), _ = cv2.phaseCorrelate(now - now.mean(), before - before.mean(), _STEADY_TAPER)
    pixel_m = box.distance_m / k[1, 1]
    to_pixel = _STEADY_M / _STEADY_PATCH_PX / pixel_m
    shift = np.array([shift_x, shift_y]) * to_pixel
    most = max(_STEADY_MAX_SHIFT_PX, _STEADY_MAX_RATE_PXPS * view.window_s)
    if not SHIFT_SIGMA_PX < np.abs(shift).max() < most:
        return view
    turned = view.turned(shift[1] / k[1, 1], -shift[0] / k[0, 0])
    gain = np.var(predict(turned) - now) / (np.var(before - now) + NOISE_VARIANCE)
    return turned if gain < _STEADY_GAIN else view


def path_evidence(evidence: BoxEvidence) -> FloatArray:
    """Strongest obstacle evidence (K,) of any window in the cross-section: whole path, half of it, or low barrier.

    The lowest blocks are left out: kerbs and speed bumps are driven over, and the road itself is there.
    """
    return _in_path(evidence.obstacle)


def _in_path(blocks: FloatArray) -> FloatArray:
    """`path_evidence` of blocks (K, ROWS, COLUMNS)."""
    windows = [blocks[:, rows, columns].sum(axis=(1, 2)) for rows, columns in _WINDOWS]
    return np.asarray(np.max(windows, axis=0))


def strongest_window(blocks: FloatArray) -> tuple[slice, slice]:
    """Rows and columns of the window that speaks most for an obstacle in one box's blocks (ROWS, COLUMNS)."""
    return max(_WINDOWS, key=lambda window: float(blocks[window].sum()))
