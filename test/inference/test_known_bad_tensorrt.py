"""A TensorRT that is known for wrong answers is named, every other one is left alone."""

from __future__ import annotations

import re

import pytest

from perception_fm.inference.known_bad import KNOWN_BAD, known_bad, known_bad_line


def test_version_of_jetpack_6_2_is_named_with_its_reports() -> None:
    sources = {entry.source for entry in known_bad("tensorrt", "10.3.0.30")}
    assert {f"https://github.com/NVIDIA/TensorRT/issues/{number}" for number in (4419, 4723, 4558)} <= sources
    line = known_bad_line("tensorrt", "10.3.0.30")
    assert "\n" not in line
    assert "TensorRT 10.3.0.30" in line
    assert "issues/4419" in line
    assert "10.16.1" in line


@pytest.mark.parametrize(
    "library, version",
    [("tensorrt", "10.30.0"), ("tensorrt", "11.3.0"), ("tensorrt", "unreadable"), ("tensorrt_rtx", "10.3.0")],
)
def test_other_versions_are_not_accused(library: str, version: str) -> None:
    assert known_bad(library, version) == ()
    assert known_bad_line(library, version) == ""


def test_every_report_says_what_was_seen_and_where() -> None:
    for entry in KNOWN_BAD:
        assert re.fullmatch(r"https://github\.com/[\w./-]+/issues/\d+", entry.source)
        assert entry.report
        assert known_bad("tensorrt", entry.good) == ()
