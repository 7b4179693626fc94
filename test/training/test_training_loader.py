"""Batches follow from seed and epoch alone; damage is told, counted and limited; refusals are one line."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tiny_scenes import FOCAL_PX, WIDTH, road_scene, write_drive, write_shards

torch = pytest.importorskip("torch", reason="the extra models is not installed")

from perception_fm.errors import DatasetError  # noqa: E402
from perception_fm.training import loader as loaders  # noqa: E402
from perception_fm.training.augment.config import AugmentConfig  # noqa: E402
from perception_fm.training.batch import Batch, collate  # noqa: E402
from perception_fm.training.loader import EpochSampler, training_loader, whole_loader  # noqa: E402
from perception_fm.training.mixture import Mixture  # noqa: E402
from perception_fm.training.sources.open_source import open_source  # noqa: E402
from perception_fm.training.sources.source import Source  # noqa: E402

SIZE = (96, 64)
CONFIG = AugmentConfig(walls=0.4, rain=0.3, dirt=0.3, haze=0.3)


@pytest.fixture
def sources(tmp_path: Path) -> list[tuple[Source, float]]:
    """Shards with weight 3, a drive with weight 1."""
    torch.set_num_threads(1)
    shards = open_source("shards", write_shards(tmp_path / "shards", worlds=4), "all")
    return [(shards, 3.0), (open_source("drive", write_drive(tmp_path / "drive"), "all"), 1.0)]


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal to the last bit."""
    return all(
        torch.equal(torch.nan_to_num(a, nan=-1.0), torch.nan_to_num(b, nan=-1.0))
        if isinstance(a, torch.Tensor)
        else a == b
        for a, b in ((getattr(one, item.name), getattr(other, item.name)) for item in fields(Batch))
    )


def epoch_of(sources: list[tuple[Source, float]], epoch: int, seed: int = 5, workers: int = 0) -> list[Batch]:
    """All batches of an epoch, by a loader of its own."""
    loader = training_loader(sources, SIZE, 4, 16, CONFIG, seed, workers)
    loader.sampler.set_epoch(epoch)
    return list(loader)


def test_batch_has_the_shapes_and_types_that_losses_rely_on(sources: list[tuple[Source, float]]) -> None:
    batches = epoch_of(sources, 0)
    assert [len(batch) for batch in batches] == [4, 4, 4, 4]
    for batch in batches:
        assert batch.image.shape == (4, 64, 96, 3)
        assert batch.image.dtype == batch.label.dtype == batch.painted.dtype == torch.uint8
        assert batch.depth_m.shape == batch.label.shape == batch.painted.shape == batch.pictured_m.shape == (4, 64, 96)
        assert batch.normals.shape == (4, 3, 64, 96)
        length = batch.normals.norm(dim=1)
        assert torch.allclose(length[~length.isnan()], torch.ones(()), atol=1e-5)
        assert (batch.focal_px > 0.3 * FOCAL_PX * SIZE[0] / WIDTH).all()
        assert set(batch.painted.unique().tolist()) <= {0, 1, 255}
        assert ((batch.label <= 18) | (batch.label == 255)).all()


def test_same_seed_and_epoch_give_the_same_batches_for_any_number_of_workers(
    sources: list[tuple[Source, float]],
) -> None:
    first = epoch_of(sources, 1)
    assert all(same(one, other) for one, other in zip(first, epoch_of(sources, 1, workers=2)))


def test_run_that_goes_on_at_an_epoch_gets_what_it_would_have_got(sources: list[tuple[Source, float]]) -> None:
    loader = training_loader(sources, SIZE, 4, 16, CONFIG, 5)
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        batches = list(loader)
    assert all(same(one, other) for one, other in zip(batches, epoch_of(sources, 1)))
    loader.sampler.set_epoch(1, skip=8)
    assert all(same(one, other) for one, other in zip(batches[2:], loader, strict=True))


def test_other_epochs_and_seeds_are_other_batches(sources: list[tuple[Source, float]]) -> None:
    first = epoch_of(sources, 0)[0]
    assert not same(first, epoch_of(sources, 1)[0])
    assert not same(first, epoch_of(sources, 0, seed=6)[0])


def test_weights_are_the_shares_of_an_epoch(sources: list[tuple[Source, float]]) -> None:
    names = [source for batch in epoch_of(sources, 0) for source in batch.sources]
    assert (names.count("shards"), names.count("drive")) == (12, 4)


def test_no_sample_comes_again_before_all_have_come() -> None:
    mixture = Mixture((5, 3), (2.0, 1.0), 7, 0)
    assert mixture.quotas == (5, 2)
    drawn = [mixture.draw(epoch, place) for epoch in range(6) for place in range(7)]
    for number, size in ((0, 5), (1, 3)):
        own = [sample for source, sample in drawn if source == number]
        for start in range(0, len(own) - size + 1, size):
            assert sorted(own[start : start + size]) == list(range(size))


def test_processes_of_a_distributed_run_share_an_epoch() -> None:
    samplers = [EpochSampler(10) for _ in range(3)]
    for rank, sampler in enumerate(samplers):
        sampler._replicas, sampler._rank = 3, rank
        sampler.set_epoch(2)
    parts = [list(sampler) for sampler in samplers]
    assert sorted(index for part in parts for index in part) == list(range(20, 29))
    assert [len(sampler) for sampler in samplers] == [3, 3, 3]


def test_whole_frames_are_judged_in_order_and_unchanged(sources: list[tuple[Source, float]]) -> None:
    batches = list(whole_loader(sources[0][0], SIZE, 3))
    assert [name for batch in batches for name in batch.names] == [f"train-000000-{n:05d}" for n in range(8)]
    assert batches[0].focal_px.tolist() == pytest.approx([FOCAL_PX * SIZE[0] / WIDTH] * 3)
    few = list(whole_loader(sources[0][0], SIZE, 4, frames=3))
    assert [name[-1] for name in few[0].names] == ["0", "4", "7"]


def test_damaged_file_is_told_and_replaced(
    sources: list[tuple[Source, float]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "drive/rgb/1.png").write_bytes(b"")
    loader = whole_loader(sources[1][0], SIZE, 6)
    with caplog.at_level(logging.WARNING):
        names = [name for batch in loader for name in batch.names]
        list(loader)
    assert names == ["drive/0", "drive/2", "drive/2", "drive/3", "drive/4", "drive/5"]
    assert len(loader.damaged) == 1
    assert [record.message for record in caplog.records] == [f"left out (1 so far): {loader.damaged[0]}"]
    assert "rgb/1.png" in loader.damaged[0]


def test_too_many_damaged_files_stop_the_run(
    sources: list[tuple[Source, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (0, 2, 4):
        (tmp_path / f"drive/rgb/{number}.png").write_bytes(b"")
    monkeypatch.setattr(loaders, "DAMAGE_LIMIT", 2)
    with pytest.raises(DatasetError, match=r"^3 damaged samples, more than 2: copy the data anew; .*rgb/4\.png"):
        list(whole_loader(sources[1][0], SIZE, 2))


def test_source_without_a_readable_sample_stops_the_run(sources: list[tuple[Source, float]], tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"drive/rgb/{number}.png").unlink()
    with pytest.raises(DatasetError, match=r"^5 samples in a row are damaged, the last: cannot read .*rgb/"):
        list(whole_loader(sources[1][0], SIZE, 2))


def test_refusal_in_a_worker_is_one_line(sources: list[tuple[Source, float]], tmp_path: Path) -> None:
    import cv2

    for number in range(6):
        cv2.imwrite(str(tmp_path / f"drive/cls/{number}.png"), np.full((96, 160), 99, np.uint8))
    loader = training_loader(sources[1:], SIZE, 2, 4, AugmentConfig(), workers=1)
    with pytest.raises(DatasetError, match=r"^[^\n]*holds the id 99[^\n]*$"):
        list(loader)


def test_mixtures_that_give_nothing_are_refused() -> None:
    for sizes, weights, samples in (
        ((), (), 4),
        ((3,), (0.0,), 4),
        ((3,), (-1.0,), 4),
        ((3,), (1.0,), 0),
        ((0,), (1.0,), 4),
    ):
        with pytest.raises(DatasetError, match="a mixture needs"):
            Mixture(sizes, weights, samples, 0)


def test_missing_targets_are_unknown_and_the_focal_length_is_finite() -> None:
    bare = road_scene(camera=None, depth_m=None, normals=None, painted=None, label=None)
    batch = collate([bare, road_scene()])
    assert batch.has_camera.tolist() == [False, True]
    assert batch.focal_px.tolist() == [WIDTH, FOCAL_PX]
    assert batch.depth_m[0].isnan().all()
    assert batch.normals[0].isnan().all()
    assert (batch.label[0] == 255).all()
    assert (batch.painted[0] == 255).all()
    assert batch.to("cpu").names == ("scene", "scene")


def test_samples_of_two_sizes_make_no_batch() -> None:
    small = road_scene()
    from perception_fm.training.augment.reprojection import ViewChange, reproject

    with pytest.raises(DatasetError, match="samples of one size"):
        collate([small, reproject(small, ViewChange((80, 48), (0, 0), (80, 48)))])
    with pytest.raises(DatasetError, match="none"):
        collate([])


def test_sample_with_arrays_that_do_not_fit_is_refused() -> None:
    with pytest.raises(DatasetError, match="tiny: scene: label is uint8"):
        road_scene(label=np.zeros((3, 3), np.uint8))
    with pytest.raises(DatasetError, match="need the camera"):
        road_scene(camera=None)
    with pytest.raises(DatasetError, match="needs the true depth"):
        road_scene(pictured_m=road_scene().depth_m, depth_m=None)
