"""The nearest obstacle straight ahead of the camera against its true distance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from perception_fm.evaluation.seen_things import FoundThing, outline
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.free_grid import OCCUPIED, FreeSpaceGrid

WIDTHS_M = (1.0, 1.9)
"""Of the corridor of `corridor_nearest_m`, and of a vehicle."""
SOURCES = ("confirmed", "obstacles", "grid")
_RIGHT_SHARE, _RIGHT_M = 0.1, 1.0
CORRIDOR_DEFINITION = (
    "The corridor is straight, along the camera's axis, from below the camera. confirmed: the nearest confirmed "
    "obstacle whose box reaches into it; obstacles: of all; grid: the nearest occupied cell in it. right: within 10% "
    "or 1 m of corridor_nearest_m, whichever is more; too_far, too_near: found, but not right; missed: nothing found "
    "within the range of the stage although something is there; invented: found although nothing is there. Widths: "
    "1.0 m is that of the truth, 1.9 m that of a vehicle, where nearer things at the side may rightly be found."
)


def claimed_distances(
    found: Sequence[FoundThing], grid: FreeSpaceGrid, base_from_camera: RigidTransform, width_m: float
) -> dict[str, float]:
    """Distance from the camera, metres, by source of `SOURCES`; inf where it sees nothing."""
    confirmed = [one for one in found if one.obstacle.is_confirmed]
    row, column = np.nonzero(grid.cells == OCCUPIED)
    cells = np.array(grid.origin_m) + (np.column_stack([column, row]) + 0.5) * grid.resolution_m
    # A cell reaches half its side nearer than its centre.
    return {
        "confirmed": _nearest([outline(one.corners_m) for one in confirmed], base_from_camera, width_m),
        "obstacles": _nearest([outline(one.corners_m) for one in found], base_from_camera, width_m),
        "grid": _nearest([cells], base_from_camera, width_m) - 0.5 * grid.resolution_m,
    }


class CorridorScore:
    """Collects frames that say how far the nearest thing is; what is beyond `reach_m` need not be found."""

    def __init__(self, reach_m: float) -> None:
        self._reach_m = reach_m
        self._outcomes: dict[tuple[float, str], list[tuple[str, float]]] = {
            (width, source): [] for width in WIDTHS_M for source in SOURCES
        }

    def add(self, true_m: float, claimed_m: dict[float, dict[str, float]]) -> None:
        """`claimed_m`: by width and source."""
        for (width, source), outcomes in self._outcomes.items():
            outcomes.append(self._judged(true_m, claimed_m[width][source]))

    def document(self) -> list[dict[str, Any]]:
        """One entry per width and source."""
        documents = []
        for (width, source), outcomes in self._outcomes.items():
            names = [name for name, _ in outcomes]
            errors = np.array([error for _, error in outcomes if math.isfinite(error)])
            shares = {
                name: names.count(name) / len(names) if names else math.nan
                for name in ("right", "too_far", "too_near", "missed", "invented")
            }
            documents.append(
                {
                    "width_m": width,
                    "source": source,
                    "frames": len(names),
                    **shares,
                    "error_median_m": float(np.median(errors)) if len(errors) else math.nan,
                    "error_median_abs_m": float(np.median(np.abs(errors))) if len(errors) else math.nan,
                    "error_p90_abs_m": float(np.quantile(np.abs(errors), 0.9)) if len(errors) else math.nan,
                }
            )
        return documents

    def _judged(self, true_m: float, claimed_m: float) -> tuple[str, float]:
        is_there, is_found = true_m <= self._reach_m, claimed_m <= self._reach_m
        if not is_there:
            return ("invented" if is_found else "right"), math.nan
        if not is_found:
            return "missed", math.nan
        error = claimed_m - true_m
        if abs(error) <= max(_RIGHT_M, _RIGHT_SHARE * true_m):
            return "right", error
        return ("too_far" if error > 0.0 else "too_near"), error


def _nearest(outlines: Sequence[np.ndarray[Any, Any]], base_from_camera: RigidTransform, width_m: float) -> float:
    """Least distance along the camera's axis of points (N, 2) in the corridor; inf where there are none."""
    if not outlines:
        return math.inf
    away = np.concatenate(outlines) - base_from_camera.translation_m[:2]
    axis = base_from_camera.rotation[:2, 2] / np.linalg.norm(base_from_camera.rotation[:2, 2])
    ahead, left = away @ axis, away @ np.array([-axis[1], axis[0]])
    inside = (np.abs(left) <= 0.5 * width_m) & (ahead > 0.0)
    return float(ahead[inside].min()) if inside.any() else math.inf
