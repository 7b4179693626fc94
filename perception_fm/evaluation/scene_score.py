"""Everything that is judged about scenes, frame by frame."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

from perception_fm.dense import DensePrediction
from perception_fm.evaluation.corridor_score import (
    CORRIDOR_DEFINITION,
    WIDTHS_M,
    CorridorScore,
    claimed_distances,
)
from perception_fm.evaluation.grid_score import GRID_DEFINITION, GridScore
from perception_fm.evaluation.scale_score import SCALE_DEFINITION, ScaleScore
from perception_fm.evaluation.scene_frames import SceneFrame
from perception_fm.evaluation.scene_run import SceneAnswer
from perception_fm.evaluation.seen_things import FoundThing, is_called_free, standing_ranges
from perception_fm.evaluation.thing_match import MATCH_DEFINITION, match_things
from perception_fm.evaluation.thing_score import THING_DEFINITION, ThingScore
from perception_fm.evaluation.true_cells import CELLS_DEFINITION, TrueCells

DEFINITIONS = {
    "cells": CELLS_DEFINITION,
    "free_space": GRID_DEFINITION,
    "matching": MATCH_DEFINITION,
    "obstacles": THING_DEFINITION,
    "scale": SCALE_DEFINITION,
    "corridor": CORRIDOR_DEFINITION,
}
_GROUP_KEYS = ("dangerous_cells", "occupied_cells", "road_cells", "things", "missed", "false")


def _is_judged(one: FoundThing, frame: SceneFrame) -> bool:
    """Whether the truth could know of a found thing: its middle lies in the picture and near."""
    camera = frame.truth_camera
    optical = frame.base_from_camera.inverse().apply(one.obstacle.centre_base_m)
    column = camera.fx * optical[0] / max(float(optical[2]), 1e-6) + camera.cx
    return bool(0.0 <= column < camera.width and optical[2] > 0.0 and one.extent.near_m <= frame.things_reach_m)


class SceneScore:
    """Collects frames of one source of truth; what it does not know is not judged."""

    def __init__(self, reach_m: float) -> None:
        self._grid, self._things, self._scale = GridScore(), ThingScore(), ScaleScore()
        self._corridor = CorridorScore(reach_m)
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self.frames: list[dict[str, Any]] = []

    def add(
        self,
        frame: SceneFrame,
        dense: DensePrediction,
        view: SceneAnswer,
        cells: TrueCells | None,
        found: list[FoundThing],
    ) -> dict[str, Any]:
        """The figures of one frame, as in the file."""
        record: dict[str, Any] = {"id": frame.frame_id, "group": frame.group, "reasons": list(view.reasons)}
        self._skipped.update(frame.skipped)
        self._reasons.update(reason.split(":")[0] for reason in view.reasons)
        self._counts["frames"] += 1
        pose = frame.base_from_camera
        if cells is not None and frame.points is not None:
            self._counts["free_space"] += 1
            record |= self._grid.add(view.grid, cells)
            record |= self._scale.add(frame.points, dense, pose, view.scale)
        if frame.things is not None and frame.points is not None:
            self._counts["obstacles"] += 1
            judged = [one for one in found if _is_judged(one, frame)]
            foot = pose.translation_m[:2]
            matching = match_things(frame.things, judged, standing_ranges(frame.points, foot))
            called_free = [is_called_free(thing, view.grid, foot) for thing in frame.things]
            record |= self._things.add(frame.things, judged, matching, called_free)
        if frame.corridor_m is not None:
            self._counts["corridor"] += 1
            claimed = {width: claimed_distances(found, view.grid, pose, width) for width in WIDTHS_M}
            self._corridor.add(frame.corridor_m, claimed)
            record["corridor_m"] = frame.corridor_m
            record["corridor_claimed_m"] = claimed[WIDTHS_M[0]]
        self.frames.append(record)
        return record

    def document(self) -> dict[str, Any]:
        """The summary of all frames; None for what the truth says nothing about."""
        counts = self._counts
        return {
            "frames": {key: counts[key] for key in ("frames", "free_space", "obstacles", "corridor")},
            "skipped": dict(self._skipped),
            "reasons": dict(self._reasons),
            "free_space": self._grid.document() if counts["free_space"] else None,
            "obstacles": self._things.document() if counts["obstacles"] else None,
            "scale": self._scale.document() if counts["free_space"] else None,
            "corridor": self._corridor.document() if counts["corridor"] else None,
            "groups": self._groups(),
        }

    def _groups(self) -> list[dict[str, Any]]:
        """Sums over the frames of each scenario."""
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        for record in self.frames:
            totals[record["group"]].update({"frames": 1, **{key: record.get(key, 0) for key in _GROUP_KEYS}})
        return [
            {
                "group": name,
                **total,
                "dangerous_share": total["dangerous_cells"] / total["occupied_cells"]
                if total["occupied_cells"]
                else math.nan,
            }
            for name, total in sorted(totals.items())
        ]
