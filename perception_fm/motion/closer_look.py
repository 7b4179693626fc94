"""A closer look at the boxes that may hold something: which plane is it, where, and is it none that one drives on?

The sweep compares few planes at many boxes. Neighbouring boxes that it does not find seen past are one thing seen
several times; here each such run is judged once, with more care. The upright plane is fitted, so that the evidence
belongs to where it stands and not to the box that happened to win; every hypothesis may move by the shift that suits it
best, exactly and not to first order; drivable grade joins the rivals; and what a wrong plane leaves unexplained is not
taken for noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.drivable_grade import unexplained_by_grade
from perception_fm.motion.patches import (
    COLUMNS,
    CORRELATED_PIXELS,
    NOISE_VARIANCE,
    block_means,
    choose_views,
    independent_pixels,
)
from perception_fm.motion.plane_fit import (
    Alignment,
    BoxPatch,
    PlaneFit,
    align,
    described,
    upright_sigma,
)
from perception_fm.motion.road_alignment import RoadAlignment
from perception_fm.motion.swept_boxes import (
    BLOCK_CLIP,
    BOX_SPACING,
    PAST_SHARES,
    ROWS,
    BoxEvidence,
    box_geometry,
    path_evidence,
    strongest_window,
)
from perception_fm.motion.warp import GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]

OPEN = -3.0  # log likelihood ratio from which a box is worth a closer look: below e^-3 it is seen past
_LEAST_SLOPE_RAD = float(np.radians(45.0))
_SLOPE_SIGMAS = 3.0
_LEAST_WHITENESS = 0.3
_PLACINGS, _PLACING_ITERATIONS = 3, 3


@dataclass(frozen=True, eq=False)
class CloserLook:
    """`ratio` (K,): obstacle evidence of each box, at most one positive box for each thing. `evidence`: the same by
    blocks, for that box and its neighbours. `fits`: the plane found, by box. `thing` (K,): the box at which the thing
    stands that this box shows, -1 for none.
    """

    ratio: FloatArray
    evidence: BoxEvidence
    fits: dict[int, PlaneFit]
    thing: NDArray[np.intp]


def look_closer(
    current: GrayPyramid, aligned: RoadAlignment, path: PredictedPath, evidence: BoxEvidence, watched_m: Sequence[float]
) -> CloserLook:
    """The evidence of the sweep, judged again wherever it speaks for an obstacle, or does not exclude one of those that
    are `watched_m` metres ahead."""
    swept = path_evidence(evidence)
    ratio, blocks = np.minimum(swept, 0.0), evidence.obstacle.copy()
    fits: dict[int, PlaneFit] = {}
    thing = np.full(len(ratio), -1, np.intp)
    watched = [int(np.argmin(np.abs(evidence.distance_m - distance))) for distance in watched_m]
    for run in _runs(swept > OPEN):
        if swept[run].max() < 0.0 and not any(run.start <= row < run.stop for row in watched):
            continue
        blocks[run] = np.minimum(blocks[run], 0.0)
        found = _judged(current, aligned, path, evidence, _middle(swept, run))
        if found is None:
            continue
        fit, judged = found
        row = int(np.argmin(np.abs(np.log(evidence.distance_m / fit.depth_m))))
        strength = float(path_evidence(dataclasses.replace(evidence, obstacle=judged[None]))[0])
        if is_lying(fit):
            strength = min(strength, 0.0)
        if row in fits and strength <= ratio[row]:
            continue
        elsewhere = -_miss(fit, evidence.distance_m[run])
        ratio[run] = np.minimum(ratio[run], elsewhere if strength > 0.0 else strength)
        thing[run] = row if strength > 0.0 else -1
        ratio[row], fits[row] = strength, fit
        blocks[max(row - 1, 0) : row + 2] = judged
    return CloserLook(ratio, dataclasses.replace(evidence, obstacle=blocks), fits, thing)


def _miss(fit: PlaneFit, distance_m: FloatArray) -> FloatArray:
    """How much less likely (K,) the plane is at distances (K,) than where it was found, at most what a block says."""
    off = (distance_m - fit.depth_m) / np.hypot(fit.depth_sigma_m, fit.alignment_sigma_m)
    return np.asarray(np.minimum(0.5 * off * off, BLOCK_CLIP))


def _runs(is_occupied: NDArray[np.bool_]) -> Iterator[slice]:
    """Unbroken sequences of occupied boxes, nearest first."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_occupied, [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2]):
        yield slice(int(start), int(stop))


def _middle(swept: FloatArray, run: slice) -> int:
    """The box in the middle of what speaks for an obstacle. The sweep's rivals are not symmetric: its strongest box is
    the one before the thing."""
    weights = np.maximum(swept[run] - min(float(swept[run].min()), 0.0), 1e-9)
    middle = float(np.average(np.arange(len(weights)), weights=weights))
    return int(run.start) + round(middle)


def _judged(
    current: GrayPyramid, aligned: RoadAlignment, path: PredictedPath, evidence: BoxEvidence, row: int
) -> tuple[PlaneFit, FloatArray] | None:
    """The upright plane near a box and the log likelihood ratios (ROWS, COLUMNS) for it; None where there is none."""
    distance_m, width_m = float(evidence.distance_m[row]), 2.0 * path.half_width_m
    road = aligned.road_at(distance_m)
    window = strongest_window(evidence.obstacle[row])
    placed = _placed(current, evidence.views[row], path, road, distance_m, evidence.swept_height_m, window)
    if placed is None:
        return None
    patch, found, (rows, columns) = placed
    plain = choose_views(
        aligned.references, np.array([distance_m]), aligned.near.height_m, current.intrinsics[0][1, 1]
    )[0]
    residuals = np.stack([found.residual, *_rivals(patch, plain, road)])
    gradient = block_means(np.asarray(patch.gx**2 + patch.gy**2, np.float32))
    noisy = block_means(np.asarray(residuals**2, np.float32)) + NOISE_VARIANCE + patch.misalignment**2 * gradient
    block_m = width_m / COLUMNS, evidence.swept_height_m / ROWS
    independent = _whiteness(found.residual) * independent_pixels(current, np.array([patch.box.distance_m]), *block_m)
    ratio = 0.5 * independent * np.log(noisy[1:].min(axis=0) / noisy[0])
    blocks = np.minimum(evidence.obstacle[row], 0.0)
    blocks[rows, columns] = np.clip(ratio, -BLOCK_CLIP, BLOCK_CLIP)
    return described(patch, found, road), blocks


def _placed(
    current: GrayPyramid,
    view: ReferenceView,
    path: PredictedPath,
    road: PlaneEstimate,
    start_m: float,
    height_m: float,
    window: tuple[slice, slice],
) -> tuple[BoxPatch, Alignment, tuple[slice, slice]] | None:
    """A box that stands where the plane in it stands, that plane, and the rows and columns of blocks that hold it.

    Only the window that speaks for an obstacle is looked at: a car ends below the top of the box. The blocks below it
    wait until the box is placed, since the road before a thing shows in them if the box stands too near.
    """
    rows, columns = window
    width_m, depth_m = 2.0 * path.half_width_m, start_m
    for _ in range(_PLACINGS):
        box = box_geometry(depth_m, path, road, 0.0, height_m, width_m)
        patch = BoxPatch.cut(current, view, box, width_m, rows, columns)
        found = align(patch, box.upright, upright_sigma(patch), _PLACING_ITERATIONS)
        if found is None:
            return None
        depth_m = 1.0 / float(found.m @ patch.centre)
        if 1.0 / BOX_SPACING < depth_m / box.distance_m < BOX_SPACING:
            break
    below = slice(rows.start, rows.stop + 1)
    box = box_geometry(depth_m, path, road, 0.0, height_m, width_m)
    patch = BoxPatch.cut(current, view, box, width_m, below, columns)
    found = align(patch, patch.box.upright, upright_sigma(patch))
    return None if found is None else (patch, found, (below, columns))


def _rivals(patch: BoxPatch, plain: ReferenceView, road: PlaneEstimate) -> list[FloatArray]:
    """What each of the rivals leaves unexplained (H, W): seen past, road, nothing moves, drivable grade. `plain`: the
    view as it was before it was steadied for an upright plane."""
    unsteadied = dataclasses.replace(patch, view=plain)
    rivals = [patch.unexplained(share * patch.box.upright) for share in PAST_SHARES]
    rivals += [unsteadied.unexplained(road.m), unsteadied.unexplained(np.zeros(3)), unexplained_by_grade(patch, road)]
    if plain is not patch.view:
        rivals.append(patch.unexplained(road.m))
    return rivals


def is_lying(fit: PlaneFit) -> bool:
    """Whether the plane is surely flatter than half way to upright: no drivable grade is as steep, no wall as flat."""
    return fit.slope_rad + _SLOPE_SIGMAS * fit.slope_sigma_rad < _LEAST_SLOPE_RAD


def _whiteness(residual: FloatArray) -> float:
    """Share of the pixels taken for independent that truly are, from how like its neighbours a residual (H, W) is.

    What noise leaves is white but for blur and resampling; what a wrong plane leaves is smooth. A variance over a line
    of pixels whose neighbours correlate by r is as sure as (1 - r^2) / (1 + r^2) of them would be if they were
    independent (Bartlett 1946, first-order autoregression); `CORRELATED_PIXELS` is already taken off.
    Blur and a wrong calibration smooth the residual of a true wall too, hence the least share.
    """
    centred = residual - residual.mean()
    variance = float(np.mean(centred * centred)) + 1e-9
    across = (float(np.mean(centred[:, 1:] * centred[:, :-1])) / variance) ** 2
    down = (float(np.mean(centred[1:] * centred[:-1])) / variance) ** 2
    share = CORRELATED_PIXELS * (1.0 - across) * (1.0 - down) / ((1.0 + across) * (1.0 + down))
    return float(np.clip(share, _LEAST_WHITENESS, 1.0))
