"""Fixtures of the tests of training."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """The order of sums, and with it the last bits, must not depend on the machine's other work."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
