"""A run learns, goes on where it stopped, and leaves its last good checkpoint behind whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra models")
pytest.importorskip("lightning", reason="Lightning comes with the extra train")

from tiny_run import TinyData, street_batch, tiny_config, tiny_network  # noqa: E402

from perception_fm.errors import ModelError, PerceptionError, TrainingError  # noqa: E402
from perception_fm.models.network.multihead import MultiHeadNetwork  # noqa: E402
from perception_fm.training.checkpoint_io import SafeCheckpointIO, read_checkpoint  # noqa: E402
from perception_fm.training.config import TrainConfig  # noqa: E402
from perception_fm.training.losses import loss_terms  # noqa: E402
from perception_fm.training.module import TrainingModule  # noqa: E402
from perception_fm.training.run_folder import RunFolder  # noqa: E402
from perception_fm.training.trainer import TrainingResult, fit  # noqa: E402


def new_run(path: Path, config: TrainConfig) -> RunFolder:
    """A run folder on an empty data set."""
    data = path.parent / "street"
    data.mkdir(exist_ok=True)
    folder = RunFolder(path)
    folder.create(config, {"street": data}, ["perception-fm", "train"], tiny_network().card)
    return folder


def trained(
    path: Path, config: TrainConfig, data: Any = None, **options: Any
) -> tuple[MultiHeadNetwork, RunFolder, TrainingResult]:
    """After a whole run."""
    folder, network = new_run(path, config), tiny_network()
    return network, folder, fit(network, config, data or TinyData(), folder, **options)


def loss_of(network: MultiHeadNetwork) -> float:
    """On a batch that no run has seen."""
    batch, module = street_batch(77_777, 4), TrainingModule(network, tiny_config()).eval()
    with torch.no_grad():
        return float(
            sum(loss_terms(module(batch.image), batch, module.canonical_focal_px, tiny_config().losses).values())
        )


def test_twenty_steps_lower_the_loss_and_leave_a_whole_folder(tmp_path: Path) -> None:
    before = loss_of(tiny_network())
    network, folder, result = trained(tmp_path / "run", tiny_config())
    assert loss_of(network) < 0.8 * before
    assert result.step == 20
    assert result.best_score == min(value for _, name, value in folder.rows() if name == "val/score")
    assert {step for step, name, _ in folder.rows() if name == "val/score"} == {10, 20}
    assert any(name == "loss/fine/depth" for _, name, _ in folder.rows())
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        "config.yaml",
        "run.json",
        "metrics.csv",
        "last.ckpt",
        "best.safetensors",
        "pictures",
        "tensorboard",
    }
    assert len(list((folder.path / "pictures").iterdir())) == 2


def test_best_weights_carry_their_card(tmp_path: Path) -> None:
    import safetensors

    from perception_fm.models.card import METADATA_KEY, ModelCard

    _, folder, _ = trained(tmp_path / "run", tiny_config(name="mine", licence="CC0", schedule__steps=10))
    with safetensors.safe_open(folder.best, framework="pt") as file:
        card = ModelCard.from_json(file.metadata()[METADATA_KEY], "best")
    assert (card.name, card.licence, card.is_trained, card.is_commercial) == ("mine", "CC0", True, False)
    assert "street (CC0)" in card.source
    assert card.temperature != 1.0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, accumulate: int) -> None:
    whole = tiny_config(schedule__accumulate=accumulate, schedule__steps=12, validation__every_steps=6)
    network, folder, result = trained(tmp_path / "whole", whole)

    class Stopped(TinyData):
        """The power fails at batch 10 steps in."""

        def training_batches(self, first: int, rank: int, ranks: int) -> Any:
            for number, batch in enumerate(super().training_batches(first, rank, ranks), first):
                if number == 10 * accumulate:
                    raise ModelError("power failure")
                yield batch

    broken = new_run(tmp_path / "broken", whole)
    with pytest.raises(ModelError, match="power failure"):
        fit(tiny_network(), whole, Stopped(), broken)
    assert read_checkpoint(broken.last)["global_step"] == 8
    again = tiny_network()
    assert fit(again, whole, TinyData(), broken, is_resumed=True) == result
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    scores = [[row for row in one.rows() if row[1].startswith("val/")] for one in (folder, broken)]
    assert scores[0] == scores[1]


def test_run_resumed_right_after_a_validation_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    config = tiny_config(schedule__steps=8, validation__every_steps=4, machine__checkpoint_steps=100)
    network, _, _ = trained(tmp_path / "whole", config)
    broken = new_run(tmp_path / "broken", config)
    with pytest.raises(TrainingError):
        fit(tiny_network(), config, TinyData(poisoned=5), broken)
    again = tiny_network()
    fit(again, config, TinyData(), broken, is_resumed=True)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in network.state_dict().items())


def test_run_that_ran_out_of_time_goes_on_when_it_gets_more(tmp_path: Path) -> None:
    short = tiny_config(schedule__max_minutes=0.01, schedule__steps=100_000, validation__every_steps=100_000)
    _, folder, first = trained(tmp_path / "run", short)
    assert 0 < first.step < 100_000
    longer = tiny_config(schedule__max_minutes=10.0, schedule__steps=first.step + 3, validation__every_steps=100_000)
    assert fit(tiny_network(), longer, TinyData(), folder, is_resumed=True).step == first.step + 3


def test_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    config = tiny_config(schedule__steps=10_000, validation__every_steps=10_000, machine__checkpoint_steps=2)
    folder = new_run(tmp_path / "run", config)
    script = f"""
        import sys, torch
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        torch.set_num_threads(1)
        from tiny_run import *
        from perception_fm.training.run_folder import RunFolder
        from perception_fm.training.trainer import fit
        folder = RunFolder(Path({str(folder.path)!r}))
        config, _ = folder.reopen({{}})
        fit(tiny_network(), config, TinyData(), folder, on_progress=lambda phase, step, steps: print(step, flush=True))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().isdecimal() and int(line) >= 5:
                os.kill(process.pid, signal.SIGKILL)
    step = read_checkpoint(folder.last)["global_step"]
    assert step >= 4
    longer = tiny_config(schedule__steps=step + 2)
    assert fit(tiny_network(), longer, TinyData(), folder, is_resumed=True).step == step + 2


def test_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    config = tiny_config()
    folder = new_run(tmp_path / "run", config)
    with pytest.raises(TrainingError, match=r"the loss is -?(inf|nan) at step 9 \(fine/normals.*data of street\)"):
        fit(tiny_network(), config, TinyData(poisoned=9), folder)
    checkpoint = read_checkpoint(folder.last)
    assert checkpoint["global_step"] == 8
    assert all(torch.isfinite(value).all() for value in checkpoint["state_dict"].values())


def test_full_disk_is_one_line_and_keeps_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    folder = new_run(tmp_path / "run", config)
    real = os.fsync

    def full(descriptor: int) -> None:
        if folder.last.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"cannot write .*last\.ckpt .*No space left on device$"):
        fit(tiny_network(), config, TinyData(), folder)
    assert read_checkpoint(folder.last)["global_step"] == 4
    assert not list(folder.path.glob(".*"))


def test_checkpoint_with_code_in_it_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "done"),)

    torch.save({"state_dict": {}, "global_step": 1, "extra": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(ModelError, match="damaged or of another program"):
        read_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(("content", "message"), [(b"PK\x03\x04cut", "is damaged"), (None, "cannot read")])
def test_damaged_or_missing_checkpoint_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        SafeCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")
    assert "\n" not in str(caught.value)


def test_resuming_before_the_first_checkpoint_says_so(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tiny_config())
    with pytest.raises(PerceptionError, match="has no checkpoint yet"):
        fit(tiny_network(), tiny_config(), TinyData(), folder, is_resumed=True)


def test_finished_run_has_nothing_to_resume(tmp_path: Path) -> None:
    config = tiny_config(schedule__steps=4)
    _, folder, _ = trained(tmp_path / "run", config)
    before = folder.best.read_bytes()
    with pytest.raises(TrainingError, match="has no steps or time left after step 4"):
        fit(tiny_network(), config, TinyData(), folder, is_resumed=True)
    assert folder.best.read_bytes() == before


def test_paused_run_ends_like_one_that_was_not(tmp_path: Path) -> None:
    config = tiny_config(schedule__steps=8, validation__every_steps=100)
    network, _, _ = trained(tmp_path / "whole", config)
    _, folder, paused = trained(tmp_path / "paused", config, pause_minutes=1e-9)
    assert paused.step == 1
    again = tiny_network()
    assert fit(again, config, TinyData(), folder, is_resumed=True).step == 8
    assert all(torch.equal(again.state_dict()[name], value) for name, value in network.state_dict().items())


def test_run_without_validation_keeps_its_last_averaged_weights(tmp_path: Path) -> None:
    class Unjudged(TinyData):
        def validation_batches(self) -> Any:
            return {}

    _, folder, result = trained(tmp_path / "run", tiny_config(schedule__steps=4), Unjudged())
    assert (result.best_score, result.best_step) == (None, 4)
    assert folder.best.is_file()
