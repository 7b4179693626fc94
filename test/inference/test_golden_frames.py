"""The golden frames are there, differ, are small, and fill a model's input."""

from __future__ import annotations

import configparser
from pathlib import Path

import numpy as np
import pytest

from perception_fm.errors import ModelError
from perception_fm.inference import golden_frames as golden
from perception_fm.models.card import ModelCard


def card(width: int, height: int) -> ModelCard:
    return ModelCard(
        name="any", source="", revision=None, licence="Apache-2.0", is_commercial=True, is_trained=False,
        encoder="none", input_height=height, input_width=width, output_stride=4, heads=("depth",),
    )  # fmt: skip


def test_every_frame_has_its_own_content() -> None:
    frames = golden.golden_frames(card(640, 384))
    assert frames.shape == (6, 384, 640, 3)
    assert frames.dtype == np.uint8
    assert len({frame.tobytes() for frame in frames}) == len(frames)
    assert min(frame.std() for frame in frames) > 20.0  # no blank picture


@pytest.mark.parametrize("width, height", [(64, 32), (504, 280), (644, 392)])
def test_frames_fit_any_input(width: int, height: int) -> None:
    assert golden.golden_frames(card(width, height)).shape[1:] == (height, width, 3)


def test_frames_are_small_and_installed_with_the_package(repository: Path) -> None:
    sizes = [path.stat().st_size for path in golden.FOLDER.iterdir()]
    assert max(sizes) <= 80 * 1024
    setup = configparser.ConfigParser()
    setup.read(repository / "setup.cfg")
    assert "inference/golden/*" in setup["options.package_data"]["perception_fm"].split()


def test_hash_tells_frames_apart() -> None:
    frames = golden.golden_frames(card(64, 32))
    other = frames.copy()
    other[2, 3, 4, 0] ^= 1
    assert golden.hash_of(frames) == golden.hash_of(frames.copy())
    assert golden.hash_of(frames) != golden.hash_of(other)
    assert golden.hash_of(frames) != golden.hash_of(frames.reshape(6, 64, 32, 3))


def test_missing_and_damaged_frames_are_no_empty_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    with pytest.raises(ModelError, match="missing"):
        golden.golden_frames(card(64, 32))
    (tmp_path / "1_cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ModelError, match="damaged"):
        golden.golden_frames(card(64, 32))
