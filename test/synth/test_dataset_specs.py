"""The specifications that come with the project can be drawn, and none shows the worlds of another."""

from __future__ import annotations

from pathlib import Path

from perception_fm.synth.dataset.config import SPLIT_SEEDS, read_spec
from perception_fm.synth.dataset.plan import planned_worlds
from perception_fm.synth.scenario.actor_config import SMALL_OBSTACLES


def test_worlds_of_training_validation_and_test_are_never_the_same(repository: Path) -> None:
    seeds = {}
    for name, split in (("validation", "dev"), ("test", "test")):
        spec = read_spec(repository / "config/datasets" / f"{name}.yaml")
        assert spec.size.split == split
        worlds = [world for shard in range(spec.shards) for world in planned_worlds(spec, shard)]
        seeds[name] = {world.scenario.seed for world in worlds}
        assert {world.share for world in worlds} == {"painted_wall", "free_road", "traffic", "phantoms"}
        assert len(worlds) >= 40
    small = read_spec(repository / "config/datasets/small_obstacles.yaml")
    worlds = [world for shard in range(small.shards) for world in planned_worlds(small, shard)]
    assert all(actor.kind in SMALL_OBSTACLES for world in worlds for actor in world.scenario.actors)
    assert not seeds["test"] & {world.scenario.seed for world in worlds}
    assert read_spec(repository / "config/datasets/driving.yaml").size.split == "train"
    assert not seeds["validation"] & seeds["test"]
    assert not any(seed in SPLIT_SEEDS["train"] for found in seeds.values() for seed in found)
