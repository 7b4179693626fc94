"""What stands, cell by cell, becomes things: connected cells of one kind, and a box around each.

Cells are joined in the image, where their density is even, not on the ground, where it falls with the square of the
distance: neighbours belong together where their depths agree and their classes can belong to one thing. Background
without an end of its own (walls, hedges, houses) is cut into pieces, so that no box reaches over the road between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from perception_fm.dense import CITYSCAPES_CLASSES, UNKNOWN_LABEL
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.points import LabeledPoints, Surface

FloatArray = NDArray[np.float64]

_GROUPS = (
    ("person", "rider", "motorcycle", "bicycle"),
    ("car", "truck", "bus", "train"),
    ("pole", "traffic light", "traffic sign"),
)
_BACKGROUND = 0
_GROUP_OF_LABEL = np.full(UNKNOWN_LABEL + 1, _BACKGROUND, np.uint8)
for _number, _names in enumerate(_GROUPS, 1):
    _GROUP_OF_LABEL[[CITYSCAPES_CLASSES.index(name) for name in _names]] = _number

_SAME_SURFACE_SHARE = 0.10  # of the distance between neighbouring cells; two cars in a queue are further apart
_PIECE_M = 3.0
_OUTER = 0.04  # quantile: sides of a box leave out this share of the points, whose depth may belong to another surface
_VOXEL_M = 0.2  # a near side has many more cells than a far one, and both are sides
_LEAST_SIDE_M = 0.1
_ANGLES_RAD = np.radians(np.arange(0.0, 90.0, 3.0))
_HEADING_LENGTH_M = 1.5  # a thing that is shorter than this shows no heading


@dataclass(frozen=True, eq=False)
class Cluster:
    """Cells of one thing in one frame, base frame, metres.

    `cells` (N,): flat indices into the grid. `centre_m` (3,), `size_m` (3,) (length along `yaw_rad`, width, height):
    of what is seen of it. `position_sigma_m` (2,): along and across the line of sight, of its points' depth and the
    width of a cell. `bearing_rad`: of that line. `nearest_m`: horizontal, from the camera's foot. `class_id`:
    Cityscapes trainId, 255 where no class has the majority; `class_probability`.
    """

    cells: NDArray[np.intp]
    centre_m: FloatArray
    size_m: FloatArray
    yaw_rad: float
    position_sigma_m: FloatArray
    bearing_rad: float
    nearest_m: float
    class_id: int
    class_probability: float


def clusters_of(points: LabeledPoints, base_from_camera: RigidTransform, min_cells: int = 2) -> list[Cluster]:
    """All things that the STANDING cells form, nearest first; fewer than `min_cells` are noise."""
    is_standing = points.surface == Surface.STANDING
    if not is_standing.any():
        return []
    cells = np.flatnonzero(is_standing)
    base = base_from_camera.apply(points.points_m.reshape(-1, 3)[cells].astype(np.float64))
    group = _GROUP_OF_LABEL[points.label.ravel()[cells]]
    thing = _connected(points, is_standing)[cells]
    is_background = (group == _BACKGROUND) & _is_long(thing, base)
    piece = np.floor(base[:, :2] / _PIECE_M).astype(np.int64)
    key = np.column_stack([thing, *(np.where(is_background, piece[:, axis], 0) for axis in (0, 1))])
    _, member = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(member.ravel(), kind="stable")
    starts = np.flatnonzero(np.diff(member.ravel()[order], prepend=-1))
    found = [
        _cluster(points, cells[chosen], base[chosen], base_from_camera)
        for chosen in np.split(order, starts[1:])
        if len(chosen) >= min_cells
    ]
    return sorted(found, key=lambda one: one.nearest_m)


def _connected(points: LabeledPoints, is_standing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number of the connected thing of every cell of the grid, flat; cells that do not stand are alone."""
    height, width = is_standing.shape
    index = np.arange(height * width).reshape(height, width)
    log = np.log(np.where(is_standing, points.points_m[..., 2], 1.0))
    group = _GROUP_OF_LABEL[points.label]
    edges = []
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]), (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):  # fmt: skip
        joins = is_standing[here] & is_standing[there] & (group[here] == group[there])
        joins &= np.abs(log[here] - log[there]) < _SAME_SURFACE_SHARE
        edges.append((index[here][joins], index[there][joins]))
    first, second = (np.concatenate(ends) for ends in zip(*edges))
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(index.size, index.size))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def _is_long(thing: NDArray[np.intp], base_m: FloatArray) -> NDArray[np.bool_]:
    """Whether the thing that each point (N,) belongs to is longer than a piece."""
    _, member = np.unique(thing, return_inverse=True)
    member = member.ravel()
    low, high = np.full((member.max() + 1, 2), np.inf), np.full((member.max() + 1, 2), -np.inf)
    np.minimum.at(low, member, base_m[:, :2])
    np.maximum.at(high, member, base_m[:, :2])
    return np.asarray((high - low).max(axis=1) > _PIECE_M)[member]


def _cluster(
    points: LabeledPoints, cells: NDArray[np.intp], base: FloatArray, base_from_camera: RigidTransform
) -> Cluster:
    foot = base_from_camera.translation_m[:2]
    away = base[:, :2] - foot
    ranges = np.hypot(away[:, 0], away[:, 1])
    middle = away.mean(axis=0)
    bearing = float(np.arctan2(middle[1], middle[0]))
    seen = _thinned(base[:, :2])
    yaw = _yaw(seen)
    along = seen @ np.array([np.cos(yaw), np.sin(yaw)])
    across = seen @ np.array([-np.sin(yaw), np.cos(yaw)])
    (a0, a1), (c0, c1) = _inner(along), _inner(across)
    top = _inner(base[:, 2])[1]
    x = np.cos(yaw) * 0.5 * (a0 + a1) - np.sin(yaw) * 0.5 * (c0 + c1)
    y = np.sin(yaw) * 0.5 * (a0 + a1) + np.cos(yaw) * 0.5 * (c0 + c1)
    size = np.maximum([a1 - a0, c1 - c0, top], _LEAST_SIDE_M)
    nearest = _inner(ranges)[0]
    share = float(points.height_sigma_m.ravel()[cells].mean())  # of the height over the ground: a share of its own
    label, probability = _class(points, cells)
    cell_m = nearest / points.camera.fx
    return Cluster(
        cells=cells,
        centre_m=np.array([x, y, 0.5 * top]),
        size_m=size,
        yaw_rad=yaw,
        position_sigma_m=np.array([nearest * share / base_from_camera.translation_m[2], max(0.5 * cell_m, 0.05)]),
        bearing_rad=bearing,
        nearest_m=nearest,
        class_id=label,
        class_probability=probability,
    )


def _yaw(ground_m: FloatArray) -> float:
    """Direction of the longer side of the rectangle whose sides lie nearest to points (N, 2); 0 where they show none.

    The search for the best L of Zhang, Xu, Dong, Dolan (Efficient L-shape fitting, IV 2017), criterion of closeness.
    """
    if np.ptp(ground_m, axis=0).max() < _HEADING_LENGTH_M:
        return 0.0
    first = ground_m @ np.array([np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)])
    second = ground_m @ np.array([-np.sin(_ANGLES_RAD), np.cos(_ANGLES_RAD)])
    gaps = [np.minimum(side - side.min(axis=0), side.max(axis=0) - side) for side in (first, second)]
    closeness = (1.0 / np.maximum(np.minimum(*gaps), _VOXEL_M)).sum(axis=0)
    best = int(np.argmax(closeness))
    is_second_longer = np.ptp(second[:, best]) > np.ptp(first[:, best])
    yaw = float(_ANGLES_RAD[best]) + (0.5 * np.pi if is_second_longer else 0.0)
    return (yaw + 0.5 * np.pi) % np.pi - 0.5 * np.pi


def _thinned(ground_m: FloatArray) -> FloatArray:
    """One of the points (N, 2) of each voxel."""
    voxel = np.floor(ground_m / _VOXEL_M)
    _, first = np.unique(voxel[:, 0] * 100_003.0 + voxel[:, 1], return_index=True)
    return ground_m[first]


def _inner(values: FloatArray) -> tuple[float, float]:
    """Least and greatest of values (N,), without the outermost."""
    ranked = np.sort(values)
    out = int(_OUTER * len(ranked))
    return float(ranked[out]), float(ranked[-1 - out])


def _class(points: LabeledPoints, cells: NDArray[np.intp]) -> tuple[int, float]:
    """The class with the most confidence, and its share of the whole."""
    weights = np.bincount(points.label.ravel()[cells], points.confidence.ravel()[cells], minlength=UNKNOWN_LABEL + 1)
    best = int(np.argmax(weights[:-1]))
    probability = float(weights[best]) / (255.0 * len(cells))
    is_thing = best < len(CITYSCAPES_CLASSES) and CITYSCAPES_CLASSES[best] not in ("road", "sidewalk", "terrain", "sky")
    return (best, probability) if is_thing and probability >= 0.5 else (UNKNOWN_LABEL, float("nan"))
