"""Gates of the method, each taken out by something that lets all pass: what it is worth is what is lost without it."""

from __future__ import annotations

import contextlib
import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.path import PredictedPath
from perception_fm.geometry.road_plane import PlaneEstimate
from perception_fm.motion.box_patch import BoxPatch


@dataclass(frozen=True)
class Ablation:
    """`constants`: module below `perception_fm`, name, and what stands in for it while a frame is processed.

    `believes`: the gate concerns the naming, so a network that believes the picture takes part.
    """

    name: str
    says: str
    constants: tuple[tuple[str, str, Any], ...]
    believes: bool = False


def _level_road(patch: BoxPatch, road: PlaneEstimate, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """The road as it is here in place of one that bends."""
    return patch.unexplained(road.m)


def _ends_there(*_: Any) -> None:
    """Nothing goes on above its box."""


def _everywhere(path: PredictedPath, distances: NDArray[np.float64], half_width_m: float) -> float:
    return math.inf


ABLATIONS = (
    Ablation(
        "no_effect_size",
        "nothing that is seen past a box is a rival",
        (("motion.swept_boxes", "PAST_SHARES", ()), ("motion.rivals", "PAST_SHARES", ())),
    ),
    Ablation(
        "no_slope",
        "a plane that lies flat adds evidence like an upright one",
        (("motion.closer_look", "_LEAST_SLOPE_RAD", -math.inf),),
    ),
    Ablation(
        "no_grade", "a road that climbs is no rival", (("motion.rivals", "unexplained_by_grade", _level_road),)
    ),
    Ablation("no_height", "nothing is followed above its box", (("motion.closer_look", "_higher", _ends_there),)),
    Ablation(
        "no_path_limit",
        "what stands where the path may not lead is confirmed too",
        (("motion.stage", "_certain_m", _everywhere),),
    ),
    Ablation(
        "no_sequence",
        "one look at a candidate confirms it",
        (("motion.obstacle_tracks", "CONFIRM", 3.0), ("motion.obstacle_tracks", "_MIN_FRAMES", 1)),
    ),
    Ablation(
        "no_steadying",
        "pitch and yaw of the patch itself are not taken out",
        (("motion.swept_boxes", "_STEADY_MAX_BOX_PX", 0.0),),
    ),
    Ablation(
        "no_error_floor",
        "depth errors are believed to be as small as the frame's own covariance says",
        (("fakewall.claims", "LEAST_SIGMA", 0.0),),
        believes=True,
    ),
    Ablation(
        "no_memory_bound",
        "looking long at the same scene is new evidence",
        (("fakewall.sequential", "_MEMORY_S", 1e-9),),
        believes=True,
    ),
)


@contextlib.contextmanager
def replaced(constants: tuple[tuple[str, str, Any], ...]) -> Iterator[None]:
    """The constants hold inside the block, in this process only; outside the old ones do."""
    before = []
    try:
        for module_name, name, value in constants:
            module = importlib.import_module(f"perception_fm.{module_name}")
            before.append((module, name, getattr(module, name)))
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in reversed(before):
            setattr(module, name, value)
