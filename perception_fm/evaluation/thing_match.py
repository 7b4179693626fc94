"""Which found thing is which true one, and how far off it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from perception_fm.evaluation.seen_things import Extent, FoundThing, TrueThing, class_group

FloatArray = NDArray[np.float64]

_GATE_M, _GATE_SHARE = 1.0, 0.1
_ASIDE_M = 0.5
_OTHER_CLASS_M = 5.0  # a car before a hedge is the box that is called car, where there is one
_FAR = 1e6
MATCH_DEFINITION = (
    "A found thing is a true one where their nearest ranges differ by at most 1 m + 10% of the true one and their "
    "sides, across the line of sight, are at most 0.5 m apart; pairs are one to one, with the least sum of distances, "
    "to which another class adds 5 m. "
    "What is left over is background where anything truly stands there by the same measure (a house, a pole, a steep "
    "bank, a hidden thing), a piece where that belongs to a thing that another box is paired with, and false where "
    "nothing stands there. Precision: pairs over pairs, pieces and false; background is what it says it is and counts "
    "for nothing."
)


@dataclass(frozen=True)
class Pair:
    """Indices of a true and a found thing, with the errors of what was found."""

    true: int
    found: int
    near_error_m: float
    aside_error_m: float
    centre_error_m: float
    width_error_m: float
    height_error_m: float
    length_error_m: float
    yaw_error_deg: float


@dataclass(frozen=True)
class Matching:
    """Of one frame. `pairs` have wanted true things only; `missed` are true, the others found things, by index."""

    pairs: tuple[Pair, ...]
    missed: tuple[int, ...]
    ignored: tuple[int, ...]
    background: tuple[int, ...]
    pieces: tuple[int, ...]
    false: tuple[int, ...]


def match_things(
    true: Sequence[TrueThing], found: Sequence[FoundThing], standing: tuple[FloatArray, FloatArray, NDArray[np.int32]]
) -> Matching:
    """`standing`: range, bearing and instance (N,) of every true point that is in the way."""
    cost = np.array([[_cost(one, other) for other in found] for one in true])
    cost = cost.reshape(len(true), len(found))
    rows, columns = linear_sum_assignment(cost)
    chosen = {int(row): int(column) for row, column in zip(rows, columns) if cost[row, column] < _FAR}
    pairs = tuple(_pair(row, column, true[row], found[column]) for row, column in chosen.items() if true[row].is_wanted)
    taken = set(chosen.values())
    left: dict[str, list[int]] = {"background": [], "pieces": [], "false": []}
    for index, thing in enumerate(found):
        if index not in taken:
            left[_leftover(cost[:, index], thing.extent, true, standing)].append(index)
    return Matching(
        pairs=pairs,
        missed=tuple(row for row, thing in enumerate(true) if thing.is_wanted and row not in chosen),
        ignored=tuple(column for row, column in chosen.items() if not true[row].is_wanted),
        background=tuple(left["background"]),
        pieces=tuple(left["pieces"]),
        false=tuple(left["false"]),
    )


def _cost(thing: TrueThing, claim: FoundThing) -> float:
    """Metres between two things, more where their classes differ; `_FAR` where they cannot be one."""
    true, found = thing.extent, claim.extent
    gap = abs(found.near_m - true.near_m)
    between = max(_turned(found.right_rad - true.left_rad), _turned(true.right_rad - found.left_rad))
    if gap > _GATE_M + _GATE_SHARE * true.near_m or between * true.near_m > _ASIDE_M:
        return _FAR
    is_same = class_group(thing.class_id) == class_group(claim.obstacle.class_id)
    aside = true.near_m * _turned(found.bearing_rad - true.bearing_rad)
    return math.hypot(gap, aside) + (0.0 if is_same else _OTHER_CLASS_M)


def _leftover(
    cost: FloatArray,
    extent: Extent,
    true: Sequence[TrueThing],
    standing: tuple[FloatArray, FloatArray, NDArray[np.int32]],
) -> str:
    if any(one < _FAR and thing.is_wanted for one, thing in zip(cost, true)):
        return "pieces"
    ranges, bearings, instance = standing
    middle = extent.bearing_rad
    aside = np.abs((bearings - middle + math.pi) % (2.0 * math.pi) - math.pi)
    aside -= 0.5 * (extent.left_rad - extent.right_rad)
    is_there = np.abs(ranges - extent.near_m) <= _GATE_M + _GATE_SHARE * ranges
    is_there &= aside * ranges <= _ASIDE_M
    if not is_there.any():
        return "false"
    return "background" if np.any(is_there & (instance == 0)) else "pieces"


def _pair(row: int, column: int, true: TrueThing, found: FoundThing) -> Pair:
    box = found.obstacle
    aside = true.extent.near_m * _turned(found.extent.bearing_rad - true.extent.bearing_rad)
    turn = math.degrees(box.yaw_rad - true.yaw_rad)
    return Pair(
        true=row,
        found=column,
        near_error_m=found.extent.near_m - true.extent.near_m,
        aside_error_m=aside,
        centre_error_m=float(np.hypot(*(box.centre_base_m[:2] - true.centre_m))),
        width_error_m=found.extent.width_m - true.extent.width_m,
        height_error_m=float(box.size_m[2]) - true.top_m,
        length_error_m=float(box.size_m[0] - true.size_m[0]),
        yaw_error_deg=abs((turn + 45.0) % 90.0 - 45.0),
    )


def _turned(angle_rad: float) -> float:
    """Between -pi and pi."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi
