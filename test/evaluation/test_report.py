"""The report: one page that needs nothing from elsewhere and tells what the frames tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from perception_fm.evaluation.key_frames import KeyFrames
from perception_fm.evaluation.report import write_report
from perception_fm.evaluation.results import RunResult, frame_record
from perception_fm.types import PerceptionResult
from perception_fm.visual.plots import latency_svg, timeline_svg

MakeResult = Callable[..., PerceptionResult]


@pytest.fixture
def frames(make_result: MakeResult) -> list[dict[str, Any]]:
    distances = [None, 50.0, 45.0, None, 35.0, 33.0]
    return [frame_record(make_result(n, distance)) for n, distance in enumerate(distances)]


def page(folder: Path, frames: list[dict[str, Any]], bag: str = "drive", video: str | None = "overlay.mp4") -> str:
    run = RunResult(bag, "front", (640, 480), {"model": "none", "vehicle": {"width_m": 1.9}}, {"numpy": "2"}, frames)
    pictures = KeyFrames()
    for index, record in enumerate(frames):
        pictures.offer(index, record, lambda: np.zeros((48, 64, 3), np.uint8))
    return write_report(folder, run.document(), pictures.chosen(), video).read_text(encoding="utf-8")


def test_report_needs_nothing_from_elsewhere(tmp_path: Path, frames: list[dict[str, Any]]) -> None:
    html = page(tmp_path, frames)
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    local = [source for source in sources if not source.startswith(("data:", "#"))]
    assert set(local) == {"overlay.mp4"}
    assert "@import" not in html
    assert "url(http" not in html


def test_report_tells_the_first_alarm_and_the_settings(tmp_path: Path, frames: list[dict[str, Any]]) -> None:
    html = page(tmp_path, frames).replace("\N{NO-BREAK SPACE}", " ")
    assert "<b>50.0 m</b><span>distance at first alarm" in html
    assert "<b>5.0 s</b><span>time to contact at first alarm" in html
    assert "vehicle.width_m" in html
    assert "first alarm</b>" in html
    assert "nearest obstacle</b>" in html


def test_report_without_video_obstacles_or_usable_numbers(tmp_path: Path, make_result: MakeResult) -> None:
    html = page(tmp_path, [frame_record(make_result(speed_mps=float("nan"), latency_ms={}))], video=None)
    assert "<video" not in html
    assert "<script" not in html
    assert "confirmed obstacles in the path" in html
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)


def test_names_from_the_bag_are_text_not_markup(tmp_path: Path, frames: list[dict[str, Any]]) -> None:
    frames[0]["reasons"] = ["<script>alert(1)</script>"]
    html = page(tmp_path, frames, bag="<b>evil</b>")
    assert "<script>alert" not in html
    assert "<b>evil" not in html
    assert "&lt;b&gt;evil" in html


def test_plots_are_well_formed_and_the_same_every_time(frames: list[dict[str, Any]]) -> None:
    for plot in (timeline_svg, latency_svg):
        assert ElementTree.fromstring(plot(frames)).tag.endswith("svg")
        assert plot(frames) == plot(frames)


def test_plots_of_a_single_frame_without_obstacles_or_stages(make_result: MakeResult) -> None:
    single = [frame_record(make_result(latency_ms={}))]
    ElementTree.fromstring(timeline_svg(single))
    ElementTree.fromstring(latency_svg(single))


def offer_all(records: list[dict[str, Any]]) -> KeyFrames:
    frames = KeyFrames()
    for index, record in enumerate(records):
        frames.offer(index, record, lambda index=index: np.full((8, 8, 3), index % 256, np.uint8))
    return frames


def test_key_frames_hold_the_first_alarm_and_the_nearest_with_their_own_pictures(make_result: MakeResult) -> None:
    distances = [None] * 21 + [60.0, 12.0, 40.0] + [None] * 77
    chosen = offer_all([frame_record(make_result(n, distance)) for n, distance in enumerate(distances)]).chosen()
    why = {frame.why: frame for frame in chosen if frame.why}
    assert why["first alarm"].index == 21
    assert why["nearest obstacle"].index == 22
    for frame in chosen:
        pixel = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)[4, 4, 0]
        assert abs(int(pixel) - frame.index % 256) <= 2  # JPEG rounds


def test_key_frames_hold_the_one_where_depth_and_measurement_differ_most(make_result: MakeResult) -> None:
    records = [frame_record(make_result(n)) for n in range(100)]
    for number, ratio, learned_m in ((31, 2.0, 50.0), (37, 4.0, 61.0), (41, 9.0, np.nan), (43, -3.0, 20.0)):
        records[number]["wall"] = {"log_ratio": ratio, "learned_depth_m": learned_m}
    (frame,) = (one for one in offer_all(records).chosen() if one.why)
    assert (frame.index, frame.why) == (37, "depth and measurement differ most")


@pytest.mark.parametrize("count", [1, 8, 9, 500])
def test_key_frames_spread_evenly_whatever_the_length(make_result: MakeResult, count: int) -> None:
    record = frame_record(make_result())
    indices = [frame.index for frame in offer_all([record] * count).chosen()]
    assert indices[0] == 0
    assert min(count, 4) <= len(indices) <= 9
    assert len(set(np.diff(indices))) <= 1
