"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before PyTorch is loaded: threads that spin while they wait make tests on a busy machine ten times as slow.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real drives in folders beside the checkout; the test is skipped where there are none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real drives beside the checkout ({folder})")
    return folder


@pytest.fixture(scope="session")
def opengl() -> None:
    """OpenGL through EGL; without it the test is skipped, but fails where CI would so lose it unseen."""
    from perception_fm.errors import RenderError
    from perception_fm.synth.render.context import create_context

    try:
        create_context().release()
    except RenderError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
