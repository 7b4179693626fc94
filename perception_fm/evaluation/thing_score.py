"""Found obstacles against true things: recall, precision and errors, by distance and by class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from perception_fm.evaluation.grid_score import BANDS_M
from perception_fm.evaluation.seen_things import FoundThing, TrueThing, class_group, class_name
from perception_fm.evaluation.thing_match import Matching, Pair

_SMALL_M = 0.6
_HEIGHTS_M = (0.0, 0.25, 0.5, 1.0, math.inf)
_ERRORS = ("near_error_m", "aside_error_m", "centre_error_m", "width_error_m", "height_error_m", "length_error_m",
           "yaw_error_deg")  # fmt: skip
_OUTCOMES = ("pairs", "pieces", "background", "ignored", "false")
THING_DEFINITION = (
    "near_error_m: nearest range of the box less that of what is seen of the thing; aside_error_m: of their middles, "
    "across the line of sight; width_error_m: across the line of sight; height_error_m: against the highest point "
    "seen; centre_error_m, length_error_m: against annotated boxes; yaw_error_deg: modulo 90 degrees. Each with "
    "median, median of the absolute value, and its 90% quantile. average_precision: scored by existence_probability. "
    "false_share: false ones of all that were found. "
    "small: things whose highest visible point is less than 0.6 m over the ground; heights: by the same height and by "
    "distance; called_free_share: of things with a free cell a cell's length behind their nearest point."
)


@dataclass(frozen=True, eq=False)
class _Judged:
    """A true thing and what was found of it; `is_called_free`: the free space denies it."""

    thing: TrueThing
    pair: Pair | None
    found: FoundThing | None
    is_called_free: bool


class ThingScore:
    """Collects frames."""

    def __init__(self) -> None:
        self._true: list[_Judged] = []
        self._found: list[tuple[FoundThing, str]] = []

    def add(
        self, true: Sequence[TrueThing], found: Sequence[FoundThing], matching: Matching, called_free: Sequence[bool]
    ) -> dict[str, Any]:
        """The counts of one frame; `called_free`: of each true thing, whether free space goes on into it."""
        paired = {pair.true: pair for pair in matching.pairs}
        for index, (thing, is_free) in enumerate(zip(true, called_free, strict=True)):
            if thing.is_wanted:
                pair = paired.get(index)
                self._true.append(_Judged(thing, pair, None if pair is None else found[pair.found], is_free))
        outcomes = {
            "pairs": [pair.found for pair in matching.pairs],
            "pieces": matching.pieces,
            "background": matching.background,
            "ignored": matching.ignored,
            "false": matching.false,
        }
        self._found += [(found[index], name) for name, indices in outcomes.items() for index in indices]
        wanted = sum(thing.is_wanted for thing in true)
        return {"things": wanted, "missed": len(matching.missed), **{key: len(one) for key, one in outcomes.items()}}

    def document(self) -> dict[str, Any]:
        """The figures of all frames."""
        return {
            "all": self._figures(lambda thing: True, lambda one: True),
            "average_precision": self._average_precision(),
            "bands": [
                {"from_m": low, "to_m": high, **self._figures(_within(low, high), _found_within(low, high))}
                for low, high in pairwise(BANDS_M)
            ],
            "classes": [
                {"name": name, **self._figures(_of_class(name), _found_of_class(name))} for name in self._class_names()
            ],
            "small": self._figures(lambda thing: thing.top_m < _SMALL_M, None),
            "heights": [self._by_height(low, high) for low, high in pairwise(_HEIGHTS_M)],
            "false_by_class": dict(
                Counter(class_name(one.obstacle.class_id) for one, what in self._found if what == "false").most_common()
            ),
        }

    def _average_precision(self) -> float:
        """Mean of the precision at each thing that is found, by falling existence probability; missed ones give 0."""
        claims = [(one.obstacle.existence_probability, what) for one, what in self._found]
        claims = sorted((claim for claim in claims if claim[1] in ("pairs", "pieces", "false")), reverse=True)
        is_hit = np.array([what == "pairs" for _, what in claims], np.float64)
        if not self._true:
            return math.nan
        precision = np.cumsum(is_hit) / np.arange(1, len(is_hit) + 1)
        return float((precision * is_hit).sum() / len(self._true))

    def _by_height(self, low_m: float, high_m: float) -> dict[str, Any]:
        """Things whose top lies between two heights, by distance."""
        chosen = [one for one in self._true if low_m <= one.thing.top_m < high_m]
        bands = [
            {"from_m": near, "to_m": far, **_seen([one for one in chosen if near <= one.thing.extent.near_m < far])}
            for near, far in pairwise(BANDS_M)
        ]
        return {"from_m": low_m, "to_m": high_m, **_seen(chosen), "bands": bands}

    def _class_names(self) -> list[str]:
        names = Counter(class_group(one.thing.class_id) for one in self._true)
        return [name for name, _ in names.most_common()]

    def _figures(self, wants: Any, wants_found: Any) -> dict[str, Any]:
        """Of the true things and found things that two conditions choose; without the second there is no precision."""
        chosen = [one for one in self._true if wants(one.thing)]
        hits = [(one.thing, one.pair, one.found) for one in chosen if one.pair is not None and one.found is not None]
        document: dict[str, Any] = {
            "things": len(chosen),
            "recall": len(hits) / len(chosen) if chosen else math.nan,
            "class_right_share": _mean([_is_same_class(thing, one) for thing, _, one in hits]),
            "errors": {name: _spread([getattr(pair, name) for _, pair, _ in hits]) for name in _ERRORS},
        }
        if wants_found is not None:
            counts = Counter(what for one, what in self._found if wants_found(one))
            claimed = counts["pairs"] + counts["pieces"] + counts["false"]
            document |= {
                "precision": counts["pairs"] / claimed if claimed else math.nan,
                "false_share": counts["false"] / sum(counts.values()) if counts else math.nan,
                "found": {name: counts[name] for name in _OUTCOMES},
            }
        return document


def _seen(chosen: Sequence[_Judged]) -> dict[str, Any]:
    return {
        "things": len(chosen),
        "recall": _mean([one.pair is not None for one in chosen]),
        "called_free_share": _mean([one.is_called_free for one in chosen]),
    }


def _within(low: float, high: float) -> Any:
    return lambda thing: low <= thing.extent.near_m < high


def _found_within(low: float, high: float) -> Any:
    return lambda one: low <= one.extent.near_m < high


def _of_class(name: str) -> Any:
    return lambda thing: class_group(thing.class_id) == name


def _found_of_class(name: str) -> Any:
    return lambda one: class_group(one.obstacle.class_id) == name


def _is_same_class(thing: TrueThing, one: FoundThing) -> bool:
    return class_group(one.obstacle.class_id) == class_group(thing.class_id)


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if values else math.nan


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Median, and median and 90% quantile of the absolute value; NaN values are left out."""
    known = np.array([value for value in values if math.isfinite(value)])
    if not len(known):
        return {"median": math.nan, "median_abs": math.nan, "p90_abs": math.nan}
    size = np.abs(known)
    return {
        "median": float(np.median(known)),
        "median_abs": float(np.median(size)),
        "p90_abs": float(np.quantile(size, 0.9)),
    }
