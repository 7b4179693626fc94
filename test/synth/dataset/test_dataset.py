"""Shards that depend on the specification alone, whatever happens to the processes that make them."""

import errno
import functools
import json
import os
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from perception_fm.errors import ConfigError, DatasetError
from perception_fm.synth.dataset import shard as shard_module
from perception_fm.synth.dataset.config import SPLIT_SEEDS, build_spec, read_spec
from perception_fm.synth.dataset.dataset import INDEX, DatasetWriter, read_index
from perception_fm.synth.dataset.plan import check_worlds, planned_worlds
from perception_fm.synth.dataset.sample_codec import Sample
from perception_fm.synth.dataset.shard import read_facts, read_samples, write_shard
from perception_fm.synth.render.frame import Truth

SCENARIO = {"name": "plain", "drive": {"speed_mps": 10.0}}


def spec_of(folder: Path, **changes):
    (folder / "plain.yaml").write_text(yaml.safe_dump(SCENARIO))
    document = {
        "frames": 10, "frames_per_world": 2, "frames_per_shard": 4, "width_px": 96, "height_px": 64, "seed": 5,
        "channels": ["depth", "pictured", "label", "painted"],
        "scenarios": [{"scenario": "plain.yaml"}, {"scenario": "plain.yaml", "weight": 2}],
        "randomise": {"weather.sun_elevation_deg": {"uniform": [5.0, 60.0]}},
    }  # fmt: skip
    return build_spec({**document, **changes}, folder)


def samples(scenario, count, moments, *, most=1000, kill_once=None, kill_always=False, error_after=None):
    """A stand-in for the renderer: what it makes tells the scenario, and it may end its own process."""
    for number in range(min(count, most)):
        if error_after == number:
            raise ValueError("no sun today")
        if number == 1 and (kill_always or (kill_once is not None and not kill_once.exists())):
            if kill_once is not None:
                kill_once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        shape = (scenario.camera.height_px, scenario.camera.width_px)
        value = int(moments.integers(1, 200))
        depth = np.full(shape, float(value), np.float32)
        painted = np.zeros(shape, bool)
        painted[: value % 2] = True
        truth = Truth(
            depth, depth, np.full(shape, scenario.seed % 19, np.uint8), np.zeros(shape, np.uint16),
            np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8), painted,
        )  # fmt: skip
        facts = {"value": value, "sun": scenario.weather.sun_elevation_deg, "painted_share": float(painted.mean())}
        yield Sample(np.full((*shape, 3), value, np.uint8), truth, facts)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def make(spec, folder, source=samples, workers=1) -> int:
    return sum(1 for _ in DatasetWriter(spec, folder, source).write(workers))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The dataset made without any trouble."""
    folder = tmp_path_factory.mktemp("reference")
    assert make(spec_of(folder), folder / "data") == 10
    return contents(folder / "data")


def test_samples_lie_in_shards_as_webdataset_wants_them(tmp_path, reference):
    assert list(reference) == ["train-000000.tar", "train-000001.tar", "train-000002.tar"]
    (tmp_path / "one.tar").write_bytes(reference["train-000000.tar"])
    with tarfile.open(tmp_path / "one.tar") as tar:
        names = tar.getnames()
    endings = ["jpg", "depth.png", "pictured.png", "label.png", "painted.png", "json"]
    assert names == [f"train-000000-{n:05d}.{ending}" for n in range(4) for ending in endings]


def test_webdataset_reads_the_shards(tmp_path, reference):
    webdataset = pytest.importorskip("webdataset")
    (tmp_path / "one.tar").write_bytes(reference["train-000000.tar"])
    pipeline = webdataset.WebDataset(str(tmp_path / "one.tar"), shardshuffle=False)
    read = list(pipeline)
    assert [one["__key__"] for one in read] == [f"train-000000-{n:05d}" for n in range(4)]
    assert json.loads(read[0]["json"])["share"] == "plain.yaml"


def test_samples_are_read_back(tmp_path, reference):
    (tmp_path / "one.tar").write_bytes(reference["train-000001.tar"])
    read = list(read_samples(tmp_path / "one.tar"))
    assert len(read) == 4
    for one in read:
        assert one["depth"].shape == (64, 96)
        assert (one["depth"] == one["facts"]["value"]).all()
        assert one["label"][0, 0] == one["facts"]["seed"] % 19
        np.testing.assert_array_equal(one["pictured"], one["depth"])
    assert [facts["value"] for facts in read_facts(tmp_path / "one.tar")] == [one["facts"]["value"] for one in read]


def test_index_counts(tmp_path):
    make(spec_of(tmp_path), tmp_path / "data")
    index = read_index(tmp_path / "data")
    facts = [one for path in sorted((tmp_path / "data").glob("*.tar")) for one in read_facts(path)]
    assert index["is_complete"]
    assert (index["frames"], index["worlds"], index["shards"]) == (10, 5, 3)
    assert index["frames_with_painted_surfaces"] == sum(one["value"] % 2 for one in facts)
    assert index["frames_by_scenario"] == {"plain.yaml": 10}


def test_several_workers_make_the_same_dataset(tmp_path, reference):
    assert make(spec_of(tmp_path), tmp_path / "data", workers=2) == 10
    assert contents(tmp_path / "data") == reference


def test_killed_worker_is_told_of_and_the_dataset_goes_on(tmp_path, reference):
    spec, folder = spec_of(tmp_path), tmp_path / "data"
    dying = functools.partial(samples, kill_once=tmp_path / "killed")
    with pytest.raises(DatasetError, match="ended by signal SIGKILL"):
        make(spec, folder, dying, workers=2)
    for name, content in contents(folder).items():
        assert content == reference[name]
    assert not any(path.name.endswith(".partial") for path in folder.iterdir())
    assert not read_index(folder)["is_complete"]
    missing = 10 - sum(1 for path in folder.glob("*.tar") for _ in read_facts(path))
    writer = DatasetWriter(spec, folder, dying)
    assert writer.frames_missing == missing
    assert sum(1 for _ in writer.write(2)) == missing
    assert contents(folder) == reference
    assert not any(path.name.endswith(".partial") for path in folder.iterdir())
    assert read_index(folder)["is_complete"]


def test_finished_dataset_is_left_as_it_is(tmp_path):
    spec, folder = spec_of(tmp_path), tmp_path / "data"
    make(spec, folder)
    assert DatasetWriter(spec, folder, samples).missing == []
    assert make(spec, folder, functools.partial(samples, kill_always=True)) == 0


def test_abandoned_run_stops_its_workers(tmp_path):
    spec, folder = spec_of(tmp_path, frames=400, frames_per_shard=200), tmp_path / "data"
    frames = DatasetWriter(spec, folder, samples).write(2)
    next(frames)
    frames.close()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    alive = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert alive == []
    assert [path for path in folder.iterdir() if path.suffix != ".json"] == []


def test_failure_names_scenario_and_seed(tmp_path):
    spec, folder = spec_of(tmp_path), tmp_path / "data"
    seed = next(planned_worlds(spec, 0)).scenario.seed
    with pytest.raises(DatasetError, match=rf"scenario plain.yaml with seed {seed}: no sun today"):
        make(spec, folder, functools.partial(samples, error_after=1))
    assert [path.name for path in folder.iterdir()] == [INDEX]


def test_short_drives_are_made_up_by_more_worlds(tmp_path):
    assert make(spec_of(tmp_path), tmp_path / "data", functools.partial(samples, most=1)) == 10
    assert read_index(tmp_path / "data")["worlds"] == 10


def test_drive_without_frames_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="has no frames"):
        make(spec_of(tmp_path), tmp_path / "data", functools.partial(samples, most=0))


def test_another_specification_is_refused(tmp_path):
    make(spec_of(tmp_path), tmp_path / "data")
    with pytest.raises(DatasetError, match="another specification"):
        DatasetWriter(spec_of(tmp_path, seed=6), tmp_path / "data", samples)
    changed = {**SCENARIO, "drive": {"speed_mps": 11.0}}
    spec_of(tmp_path)
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(changed))
    document = read_index(tmp_path / "data")["spec"]
    with pytest.raises(DatasetError, match="another specification"):
        DatasetWriter(build_spec(document, tmp_path), tmp_path / "data", samples)


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.tar").touch()
    with pytest.raises(DatasetError, match="something else"):
        DatasetWriter(spec_of(tmp_path), tmp_path, samples)


def test_two_writers_at_once_are_refused(tmp_path):
    spec, folder = spec_of(tmp_path), tmp_path / "data"
    first = DatasetWriter(spec, folder, samples).write(1)
    next(first)
    with pytest.raises(DatasetError, match="another process"):
        make(spec, folder)
    first.close()


def test_full_disk_leaves_one_line_and_no_shard(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shard_module.os, "fsync", full)
    with pytest.raises(DatasetError, match=r"cannot write .*one\.tar: No space left on device"):
        list(write_shard(tmp_path / "one.tar", [{"json": b"{}"}]))
    assert list(tmp_path.iterdir()) == []


def test_broken_shard_is_refused(tmp_path, reference):
    (tmp_path / "one.tar").write_bytes(reference["train-000000.tar"][:3000])
    with pytest.raises(DatasetError, match=r"one\.tar"):
        list(read_samples(tmp_path / "one.tar"))


def test_splits_have_worlds_of_their_own(tmp_path):
    seeds = {}
    for split in SPLIT_SEEDS:
        spec = spec_of(tmp_path, split=split, frames=120, frames_per_shard=30)
        seeds[split] = {world.scenario.seed for shard in range(4) for world in planned_worlds(spec, shard)}
        assert len(seeds[split]) == 60
        assert all(seed in SPLIT_SEEDS[split] for seed in seeds[split])
    assert not seeds["train"] & seeds["dev"]
    assert not seeds["train"] & seeds["test"]
    assert not seeds["dev"] & seeds["test"]


def test_weights_and_ranges_are_kept(tmp_path):
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({"world": {"style": "country"}}))
    spec = spec_of(
        tmp_path, frames=480, frames_per_shard=160, width_px=320,
        scenarios=[
            {"scenario": "plain.yaml", "weight": 3},
            {"scenario": "other.yaml", "overrides": {"camera.focal_px": 900.0},
             "randomise": {"world.lanes": {"integer": [1, 3]}}},
        ],
    )  # fmt: skip
    worlds = [world for shard in range(3) for world in planned_worlds(spec, shard)]
    other = [world.scenario for world in worlds if world.share == "other.yaml"]
    # A quarter of 240, with a standard deviation of 7.
    assert 60 - 35 < len(other) < 60 + 35
    assert {scenario.world.lanes for scenario in other} == {1, 2, 3}
    assert {scenario.world.style for scenario in other} == {"country"}
    sun = [world.scenario.weather.sun_elevation_deg for world in worlds]
    assert 5.0 <= min(sun) < 8.0
    assert 57.0 < max(sun) <= 60.0
    # Half the width, so half the focal length: the field of view stays.
    assert {scenario.camera.focal_px for scenario in other} == {450.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"framse": 3}, "unknown setting framse; did you mean frames"),
        ({"frames": 0}, "frames lies between"),
        ({"split": "training"}, "split is one of"),
        ({"scenarios": []}, "at least one scenario"),
        ({"scenarios": [{"weight": 1}]}, "scenarios.0 is a group"),
        ({"scenarios": [{"scenario": "none.yaml"}]}, "no such scenario file"),
        ({"scenarios": [{"scenario": "plain.yaml", "weight": 0}]}, "scenarios.0.weight is a positive"),
        ({"scenarios": [{"scenario": "plain.yaml", "wieght": 1}]}, "unknown setting scenarios.0.wieght"),
        ({"channels": ["depth", "flow"]}, "channels: 'flow' is none of"),
        ({"channels": ["depth", "depth"]}, "each once"),
        ({"randomise": {"weather.cloud": [0, 1]}}, "randomise.weather.cloud is"),
        ({"randomise": {"weather.cloud": {"uniform": [1, 0]}}}, "lower end first"),
        ({"randomise": {"weather.cloud": {"integer": [0, 0.5]}}}, "two whole numbers"),
        ({"randomise": {"weather.cloud": {"log_uniform": [0, 1]}}}, "positive"),
        ({"randomise": {"weather.cloud": {"choice": []}}}, "choice is a list"),
        ({"randomise": {"weather.cloud": {"uniform": [-1e308, 1e308]}}}, "lower end first"),
        ({"randomise": {"world.lanes": {"integer": [1, 10**400]}}}, "lower end first"),
        ({"randomise": {"seed": {"integer": [1, 4]}}}, r"randomise\.seed: seeds, name and size"),
        (
            {"scenarios": [{"scenario": "plain.yaml", "overrides": {"camera.width_px": 80}}]},
            r"overrides\.camera\.width_px",
        ),
        ({"scenarios": [{"scenario": "plain.yaml", "weight": 10**400}]}, r"scenarios\.0\.weight is a positive"),
        ({"channels": [["depth"]]}, "channels is a list of names"),
        ({"channels": ["pictured"]}, "channels: pictured is stored as its difference to depth"),
    ],
)
def test_bad_specification_is_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        spec_of(tmp_path, **changes)


@pytest.mark.parametrize(
    ("randomise", "message"),
    [
        ({"weather.clouds": {"uniform": [0, 1]}}, r"scenario plain.yaml with seed \d+: unknown setting weather.clouds"),
        ({"weather.cloud": {"uniform": [0, 9]}}, "weather.cloud lies between"),
        ({"world.style": {"choice": ["town", "moon"]}}, "world.style is one of"),
    ],
)
def test_impossible_draw_is_refused_before_anything_is_made(tmp_path, randomise, message):
    spec = spec_of(tmp_path, randomise=randomise)
    with pytest.raises(ConfigError, match=message):
        check_worlds(spec, range(spec.shards))
    with pytest.raises(ConfigError, match=message):
        DatasetWriter(spec, tmp_path / "data", samples)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("- 1", "no dataset specification"), ("a: [", "is not YAML"), ("frames: 1\nframes: 2", "frames is given twice")],
)
def test_file_that_is_no_specification_is_refused(tmp_path, text, message):
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_spec(tmp_path / "spec.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        read_spec(tmp_path / "none.yaml")


def test_scenarios_are_found_beside_the_specification(tmp_path):
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(SCENARIO))
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump({"frames": 3, "scenarios": [{"scenario": "plain.yaml"}]}))
    spec = read_spec(tmp_path / "spec.yaml")
    assert (spec.size.frames, spec.shares[0].name) == (3, "plain.yaml")


def test_shipped_specification_is_possible(repository):
    spec = read_spec(repository / "config" / "datasets" / "driving.yaml")
    worlds = [world for shard in range(2) for world in planned_worlds(spec, shard)]
    assert len(worlds) == 50
    assert {world.share for world in worlds} == {"painted_wall", "phantoms", "traffic", "free_road"}
    assert len({world.scenario.seed for world in worlds}) == 50
    # A picture hangs in one world only: the seeds of prints follow the world's.
    prints = [wall.seed for world in worlds for wall in world.scenario.walls[:1]]
    assert len(set(prints)) == len(prints)
