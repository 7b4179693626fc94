"""The world under construction: what is placed where, without anything standing in anything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.scene import Asset, Mesh, SceneObject, Trajectory
from perception_fm.synth.world.ground.road_surface import corridor
from perception_fm.synth.world.ground.roadway import Roadway
from perception_fm.synth.world.placing.occupancy import ASPHALT, CLEAR, DRIVEN, SOLID, TALL, Occupancy
from perception_fm.synth.world.road_line import RoadLine

FloatArray = NDArray[np.float64]

THINGS = {"pedestrian", "rider", "car", "van", "truck", "bus", "motorcycle", "bicycle", "small_obstacle"}
CLEARANCE_M = 4.5  # nothing lower hangs over a lane
_STANDING_M = 2.0  # what of an object lies below this stands in the way of others
_HEIGHTS_M = (_STANDING_M, CLEARANCE_M, np.inf)
_CROWN_IN_M = 0.5  # leaves at the outermost edge of a crown may touch a wall
_MAP_MARGIN_M = 140.0
_EDGE_M = 0.4
_MOST_MATERIALS = 200


@dataclass(frozen=True)
class Clearing:
    """Stations and laterals where nothing may stand or drive."""

    from_m: float
    to_m: float
    right_m: float
    left_m: float


class Site:
    """Collects objects; `keep_clear` are the stretches that stay empty."""

    def __init__(self, roadway: Roadway, keep_clear: Sequence[Clearing]) -> None:
        self.roadway = roadway
        self.keep_clear = tuple(keep_clear)
        self._still: dict[str, list[Mesh]] = defaultdict(list)
        self._objects: list[SceneObject] = []
        self._bounds: dict[int, tuple[Asset, FloatArray]] = {}
        line, section = roadway.line, roadway.section
        station = np.arange(roadway.span_m[0], roadway.span_m[1] + 2.0, 2.0)
        ground = line.points(station)[:, :2]
        self.occupancy = Occupancy(ground.min(axis=0) - _MAP_MARGIN_M, ground.max(axis=0) + _MAP_MARGIN_M)
        self.occupancy.take_all(roadway.asphalt.outlines(), ASPHALT)
        lanes = section.half_median_m + section.lanes * section.lane_width_m
        # The map marks every cell that an outline touches: what stands beside a lane may touch its edge.
        self._take_strip(line, station, lanes - _EDGE_M, DRIVEN)
        for arm in roadway.arms:
            self._take_strip(arm.line, arm.line.station_m, arm.section.half_asphalt_m, DRIVEN)
        for junction in roadway.junctions:
            self.occupancy.take_all(junction.asphalt.outlines(), DRIVEN)
        for tunnel in roadway.tunnels:
            self.occupancy.take(tunnel.hill, SOLID | TALL)
        for clearing in keep_clear:
            along = np.linspace(clearing.from_m, clearing.to_m, 12)
            right, left = (line.points(along, side)[:, :2] for side in (clearing.right_m, clearing.left_m))
            self.occupancy.take(np.concatenate([right, left[::-1]]), CLEAR)

    def _take_strip(self, line: RoadLine, station_m: FloatArray, half_m: float, reason: int) -> None:
        self.occupancy.take_all(corridor(line, half_m, station_m).outlines(), reason)

    def place(
        self,
        asset: Asset,
        pose: RigidTransform,
        margin_m: float = 0.0,
        *,
        on_asphalt: bool = False,
        on_lane: bool = False,
    ) -> bool:
        """Puts an asset there unless the ground is taken or it would hang low over a lane; says whether it did."""
        lane = 0 if on_lane else DRIVEN
        barred = SOLID | CLEAR | lane | (0 if on_asphalt or on_lane else ASPHALT)
        if not self._has_room(asset, pose, margin_m, barred, CLEAR | lane):
            return False
        self.occupancy.take(self.outline(asset, pose, _STANDING_M, margin_m), SOLID)
        self.add(asset, pose)
        return True

    def plant(self, asset: Asset, pose: RigidTransform, margin_m: float = 0.0) -> bool:
        """Puts a tree or a bush there as `place` does, unless its crown would stand in a building."""
        crown = self.outline(asset, pose, np.inf, -_CROWN_IN_M)
        return self.occupancy.is_free(crown, TALL) and self.place(asset, pose, margin_m)

    def place_row(self, asset: Asset, poses: Sequence[RigidTransform], *, in_median: bool = False) -> None:
        """Puts an asset, a rail or a fence, wherever there is room for it; the pieces may touch each other."""
        road = 0 if in_median else DRIVEN | ASPHALT  # the map knows a median as a part of the road
        free = [pose for pose in poses if self._has_room(asset, pose, 0.0, SOLID | CLEAR | road, CLEAR | road & DRIVEN)]
        for pose in free:
            self.reserve(asset, pose)

    def _has_room(self, asset: Asset, pose: RigidTransform, margin_m: float, barred: int, barred_above: int) -> bool:
        """Whether the ground is free of `barred` reasons, and the air up to the clearance of `barred_above`."""
        standing = self.outline(asset, pose, _STANDING_M, margin_m)
        hanging = self.outline(asset, pose, CLEARANCE_M, 0.0)
        return self.occupancy.is_free(standing, barred) and self.occupancy.is_free(hanging, barred_above)

    def reserve(self, asset: Asset, pose: RigidTransform) -> None:
        """Puts an asset there first of all, where nothing can be in its way; the ground round it is taken."""
        self.occupancy.take(self.outline(asset, pose, CLEARANCE_M, 0.0), SOLID | TALL)
        self.add(asset, pose)

    def add(self, asset: Asset, pose: RigidTransform, trajectory: Trajectory | None = None) -> None:
        """Puts an asset there without asking; things that can be counted get their instance numbers."""
        for part in asset:
            if part.kind in THINGS:
                self._objects.append(
                    SceneObject(part.kind, part.mesh, pose, 1 + len(self._objects), trajectory=trajectory)
                )
            else:
                self._still[part.kind].append(part.mesh.moved(pose))

    def grounded(
        self, pose: RigidTransform, under_m: float = 0.0, size_m: tuple[float, float] = (0.0, 0.0)
    ) -> RigidTransform:
        """The pose lifted or lowered to the land, to the highest corner of what is `size_m` long and wide there."""
        half_x, half_y = 0.5 * size_m[0], 0.5 * size_m[1]
        corners = np.array([(x, y, 0.0) for x in {-half_x, half_x} for y in {-half_y, half_y}])
        level = float(self.roadway.land.heights_m(pose.apply(corners)[:, :2]).max())
        x, y, _ = pose.translation_m
        return RigidTransform(pose.rotation, np.array([x, y, level - under_m]))

    def outline(self, asset: Asset, pose: RigidTransform, below_m: float, margin_m: float) -> FloatArray:
        """Corners (4, 2) in the world of the part of an asset that lies below a height."""
        low_x, low_y, high_x, high_y = self._box(asset, below_m) + margin_m * np.array([-1.0, -1.0, 1.0, 1.0])
        corners = np.array([[low_x, low_y, 0.0], [high_x, low_y, 0.0], [high_x, high_y, 0.0], [low_x, high_y, 0.0]])
        return pose.apply(corners)[:, :2]

    def width_m(self, asset: Asset) -> float:
        """Of what stands on the ground."""
        _, low_y, _, high_y = self._box(asset, _STANDING_M)
        return float(high_y - low_y)

    def _box(self, asset: Asset, below_m: float) -> FloatArray:
        """Bounds (4,) low x, low y, high x, high y, kept, because assets are placed many times."""
        key = id(asset)
        if key not in self._bounds or self._bounds[key][0] is not asset:
            self._bounds[key] = (asset, np.stack([_bounds(asset, height_m) for height_m in _HEIGHTS_M]))
        return self._bounds[key][1][_HEIGHTS_M.index(below_m)]

    def objects(self) -> list[SceneObject]:
        """Ground, decals, things, and what stands still merged by its kind."""
        ground: dict[str, list[Mesh]] = defaultdict(list)
        for part in self.roadway.parts:
            ground[part.kind].append(part.mesh)
        decals = [SceneObject(part.kind, part.mesh, is_decal=True) for part in self.roadway.decals]
        still = [
            SceneObject(kind, mesh)
            for group in (ground, self._still)
            for kind, meshes in group.items()
            for mesh in _merged(meshes)
        ]
        return [*still, *decals, *self._objects]


def upright(
    line: RoadLine, station_m: float, lateral_m: float, height_m: float, yaw_rad: float = 0.0
) -> RigidTransform:
    """`world_from_object` of what stands plumb whatever the slope: x along the road, turned left by `yaw_rad`."""
    rotation = Rotation.from_euler("z", float(line.heading(station_m)) + yaw_rad)
    return RigidTransform(rotation.as_matrix(), line.points(station_m, lateral_m, height_m))


def _bounds(asset: Asset, below_m: float) -> FloatArray:
    points = np.concatenate([part.mesh.positions_m for part in asset]).astype(np.float64)
    low = points[points[:, 2] <= max(below_m, points[:, 2].min() + 1e-3), :2]
    return np.concatenate([low.min(axis=0), low.max(axis=0)])


def _merged(meshes: list[Mesh]) -> list[Mesh]:
    """As few meshes as their number of materials allows."""
    groups: list[list[Mesh]] = [[]]
    used: set[object] = set()
    for mesh in meshes:
        if groups[-1] and len(used.union(mesh.materials)) > _MOST_MATERIALS:
            groups.append([])
            used = set()
        groups[-1].append(mesh)
        used.update(mesh.materials)
    return [Mesh.merged(group) for group in groups]
