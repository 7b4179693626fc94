"""Plots of a run over time, as SVG text that a page can hold. The only module that imports matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from perception_fm.types import PathState

FloatArray = NDArray[np.float64]
Record = Mapping[str, Any]

STATE_COLOURS = {
    PathState.UNVERIFIED.name: "#8b919a",
    PathState.FREE_VERIFIED.name: "#1f9d4d",
    PathState.OBSTACLE.name: "#d93a3a",
    PathState.FAKE_WALL.name: "#b02bb0",
    PathState.FLAT_PHANTOM.name: "#e8951c",
}
# The axes' left and right border as a share of the figure; the report's time cursor is placed by them.
LEFT, RIGHT = 0.07, 0.985
_WIDTH_IN = 11.0
_OBSTACLE_COLOURS = ("#d93a3a", "#b02bb0", "#c2610c", "#7a3fd1", "#a01844")
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "perception_fm",  # the same run gives the same file
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa1ab",
    "axes.labelcolor": "#3c434d",
    "xtick.color": "#5b636e",
    "ytick.color": "#5b636e",
    "axes.grid": True,
    "grid.color": "#e6e9ed",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}
_LATENCY_COLOURS = ("#2a6fdb", "#1f9d4d", "#e8951c", "#b02bb0", "#0e9aa7", "#d93a3a", "#7a5c3a", "#5b636e")
_TOTAL_COLOUR = "#20262e"
_LONGEST_TTC_S = 10.0  # while the vehicle stops it grows without bound and would flatten all else
_HEADROOM = 1.2  # the legend stands above the highest line
_MAX_OBSTACLES_IN_LEGEND = 5


def timeline_svg(frames: Sequence[Record]) -> str:
    """State, verified-free and obstacle distance, time to contact and speed over the seconds since the first frame."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, 6.6))
        FigureCanvasAgg(figure)
        bands = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [0.22, 2.6, 1.2, 0.9]})
        figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.985, bottom=0.07, hspace=0.14)
        time_s = seconds(frames)
        _draw_state(bands[0], time_s, frames)
        _draw_distance(bands[1], time_s, frames)
        _draw_contact_time(bands[2], time_s, frames)
        bands[3].plot(time_s, column(frames, "speed_mps"), color="#2a6fdb", linewidth=1.4)
        bands[3].set(ylabel="speed (m/s)", xlabel="time (s)")
        bands[3].set_ylim(bottom=0.0)
        bands[3].set_xlim(0.0, end_s(frames))
        for band in bands:
            band.yaxis.set_label_coords(-0.045, 0.5)
        return _svg(figure)


def latency_svg(frames: Sequence[Record]) -> str:
    """Milliseconds of every stage over time."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, 2.3))
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.96, bottom=0.2)
        time_s = seconds(frames)
        stages = dict.fromkeys(stage for frame in frames for stage in frame["latency_ms"])
        for index, stage in enumerate(stages):
            milliseconds = [_number(frame["latency_ms"].get(stage)) for frame in frames]
            colour = _TOTAL_COLOUR if stage == "total" else _LATENCY_COLOURS[index % len(_LATENCY_COLOURS)]
            axes.plot(time_s, milliseconds, color=colour, linewidth=1.1, label=stage)
        axes.set(ylabel="latency (ms)", xlabel="time (s)")
        axes.set_xlim(0.0, end_s(frames))
        axes.set_ylim(0.0, _HEADROOM * axes.get_ylim()[1])
        axes.yaxis.set_label_coords(-0.045, 0.5)
        if stages:
            axes.legend(ncol=min(8, len(stages)), loc="upper right")
        return _svg(figure)


def side_by_side_svg(draws: Sequence[Callable[[Any], None]], height_in: float) -> str:
    """One plot per function, which draws into the matplotlib `Axes` that it is given."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, draw in zip(figure.subplots(1, len(draws), squeeze=False)[0], draws):
            draw(axes)
        return _svg(figure)


def seconds(frames: Sequence[Record]) -> FloatArray:
    """Seconds (N,) since the first frame."""
    return np.array([(frame["stamp_ns"] - frames[0]["stamp_ns"]) * 1e-9 for frame in frames])


def end_s(frames: Sequence[Record]) -> float:
    """Right end of the time axis; a single frame still gets an axis."""
    return max(float(seconds(frames).max()) if frames else 0.0, 0.1)


def column(items: Iterable[Record], name: str) -> FloatArray:
    """One value of every record (N,); unknown is NaN."""
    return np.array([_number(item[name]) for item in items], dtype=np.float64)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _draw_state(axes: Axes, time_s: FloatArray, frames: Sequence[Record]) -> None:
    """A band of colour, each frame's state lasting until the next frame."""
    edges = np.append(time_s, end_s(frames))
    begin = 0
    for index in range(1, len(frames) + 1):
        if index == len(frames) or frames[index]["state"] != frames[begin]["state"]:
            axes.axvspan(edges[begin], edges[index], color=STATE_COLOURS[frames[begin]["state"]], linewidth=0)
            begin = index
    axes.set(yticks=[], ylabel="state", ylim=(0, 1))
    axes.yaxis.label.set(rotation=0, ha="right", va="center")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _draw_distance(axes: Axes, time_s: FloatArray, frames: Sequence[Record]) -> None:
    free_m = column(frames, "verified_free_distance_m")
    axes.fill_between(time_s, 0.0, free_m, color="#1f9d4d", alpha=0.18, linewidth=0, step="post")
    axes.step(time_s, free_m, where="post", color="#1f9d4d", linewidth=1.4, label="verified free")
    for obstacle_id, colour, when, items, is_labelled in _confirmed(frames, time_s):
        distance_m, sigma_m = column(items, "distance_m"), column(items, "distance_sigma_m")
        axes.fill_between(when, distance_m - sigma_m, distance_m + sigma_m, color=colour, alpha=0.2, linewidth=0)
        label = f"obstacle {obstacle_id}" if is_labelled else None
        axes.plot(when, distance_m, color=colour, linewidth=1.4, marker=".", markersize=3.5, label=label)
        axes.plot(when, column(items, "ground_distance_m"), ".", color="#3c434d", markersize=2.5, alpha=0.6)
    tentative = [
        (moment, item["distance_m"])
        for moment, frame in zip(time_s, frames) for item in frame["obstacles"] if not item["is_confirmed"]
    ]
    if tentative:
        moments, distances = zip(*tentative)
        values = [_number(distance) for distance in distances]
        axes.plot(moments, values, ".", color="#e8951c", markersize=3.0, alpha=0.6, label="unconfirmed")
    axes.set(ylabel="distance (m)")
    axes.set_ylim(bottom=0.0)
    axes.legend(loc="upper right", ncol=4)


def _draw_contact_time(axes: Axes, time_s: FloatArray, frames: Sequence[Record]) -> None:
    for _, colour, when, items, _ in _confirmed(frames, time_s):
        ttc_s, sigma_s = column(items, "ttc_s"), column(items, "ttc_sigma_s")
        axes.fill_between(when, ttc_s - sigma_s, ttc_s + sigma_s, color=colour, alpha=0.2, linewidth=0)
        axes.plot(when, ttc_s, color=colour, linewidth=1.4, marker=".", markersize=3.5)
    axes.set(ylabel="time to\ncontact (s)")
    axes.set_ylim(0.0, min(_LONGEST_TTC_S, axes.get_ylim()[1]))


def _confirmed(
    frames: Sequence[Record], time_s: FloatArray
) -> list[tuple[int, str, FloatArray, list[Record], bool]]:
    """Per confirmed obstacle: id, colour, times, records, and whether the legend has room for it.

    A frame in which it is missing breaks the line: its record has no numbers.
    """
    gap = dict.fromkeys(("distance_m", "distance_sigma_m", "ttc_s", "ttc_sigma_s", "ground_distance_m"))
    by_id: dict[int, dict[int, Record]] = {}
    for index, frame in enumerate(frames):
        for item in frame["obstacles"]:
            if item["is_confirmed"]:
                by_id.setdefault(item["id"], {})[index] = item
    lines = []
    for order, (obstacle_id, items) in enumerate(by_id.items()):
        span = range(min(items), max(items) + 1)
        records = [items.get(index, gap) for index in span]
        colour = _OBSTACLE_COLOURS[order % len(_OBSTACLE_COLOURS)]
        lines.append((obstacle_id, colour, time_s[span.start:span.stop], records, order < _MAX_OBSTACLES_IN_LEGEND))
    return lines


def _svg(figure: Figure) -> str:
    """The `<svg>` element alone, as wide as the page lets it be."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg"):]
