"""A gate is out inside the block and back after it."""

from __future__ import annotations

import importlib

import pytest

from perception_fm.evaluation.fake_wall_benchmark.ablations import ABLATIONS, replaced


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda one: one.name)
def test_constants_exist_and_come_back(ablation):
    def values():
        return [getattr(importlib.import_module(f"perception_fm.{m}"), name) for m, name, _ in ablation.constants]

    before = values()
    with replaced(ablation.constants):
        assert values() == [value for _, _, value in ablation.constants]
        assert values() != before
    assert values() == before


def test_constants_come_back_after_an_error():
    from perception_fm.motion import obstacle_tracks

    before = obstacle_tracks.CONFIRM
    with pytest.raises(ZeroDivisionError), replaced((("motion.obstacle_tracks", "CONFIRM", 1.0),)):
        raise ZeroDivisionError
    assert before == obstacle_tracks.CONFIRM
