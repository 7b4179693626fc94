"""Small scenarios that render in moments."""

from __future__ import annotations

from typing import Any

from perception_fm.synth.scenario.scenario import Scenario, build_scenario

EMPTY_WORLD = {
    "style": "country",
    "length_m": 140.0,
    **dict.fromkeys(("buildings", "trees", "furniture", "parked", "traffic", "pedestrians"), 0.0),
}
TINY_CAMERA = {
    "width_px": 160,
    "height_px": 96,
    "focal_px": 125.0,
    "rate_hz": 5.0,
    "effects": {"noise": 0.0},
}
WALL = {"station_m": 60.0, "width_m": 6.0, "height_m": 4.0, "sweet_spot_m": 25.0}


def tiny_scenario(**changes: Any) -> Scenario:
    """An empty country road, 1 s of driving at 10 m/s from 30 m on; top-level keys may be replaced."""
    base: dict[str, Any] = {
        "seed": 3,
        "world": EMPTY_WORLD,
        "camera": TINY_CAMERA,
        "drive": {"start_m": 30.0, "speed_mps": 10.0, "duration_s": 1.0},
        "walls": [],
    }
    return build_scenario({**base, **changes})
