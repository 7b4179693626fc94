"""A closer look at the boxes that may hold something: which plane is it, where, and is it none that one drives on?

The sweep compares few planes at many boxes. Neighbouring boxes that it does not find seen past are one thing seen
several times; here each such run is judged once, with more care. The upright plane is fitted, so that the evidence
belongs to where it stands and not to the box that happened to win; every hypothesis may move by the shift that suits it
best, exactly and not to first order; drivable grade joins the rivals; and what a wrong plane leaves unexplained is not
taken for noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch
from perception_fm.motion.drivable_grade import most_like_grade
from perception_fm.motion.obstacle_tracks import CEILING
from perception_fm.motion.patches import COLUMNS, choose_views
from perception_fm.motion.path_boxes import BOX_SPACING, PATCH_WIDTH, ROWS, box_geometry
from perception_fm.motion.plane_fit import Alignment, PlaneFit, align, described, upright_sigma
from perception_fm.motion.rivals import Rivals
from perception_fm.motion.road_alignment import RoadAlignment
from perception_fm.motion.swept_boxes import BLOCK_CLIP, OPEN, BoxEvidence, path_evidence, strongest_window
from perception_fm.motion.warp import GrayPyramid, ReferenceView

FloatArray = NDArray[np.float64]

_LEAST_SLOPE_RAD = float(np.radians(45.0))
_SLOPE_SIGMAS = 3.0
_PLACINGS, _PLACING_ITERATIONS = 3, 4
_BESIDE = 3.0  # e^3 for the plane beside the box: there it goes on


@dataclass(frozen=True, eq=False)
class _Judgement:
    """A plane, its log likelihood ratios by blocks (ROWS, COLUMNS), and what they and its sides say together.

    `is_wide`: it goes on by the path's width on both sides.
    """

    fit: PlaneFit
    blocks: FloatArray
    strength: float
    is_wide: bool


@dataclass(frozen=True, eq=False)
class CloserLook:
    """`ratio` (K,): obstacle evidence of each box, at most one positive box for each thing. `evidence`: the same by
    blocks, for that box and its neighbours. `fits`: the plane found, by box. `thing` (K,): the box at which the thing
    stands that this box shows, -1 for none. `wide`: boxes whose plane goes on by the path's width on both sides.
    """

    ratio: FloatArray
    evidence: BoxEvidence
    fits: dict[int, PlaneFit]
    thing: NDArray[np.intp]
    wide: frozenset[int]


def look_closer(
    current: GrayPyramid,
    aligned: RoadAlignment,
    path: PredictedPath,
    evidence: BoxEvidence,
    watched_m: Sequence[float],
    certain_m: float = np.inf,
) -> CloserLook:
    """The evidence of the sweep, judged again wherever it speaks for an obstacle, or does not exclude one of those that
    are `watched_m` metres ahead. Beyond `certain_m` the path may lead past a box, so it matters how wide things are.
    """
    swept = path_evidence(evidence)
    ratio, blocks = np.minimum(swept, 0.0), evidence.obstacle.copy()
    fits: dict[int, PlaneFit] = {}
    thing = np.full(len(ratio), -1, np.intp)
    wide = set()
    watched = [int(np.argmin(np.abs(evidence.distance_m - distance))) for distance in watched_m]
    for run in _runs(swept > OPEN):
        if swept[run].max() < 0.0 and not any(run.start <= row < run.stop for row in watched):
            continue
        blocks[run] = np.minimum(blocks[run], 0.0)
        found = _judged(current, aligned, path, evidence, _middle(swept, run), certain_m)
        if found is None:
            continue
        fit = found.fit
        row = _box_at(evidence, fit.depth_m)
        strength = min(found.strength, 0.0) if is_lying(fit) else found.strength
        if row in fits and strength <= ratio[row]:
            continue
        elsewhere = -_miss(fit, evidence.distance_m[run])
        ratio[run] = np.minimum(ratio[run], elsewhere if strength > 0.0 else strength)
        thing[run] = row if strength > 0.0 else -1
        ratio[row], fits[row] = strength, fit
        blocks[max(row - 1, 0) : row + 2] = found.blocks
        if found.is_wide:
            wide.add(row)
    return CloserLook(ratio, dataclasses.replace(evidence, obstacle=blocks), fits, thing, frozenset(wide))


def _box_at(evidence: BoxEvidence, distance_m: float) -> int:
    """The box that is nearest to a distance."""
    return int(np.argmin(np.abs(np.log(evidence.distance_m / distance_m))))


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
    the one before the thing. Far boxes that nothing speaks for or against do not count."""
    weights = np.maximum(swept[run], 1e-3)
    middle = float(np.average(np.arange(len(weights)), weights=weights))
    return int(run.start) + round(middle)


def _judged(
    current: GrayPyramid,
    aligned: RoadAlignment,
    path: PredictedPath,
    evidence: BoxEvidence,
    row: int,
    certain_m: float,
) -> _Judgement | None:
    """The upright plane near a box, against its rivals; None where there is none."""
    distance_m, width_m = float(evidence.distance_m[row]), 2.0 * path.half_width_m
    road = aligned.road_at(distance_m)
    window = strongest_window(evidence.obstacle[row])
    placed = _placed(current, evidence.views[row], path, road, distance_m, evidence.swept_height_m, window)
    if placed is None:
        return None
    stands_m = 1.0 / float(placed[1].m @ placed[0].centre)
    nearer = evidence.views[_box_at(evidence, stands_m)]
    if nearer.window_s < evidence.views[row].window_s:  # where it stands, it has grown by too much for that window
        distance_m = stands_m
        placed = _placed(current, nearer, path, road, distance_m, evidence.swept_height_m, window)
        if placed is None:
            return None
    patch, found, (rows, columns) = placed
    focal_px = current.intrinsics[0][1, 1]
    (plain,) = choose_views(aligned.references, np.array([distance_m]), aligned.near.height_m, focal_px)
    block_m = width_m / COLUMNS, evidence.swept_height_m / ROWS
    rivals = Rivals(current, plain, road, most_like_grade(patch, road), block_m)
    blocks = np.minimum(evidence.obstacle[row], 0.0)
    blocks[rows, columns] = rivals.ratio(patch, found.m, found.residual)
    strength = float(path_evidence(dataclasses.replace(evidence, obstacle=blocks[None]))[0])
    higher = None if strength > CEILING else _higher(patch, found, rivals, width_m)
    if higher is not None:
        whole, ratio = higher
        together = float(ratio[:-1].sum())  # as in every window, without the lowest row
        if together > strength:
            found, blocks, strength = whole, ratio[-ROWS:], together
    is_wide = False
    if strength > 0.0 and (strength < CEILING or patch.box.distance_m > certain_m):
        beside = [_beside(patch, found.m, rivals, width_m, side) for side in (-1, 1)]
        is_wide = min(beside) > _BESIDE
        strength += min(sum(max(gained, 0.0) for gained in beside), strength)
    return _Judgement(described(patch, found, road), blocks, strength, is_wide)


def _beside(patch: BoxPatch, m: FloatArray, rivals: Rivals, width_m: float, side: int) -> float:
    """Log likelihood ratio of the plane m (3,) in the box to the left (-1) or right (1) of the patch's own."""
    aside = np.array([[1.0, 0.0, side * PATCH_WIDTH], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    box = dataclasses.replace(patch.box, rays_from_patch=patch.box.rays_from_patch @ aside)
    neighbour = BoxPatch.cut(rivals.current, patch.view, box, width_m)
    return float(rivals.ratio(neighbour, m, neighbour.unexplained(m))[:-1].sum())


def _higher(
    patch: BoxPatch, found: Alignment, rivals: Rivals, width_m: float
) -> tuple[Alignment, FloatArray] | None:
    """The plane again, and its log likelihood ratios (R, COLUMNS), in a box as much higher, at most twice as high, as
    it shows there; None where it ends with the box.

    A wall is mostly higher than a car, and height is what tells it from a road that climbs.
    """
    current = rivals.current
    over = BoxPatch.cut(current, patch.view, patch.box, width_m, slice(0, 0), above=ROWS)
    if (current.intrinsics[0] @ over.rays_from_patch)[1, 2] < 0.0:
        return None  # not all of it is in the picture
    tall = BoxPatch.cut(current, patch.view, patch.box, width_m, above=ROWS)
    start = (align(tall, found.m, upright_sigma(tall)) or found).m  # from far off the box says little of the slope
    above = rivals.rows_that_show(over, start)
    if not above:
        return None
    tall = tall if above == ROWS else BoxPatch.cut(current, patch.view, patch.box, width_m, above=above)
    whole = align(tall, start, upright_sigma(tall))
    return None if whole is None else (whole, rivals.ratio(tall, whole.m, whole.residual))


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


def is_lying(fit: PlaneFit) -> bool:
    """Whether the plane is surely flatter than half way to upright: no drivable grade is as steep, no wall as flat.

    What two views may be misaligned by is no noise, so it counts once.
    """
    unsure = math.hypot(_SLOPE_SIGMAS * fit.slope_sigma_rad, fit.slope_alignment_rad)
    return fit.slope_rad + unsure < _LEAST_SLOPE_RAD

