"""Rays straight down on meshes, by Embree."""

from __future__ import annotations

from collections.abc import Iterable

import embreex.mesh_construction
import embreex.rtcore_scene
import numpy as np

from perception_fm.synth.scene import Mesh


class RaysDown:
    """What lies below points."""

    def __init__(self, meshes: Iterable[Mesh]) -> None:
        meshes = list(meshes)
        starts = np.cumsum([0, *(len(mesh.positions_m) for mesh in meshes)])
        vertices = np.concatenate([mesh.positions_m for mesh in meshes])
        triangles = np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts)])
        self._scene = embreex.rtcore_scene.EmbreeScene(robust=True)
        embreex.mesh_construction.TriangleMesh(
            self._scene, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32)
        )

    def fall_m(self, points_m: np.ndarray) -> np.ndarray:
        """Distance (N,) down from points (N, 3) to the first surface, inf for none."""
        origins = np.ascontiguousarray(points_m, np.float32)
        down = np.tile(np.array([0.0, 0.0, -1.0], np.float32), (len(origins), 1))
        found = self._scene.run(origins, down, output=True)
        return np.where(found["primID"] >= 0, found["tfar"], np.inf)
