"""Training samples from simulated scenarios."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.dataset.sample_codec import Sample
from perception_fm.synth.driving.actors import posters
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.painted_wall import PaintedWall
from perception_fm.synth.scenario.scenario import Scenario
from perception_fm.synth.simulation import SimulatedFrame, Simulation


def simulated(scenario: Scenario, count: int, moments: np.random.Generator) -> Iterator[Sample]:
    """At most `count` samples of different frames of the scenario's drive, in their order."""
    simulation = Simulation(scenario)
    numbers = np.sort(moments.choice(len(simulation), size=min(count, len(simulation)), replace=False))
    with simulation:
        for number in numbers.tolist():
            yield sample_of(simulation, simulation.frame(number))


def sample_of(simulation: Simulation, frame: SimulatedFrame) -> Sample:
    """A frame with its truth and facts. Raises `PerceptionError` for one without truth."""
    if frame.truth is None:
        raise PerceptionError("a training sample needs a frame with ground truth")
    facts = _facts(simulation, frame) | {"painted_share": round(float(frame.truth.painted.mean()), 6)}
    return Sample(frame.picture, frame.truth, facts, simulation.scenario.camera.effects.jpeg_quality)


def _facts(simulation: Simulation, frame: SimulatedFrame) -> dict[str, Any]:
    """What `docs/dataset_format.md` lists, in plain values."""
    scenario, matrix = simulation.scenario, frame.truth_view.intrinsics
    camera = scenario.camera
    # Surfaces are numbered: the scenario's walls, then the posters on its trucks.
    configs = [*scenario.walls, *(poster for poster, _ in posters(simulation.actors, simulation.plan))]
    return {
        "frame": frame.number,
        "time_s": round(frame.time_s, 6),
        "camera": {
            "K": [float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])],
            "size": [camera.width_px, camera.height_px],
            "distortion_model": camera.distortion_model,
            "D": list(camera.distortion),
            "height_m": camera.mounting_height_m,
            "pitch_deg": camera.mounting_pitch_deg,
        },
        "T_world_camera": _homogeneous(frame.world_from_camera).round(6).tolist(),
        "speed_mps": round(frame.speed_mps, 4),
        "weather": asdict(scenario.weather),
        "effects": asdict(camera.effects),
        "walls": [
            _wall_facts(configs[number], wall, wall.distance_to_wall_m(frame.world_from_camera))
            for number, wall in sorted(frame.walls.items())
        ],
    }


def _homogeneous(pose: RigidTransform) -> NDArray[np.float64]:
    return np.vstack([np.column_stack([pose.rotation, pose.translation_m]), [0.0, 0.0, 0.0, 1.0]])


def _wall_facts(config: WallConfig, wall: PaintedWall, distance_m: float) -> dict[str, Any]:
    return {
        "canvas": config.canvas,
        "print": config.print,
        "corners_world_m": wall.corners_world_m.round(5).tolist(),
        "normal_world": wall.normal_world.round(6).tolist(),
        "distance_m": round(distance_m, 4) if math.isfinite(distance_m) else None,
    }
