"""Surfaces that a picture can be hung on, as meshes on the road."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.painted.config import WallConfig
from perception_fm.synth.painted.surface import PaintedSurface
from perception_fm.synth.scene import Asset, Material, Mesh, Part, SceneObject, Trajectory
from perception_fm.synth.world.road_line import RoadLine
from perception_fm.synth.world.shapes import box
from perception_fm.synth.world.street.furniture import billboard_face
from perception_fm.synth.world.users import vehicles
from perception_fm.synth.world.users.people import pedestrian

FloatArray = NDArray[np.float64]

_CELL_M = 0.4  # of a canvas's mesh: fine enough for its folds and for a rolling shutter
_HEM_M = 0.05
_FRAME_M = 0.12
_PROUD_M = 0.006  # of hem and frame before the face
_FOLDS = 7
_CARRIERS = ("truck_rear", "billboard", "bus_side")


def make_surface(
    config: WallConfig, road: RoadLine, path_lateral_m: float, instance: int, trajectory: Trajectory | None = None
) -> PaintedSurface:
    """The surface of a setting, `path_lateral_m` being the lateral of the driven path on the road at its station.

    `instance` numbers the face and what carries it. A `trajectory` moves what carries it (poster trucks).
    """
    rng = np.random.default_rng([config.seed, 21])
    lateral_m = path_lateral_m + config.lateral_m
    if config.canvas == "road_painting":
        return _on_the_road(config, road, lateral_m, instance, rng)
    if config.canvas in _CARRIERS:
        return _carried(config, road, lateral_m, instance, rng, trajectory)
    heading = float(road.heading(config.station_m))
    turn = Rotation.from_euler(
        "ZY", [heading + math.radians(config.slant_deg), math.radians(config.lean_deg)]
    ).as_matrix()
    pose = RigidTransform(turn, road.points(config.station_m, lateral_m, config.raised_m))
    kind = "mirror" if config.canvas == "mirror" else "painted_wall"
    points = _cloth(config, rng)
    face = SceneObject(kind, _grid_mesh(points, _material(config)), pose, instance, trajectory=trajectory)
    corners = np.array([points[0, 0], points[0, -1], points[-1, -1], points[-1, 0]])
    bodies = tuple(
        SceneObject(kind, mesh, pose, instance, trajectory=trajectory) for mesh in (*_edge(config), *_backing(config))
    )
    return PaintedSurface(config, face, _parallelogram(corners), bodies)


def _cloth(config: WallConfig, rng: np.random.Generator) -> FloatArray:
    """Points (R, C, 3), first row the foot, first column left; x points away from the viewer, z up."""
    columns = max(2, math.ceil(config.width_m / _CELL_M) + 1)
    rows = max(2, math.ceil(config.height_m / _CELL_M) + 1)
    along = np.linspace(0.5 * config.width_m, -0.5 * config.width_m, columns)
    up, left = np.meshgrid(np.linspace(0.0, config.height_m, rows), along, indexing="ij")
    bend = config.curvature_per_m
    depth = (1.0 - np.cos(bend * left)) / bend if bend else np.zeros_like(left)
    y = np.sin(bend * left) / bend if bend else left
    if config.crease_m > 0.0:
        waves = np.zeros_like(left)
        for _ in range(_FOLDS):
            length, angle = rng.uniform(0.6, 3.0), rng.normal(0.0, 0.35)
            phase = 2.0 * math.pi * (left * math.cos(angle) + up * math.sin(angle)) / length
            waves += rng.uniform(0.3, 1.0) * np.sin(phase + rng.uniform(0.0, 2.0 * math.pi))
        depth = depth + config.crease_m * waves / np.abs(waves).max()
    return np.stack([depth, y, up], axis=-1)


def _grid_mesh(points: FloatArray, material: Material) -> Mesh:
    """Smooth mesh over points (R, C, 3) ordered as a cloth, its normals towards the viewer."""
    rows, columns = points.shape[:2]
    across, upwards = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normals = np.cross(across, upwards).reshape(-1, 3)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None, :]).ravel()
    quads = np.stack([corner, corner + 1, corner + columns + 1, corner + columns], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    flat = points.reshape(-1, 3)
    uv = flat[:, 1:]
    count = len(flat)
    return Mesh(flat, normals, uv, np.ones((count, 3)), np.zeros(count), triangles, (material,))


def _parallelogram(corners: FloatArray) -> FloatArray:
    """The nearest parallelogram: folds move corners off the plane by their amplitude."""
    middle = corners.mean(axis=0)
    across = 0.25 * (corners[1] + corners[2] - corners[0] - corners[3])
    upwards = 0.25 * (corners[2] + corners[3] - corners[0] - corners[1])
    return np.stack(
        [middle - across - upwards, middle + across - upwards, middle + across + upwards, middle - across + upwards]
    )


def _material(config: WallConfig) -> Material:
    return Material((0.8, 0.8, 0.8), config.roughness)


def _edge(config: WallConfig) -> tuple[Mesh, ...]:
    """What shows the edge of a flat canvas; the edge of a bent one is its own contour."""
    if config.edge == "none":
        return ()
    width, height = config.width_m, config.height_m
    if config.edge == "hem":
        cloth, thick = Material((0.5, 0.5, 0.48), 0.9), 2.0 * _PROUD_M
        size, inner = _HEM_M, 0.0
    else:
        cloth, thick = Material((0.32, 0.33, 0.35), 0.45, metallic=1.0), _FRAME_M
        size, inner = _FRAME_M, 1.0
    reach = 0.5 * width + (inner - 0.5) * size
    sides = [
        box((thick, size, height + inner * size), (0.0, side * reach, 0.5 * (height + inner * size)), cloth)
        for side in (1.0, -1.0)
    ]
    top = box((thick, width, size), (0.0, 0.0, height + (inner - 0.5) * size), cloth)
    return (*sides, top)


def _backing(config: WallConfig) -> tuple[Mesh, ...]:
    """The body of a solid wall, just behind its face."""
    if config.canvas != "solid_wall":
        return ()
    thick = config.thickness_m
    concrete = Material((0.42, 0.41, 0.39), 0.9)
    size = (thick, config.width_m, config.height_m)
    return (box(size, (0.5 * thick + _PROUD_M, 0.0, 0.5 * config.height_m), concrete),)


def _carried(
    config: WallConfig,
    road: RoadLine,
    lateral_m: float,
    instance: int,
    rng: np.random.Generator,
    trajectory: Trajectory | None,
) -> PaintedSurface:
    """A picture on the rear of a truck, on a billboard, or on the side of a bus that stands across the road."""
    asset, corners, yaw_rad = _carrier(config, rng)
    pose = road.pose(config.station_m, lateral_m, yaw_rad=yaw_rad + math.radians(config.slant_deg))
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    proud = corners + _PROUD_M * normal / np.linalg.norm(normal)
    steps = np.linspace(0.0, 1.0, 9)
    foot = proud[0] + steps[:, None] * (proud[1] - proud[0])
    points = foot[None] + steps[:, None, None] * (proud[3] - proud[0])
    face = SceneObject("painted_wall", _grid_mesh(points, _material(config)), pose, instance, trajectory=trajectory)
    bodies = tuple(SceneObject(part.kind, part.mesh, pose, instance, trajectory=trajectory) for part in asset)
    size = {
        "width_m": float(np.linalg.norm(corners[1] - corners[0])),
        "height_m": float(np.linalg.norm(corners[3] - corners[0])),
    }
    return PaintedSurface(replace(config, **size), face, proud, bodies)


def _carrier(config: WallConfig, rng: np.random.Generator) -> tuple[Asset, FloatArray, float]:
    """The asset, the corners (4, 3) of its face in its own frame, and the turn that shows the face to the traffic."""
    if config.canvas == "truck_rear":
        return *vehicles.truck_rear(rng), 0.0
    if config.canvas == "bus_side":
        return *vehicles.bus_side(rng), 0.5 * math.pi
    asset, corners = billboard_face(rng)
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    return asset, corners, math.pi - math.atan2(normal[1], normal[0])


def _on_the_road(
    config: WallConfig, road: RoadLine, lateral_m: float, instance: int, rng: np.random.Generator
) -> PaintedSurface:
    """A picture on the asphalt, from its station on; what it shows seems to stand at its middle."""
    stations = np.linspace(config.station_m, config.station_m + config.height_m, max(2, math.ceil(config.height_m) + 1))
    laterals = lateral_m + np.linspace(0.5 * config.width_m, -0.5 * config.width_m, 9)
    points = road.points(stations[:, None], laterals[None, :])
    face = SceneObject("road_painting", _grid_mesh(points, _material(config)), instance=0, is_decal=True)
    corners = np.array([points[0, 0], points[0, -1], points[-1, -1], points[-1, 0]])
    middle = road.pose(config.station_m + 0.5 * config.height_m, lateral_m)
    builders = (vehicles.car, pedestrian, _barrier)
    asset = builders[int(rng.integers(len(builders)))](rng)
    pictured = tuple(SceneObject(part.kind, part.mesh, middle, instance) for part in asset)
    return PaintedSurface(config, face, _parallelogram(corners), pictured=pictured)


def _barrier(rng: np.random.Generator) -> Asset:
    size = (rng.uniform(0.5, 1.2), rng.uniform(1.5, 2.6), rng.uniform(0.8, 1.6))
    colour = tuple(rng.uniform(0.1, 0.7, 3))
    return (Part("barrier", box(size, (0.0, 0.0, 0.5 * size[2]), Material(colour, 0.7))),)
