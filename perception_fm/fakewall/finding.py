"""`FakeWallFinding`: what one frame says about the surface in the path and about the claims that contradict it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # types.py holds the results of all stages, so it must be able to import this module
    from perception_fm.types import PathState

FloatArray = NDArray[np.float64]


class Cue(IntEnum):
    """Values are those of `FakeWallEvidence.msg`; only the cues that this room speaks of."""

    DEPTH_CONTRADICTION = 1
    ROAD_PARALLAX = 2
    PAINTED_SURFACE = 4
    SEMANTICS = 5
    RANGE = 6


class Anomaly(IntFlag):
    """Values are those of `Obstacle.msg`."""

    NONE = 0
    DEPTH_CONTRADICTION = 1
    SEMANTIC_CONTRADICTION = 2
    PAINTED_SURFACE = 4
    RANGE_CONTRADICTION = 8
    FLAT_MOTION = 32


@dataclass(frozen=True)
class Evidence:
    """One cue. NaN in its numbers where it is not available.

    `log_likelihood_ratio`: nat, over the frames so far; positive: something claims free road where the surface stands,
    negative: the claims agree with it. `value`, `sigma`: of the present measurement, `threshold`: the value from which
    it speaks for the claim, all in `unit`.
    """

    cue: Cue
    is_available: bool = False
    log_likelihood_ratio: float = math.nan
    value: float = math.nan
    sigma: float = math.nan
    threshold: float = math.nan
    unit: str = "1"
    description: str = ""


@dataclass(frozen=True)
class Contradiction:
    """What is claimed about one obstacle. `is_fake_wall`: named, and never without a confirmation by motion.

    `log_ratio`: all cues together, nat. `flags`: what is strange about it; `score`: 0 (ordinary) to 1, NaN where no cue
    could speak. `learned_m`: median learned depth where it stands, in this frame, NaN not known.
    """

    is_fake_wall: bool = False
    log_ratio: float = 0.0
    flags: Anomaly = Anomaly.NONE
    score: float = math.nan
    evidence: tuple[Evidence, ...] = ()
    learned_m: float = math.nan


def _no_plane() -> FloatArray:
    return np.full(4, math.nan)


def _no_outline() -> FloatArray:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class FakeWallFinding:
    """About the nearest confirmed thing in the path. Arrays become read-only.

    `state`: OBSTACLE, FAKE_WALL or FLAT_PHANTOM; UNVERIFIED where nothing is confirmed, which says nothing about free
    road. `probability`: of the state, NaN with UNVERIFIED. `obstacle_id`: as in `Obstacle`, -1 none. `plane` (4,): unit
    normal towards the vehicle and d [m] of n . X + d = 0, base frame, NaN not known. `polygon_m` (4, 3): foot left,
    foot right, top right, top left of its face in the path's cross-section, base frame; (0, 3) not known. `evidence`:
    one entry per cue. `by_track`: what is claimed, by the id of the motion stage's tracks; `flat_ids`: learned
    obstacles whose place moves like road.
    """

    state: PathState
    probability: float = math.nan
    obstacle_id: int = -1
    distance_m: float = math.nan
    distance_sigma_m: float = math.nan
    ttc_s: float = math.nan
    ttc_sigma_s: float = math.nan
    plane: FloatArray = field(default_factory=_no_plane)
    polygon_m: FloatArray = field(default_factory=_no_outline)
    slope_rad: float = math.nan
    slope_sigma_rad: float = math.nan
    evidence: tuple[Evidence, ...] = ()
    by_track: Mapping[int, Contradiction] = field(default_factory=dict)
    flat_ids: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for name in ("plane", "polygon_m"):
            view: FloatArray = getattr(self, name).view()
            view.setflags(write=False)
            object.__setattr__(self, name, view)
        object.__setattr__(self, "by_track", MappingProxyType(dict(self.by_track)))

    @property
    def claimed(self) -> Contradiction:
        """What is claimed about its obstacle."""
        return self.by_track.get(self.obstacle_id, Contradiction())
