"""Many scenes on one sheet, to be looked at: what does a scenario look like before hours are spent on it?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_fm.config import brief, from_mapping, setting
from perception_fm.errors import ConfigError
from perception_fm.synth.labels import IGNORED
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.render.frame import Truth
from perception_fm.synth.scenario.library import find_scenario
from perception_fm.synth.scenario.scenario import Scenario, build_scenario, read_document
from perception_fm.synth.simulation import SimulatedFrame, Simulation

Image = NDArray[np.uint8]
CHANNELS = ("picture", "depth", "pictured", "label", "instance", "normal", "albedo")

_CAPTION_PX = 22
_OFF_M = 1.0  # a shot may be this far from where it was asked for
_NEAR_M, _FAR_M = 3.0, 150.0  # ends of the colour scale of depth
# Cityscapes' own colours of the train classes, RGB (cityscapesScripts labels.py).
_LABEL_RGB = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
    (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142),
    (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip


@dataclass(frozen=True)
class ShotConfig:
    """One picture of the sheet."""

    caption: str = setting("", "text below the picture")
    scenario: str = setting("demo", "file or name of a scenario; its matrix is left aside")
    time_s: float = setting(math.nan, "of the drive; NaN: the start, or where before_wall_m says", low=0.0, high=3600.0)
    before_wall_m: float = setting(math.nan, "distance of the camera from the first wall", low=0.3, high=300.0)
    channel: str = setting("picture", "what is shown", choices=CHANNELS)


@dataclass(frozen=True)
class Shot:
    """A checked entry of the sheet: `settings` replace those of its scenario."""

    config: ShotConfig
    settings: Mapping[str, Any] = field(default_factory=dict)

    def scenario(self) -> Scenario:
        """Raises `ConfigError` for a scenario that cannot be."""
        document = {k: v for k, v in read_document(find_scenario(self.config.scenario)).items() if k != "matrix"}
        return build_scenario({k: v for k, v in document.items() if k != "split"}, self.settings)


def read_sheet(path: Path) -> list[Shot]:
    """Shots of a YAML file: `common` settings, and `shots`, each with the keys of `ShotConfig` and its own `set`.

    Raises `ConfigError` with the shot and the key.
    """
    document = read_document(path)
    unknown = sorted(set(document) - {"name", "common", "shots"})
    if unknown or not isinstance(document.get("shots"), list) or not document["shots"]:
        raise ConfigError(f"{path}: a sheet has a list of shots and common settings, got {', '.join(document)}")
    common = _settings(document.get("common", {}), f"{path}: common")
    shots = []
    for number, entry in enumerate(document["shots"]):
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{path}: shots.{number} is a group of settings, got {brief(entry)}")
        own = {key: value for key, value in entry.items() if key != "set"}
        config = from_mapping(ShotConfig, own, f"shots.{number}.")
        if not (math.isnan(config.time_s) or math.isnan(config.before_wall_m)):
            raise ConfigError(f"{path}: shots.{number} has time_s and before_wall_m, of which one settles the other")
        shots.append(Shot(config, {**common, **_settings(entry.get("set", {}), f"{path}: shots.{number}.set")}))
    return shots


def _settings(values: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{name} is a group of settings by dotted key, got {brief(values)}")
    return values


def draw_tiles(shots: Sequence[Shot], tile_width_px: int = 480) -> Iterator[Image]:
    """The pictures with their captions, in order; neighbours with equal scenarios share one world.

    Raises `ConfigError` before anything is rendered for a shot that cannot be.
    """
    built = [(shot, shot.scenario()) for shot in shots]
    planned = []
    for scenario, group in itertools.groupby(built, key=lambda pair: pair[1]):
        simulation = Simulation(scenario)
        planned.append((simulation, [(shot, _number(simulation, shot.config)) for shot, _ in group]))
    # All are checked before the first is rendered.
    for simulation, members in planned:
        with simulation:
            for shot, number in members:
                frame = simulation.frame(number, truth=shot.config.channel != "picture")
                yield _tile(_shown(frame, shot.config.channel), shot.config.caption, tile_width_px)


def sheet_of(tiles: Sequence[Image], columns: int) -> Image:
    """Tiles of one size in rows; what is left of the last row is black."""
    blank = np.zeros_like(tiles[0])
    rows = [list(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    rows[-1] += [blank] * (columns - len(rows[-1]))
    return np.vstack([np.hstack(row) for row in rows])


def _number(simulation: Simulation, config: ShotConfig) -> int:
    time_s = 0.0 if math.isnan(config.time_s) else config.time_s
    if not math.isnan(config.before_wall_m):
        walls: tuple[WallConfig, ...] = simulation.scenario.walls
        if not walls:
            raise ConfigError(f"{config.caption!r}: before_wall_m needs a scenario with a wall")
        station_m = walls[0].station_m - config.before_wall_m
        time_s = simulation.plan.time_at(station_m)
        if abs(simulation.plan.camera_station(time_s) - station_m) > _OFF_M:
            raise ConfigError(f"{config.caption!r}: the drive never is {config.before_wall_m:g} m before the wall")
    number = round(time_s * simulation.scenario.camera.rate_hz)
    if number >= len(simulation):
        raise ConfigError(
            f"{config.caption!r}: the drive lasts {simulation.plan.motion.duration_s:.1f} s, got time_s {time_s:g}"
        )
    return number


def _shown(frame: SimulatedFrame, channel: str) -> Image:
    if channel == "picture" or frame.truth is None:
        return frame.picture
    truth: Truth = frame.truth
    if channel in ("depth", "pictured"):
        return _depth_colours(truth.depth_m if channel == "depth" else truth.depth_pictured_m)
    if channel == "label":
        table = np.zeros((256, 3), dtype=np.uint8)
        table[: len(_LABEL_RGB)] = np.array(_LABEL_RGB)[:, ::-1]
        table[IGNORED] = (40, 40, 40)
        return table[truth.label]
    if channel == "instance":
        # Multiplication by an odd number mixes neighbouring numbers over the hues.
        hue = (truth.instance.astype(np.uint32) * 97 % 180).astype(np.uint8)
        value = np.where(truth.instance > 0, np.uint8(230), np.uint8(0))
        return cv2.cvtColor(np.dstack([hue, np.full_like(hue, 200), value]), cv2.COLOR_HSV2BGR)
    if channel == "normal":
        return np.rint((truth.normal[..., ::-1] + 1.0) * 127.5).astype(np.uint8)
    return truth.albedo


def _depth_colours(depth_m: NDArray[np.float32]) -> Image:
    """Near red, far blue, logarithmic; sky black."""
    scale = np.log(np.clip(depth_m, _NEAR_M, _FAR_M) / _NEAR_M) / math.log(_FAR_M / _NEAR_M)
    colours = cv2.applyColorMap(np.rint(255.0 * (1.0 - scale)).astype(np.uint8), cv2.COLORMAP_TURBO)
    colours[~np.isfinite(depth_m)] = 0
    return np.asarray(colours, dtype=np.uint8)


def _tile(image: Image, caption: str, width_px: int) -> Image:
    height_px = round(width_px * image.shape[0] / image.shape[1])
    small = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    bar = np.full((_CAPTION_PX, width_px, 3), 24, dtype=np.uint8)
    cv2.putText(bar, caption, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([small, bar])
