"""Which worlds a shard shows: drawn from the specification and the shard's number alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from perception_fm.errors import ConfigError
from perception_fm.synth.dataset.config import SPLIT_SEEDS, DatasetSpec
from perception_fm.synth.scenario.scenario import Scenario, build_scenario


@dataclass(frozen=True, eq=False)
class PlannedWorld:
    """One world with its drive, before it is built; `moments` chooses the frames."""

    share: str
    scenario: Scenario
    moments: np.random.Generator


def plan_world(spec: DatasetSpec, shard: int, number: int) -> PlannedWorld:
    """The world of that number in the shard. Raises `ConfigError` when what was drawn is impossible."""
    seeds = SPLIT_SEEDS[spec.size.split]
    rng = np.random.default_rng((spec.size.seed, list(SPLIT_SEEDS).index(spec.size.split), shard, number))
    weights = np.array([share.weight for share in spec.shares])
    share = spec.shares[int(rng.choice(len(weights), p=weights / weights.sum()))]
    seed = int(rng.integers(seeds.start, seeds.stop))
    values = {**share.cases[int(rng.integers(len(share.cases)))], **share.overrides}
    values |= {key: draw.value(rng) for key, draw in share.randomise.items()}
    values["seed"] = seed
    try:
        scenario = build_scenario(share.document, values)
        values |= {**_own_seeds(scenario), **_image_size(spec, scenario)}
        scenario = build_scenario(share.document, values)
    except ConfigError as error:
        raise ConfigError(f"scenario {share.name} with seed {seed}: {error}") from error
    return PlannedWorld(share.name, scenario, rng)


def planned_worlds(spec: DatasetSpec, shard: int) -> Iterator[PlannedWorld]:
    """The worlds that a shard needs where every drive is long enough."""
    for number in range(-(-spec.frames_of(shard) // spec.size.frames_per_world)):
        yield plan_world(spec, shard, number)


def check_worlds(spec: DatasetSpec, shards: Iterable[int]) -> None:
    """Raises `ConfigError` for the first impossible world of the shards; nothing is built or rendered."""
    for shard in shards:
        for _ in planned_worlds(spec, shard):
            pass


def _own_seeds(scenario: Scenario) -> dict[str, int]:
    """Prints and actors follow the world's seed too, else the same picture would hang in every split."""
    lists = {"walls": len(scenario.walls), "actors": len(scenario.actors)}
    return {f"{name}.{n}.seed": scenario.seed + n for name, count in lists.items() for n in range(count)}


def _image_size(spec: DatasetSpec, scenario: Scenario) -> dict[str, float]:
    """The dataset's image size, with the horizontal field of view that the scenario's camera has."""
    width_px, camera = spec.size.width_px, scenario.camera
    return {
        "camera.width_px": width_px,
        "camera.height_px": spec.size.height_px,
        "camera.focal_px": camera.focal_px * width_px / camera.width_px,
    }
