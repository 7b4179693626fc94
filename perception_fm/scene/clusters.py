"""What stands, cell by cell, becomes things: connected cells of one kind, and a box around each.

Cells are joined in the image, where their density is even, not on the ground, where it falls with the square of the
distance: neighbours belong together where their depths agree and their classes can belong to one thing. Background
without an end of its own (walls, hedges, houses) is cut into pieces, so that no box reaches over the road between.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.columns import Columns
from perception_fm.scene.points import LabeledPoints, Surface

FloatArray = NDArray[np.float64]

_GROUPS = (
    ("person", "rider", "motorcycle", "bicycle"),
    ("car", "truck", "bus", "train"),
    ("pole", "traffic light", "traffic sign"),
)
_GROUND_NAMES = ("road", "sidewalk", "terrain", "sky")
_IS_THING = np.array([name not in _GROUND_NAMES for name in CITYSCAPES_CLASSES])
_BACKGROUND = 0
GROUP_OF_LABEL = np.full(UNKNOWN_LABEL + 1, _BACKGROUND, np.uint8)
for _number, _names in enumerate(_GROUPS, 1):
    GROUP_OF_LABEL[[CITYSCAPES_CLASSES.index(name) for name in _names]] = _number

# Each cell and the one to its right, below it, and below to the right and left.
_NEIGHBOURS = (
    (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]),
    (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[:-1, 1:], np.s_[1:, :-1]),
)  # fmt: skip
_SAME_SURFACE_SHARE = 0.10  # of the distance between neighbouring cells; two cars in a queue are further apart
_PIECE_M = 3.0
_OUTER = 0.04  # quantile: sides of a box leave out this share of the points, whose depth may belong to another surface
_VOXEL_M = 0.2  # a near side has many more cells than a far one, and both are sides
_LEAST_SIDE_M = 0.1
_ANGLES_RAD = np.radians(np.arange(0.0, 180.0, 3.0))
_AXES = np.column_stack([np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)])
_HEADING_LENGTH_M = 1.5  # a thing that is shorter than this shows no heading


@dataclass(frozen=True, eq=False)
class Clusters(Columns):
    """Things (N,) of one frame, each of the cells that show it; base frame, metres.

    `cell_count` (N,). `centre_m` (N, 3), `size_m` (N, 3) (length along `yaw_rad`, width, height): of what is seen of
    it. `position_sigma_m` (N, 2): along and across the line of sight, of its points' depth and the width of a cell.
    `bearing_rad` (N,): of that line. `nearest_m` (N,): horizontal, from the camera's foot. `class_id` (N,): Cityscapes
    trainId, 255 where no class has the majority; `class_probability` (N,), NaN there.
    """

    cell_count: NDArray[np.intp]
    centre_m: FloatArray
    size_m: FloatArray
    yaw_rad: FloatArray
    position_sigma_m: FloatArray
    bearing_rad: FloatArray
    nearest_m: FloatArray
    class_id: NDArray[np.intp]
    class_probability: FloatArray


_NOTHING, _NO_PLACE = np.zeros(0), np.zeros((0, 3))
_NO_CLUSTERS = Clusters(
    _NOTHING.astype(np.intp), _NO_PLACE, _NO_PLACE, _NOTHING, _NO_PLACE[:, :2], _NOTHING, _NOTHING,
    _NOTHING.astype(np.intp), _NOTHING,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Runs:
    """Items of which those of one group lie side by side: `group` (N,) of each, `start` and `count` (G,) of its run."""

    group: NDArray[np.intp]
    start: NDArray[np.intp]
    count: NDArray[np.intp]

    @classmethod
    def of(cls, key: NDArray[np.generic]) -> _Runs:
        """Runs of equal items of a sorted key (N,)."""
        is_new = np.ones(len(key), bool)
        is_new[1:] = key[1:] != key[:-1]
        start = np.flatnonzero(is_new)
        end = np.append(start[1:], len(key))
        return cls(np.cumsum(is_new) - 1, start, end - start)

    def inner(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Least and greatest (G,) of values (N,), without the outermost."""
        ranked = np.sort(_key(self.group, values)).imag
        out = (_OUTER * self.count).astype(np.intp)
        return ranked[self.start + out], ranked[self.start + self.count - 1 - out]

    def range(self, values: FloatArray, axis: int = 0) -> tuple[FloatArray, FloatArray]:
        """Least and greatest of values with one item per step of `axis`."""
        return np.minimum.reduceat(values, self.start, axis), np.maximum.reduceat(values, self.start, axis)

    def mean(self, values: FloatArray) -> FloatArray:
        """Of values (N,)."""
        return np.asarray(np.add.reduceat(values, self.start) / self.count)


def clusters_of(
    points: LabeledPoints,
    base_from_camera: RigidTransform,
    odom_from_base: RigidTransform | None = None,
    min_cells: int = 2,
) -> Clusters:
    """All things that the STANDING cells form, nearest first; fewer than `min_cells` are noise.

    Background is cut along squares of the odometry frame, so that its pieces stay where they are from frame to frame.
    """
    cells = np.flatnonzero(points.surface == Surface.STANDING)
    if not len(cells):
        return _NO_CLUSTERS
    base = base_from_camera.apply(points.points_m.reshape(-1, 3)[cells].astype(np.float64))
    order, runs = _pieces(points, cells, base, base if odom_from_base is None else odom_from_base.apply(base))
    is_kept = (runs.count >= min_cells)[runs.group]
    if not is_kept.any():
        return _NO_CLUSTERS
    chosen = order[is_kept]
    return _measured(points, cells[chosen], base[chosen], _Runs.of(runs.group[is_kept]), base_from_camera)


def _pieces(
    points: LabeledPoints, cells: NDArray[np.intp], base_m: FloatArray, world_m: FloatArray
) -> tuple[NDArray[np.intp], _Runs]:
    """Order of the cells (N,) by the thing that they belong to, or by its piece, and the runs in that order."""
    thing = _connected(points, cells)
    order = np.argsort(thing, kind="stable")
    low, high = _Runs.of(thing[order]).range(base_m[order, :2])
    is_long = (high - low).max(axis=1) > _PIECE_M
    is_cut = is_long[thing] & (GROUP_OF_LABEL[points.label.ravel()[cells]] == _BACKGROUND)
    key = _key(thing, np.where(is_cut, _square(world_m[:, :2], _PIECE_M), 0.0))
    order = np.argsort(key, kind="stable")
    return order, _Runs.of(key[order])


def _key(group: NDArray[np.intp], values: FloatArray) -> NDArray[np.complex128]:
    """Sorts by group (N,), and by value (N,) within each: complex numbers compare their real parts first."""
    return np.asarray(group + 1j * values)


def _square(ground_m: FloatArray, side_m: float) -> FloatArray:
    """Number (N,) of the square of the ground that each point (N, 2) lies in."""
    column, row = np.floor(ground_m.T / side_m)
    return np.asarray(column * 100_003.0 + row)


def _connected(points: LabeledPoints, cells: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number (N,) of the connected thing of each standing cell, from 0 on."""
    shape = points.surface.shape
    log = np.full(shape, np.float32(np.nan))
    log.ravel()[cells] = np.log(points.points_m.reshape(-1, 3)[cells, 2])
    group = np.asarray(cv2.LUT(points.label, GROUP_OF_LABEL))
    joins = np.zeros((*shape, len(_NEIGHBOURS)), bool)
    for index, (here, there) in enumerate(_NEIGHBOURS):
        is_near = np.abs(log[here] - log[there]) < _SAME_SURFACE_SHARE
        joins[..., index][here] = is_near & (group[here] == group[there])
    number = np.zeros(points.surface.size + shape[1] + 2, np.int32)  # a cell of the last row has none below it
    number[cells] = np.arange(len(cells))
    joined = joins.reshape(-1, len(_NEIGHBOURS))[cells]
    neighbour = number[cells[:, None] + np.array([1, shape[1], shape[1] + 1, shape[1] - 1])][joined]
    begin = np.append(0, np.cumsum(np.count_nonzero(joined, axis=1)))
    graph = csr_array((np.ones(len(neighbour)), neighbour, begin), shape=(len(cells), len(cells)))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def _measured(
    points: LabeledPoints, cells: NDArray[np.intp], base: FloatArray, runs: _Runs, base_from_camera: RigidTransform
) -> Clusters:
    """Clusters, nearest first, from runs of cells (N,) and their points (N, 3)."""
    away = (base[:, :2] - base_from_camera.translation_m[:2]).T
    nearest = runs.inner(np.hypot(*away))[0]
    bearing = np.arctan2(runs.mean(away[1]), runs.mean(away[0]))
    top = runs.inner(base[:, 2])[1]
    middle, sides, yaw = _rectangles(*_thinned(base[:, :2], runs))
    centre = np.column_stack([*middle, 0.5 * top])
    size = np.maximum(np.column_stack([*sides, top]), _LEAST_SIDE_M)
    along = nearest * runs.mean(points.sigma_share.ravel()[cells].astype(np.float64))
    sigma = np.column_stack([along, np.maximum(0.5 * nearest / points.camera.fx, 0.05)])
    label, probability = _classes(points, cells, runs)
    clusters = Clusters(runs.count, centre, size, yaw, sigma, bearing, nearest, label, probability)
    return clusters.at(np.argsort(nearest, kind="stable"))


def _thinned(ground_m: FloatArray, runs: _Runs) -> tuple[FloatArray, _Runs]:
    """One of the points (N, 2) of each voxel of each run."""
    key = _key(runs.group, _square(ground_m, _VOXEL_M))
    order = np.argsort(key, kind="stable")
    first = order[_Runs.of(key[order]).start]
    return ground_m[first], _Runs.of(runs.group[first])


def _rectangles(ground_m: FloatArray, runs: _Runs) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre (2, G), length and width (2, G) and yaw (G,) of the rectangles around runs of points (N, 2)."""
    yaw = _yaws(ground_m, runs)
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    aside = np.array([-ahead[1], ahead[0]])
    along, across = ((axis[:, runs.group] * ground_m.T).sum(axis=0) for axis in (ahead, aside))
    (rear, front), (right, left) = runs.inner(along), runs.inner(across)
    return 0.5 * ((rear + front) * ahead + (right + left) * aside), np.array([front - rear, left - right]), yaw


def _yaws(ground_m: FloatArray, runs: _Runs) -> FloatArray:
    """Directions (G,) of the longer side of the rectangles whose sides lie nearest to runs of points (N, 2).

    0 where the points show none. The search for the best L of Zhang, Xu, Dong, Dolan (Efficient L-shape fitting, IV
    2017), criterion of closeness.
    """
    low, high = runs.range(ground_m)
    shows = (high - low).max(axis=1) >= _HEADING_LENGTH_M
    yaw = np.zeros(len(shows))
    if not shows.any():
        return yaw
    chosen = shows[runs.group]
    runs = _Runs.of(runs.group[chosen])
    along = _AXES @ ground_m[chosen].T
    low, high = runs.range(along, axis=1)
    gap = np.minimum(along - low[:, runs.group], high[:, runs.group] - along)
    turn = len(_AXES) // 2  # a quarter
    closeness = 1.0 / np.maximum(np.minimum(gap[:turn], gap[turn:]), _VOXEL_M)
    best = np.add.reduceat(closeness, runs.start, axis=1).argmax(axis=0)
    number, length = np.arange(len(best)), high - low
    best += np.where(length[best + turn, number] > length[best, number], turn, 0)
    yaw[shows] = (_ANGLES_RAD[best] + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    return yaw


def _classes(points: LabeledPoints, cells: NDArray[np.intp], runs: _Runs) -> tuple[NDArray[np.intp], FloatArray]:
    """The class (G,) with the most confidence, and its share of the whole."""
    labels = UNKNOWN_LABEL + 1
    key = runs.group * labels + points.label.ravel()[cells]
    weights = np.bincount(key, points.confidence.ravel()[cells], minlength=len(runs.start) * labels)
    weights = weights.reshape(-1, labels)[:, : len(CITYSCAPES_CLASSES)]
    best = weights.argmax(axis=1)
    share = weights.max(axis=1) / (255.0 * runs.count)
    is_known = _IS_THING[best] & (share >= 0.5)
    return np.where(is_known, best, UNKNOWN_LABEL), np.where(is_known, share, np.nan)
