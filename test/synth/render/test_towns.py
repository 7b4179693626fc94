"""Whole worlds, with what moves in them and walls that hang in them, judged by Embree."""

import pytest
from render_blocks import camera
from render_oracle import agreement, ask

from perception_fm.geometry.transform import base_from_camera
from perception_fm.synth.painted.canvas import make_surface
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.prints import plain_print
from perception_fm.synth.render.frame import View
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.world.config import WeatherConfig, WorldConfig
from perception_fm.synth.world.town import build_world

pytestmark = pytest.mark.usefixtures("opengl")
WORLDS = {
    "town": (WorldConfig(style="town", junctions=(90.0,)), 3),
    "suburb": (WorldConfig(style="suburb", curve_radius_m=120.0, grade=0.05), 4),
    "country": (WorldConfig(style="country", tunnels=(80.0,), grade=0.03), 5),
    "motorway": (WorldConfig(style="motorway", lanes=2, bridges=(90.0,), gantries=(60.0,)), 6),
}


@pytest.mark.parametrize("name", WORLDS)
def test_world_agrees_with_embree(name):
    config, seed = WORLDS[name]
    world = build_world(config, seed)
    wall = make_surface(
        WallConfig(station_m=62.0, lateral_m=-6.0, slant_deg=20.0), world.road, world.ego_lateral_m, 60000
    )
    k = camera(640, 384, 500.0).intrinsics
    items = (*world.scene.objects, wall.face, *wall.bodies)
    found = []
    with Renderer(world.scene, WeatherConfig(), [wall]) as renderer:
        renderer.show(0, plain_print(wall))
        for station_m, time_s in ((12.0, 0.0), (38.0, 2.5)):
            pose = world.road.pose(station_m, world.ego_lateral_m) @ base_from_camera(1.4, 0.02)
            view = View(k, 640, 384, pose, time_s)
            found.append(agreement(renderer.render(view, picture=False).truth, ask(items, view)))
    worst = {key: min(one[key] for one in found) for key in ("depth", "label", "instance", "normal")}
    assert max(one["median_relative_depth"] for one in found) < 1e-4
    assert min(worst.values()) >= 0.999, worst
