"""Which drives the benchmark consists of: cases of the scenario library, real drives, and walls pasted into them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from perception_fm.errors import ConfigError
from perception_fm.evaluation.fake_wall_benchmark.recorded_drive import driven_m
from perception_fm.evaluation.scenario_suite import resized
from perception_fm.synth.composite.compositor import PrintOptions
from perception_fm.synth.painted.painted_wall import WallPlacement
from perception_fm.synth.scenario.cases import cases
from perception_fm.synth.scenario.scenario import Scenario


class Kind(str, Enum):
    """What a drive can show: `WALL` a painted wall in the way; `STREET` roads, traffic and phantoms without one;
    `COMPOSITE` a wall pasted into a real drive; `REAL` a real drive as it is."""

    WALL = "wall"
    STREET = "street"
    COMPOSITE = "composite"
    REAL = "real"


# Scenario files of the library.
SCENARIOS: Mapping[str, Kind] = {
    "painted_wall": Kind.WALL,
    "plain_wall": Kind.WALL,
    "odometry": Kind.WALL,
    "free_road": Kind.STREET,
    "traffic": Kind.STREET,
    "phantoms": Kind.STREET,
}


_BEYOND_M = 8.0  # a pasted wall stands so far behind the last frame of its drive: nothing is seen of what hits it
# Name, width and height in metres, slant in degrees, and how the print differs from a perfect one.
_PASTED = (
    ("6x4", 6.0, 4.0, 0.0, PrintOptions()),
    ("3.6x2.5", 3.6, 2.5, 0.0, PrintOptions()),
    ("10x5", 10.0, 5.0, 0.0, PrintOptions()),
    ("slant30", 6.0, 4.0, 30.0, PrintOptions()),
    ("high_eye", 6.0, 4.0, 0.0, PrintOptions(eye_up_m=0.5)),
    ("left_eye", 6.0, 4.0, 0.0, PrintOptions(eye_left_m=1.2)),
    ("dim", 6.0, 4.0, 0.0, PrintOptions(gain=0.8)),
    ("blurred", 6.0, 4.0, 0.0, PrintOptions(blur_m=0.03)),
)


@dataclass(frozen=True)
class Pasting:
    """A wall for a real drive, and its print, which shows the drive's first frame."""

    placement: WallPlacement
    options: PrintOptions


@dataclass(frozen=True)
class PlannedDrive:
    """One drive of the benchmark. `labels`: its conditions by axis. Either `scenario` or `folder` is given."""

    name: str
    kind: Kind
    suite: str
    labels: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    scenario: Scenario | None = None
    folder: Path | None = None
    pasting: Pasting | None = None


def scenario_drives(suite: str, split: str, share: float, size: tuple[int, int] | None) -> Iterator[PlannedDrive]:
    """An even `share` of the cases of a file, 0 to 1; at least one. Raises `ConfigError`."""
    found = cases(suite, split)
    count = max(1, round(share * len(found)))
    for index in range(count):
        case = found[index * len(found) // count]
        scenario = case.scenario()
        if size is not None:
            scenario = resized(scenario, *size)
        yield PlannedDrive(scenario.name, SCENARIOS[suite], suite, case.labels, case.seed, scenario)


def real_drives(folder: Path) -> Iterator[PlannedDrive]:
    """A real drive as it is, then with each of the pasted walls."""
    name = folder.resolve().name
    yield PlannedDrive(f"real-{name}", Kind.REAL, name, {"drive": name}, folder=folder)
    distance_m = math.ceil(driven_m(folder) + _BEYOND_M)
    for label, width_m, height_m, slant_deg, options in _PASTED:
        placement = WallPlacement(width_m, height_m, distance_m, slant_rad=math.radians(slant_deg))
        labels = {"drive": name, "pasted": label}
        yield PlannedDrive(
            f"pasted-{name}-{label}", Kind.COMPOSITE, name, labels, folder=folder,
            pasting=Pasting(placement, options),
        )  # fmt: skip


def interleaved(suites: Sequence[Sequence[PlannedDrive]]) -> list[PlannedDrive]:
    """All drives in an order in which every suite advances alike, so that a run that was stopped shows some of each."""
    placed = [((index + 0.5) / len(drives), drive) for drives in suites for index, drive in enumerate(drives)]
    return [drive for _, drive in sorted(placed, key=lambda entry: entry[0])]


def part_of(drives: Sequence[PlannedDrive], part: int, parts: int) -> list[PlannedDrive]:
    """Every `parts`-th drive, from number `part` of 1 to `parts`. Raises `ConfigError`."""
    if not 1 <= part <= parts:
        raise ConfigError(f"a part is 1 to {parts}, got {part}")
    return list(drives[part - 1 :: parts])
