"""`report.html`: one page in one folder, without anything from elsewhere."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from perception_fm.evaluation.key_frames import KeyFrame
from perception_fm.evaluation.results import strict
from perception_fm.visual.plots import LEFT, RIGHT, STATE_COLOURS, end_s, latency_svg, timeline_svg

_TEMPLATES = Path(__file__).parent / "templates"
_UNKNOWN = "–"


def write_report(
    folder: Path, document: Mapping[str, Any], key_frames: Sequence[KeyFrame], video_name: str | None
) -> Path:
    """Write `report.html` into `folder` from the document of `result.json`; returns its path.

    `video_name`: a file beside the report, None where no video was made.
    """
    document = strict(document)
    frames = document["frames"]
    html = environment().get_template("report.html").render(
        run=document["run"],
        summary=document["summary"],
        began=_date(frames[0]["stamp_ns"]) if frames else _UNKNOWN,
        states=_shares(document["summary"]["state_counts"], len(frames)),
        timeline=timeline_svg(frames) if frames else "",
        latency=latency_svg(frames) if frames else "",
        plot_left=LEFT,
        plot_width=RIGHT - LEFT,
        end_s=end_s(frames),
        settings=_flat(document["run"]["config"]),
        pictures=[_picture(frame, frames[0]["stamp_ns"]) for frame in key_frames],
        video=video_name,
    )
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


def environment() -> jinja2.Environment:
    """The templates of all reports, with the filter `number`."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    templates.filters["number"] = _number
    return templates


def _number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A number for people; an unknown one is a dash."""
    if value is None:
        return _UNKNOWN
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}{unit}" if unit else f"{value:.{digits}f}"


def _date(stamp_ns: int) -> str:
    moment = dt.datetime.fromtimestamp(stamp_ns * 1e-9, tz=dt.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _shares(counts: Mapping[str, int], total: int) -> list[dict[str, Any]]:
    """States in the order of their colours, with the share of frames."""
    return [
        {"name": name.replace("_", " ").lower(), "colour": colour, "count": counts[name], "share": counts[name] / total}
        for name, colour in STATE_COLOURS.items() if counts.get(name)
    ]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return flat


def _picture(frame: KeyFrame, first_ns: int) -> dict[str, Any]:
    return {
        "source": "data:image/jpeg;base64," + base64.b64encode(frame.jpeg).decode("ascii"),
        "index": frame.index,
        "time_s": (frame.record["stamp_ns"] - first_ns) * 1e-9,
        "state": frame.record["state"].replace("_", " ").lower(),
        "colour": STATE_COLOURS[frame.record["state"]],
        "why": frame.why,
    }
