"""The actors of a scenario as objects of the scene, and the posters that some of them carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from perception_fm.synth.driving.actor_motion import ActorMotion
from perception_fm.synth.driving.drive_plan import DrivePlan
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.scenario.actor_config import POSTER_TRUCK
from perception_fm.synth.scene import Asset, SceneObject
from perception_fm.synth.world.placing.site import THINGS
from perception_fm.synth.world.street import small_obstacles
from perception_fm.synth.world.users import people, two_wheelers, vehicles

FIRST_INSTANCE = 50000  # above those of the world, below those of painted surfaces
_LOOK_S = 0.05  # the beat at which the moment of a poster's sweet spot is looked for
_MAKERS: dict[str, Callable[[np.random.Generator], Asset]] = {
    "car": vehicles.car,
    "van": vehicles.van,
    "truck": vehicles.truck,
    "bus": vehicles.bus,
    "motorcyclist": two_wheelers.motorcyclist,
    "cyclist": two_wheelers.cyclist,
    "pedestrian": people.pedestrian,
    "crate": small_obstacles.crate,
    "tyre": small_obstacles.tyre,
    "cone": small_obstacles.cone,
    "kerbstone": small_obstacles.kerbstone,
    "log": small_obstacles.log,
}


def actor_objects(motions: Sequence[ActorMotion]) -> tuple[SceneObject, ...]:
    """All actors but those that carry a poster: these are made with it."""
    made: list[SceneObject] = []
    for motion in motions:
        config = motion.config
        if config.kind == POSTER_TRUCK:
            continue
        for part in _MAKERS[config.kind](np.random.default_rng([config.seed, 51])):
            instance = FIRST_INSTANCE + len(made) if part.kind in THINGS else 0
            trajectory = None if motion.is_standing else motion
            made.append(SceneObject(part.kind, part.mesh, motion.pose(0.0), instance, trajectory=trajectory))
    return tuple(made)


def posters(motions: Sequence[ActorMotion], plan: DrivePlan) -> tuple[tuple[WallConfig, ActorMotion], ...]:
    """The rear of every poster truck as a wall, which follows the truck's motion and has its seed.

    Its print is for the moment at which the camera's distance from the truck is nearest to the sweet spot; its station
    is that distance before the camera then.
    """
    return tuple((_poster(motion, plan), motion) for motion in motions if motion.config.kind == POSTER_TRUCK)


def _poster(motion: ActorMotion, plan: DrivePlan) -> WallConfig:
    poster = motion.config.poster
    times = np.arange(0.0, plan.motion.duration_s, _LOOK_S)
    own = np.array([plan.camera_station(float(time)) for time in times])
    ahead = np.array([motion.place(float(time))[0] for time in times]) - own
    station = float(own[np.argmin(np.abs(ahead - poster.sweet_spot_m))]) + poster.sweet_spot_m
    return dataclasses.replace(poster, canvas="truck_rear", station_m=station, lateral_m=0.0, seed=motion.config.seed)
