"""Side roads: the level surface where they meet the road, with rounded kerbs, and the arms that lead away."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Material, Mesh, Part
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import (
    KERB_HEIGHT_M,
    KERB_WIDTH_M,
    CrossSection,
    cross_section,
    side_section,
)
from perception_fm.synth.world.ground.facets import surface
from perception_fm.synth.world.ground.ground_materials import ASPHALT, GRASS, GRAVEL, KERB_STONE, SLABS, verge_material
from perception_fm.synth.world.ground.plan import Area
from perception_fm.synth.world.ground.zones import KERB_RETURN_M, Zone, junction_reach_m, turn_radius_m, turn_reach_m
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

ARM_LENGTH_M = 90.0
_FAR_M = 60.0  # rectangles of roads reach beyond the junction before they are cut
_ARM_STEP_M = 0.5


@dataclass(frozen=True, eq=False)
class Arm:
    """A road that leads away from a junction; its station 0 is where the junction's own surface ends."""

    line: RoadLine
    section: CrossSection


@dataclass(frozen=True, eq=False)
class Junction:
    """`parts` in the world; `arms` that lead away; `corridor` in plan, all that the terrain must leave free."""

    zone: Zone
    parts: tuple[Part, ...]
    arms: tuple[Arm, ...]
    asphalt: Area
    corridor: Area


def build_junction(config: WorldConfig, zone: Zone, line: RoadLine, rng: np.random.Generator) -> Junction:
    """The junction of a zone of kind junction or turn."""
    if zone.kind == "turn":
        return _turn_junction(config, zone, line, rng)
    return _crossing(config, zone, line, rng)


def _crossing(config: WorldConfig, zone: Zone, line: RoadLine, rng: np.random.Generator) -> Junction:
    """A side road to the right, to the left, or across."""
    main, side = cross_section(config), side_section(config)
    along_m, beside_m = junction_reach_m(config)
    sides = [(-1.0, 1.0), (-1.0, 1.0), (-1.0,), (1.0,)][rng.integers(4)]
    low, high = (-_FAR_M if -1.0 in sides else 0.0), (_FAR_M if 1.0 in sides else 0.0)

    def roads(main_half: float, side_half: float) -> Area:
        across = Area.rectangle(-side_half, side_half, low, high)
        return Area.rectangle(-_FAR_M, _FAR_M, -main_half, main_half) | across

    box = Area.rectangle(-along_m, along_m, -beside_m, beside_m)
    frame = line.pose(zone.at_m)
    shape = _Shape(roads, main, side, box, KERB_RETURN_M[config.style], config.style)
    arms = tuple(
        Arm(_arm_line(frame, (0.0, turn * beside_m), turn * 0.5 * math.pi, config.grade, rng), side) for turn in sides
    )
    return _junction(zone, frame, shape, arms, zone.at_m)


def _turn_junction(config: WorldConfig, zone: Zone, line: RoadLine, rng: np.random.Generator) -> Junction:
    """The end of a T: the road turns off to one side, the other arm leads to the other side."""
    section, reach_m = cross_section(config), turn_reach_m(config)
    side = 1.0 if config.turn == "left" else -1.0
    entry = line.pose(zone.from_m)
    # The middles of both roads meet ahead of the entry and beside the exit, to centimetres where the arc has them.
    ahead_m, beside_m, _ = (entry.inverse() @ line.pose(zone.to_m)).translation_m
    frame = entry @ RigidTransform(np.eye(3), np.array([ahead_m, 0.0, 0.0]))

    def roads(main_half: float, side_half: float) -> Area:
        stem = Area.rectangle(-_FAR_M, 0.0, -main_half, main_half)
        return stem | Area.rectangle(-side_half, side_half, -_FAR_M, _FAR_M)

    low, high = sorted((beside_m, -side * reach_m))
    box = Area.rectangle(-ahead_m, reach_m, low, high)
    shape = _Shape(roads, section, section, box, turn_radius_m(config) - section.half_asphalt_m, config.style)
    arm = Arm(_arm_line(frame, (0.0, -side * reach_m), -side * 0.5 * math.pi, config.grade, rng), section)
    return _junction(zone, frame, shape, (arm,), zone.from_m + ahead_m)


class _Shape:
    """Nested areas of a junction in its own frame: asphalt, kerb, pavement, verge."""

    def __init__(
        self,
        roads: Callable[[float, float], Area],
        main: CrossSection,
        side: CrossSection,
        box: Area,
        return_m: float,
        style: str,
    ) -> None:
        self.box = box
        self.verge = verge_material(style)
        self.asphalt = roads(main.half_asphalt_m, side.half_asphalt_m).filleted(return_m)
        self.kerbed = self.asphalt.grown(KERB_WIDTH_M) if main.has_kerb else self.asphalt
        rest_m = max(return_m - main.half_paved_m + main.half_asphalt_m, 0.3)
        self.paved = roads(main.half_paved_m, side.half_paved_m).filleted(rest_m) | self.kerbed
        self.corridor = roads(main.half_corridor_m, side.half_corridor_m).filleted(0.3) | self.paved
        self.height_m = KERB_HEIGHT_M if main.has_kerb else 0.0
        self.ground_m = main.ground_m

    def parts(self, frame: RigidTransform, shift_m: float) -> tuple[Part, ...]:
        """Its surfaces in the world."""
        meshes = [("road", _flat(self.asphalt & self.box, 0.0, ASPHALT, shift_m))]
        if self.height_m > 0.0:
            meshes += [
                ("kerb", _flat((self.kerbed - self.asphalt) & self.box, self.height_m, KERB_STONE, shift_m)),
                ("kerb", _kerb_face(self.asphalt, self.box.grown(-1e-4), self.height_m)),
                ("pavement", _flat((self.paved - self.kerbed) & self.box, self.height_m, SLABS, shift_m)),
                (
                    "ground" if self.verge is GRAVEL else "grass",
                    _flat((self.corridor - self.paved) & self.box, self.ground_m, self.verge, shift_m),
                ),
            ]
        else:
            verge = _flat((self.corridor - self.asphalt) & self.box, 0.0, GRASS, shift_m)
            is_far = self.asphalt.distances(verge.positions_m[:, :2].astype(np.float64)) > 0.01
            verge.positions_m[is_far, 2] = self.ground_m
            meshes.append(("grass", verge))
        return tuple(Part(kind, mesh.moved(frame)) for kind, mesh in meshes)


def _junction(zone: Zone, frame: RigidTransform, shape: _Shape, arms: tuple[Arm, ...], shift_m: float) -> Junction:
    heading = math.atan2(frame.rotation[1, 0], frame.rotation[0, 0])
    x, y = float(frame.translation_m[0]), float(frame.translation_m[1])
    asphalt = (shape.asphalt & shape.box).moved(x, y, heading)
    return Junction(zone, shape.parts(frame, shift_m), arms, asphalt, (shape.corridor & shape.box).moved(x, y, heading))


def _arm_line(
    frame: RigidTransform, start_xy: tuple[float, float], turn_rad: float, grade: float, rng: np.random.Generator
) -> RoadLine:
    """A straight road from the edge of the junction that begins level and then climbs or falls a little."""
    x0, y0, z0 = frame.apply(np.array([*start_xy, 0.0]))
    heading = math.atan2(frame.rotation[1, 0], frame.rotation[0, 0]) + turn_rad
    station = np.arange(0.0, ARM_LENGTH_M + 0.5 * _ARM_STEP_M, _ARM_STEP_M)
    rise = np.clip((station - 4.0) / 20.0, 0.0, 1.0)
    slope = rng.uniform(-0.6, 0.6) * grade * rise * rise * (3.0 - 2.0 * rise)
    height = np.concatenate([[0.0], np.cumsum(0.5 * (slope[1:] + slope[:-1]) * _ARM_STEP_M)])
    return RoadLine(
        station,
        x0 + station * math.cos(heading),
        y0 + station * math.sin(heading),
        z0 + height,
        np.full_like(station, heading),
        slope,
    )


def _flat(area: Area, height_m: float, material: Material, shift_m: float) -> Mesh:
    """A level surface whose texture joins that of the road's."""
    points, faces = area.triangles()
    level = np.column_stack([points, np.full(len(points), height_m)])
    up = np.broadcast_to((0.0, 0.0, 1.0), level.shape)
    return surface(level, up, points + np.array([shift_m, 0.0]), faces, material)


def _kerb_face(asphalt: Area, box: Area, height_m: float) -> Mesh:
    """The upright side of the kerb along the asphalt."""
    meshes = []
    for line in asphalt.border_within(box):
        along_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        step = np.gradient(line, axis=0)
        inward = np.column_stack([-step[:, 1], step[:, 0], np.zeros(len(line))])
        inward /= np.linalg.norm(inward, axis=1, keepdims=True)
        feet, tops = (np.column_stack([line, np.full(len(line), z)]) for z in (0.0, height_m))
        first = np.arange(len(line) - 1)
        lower, upper = first, first + len(line)
        faces = np.concatenate(
            [np.column_stack([lower + 1, lower, upper]), np.column_stack([lower + 1, upper, upper + 1])]
        )
        uv = np.column_stack([np.tile(along_m, 2), np.repeat([0.0, height_m], len(line))])
        meshes.append(surface(np.concatenate([feet, tops]), np.tile(inward, (2, 1)), uv, faces, KERB_STONE))
    return Mesh.merged(meshes)
