"""What the renderer draws and the oracle checks: triangle meshes with physically based materials, placed in a world.

World frame: x east, y north, z up, metres (REP 103). An object's own frame: x forward, y left, z up, origin on the
ground. Colours are linear RGB reflectances in 0..1, not sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.labels import train_id
from perception_fm.synth.world.road_line import RoadLine

Colour = tuple[float, float, float]
MAX_ENCLOSURES = 4  # that the shaders take
TEXTURE_SIZE = 512  # texels along each side of every texture, because they share one texture array


@dataclass(frozen=True)
class Material:
    """Surface of the metallic-roughness model (Burley 2012; glTF 2.0, appendix B).

    `albedo` linear RGB, multiplied with the texture and the vertex tint; `roughness` 0 mirror to 1 chalk; `metallic` 0
    or 1; `emission` radiance relative to a white wall in full daylight; `texture` a name of the scene's textures or "",
    repeated every `tile_m` of the mesh's uv; `bump` scales its normal map.
    """

    albedo: Colour
    roughness: float = 0.8
    metallic: float = 0.0
    emission: float = 0.0
    texture: str = ""
    tile_m: float = 1.0
    bump: float = 1.0


@dataclass(frozen=True, eq=False)
class Texture:
    """Square images of `TEXTURE_SIZE`, repeating: `albedo` (N, N, 3) uint8 sRGB, `normal` (N, N, 2) int8, the x and y
    of the tangent-space normal times 127, `roughness` (N, N) uint8, 255 = 1, multiplied with the material's.
    """

    albedo: NDArray[np.uint8]
    normal: NDArray[np.int8]
    roughness: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = TEXTURE_SIZE
        expected = {"albedo": ((n, n, 3), np.uint8), "normal": ((n, n, 2), np.int8), "roughness": ((n, n), np.uint8)}
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise PerceptionError(
                    f"a texture's {name} is {dtype.__name__} {shape}, got {array.dtype} {array.shape}"
                )


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles, anticlockwise seen from outside; they are visible from both sides.

    `positions_m` (V, 3), `normals` (V, 3) unit, `uv_m` (V, 2) metres on the surface (or 0..1 with `tile_m` 1 for a
    picture), `tints` (V, 3) linear RGB factors: float32. `material_of` (V,) uint8 index into `materials`, the same for
    the three corners of a triangle. `triangles` (T, 3) int32.
    """

    positions_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv_m: NDArray[np.float32]
    tints: NDArray[np.float32]
    material_of: NDArray[np.uint8]
    triangles: NDArray[np.int32]
    materials: tuple[Material, ...]

    def __post_init__(self) -> None:
        count = len(self.positions_m)
        shapes = {"positions_m": (count, 3), "normals": (count, 3), "uv_m": (count, 2), "tints": (count, 3)}
        for name, shape in shapes.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if array.shape != shape or not np.isfinite(array).all():
                raise PerceptionError(f"a mesh of {count} vertices has finite {name} {shape}, got {array.shape}")
            object.__setattr__(self, name, array)
        material_of = np.ascontiguousarray(self.material_of, dtype=np.uint8)
        triangles = np.ascontiguousarray(self.triangles, dtype=np.int32)
        if material_of.shape != (count,) or triangles.ndim != 2 or triangles.shape[1] != 3:
            raise PerceptionError("a mesh has one material per vertex and triangles (T, 3)")
        if triangles.size and not 0 <= int(triangles.min()) <= int(triangles.max()) < count:
            raise PerceptionError("a mesh's triangles name vertices that it does not have")
        if count and int(material_of.max()) >= len(self.materials):
            raise PerceptionError("a mesh's vertices name materials that it does not have")
        object.__setattr__(self, "material_of", material_of)
        object.__setattr__(self, "triangles", triangles)

    def moved(self, target_from_mesh: RigidTransform) -> Mesh:
        """The same mesh in another frame."""
        rotation = target_from_mesh.rotation.astype(np.float32)
        positions = self.positions_m @ rotation.T + target_from_mesh.translation_m.astype(np.float32)
        return Mesh(
            positions,
            self.normals @ rotation.T,
            self.uv_m,
            self.tints,
            self.material_of,
            self.triangles,
            self.materials,
        )

    @staticmethod
    def merged(meshes: Sequence[Mesh]) -> Mesh:
        """One mesh of several in the same frame. Raises `PerceptionError` for none, or more than 256 materials."""
        if not meshes:
            raise PerceptionError("no meshes to merge")
        materials = list(dict.fromkeys(material for mesh in meshes for material in mesh.materials))
        if len(materials) > 256:
            raise PerceptionError(f"a mesh has at most 256 materials, got {len(materials)}")
        number = {material: index for index, material in enumerate(materials)}
        indices = [
            np.array([number[material] for material in mesh.materials], np.uint8)[mesh.material_of] for mesh in meshes
        ]
        starts = np.cumsum([0, *(len(mesh.positions_m) for mesh in meshes)])
        return Mesh(
            np.concatenate([mesh.positions_m for mesh in meshes]),
            np.concatenate([mesh.normals for mesh in meshes]),
            np.concatenate([mesh.uv_m for mesh in meshes]),
            np.concatenate([mesh.tints for mesh in meshes]),
            np.concatenate(indices),
            np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts)]),
            tuple(materials),
        )


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh in the object's own frame with what it is, `kind`, a key of `labels.KINDS`. An asset is a few of them."""

    kind: str
    mesh: Mesh


Asset = tuple[Part, ...]


class Trajectory(Protocol):
    """Where a moving object is."""

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object`, `time_s` after the start of the drive."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """A mesh in the world. `instance` 1..65535 tells it from others of its kind, 0 for what is not counted (road, sky).

    `is_decal`: lies on another surface and changes its colour, albedo and roughness only (markings, puddles, stains);
    depth, normal, label and instance stay those of the surface below. Its vertices lie on that surface, not above it.
    `trajectory` None: it stands still.
    """

    kind: str
    mesh: Mesh
    world_from_object: RigidTransform = field(default_factory=RigidTransform.identity)
    instance: int = 0
    is_decal: bool = False
    trajectory: Trajectory | None = None

    def __post_init__(self) -> None:
        train_id(self.kind)
        if not 0 <= self.instance <= 65535:
            raise PerceptionError(f"instance numbers lie in 0..65535, got {self.instance}")

    def pose(self, time_s: float) -> RigidTransform:
        """`world_from_object` at a time."""
        return self.world_from_object if self.trajectory is None else self.trajectory.pose(time_s)


@dataclass(frozen=True, eq=False)
class Enclosure:
    """An upright box without sky inside (a tunnel, an underpass): `world_from_box` to its centre, `half_size_m` (3,).

    `lamp_light` is the diffuse light of its lamps relative to full daylight. Sky light fades in over `fade_m` at both
    ends of the box's x axis.
    """

    world_from_box: RigidTransform
    half_size_m: tuple[float, float, float]
    lamp_light: float = 0.06
    fade_m: float = 12.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that is there to be seen, but for weather and painted walls.

    `road`, where there is one, says how the ground lies that mirrors the scene when it is wet.
    """

    objects: tuple[SceneObject, ...]
    textures: Mapping[str, Texture] = field(default_factory=dict)
    enclosures: tuple[Enclosure, ...] = ()
    road: RoadLine | None = None

    def __post_init__(self) -> None:
        wanted = {material.texture for item in self.objects for material in item.mesh.materials} - {""}
        missing = sorted(wanted - set(self.textures))
        if missing:
            raise PerceptionError(f"the scene lacks the textures {', '.join(missing)}")
