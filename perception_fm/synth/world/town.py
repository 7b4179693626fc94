"""The whole road world of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception_fm.errors import ConfigError
from perception_fm.synth.scene import Scene
from perception_fm.synth.world.config import WorldConfig
from perception_fm.synth.world.ground.cross_section import Lane
from perception_fm.synth.world.ground.roadway import build_roadway
from perception_fm.synth.world.placing.crowd import people_the_pavements
from perception_fm.synth.world.placing.landmarks import place_landmarks
from perception_fm.synth.world.placing.palette import Palette
from perception_fm.synth.world.placing.planting import plant
from perception_fm.synth.world.placing.roadside import place_furniture
from perception_fm.synth.world.placing.rows import build_rows
from perception_fm.synth.world.placing.side_traffic import fill_side_roads
from perception_fm.synth.world.placing.site import Clearing, Site
from perception_fm.synth.world.placing.traffic import drive_traffic, park_vehicles
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.textures.library import texture_library


@dataclass(frozen=True, eq=False)
class World:
    """What is there, the `road` through it and its `lanes`; `ego_lane` is the number of the lane to drive in."""

    scene: Scene
    road: RoadLine
    lanes: tuple[Lane, ...]
    ego_lane: int

    @property
    def ego_lateral_m(self) -> float:
        """Middle of the ego lane, left of the road line."""
        return self.lanes[self.ego_lane].offset_m


def build_world(config: WorldConfig, seed: int, keep_clear: Sequence[Clearing] = ()) -> World:
    """The world of a seed. In `keep_clear` nothing stands and no vehicle drives in.

    Raises `ConfigError` for a world that cannot be: zones that overlap or leave the road, curves too tight, clearings
    turned inside out, or landmarks that find no room beside them.
    """
    for clearing in keep_clear:
        if clearing.from_m > clearing.to_m or clearing.right_m > clearing.left_m:
            raise ConfigError(f"a clearing reaches from its start to its end and from right to left, got {clearing}")
    roadway = build_roadway(config, seed)
    lanes = roadway.section.lane_list()
    ego_lane = config.lanes - 1  # the rightmost of those along the road
    site, palette = Site(roadway, keep_clear), Palette(seed)

    def numbers(purpose: int) -> np.random.Generator:
        # Own random numbers per purpose: more trees leave the houses as they are.
        return np.random.default_rng((seed, 10 + purpose))

    place_landmarks(site, config, numbers(0))
    build_rows(site, config, palette, numbers(1))
    place_furniture(site, config, numbers(2))
    park_vehicles(site, config, palette, numbers(4))
    fill_side_roads(site, config, palette, numbers(5))
    plant(site, config, palette, numbers(6))
    people_the_pavements(site, config, palette, numbers(3))
    drive_traffic(site, config, lanes[ego_lane], palette, numbers(7))
    objects = tuple(site.objects())
    names = sorted({material.texture for item in objects for material in item.mesh.materials} - {""})
    return World(
        Scene(objects, texture_library(names), roadway.enclosures, roadway.line), roadway.line, lanes, ego_lane
    )
