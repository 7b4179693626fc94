"""A scenario in motion: its world, its walls and actors, and what the camera sees of them, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.driving.actor_motion import ActorMotion
from perception_fm.synth.driving.actors import actor_objects, posters
from perception_fm.synth.driving.drive_plan import DrivePlan, mounting, plan_drive
from perception_fm.synth.painted.gallery import Gallery
from perception_fm.synth.painted.painted_wall import PaintedWall
from perception_fm.synth.painted.prints import Eye
from perception_fm.synth.painted.surface import PaintedSurface
from perception_fm.synth.render.frame import RenderedFrame, Truth, View
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.scenario.checks import actor_motions
from perception_fm.synth.scenario.scenario import Scenario
from perception_fm.synth.scenario.wall_reach import first_in_way, reach_m
from perception_fm.synth.scene import Scene
from perception_fm.synth.sensor.camera import SensorCamera
from perception_fm.synth.world.ground.profile import build_profile
from perception_fm.synth.world.placing.site import Clearing
from perception_fm.synth.world.textures.library import texture_library
from perception_fm.synth.world.town import build_world

FloatArray = NDArray[np.float64]

FIRST_STAMP_NS = 1_700_000_000_000_000_000
_CLEAR_BEFORE_M = 10.0  # nothing stands so close before a wall that it would hide it
_CLEAR_ROUND_M = 0.5
_TILT = -0.1  # cosine between the path and a face that looks towards who drives along it


@dataclass(frozen=True, eq=False)
class SimulatedFrame:
    """What the camera delivers at one stamp, and the truth about it.

    `picture` (H, W, 3) uint8 BGR, before compression. `truth`, where asked for, is of the pinhole view `truth_view`.
    `walls`: every painted surface that looks towards the drive, as it stands at this time, by its number.
    `wall_distance_m` to the first wall in the way, NaN without one.
    """

    number: int
    stamp_ns: int
    time_s: float
    picture: NDArray[np.uint8]
    truth_view: View
    truth: Truth | None
    world_from_camera: RigidTransform
    world_from_base: RigidTransform
    speed_mps: float
    walls: dict[int, PaintedWall]
    wall_distance_m: float


class Simulation:
    """Frames of a scenario in any order. Planned when made; built, with an OpenGL context, in a `with` block.

    `len()` is the number of frames. Raises `ConfigError` for a lens or a wiper that cannot be, in the `with` statement
    also for a world that cannot be, and `RenderError` where there is no OpenGL.
    """

    def __init__(self, scenario: Scenario, *, supersampling: float = 1.5) -> None:
        self.scenario = scenario
        road = build_profile(scenario.world, scenario.seed)
        parts = (scenario.world, scenario.camera, scenario.drive, scenario.walls)
        self.plan: DrivePlan = plan_drive(road, *parts, scenario.seed)
        self.actors: tuple[ActorMotion, ...] = actor_motions(self.plan, scenario.world, scenario.drive, scenario.actors)
        self.camera = SensorCamera(scenario.camera, scenario.seed)
        self._supersampling = supersampling
        self._renderer: Renderer | None = None
        self.surfaces: tuple[PaintedSurface, ...] = ()
        found = first_in_way(scenario.walls)
        self.wall_in_way: int | None = None if found is None else found[0]

    @property
    def calibration(self) -> CameraModel:
        """Of the delivered pictures."""
        return self.camera.calibration

    def __len__(self) -> int:
        return math.floor(self.plan.motion.duration_s * self.scenario.camera.rate_hz + 1e-6) + 1

    def stamp_ns(self, time_s: float) -> int:
        """Stamp of a time of the drive, whose first image is at 0."""
        return FIRST_STAMP_NS + round(time_s * 1e9)

    def frame_time_s(self, number: int) -> float:
        """Time of a frame."""
        return number / self.scenario.camera.rate_hz

    def frame(self, number: int, *, truth: bool = True) -> SimulatedFrame:
        """Frame 0 to `len() - 1`. Raises `PerceptionError` for another, and outside of a `with` block."""
        if self._renderer is None:
            raise PerceptionError("a simulation gives frames inside its `with` block only")
        if not 0 <= number < len(self):
            raise PerceptionError(f"this simulation has frames 0 to {len(self) - 1}, got {number}")
        time_s, motion = self.frame_time_s(number), self.plan.motion
        pose = motion.world_from_camera(time_s)
        rendered, truth_view, found = self._render(self._renderer, pose, time_s, truth)
        depth_m = rendered.truth.depth_m if rendered.truth is not None else None
        walls = self.walls_at(time_s)
        ahead = None if self.wall_in_way is None else walls.get(self.wall_in_way)
        return SimulatedFrame(
            number=number,
            stamp_ns=self.stamp_ns(time_s),
            time_s=time_s,
            picture=self.camera.photograph(rendered.radiance, depth_m, rendered.view, number),
            truth_view=truth_view,
            truth=found,
            world_from_camera=pose,
            world_from_base=motion.world_from_base(time_s),
            speed_mps=float(motion.speed(time_s)),
            walls=walls,
            wall_distance_m=math.nan if ahead is None else ahead.distance_to_wall_m(pose),
        )

    def walls_at(self, time_s: float) -> dict[int, PaintedWall]:
        """Painted surfaces that look towards the drive, by number: the scenario's walls, then the posters of actors."""
        found = {}
        for number, surface in enumerate(self.surfaces):
            corners = surface.face.pose(time_s).apply(surface.corners_m)
            normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
            approach = self._approach(corners)
            if normal @ approach < _TILT * float(np.linalg.norm(normal)):
                found[number] = surface.wall(time_s, approach)
        return found

    def __enter__(self) -> Simulation:
        self._renderer = self._build()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _build(self) -> Renderer:
        scenario, plan = self.scenario, self.plan
        world = build_world(scenario.world, scenario.seed, self._clearings())
        carried = posters(self.actors, plan)
        gallery = Gallery(
            [*scenario.walls, *(wall for wall, _ in carried)],
            plan.road,
            plan.path_lateral_m,
            self._eye_at,
            mounting(scenario.camera),
            scenario.weather,
            {len(scenario.walls) + index: motion for index, (_, motion) in enumerate(carried)},
        )
        self.surfaces = gallery.surfaces
        objects = (*world.scene.objects, *actor_objects(self.actors))
        wanted = {material.texture for item in objects for material in item.mesh.materials} | gallery.textures
        missing = sorted(wanted - {""} - set(world.scene.textures))
        scene = Scene(objects, {**world.scene.textures, **texture_library(missing)}, world.scene.enclosures, plan.road)
        renderer = Renderer(
            scene, scenario.weather, gallery.surfaces, seed=scenario.seed, supersampling=self._supersampling
        )
        try:
            gallery.hang(renderer)
        except BaseException:
            renderer.close()
            raise
        return renderer

    def _render(
        self, renderer: Renderer, pose: RigidTransform, time_s: float, wants_truth: bool
    ) -> tuple[RenderedFrame, View, Truth | None]:
        """The frame of the picture's view, and view and truth of the pinhole camera; one rendering where they agree."""
        velocity, turn_rate = self.plan.motion.camera_twist(time_s)
        view = self.camera.picture_view(pose, time_s, velocity, turn_rate)
        truth_view = self.camera.truth_view(pose, time_s, velocity, turn_rate)
        is_same = (view.width, view.height) == (truth_view.width, truth_view.height) and np.array_equal(
            view.intrinsics, truth_view.intrinsics
        )
        rendered = renderer.render(view, truth=self.camera.needs_depth or (wants_truth and is_same))
        if not wants_truth:
            return rendered, truth_view, None
        exact = rendered if is_same else renderer.render(truth_view, picture=False)
        return rendered, truth_view, exact.truth

    def _eye_at(self, station_m: float) -> Eye:
        time_s = self.plan.time_at(station_m)
        return Eye(self.plan.motion.world_from_camera(time_s), time_s)

    def _approach(self, corners_world_m: FloatArray) -> FloatArray:
        """Direction (3,) of the driven path beside a surface."""
        station = float(self.plan.road.nearest(corners_world_m[:2].mean(axis=0)[None])[0][0])
        way = float(self.plan.path.way_at(station))
        step = self.plan.path.points(way + 0.5) - self.plan.path.points(way - 0.5)
        return np.asarray(step / np.linalg.norm(step), dtype=np.float64)

    def _clearings(self) -> tuple[Clearing, ...]:
        """Where walls stand and actors move, nothing else may."""
        made = []
        for wall in self.scenario.walls:
            before, behind, right, left = reach_m(wall)
            path_m = self.plan.path_lateral_m(wall.station_m)
            made.append(
                Clearing(
                    wall.station_m - before - _CLEAR_BEFORE_M,
                    wall.station_m + behind + _CLEAR_ROUND_M,
                    path_m - right - _CLEAR_ROUND_M,
                    path_m + left + _CLEAR_ROUND_M,
                )
            )
        times = np.linspace(0.0, self.plan.motion.duration_s, 20)
        for motion in self.actors:
            places = np.array([motion.place(float(time)) for time in times])
            along, across = motion.half_size_m()
            low, high = places.min(axis=0), places.max(axis=0)
            made.append(Clearing(low[0] - along, high[0] + along, low[1] - across, high[1] + across))
        return tuple(made)
