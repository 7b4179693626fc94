"""Asphalt, kerbs, pavements and verges along a road line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material, Mesh, Part
from perception_fm.synth.world.ground.cross_section import KERB_HEIGHT_M, KERB_WIDTH_M, CrossSection
from perception_fm.synth.world.ground.ground_materials import ASPHALT, GRASS, GRAVEL, KERB_STONE, SLABS, verge_material
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.ground.ribbon import Carriageway, strip
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

_TRACK_M = 0.8  # wheels run this far from the middle of a lane
_TRACK_TINT, _SHOULDER_TINT = 0.9, 1.06  # polished and stained by traffic; dusty
_SKIRT_M = 0.6  # the verge's edge reaches this far down, so that no gap opens to the terrain
_RAIL_STRIP_M = 0.06  # a motorway's median lies this much over the asphalt


def carriageways(line: RoadLine, section: CrossSection, station_m: FloatArray) -> tuple[Carriageway, ...]:
    """The asphalt's facets; two where a median parts the directions. Columns follow lanes and wheel tracks."""
    outward = {section.half_median_m, section.half_asphalt_m}
    for lane in section.lane_list():
        if lane.direction < 0:
            inner = lane.offset_m - 0.5 * lane.width_m
            outward |= {inner, lane.offset_m - _TRACK_M, lane.offset_m, lane.offset_m + _TRACK_M}
    outward.add(section.half_median_m + section.lanes * section.lane_width_m)
    half = np.unique(np.round(sorted(outward), 6))  # sums of widths that ought to be equal differ in the last digit
    if section.half_median_m > 0.0:
        return Carriageway(line, station_m, -half[::-1]), Carriageway(line, station_m, half)
    return (Carriageway(line, station_m, np.unique(np.concatenate([-half, half]))),)


def road_parts(
    line: RoadLine,
    section: CrossSection,
    pieces: Sequence[FloatArray],
    style: str,
    rng: np.random.Generator,
    asphalt: Material = ASPHALT,
) -> list[Part]:
    """The road between junctions: `pieces` are the stations of each stretch."""
    shade = _Shade(section, rng)
    parts: list[Part] = []
    for station_m in pieces:
        for carriageway in carriageways(line, section, station_m):
            tints = shade.tints(station_m, carriageway.lateral_m)
            parts.append(
                Part("road", strip(line, station_m, carriageway.lateral_m, 0.0 * carriageway.lateral_m, asphalt, tints))
            )
        for side in (-1.0, 1.0):
            parts += _edge(line, section, station_m, side, style)
        if section.half_median_m > 0.0:
            parts += _median(line, section, station_m)
    return parts


def corridor(line: RoadLine, half_width_m: float, station_m: FloatArray) -> Area:
    """What a road covers in plan."""
    right, left = (line.points(station_m, lateral)[:, :2] for lateral in (-half_width_m, half_width_m))
    return Area.outlined(np.concatenate([right, left[::-1]]))


class _Shade:
    """How the asphalt's brightness changes along and across the road."""

    def __init__(self, section: CrossSection, rng: np.random.Generator) -> None:
        self._section = section
        self._waves = rng.uniform(0.02, 0.2, 4), rng.uniform(0.0, 6.28, 4)

    def tints(self, station_m: FloatArray, lateral_m: FloatArray) -> FloatArray:
        """(R, C, 3) factors."""
        rate, phase = self._waves
        along = 1.0 + 0.025 * np.sin(station_m[:, None] * rate + phase).sum(axis=1)
        across = np.ones_like(lateral_m)
        for lane in self._section.lane_list():
            across[np.isclose(np.abs(lateral_m - lane.offset_m), _TRACK_M)] = _TRACK_TINT
        travelled = self._section.half_median_m + self._section.lanes * self._section.lane_width_m
        across[np.abs(lateral_m) > travelled + 0.01] = _SHOULDER_TINT
        return np.repeat((along[:, None] * across)[..., None], 3, axis=2)


def _edge(line: RoadLine, section: CrossSection, station_m: FloatArray, side: float, style: str) -> list[Part]:
    """Everything beside the asphalt on one side."""
    asphalt, paved, verge = section.half_asphalt_m, section.half_paved_m, section.half_corridor_m
    if section.has_kerb:
        stone, top = asphalt + KERB_WIDTH_M, KERB_HEIGHT_M
        profile = [
            ("kerb", KERB_STONE, (asphalt, asphalt), (0.0, top)),
            ("kerb", KERB_STONE, (asphalt, stone), (top, top)),
            ("pavement", SLABS, (stone, paved), (top, top)),
            (
                "ground" if verge_material(style) is GRAVEL else "grass",
                verge_material(style),
                (paved, verge),
                (top, top),
            ),
        ]
    else:
        bank = asphalt + 0.8
        profile = [
            ("ground", GRAVEL, (asphalt, bank), (0.0, -0.04)),
            ("grass", GRASS, (bank, verge), (-0.04, section.ground_m)),
        ]
    profile.append(("grass", GRASS, (verge, verge), (section.ground_m, section.ground_m - _SKIRT_M)))
    return [Part(kind, _mirrored(line, station_m, side, at, z, material)) for kind, material, at, z in profile]


def _mirrored(
    line: RoadLine,
    station_m: FloatArray,
    side: float,
    outward_m: tuple[float, float],
    height_m: tuple[float, float],
    material: Material,
) -> Mesh:
    """A strip given from the road outwards, on the left (+1) or on the right (-1)."""
    if side > 0.0:
        return strip(line, station_m, outward_m, height_m, material)
    return strip(line, station_m, (-outward_m[1], -outward_m[0]), height_m[::-1], material)


def _median(line: RoadLine, section: CrossSection, station_m: FloatArray) -> list[Part]:
    half = section.half_median_m
    profile = [(-half, -half, half, half), (0.0, _RAIL_STRIP_M, _RAIL_STRIP_M, 0.0)]
    return [
        Part("kerb", strip(line, station_m, profile[0][:2], profile[1][:2], KERB_STONE)),
        Part("grass", strip(line, station_m, profile[0][1:3], profile[1][1:3], GRASS)),
        Part("kerb", strip(line, station_m, profile[0][2:], profile[1][2:], KERB_STONE)),
    ]
