"""A small scene whose answers are known: a level road, a few blocks, a marking."""

from __future__ import annotations

import numpy as np

from perception_fm.geometry.transform import RigidTransform, base_from_camera
from perception_fm.synth.render.frame import View
from perception_fm.synth.scene import Material, Scene, SceneObject
from perception_fm.synth.world.shapes import box, grid

GREY = Material((0.2, 0.2, 0.2), 0.9)
WHITE = Material((0.8, 0.8, 0.8), 0.9)
RED = Material((0.6, 0.05, 0.05), 0.5)


def camera(width=160, height=96, focal=125.0, x=0.0, pitch=0.02, height_m=1.4, **more) -> View:
    k = np.array([[focal, 0.0, width / 2 - 0.5], [0.0, focal, height / 2 - 0.5], [0.0, 0.0, 1.0]])
    mounted = base_from_camera(height_m, pitch, forward_m=x)
    return View(k, width, height, mounted, **more)


def ground(material=GREY) -> SceneObject:
    x, y = np.meshgrid(np.linspace(-20.0, 400.0, 85), np.linspace(60.0, -60.0, 25), indexing="ij")
    return SceneObject("road", grid(np.stack([x, y, np.zeros_like(x)], axis=-1), material))


def block(size, at, material=RED, kind="building", instance=0) -> SceneObject:
    pose = RigidTransform(np.eye(3), np.array([at[0], at[1], 0.0]))
    return SceneObject(kind, box(size, (0.0, 0.0, 0.5 * size[2]), material), pose, instance)


def street(seed=0, count=30) -> Scene:
    """Blocks of random size beside a free lane."""
    rng = np.random.default_rng(seed)
    items = [ground()]
    for number in range(count):
        size = rng.uniform(0.6, 7.0, 3)
        at = (rng.uniform(8.0, 150.0), rng.choice([-1.0, 1.0]) * (rng.uniform(3.0, 25.0) + 0.5 * size[1]))
        items.append(block(size, at, (RED, WHITE)[number % 2], ("building", "car")[number % 2], number + 1))
    return Scene(tuple(items))
