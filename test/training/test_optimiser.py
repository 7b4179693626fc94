"""The right weights learn at the right rate."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch comes with the extra models")

from perception_fm.models.network.multihead import build_network  # noqa: E402
from perception_fm.training.config import ScheduleConfig  # noqa: E402
from perception_fm.training.optimiser import (  # noqa: E402
    adamw,
    freeze,
    keep_frozen_still,
    progress_of,
    rate_share,
)


def test_rate_rises_falls_and_ends_low() -> None:
    config = ScheduleConfig(warmup_share=0.1, final_share=0.01)
    shares = [rate_share(progress, config) for progress in (0.0, 0.05, 0.1, 0.55, 1.0, 2.0)]
    assert shares == pytest.approx([1e-3, 0.5, 1.0, 0.505, 0.01, 0.01])


def test_run_without_warmup_starts_at_the_highest_rate() -> None:
    assert rate_share(0.0, ScheduleConfig(warmup_share=0.0)) == 1.0


def test_progress_follows_whichever_of_steps_and_time_is_further() -> None:
    timed, free = ScheduleConfig(steps=100, max_minutes=10.0), ScheduleConfig(steps=100)
    assert progress_of(20, 5.0, timed) == 0.5
    assert progress_of(80, 5.0, timed) == 0.8
    assert progress_of(20, 500.0, free) == 0.2
    assert progress_of(20, 500.0, timed) == 1.0
    assert math.isnan(free.max_minutes)


def test_encoder_learns_slower_and_norms_do_not_decay() -> None:
    network = build_network("efficientnet_lite0", pretrained_encoder=False, seed=0, width=64, height=32)
    groups = adamw(
        network, ScheduleConfig(learning_rate=1e-3, encoder_learning_rate=1e-4, weight_decay=0.1)
    ).param_groups
    assert [(one["lr"], one["weight_decay"]) for one in groups] == [(1e-4, 0.1), (1e-4, 0.0), (1e-3, 0.1), (1e-3, 0.0)]
    assert all(weight.ndim == 1 for weight in groups[1]["params"] + groups[3]["params"])
    assert sum(len(one["params"]) for one in groups) == len(list(network.parameters()))


@pytest.mark.parametrize("stages", [0, 2, 4])
def test_frozen_stages_keep_weights_and_statistics(stages: int) -> None:
    network = build_network("efficientnet_lite0", pretrained_encoder=False, seed=0, width=64, height=32)
    freeze(network.encoder, stages)
    optimiser = adamw(network, ScheduleConfig(learning_rate=0.1, encoder_learning_rate=0.1))
    network.train()
    keep_frozen_still(network.encoder, stages)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.stages(torch.rand(2, 3, 32, 64))["fine"]["log_depth"].sum().backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    last = f"encoder.blocks.{len(network.encoder.blocks) - 1}."
    assert any(name.startswith("encoder.stem.") for name in changed) == (stages == 0)
    assert any(name.startswith(last) for name in changed) == (stages < 4)
    assert any(name.startswith("decoder.") for name in changed)


def test_frozen_transformer_keeps_its_patches_and_first_layers() -> None:
    network = build_network("dinov2_small", pretrained_encoder=False, seed=0, width=64, height=32)
    freeze(network.encoder, 1)
    frozen = [name for name, weight in network.encoder.named_parameters() if not weight.requires_grad]
    assert {"patch.weight", "prefix", "position"} <= set(frozen)
    assert any(name.startswith("layers.2.") for name in frozen)
    assert not any(name.startswith(("layers.3.", "stem4")) for name in frozen)
