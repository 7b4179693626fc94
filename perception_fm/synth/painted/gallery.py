"""All painted surfaces of a scenario: made, given their pictures, hung."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.canvas import make_surface
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.prints import Eye, advert_print, foreign_print, plain_print, scene_print
from perception_fm.synth.painted.surface import PaintedSurface, Print
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.scene import Trajectory
from perception_fm.synth.world.config import WeatherConfig, WorldConfig
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.town import build_world

FIRST_INSTANCE = 60000  # of painted surfaces, above those of the world
_STYLES = ("town", "suburb", "country")
_OTHER_START_M = 30.0  # the eye's station in the other world
EyeAt = Callable[[float], Eye]


class Gallery:
    """`surfaces` of the walls of a scenario.

    `eye_at(station_m)` is the drive's camera when it is at that station of the road; `mounting` its pose above the road
    (`base_from_camera`). `trajectories` move the carriers of some walls, by index.
    """

    def __init__(
        self,
        walls: Sequence[WallConfig],
        road: RoadLine,
        path_lateral_m: Callable[[float], float],
        eye_at: EyeAt,
        mounting: RigidTransform,
        weather: WeatherConfig,
        trajectories: Mapping[int, Trajectory] | None = None,
    ) -> None:
        moving = trajectories or {}
        self.surfaces: tuple[PaintedSurface, ...] = tuple(
            make_surface(wall, road, path_lateral_m(wall.station_m), FIRST_INSTANCE + index, moving.get(index))
            for index, wall in enumerate(walls)
        )
        self._eye_at, self._mounting, self._weather = eye_at, mounting, weather
        # Before the scene's own renderer exists: an OpenGL context made later would take its place.
        self._foreign = {
            index: self._foreign_print(surface)
            for index, surface in enumerate(self.surfaces)
            if surface.config.print in ("other_scene", "tunnel") and surface.config.canvas != "mirror"
        }

    @property
    def textures(self) -> frozenset[str]:
        """Names of the textures that the surfaces and what carries them need."""
        items = [item for s in self.surfaces for item in (s.face, *s.bodies, *s.pictured)]
        return frozenset(material.texture for item in items for material in item.mesh.materials) - {""}

    def hang(self, renderer: Renderer) -> None:
        """Give every surface of the renderer, which was made with these `surfaces`, its picture."""
        for index, surface in enumerate(self.surfaces):
            if surface.config.canvas == "mirror":
                continue
            renderer.show(index, self._foreign.get(index) or self._own_print(renderer, index, surface))

    def _own_print(self, renderer: Renderer, index: int, surface: PaintedSurface) -> Print:
        if surface.config.print == "low_texture":
            return plain_print(surface)
        if surface.config.print == "advert":
            return advert_print(surface)
        return scene_print(renderer, index, surface, self._eye_of(surface))

    def _eye_of(self, surface: PaintedSurface) -> Eye:
        config = surface.config
        return self._eye_at(config.station_m - config.sweet_spot_m).moved(config.eye_up_m, config.eye_left_m)

    def _foreign_print(self, surface: PaintedSurface) -> Print:
        config = surface.config
        rng = np.random.default_rng([config.seed, 41])
        length_m = _OTHER_START_M + config.sweet_spot_m + 120.0
        tunnels = (_OTHER_START_M + config.sweet_spot_m + 2.0,) if config.print == "tunnel" else ()
        style = "country" if tunnels else _STYLES[int(rng.integers(len(_STYLES)))]
        radius_m = 0.0 if tunnels else float(rng.choice([0.0, 150.0, 400.0]))
        settings = WorldConfig(style=style, length_m=length_m, tunnels=tunnels, curve_radius_m=radius_m, traffic=0.5)
        world = build_world(settings, int(rng.integers(2**31)))
        scene = replace(world.scene, road=world.road)
        with Renderer(scene, self._weather, seed=config.seed) as renderer:
            there = world.road.pose(_OTHER_START_M, world.ego_lateral_m) @ self._mounting
            raised = Eye(there).moved(config.eye_up_m, config.eye_left_m).world_from_camera
            return foreign_print(renderer, surface, self._eye_of(surface), raised)
