"""The swept-box test: at each distance along the path, is something standing there, or is it seen past?

Each box's cross-section (path width x swept height, standing on the road) is cut out of the current frame and predicted
from an earlier frame under rival hypotheses, each a plane (motion/warp.py):
- obstacle: an upright plane at this distance; - road: the road goes on; - far: nothing moves but by rotation (sky, and a
vehicle that travels with us); - past: upright planes 1.4 and 2.9 times farther; - nearer: one that stands 15% nearer.
A painted wall shows tracks too few to count on (a magnified print is smooth), while its pixels all agree: alignment of
whole patches uses them. The comparison of two hypotheses over a block of n independent pixels is the likelihood ratio of
Gaussian residuals with unknown variance, n/2 ln(s_rival / s).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.road_alignment import FAR_FROM_M, RoadAlignment
from perception_fm.motion.warp import LEVELS, GrayPyramid, ReferenceView, sample

FloatArray = NDArray[np.float64]

BOX_SPACING = 1.06  # ratio of neighbouring distances
PATCH_WIDTH, PATCH_HEIGHT = 32, 40  # patch pixels; blocks of 8 x 8
COLUMNS, ROWS = 4, 5
_BLOCK_PX = 8
_PAST_SHARES = (0.7, 0.35)  # inverse depth of what is seen past the box; 0.5 is the effect-size gate between them
_NEARER_SHARE = 1.15
NOISE_VARIANCE = 1.0  # grey levels^2: 8-bit quantisation, JPEG and sensor noise after blurring; a textureless block ties
CORRELATED_PIXELS = 4.0  # pixels that count as one: blurring (sigma 0.7) and bilinear sampling
_MAX_INDEPENDENT = 40.0
_CLIP = 6.0  # no block decides alone: a moving shadow or a specular spot is not an obstacle
_WANTED_PARALLAX_PX = 2.0
_WANTED_AT_HEIGHT = 0.7  # of the camera height: there obstacle and road differ by this share of the flow
MISALIGNMENT_PX = 0.12  # rolling shutter, lens residue, ego motion: no two views align better; times the gradient it is noise
SHIFT_SIGMA_PX = 0.5  # what is left of pitch and yaw after refinement, as a shift of the whole patch
_STEADY_GROUP = 7  # boxes that share one correction: a factor of 1.5 in distance
_STEADY_M, _STEADY_PATCH_PX = 3.0, 64  # cross-section, metres and patch pixels, that the correction is measured on
_STEADY_MAX_BOX_PX = 130.0  # nearer boxes show so much expansion that a shift does not matter
_STEADY_MAX_SHIFT_PX = 8.0  # 0.45 degrees at f = 1000 px within half a second
_STEADY_GAIN = 0.6
_STEADY_TAPER = cv2.createHanningWindow((_STEADY_PATCH_PX, _STEADY_PATCH_PX), cv2.CV_32F)
_HYPOTHESES = ("road", "far", "upright", "nearer", *("past" for _ in _PAST_SHARES), "road, steadied", "upright, plain")
_ROAD, _FAR, _UPRIGHT = 0, 1, 2
_FIRST_STEADY_COPY = _UPRIGHT + 2 + len(_PAST_SHARES)
_UPRIGHT_PLAIN = _FIRST_STEADY_COPY + 1
_STEADY_COPY_OF = (_ROAD, _UPRIGHT)
_ZERO = np.zeros(3)
_HIGH, _LOW = slice(0, ROWS - 1), slice(ROWS - 3, ROWS - 1)
_WINDOWS = (
    (_HIGH, slice(0, COLUMNS)), (_HIGH, slice(0, 2)), (_HIGH, slice(1, 3)), (_HIGH, slice(2, 4)), (_LOW, slice(0, COLUMNS)),
)  # fmt: skip
_COLUMN_VETO = -1.5
_MIN_CORRELATION = 0.3  # a hypothesis must explain the block, not merely beat its rivals


@dataclass(frozen=True, eq=False)
class BoxGeometry:
    """One cross-section: optical distance along the path, and the patch's homography to current rays (3, 3).

    `upright` is m of the plane 1/Z = m . (x, y, 1) that the cross-section lies in.
    """

    distance_m: float
    rays_from_patch: FloatArray
    upright: FloatArray


@dataclass(frozen=True, eq=False)
class BoxEvidence:
    """Log likelihood ratios per box (K), block row from the top (ROWS) and column from the left (COLUMNS).

    `obstacle` (K, ROWS, COLUMNS): positive where an upright plane at the box explains the image best. `road` (K, COLUMNS):
    of the lowest blocks, positive where the road explains them and no obstacle does. `residual` (K,): mean squared
    residual of the better of the two, grey levels^2. `views` (K,): the steadied view that each box was judged with.
    """

    distance_m: FloatArray
    obstacle: FloatArray
    road: FloatArray
    residual: FloatArray
    views: tuple[ReferenceView, ...]
    swept_height_m: float


def box_distances(nearest_m: float, farthest_m: float) -> FloatArray:
    """Geometric distances (K,) from nearest to farthest, neighbours 6% apart."""
    count = max(2, 1 + int(np.floor(np.log(farthest_m / nearest_m) / np.log(BOX_SPACING))))
    return np.asarray(nearest_m * BOX_SPACING ** np.arange(count))


def box_geometry(
    distance_m: float, path: PredictedPath, road: PlaneEstimate, low_m: float, high_m: float, width_m: float
) -> BoxGeometry:
    """Cross-section of the path at one distance, from `low_m` to `high_m` above the road, upright on it."""
    down = road.m * road.height_m
    x = float(path.centre_x_m(np.array([distance_m]))[0])
    foot = np.array([x, 0.0, distance_m])
    foot[1] = (1.0 - road.m[0] * x - road.m[2] * distance_m) / road.m[1]
    ahead = np.array([path.heading - path.curvature_per_m * distance_m, 0.0, 1.0])
    ahead -= down * (ahead @ down)
    ahead /= np.linalg.norm(ahead)
    right = np.cross(down, ahead)
    step_x, step_y = width_m / PATCH_WIDTH, (high_m - low_m) / PATCH_HEIGHT
    origin = foot - right * (0.5 * width_m - 0.5 * step_x) - down * (high_m - 0.5 * step_y)
    return BoxGeometry(
        distance_m, np.column_stack([right * step_x, down * step_y, origin]), ahead / float(ahead @ foot)
    )


def sweep_boxes(
    current: GrayPyramid,
    aligned: RoadAlignment,
    path: PredictedPath,
    distance_m: FloatArray,
    swept_height_m: float,
) -> BoxEvidence:
    """Evidence for all boxes at `distance_m` (K,); `aligned` holds at least one reference."""
    width_m = 2.0 * path.half_width_m
    patches = _Patches(len(distance_m))
    steady: dict[int, ReferenceView] = {}
    for index, distance in enumerate(distance_m):
        road = aligned.near if distance < FAR_FROM_M else aligned.far
        view = choose_view(aligned.references, float(distance), road.height_m, current.intrinsics[0][1, 1])
        group = index // _STEADY_GROUP
        if group not in steady:
            middle = float(distance_m[min(index + _STEADY_GROUP // 2, len(distance_m) - 1)])
            steady[group] = _steadied(current, view, box_geometry(middle, path, road, 0.0, _STEADY_M, _STEADY_M))
        box = box_geometry(float(distance), path, road, 0.0, swept_height_m, width_m)
        patches.fill(index, current, view, steady[group], box, road, patch_level(current, float(distance), width_m))
    pixels_per_m = current.intrinsics[0][0, 0] / distance_m
    patch_per_pixel = PATCH_WIDTH / (width_m * pixels_per_m)
    level = np.maximum(1.0, 2.0 ** np.floor(np.log2(np.maximum(1.0 / patch_per_pixel, 1.0))))
    area = pixels_per_m**2 / level**2 * width_m * swept_height_m
    independent = np.clip(area / (ROWS * COLUMNS * CORRELATED_PIXELS), 0.5, _MAX_INDEPENDENT)
    return _compare(patches, independent, patch_per_pixel, distance_m, swept_height_m)


class _Patches:
    """Observed and predicted patches of all boxes; hypotheses as named in `_HYPOTHESES`."""

    def __init__(self, count: int) -> None:
        self.observed = np.empty((count, PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
        self.predicted = np.empty((len(_HYPOTHESES), count, PATCH_HEIGHT, PATCH_WIDTH), np.uint8)
        self.views: list[ReferenceView] = []

    def fill(
        self,
        index: int,
        current: GrayPyramid,
        view: ReferenceView,
        steady: ReferenceView,
        box: BoxGeometry,
        road: PlaneEstimate,
        level: int,
    ) -> None:
        """Cut out one box under every hypothesis; the scene beyond is judged by the better of both views."""
        pixel_from_patch = current.intrinsics[level] @ box.rays_from_patch
        size = (PATCH_WIDTH, PATCH_HEIGHT)
        self.observed[index] = sample(current.levels[level], pixel_from_patch, size)
        if steady.window_s != view.window_s:
            steady = view
        self.views.append(steady)
        for row, (source, m) in enumerate((
            (view, road.m), (view, _ZERO), (steady, box.upright), (steady, _NEARER_SHARE * box.upright),
            *((steady, share * box.upright) for share in _PAST_SHARES), (steady, road.m), (view, box.upright),
        )):  # fmt: skip
            if row >= _FIRST_STEADY_COPY and steady is view:
                self.predicted[row, index] = self.predicted[_STEADY_COPY_OF[row - _FIRST_STEADY_COPY], index]
                continue
            warp = source.homography(m, level) @ pixel_from_patch
            self.predicted[row, index] = sample(source.pyramid.levels[level], warp, size)


def _steadied(current: GrayPyramid, view: ReferenceView, box: BoxGeometry) -> ReferenceView:
    """The view with pitch and yaw corrected so that an upright plane at `box` would stand still.

    The two rotation terms are free in the contradiction test: odometry and the tracks beside the path may both miss how
    the patch itself moved. Phase correlation finds the shift; it is taken only where it explains the patch better.
    """
    k = current.intrinsics[0]
    if k[1, 1] * _STEADY_M / box.distance_m > _STEADY_MAX_BOX_PX:
        return view
    scale = np.diag([PATCH_WIDTH / _STEADY_PATCH_PX, PATCH_HEIGHT / _STEADY_PATCH_PX, 1.0])
    pixel_from_patch = k @ box.rays_from_patch @ scale
    size = (_STEADY_PATCH_PX, _STEADY_PATCH_PX)
    now = sample(current.levels[0], pixel_from_patch, size).astype(np.float32)

    def predict(source: ReferenceView) -> NDArray[np.float32]:
        warp = source.homography(box.upright, 0) @ pixel_from_patch
        return sample(source.pyramid.levels[0], warp, size).astype(np.float32)

    before = predict(view)
    (shift_x, shift_y), _ = cv2.phaseCorrelate(now - now.mean(), before - before.mean(), _STEADY_TAPER)
    pixel_m = box.distance_m / k[1, 1]
    to_pixel = _STEADY_M / _STEADY_PATCH_PX / pixel_m
    shift = np.array([shift_x, shift_y]) * to_pixel
    if not SHIFT_SIGMA_PX < np.abs(shift).max() < _STEADY_MAX_SHIFT_PX:
        return view
    turned = view.turned(shift[1] / k[1, 1], -shift[0] / k[0, 0])
    gain = np.var(predict(turned) - now) / (np.var(before - now) + NOISE_VARIANCE)
    return turned if gain < _STEADY_GAIN else view


def _compare(
    patches: _Patches,
    independent: FloatArray,
    patch_per_pixel: FloatArray,
    distance_m: FloatArray,
    swept_height_m: float,
) -> BoxEvidence:
    observed = patches.observed.astype(np.float32)
    observed -= observed.mean(axis=(1, 2), keepdims=True)
    error = patches.predicted.astype(np.float32)
    error -= error.mean(axis=(2, 3), keepdims=True)
    error -= observed
    dx, dy = _gradients(observed)
    plain = _block_variance(error[[_ROAD, _FAR, _UPRIGHT_PLAIN], :, -_BLOCK_PX:])[:, :, -1]
    residual = _blocks(_remove_shift(dx, dy, error[:_UPRIGHT_PLAIN], SHIFT_SIGMA_PX * patch_per_pixel) ** 2)
    floor = NOISE_VARIANCE + (MISALIGNMENT_PX * patch_per_pixel[:, None, None]) ** 2 * _blocks(dx * dx + dy * dy)
    half = 0.5 * independent[:, None, None]
    noisy = residual + floor.astype(np.float32)
    rivals = np.delete(noisy, _UPRIGHT, axis=0).min(axis=0)
    obstacle = np.clip(half * np.log(rivals / noisy[_UPRIGHT]), -_CLIP, _CLIP)
    low = plain + floor[:, -1].astype(np.float32)
    road = np.clip(half[:, 0] * np.log(low[1:].min(axis=0) / low[0]), -_CLIP, _CLIP)
    unexplained = (1.0 - _MIN_CORRELATION) * np.maximum(_block_variance(observed[:, -_BLOCK_PX:])[:, -1], 1e-6)
    road = np.where(plain[0] < unexplained, road, np.minimum(road, 0.0))
    road = np.where(plain[1:].min(axis=0) < unexplained, road, np.maximum(road, 0.0))
    return BoxEvidence(
        distance_m,
        obstacle.astype(np.float64),
        road.astype(np.float64),
        np.minimum(residual[_UPRIGHT], residual[_ROAD]).mean(axis=(1, 2)).astype(np.float64),
        tuple(patches.views),
        swept_height_m,
    )


def _blocks(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over blocks of 8 x 8: (..., PATCH_HEIGHT, PATCH_WIDTH) to (..., ROWS, COLUMNS)."""
    lead = squares.shape[:-2]
    shaped = squares.reshape(*lead, -1, _BLOCK_PX, COLUMNS, _BLOCK_PX)
    return np.asarray(shaped.mean(axis=(-3, -1)))


def _block_variance(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Variances over blocks: brightness that changes with the angle of view (asphalt at grazing angles) is no evidence."""
    return np.asarray(np.maximum(_blocks(values * values) - _blocks(values) ** 2, 0.0))


def _gradients(patch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Central differences (K, PATCH_HEIGHT, PATCH_WIDTH) per patch pixel, zero at the border."""
    dx, dy = np.zeros_like(patch), np.zeros_like(patch)
    dx[:, :, 1:-1] = 0.5 * (patch[:, :, 2:] - patch[:, :, :-2])
    dy[:, 1:-1] = 0.5 * (patch[:, 2:] - patch[:, :-2])
    return dx, dy


def _remove_shift(
    dx: NDArray[np.float32], dy: NDArray[np.float32], error: NDArray[np.float32], sigma: FloatArray
) -> NDArray[np.float32]:
    """`error` (H, K, PATCH_HEIGHT, PATCH_WIDTH) less what a small shift of each whole patch explains (MAP).

    `sigma` (K,) is the prior in patch pixels. Pitch and yaw shift a patch as a whole; only what grows across it is
    expansion, so every hypothesis is granted the shift that suits it best.
    """
    xx, xy, yy = (np.einsum("kij,kij->k", a, b) for a, b in ((dx, dx), (dx, dy), (dy, dy)))
    bx, by = np.einsum("kij,hkij->hk", dx, error), np.einsum("kij,hkij->hk", dy, error)
    prior = NOISE_VARIANCE * 4.0 / sigma**2
    xx, yy = xx + prior, yy + prior
    determinant = np.maximum(xx * yy - xy * xy, 1e-6)
    sx, sy = (yy * bx - xy * by) / determinant, (xx * by - xy * bx) / determinant
    sx, sy = (np.clip(s, -2 * sigma, 2 * sigma)[:, :, None, None].astype(np.float32) for s in (sx, sy))
    return np.asarray(error - sx * dx - sy * dy)


def choose_view(
    references: tuple[ReferenceView, ...], distance_m: float, height_m: float, focal_px: float
) -> ReferenceView:
    """The shortest window over which an obstacle at this distance and the road behind it part by 2 px, else the longest."""
    part = _WANTED_AT_HEIGHT * (1.0 - _WANTED_AT_HEIGHT) * focal_px * height_m / distance_m**2
    for view in references:
        if abs(view.travel_m[2]) * part >= _WANTED_PARALLAX_PX:
            return view
    return references[-1]


def patch_level(current: GrayPyramid, distance_m: float, width_m: float) -> int:
    """Pyramid level at which the path's width is nearest above the patch's."""
    ratio = current.intrinsics[0][0, 0] * width_m / (distance_m * PATCH_WIDTH)
    return int(np.clip(np.floor(np.log2(max(ratio, 1.0))), 0, LEVELS - 1))


def path_evidence(evidence: BoxEvidence) -> FloatArray:
    """Strongest obstacle evidence (K,) of any window in the cross-section: the whole path, half of it, or a low barrier.

    The lowest blocks are left out: kerbs and speed bumps are driven over, and the road itself is there.
    """
    windows = [evidence.obstacle[:, rows, columns].sum(axis=(1, 2)) for rows, columns in _WINDOWS]
    return np.asarray(np.max(windows, axis=0))


def road_evidence(evidence: BoxEvidence) -> FloatArray:
    """Evidence (K,) that the road shows across the whole path: the columns' mean, unless one of them speaks against."""
    lowest = evidence.road.min(axis=1)
    return np.asarray(np.where(lowest < _COLUMN_VETO, lowest, evidence.road.mean(axis=1)))
