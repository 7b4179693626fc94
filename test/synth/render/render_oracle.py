"""Embree as an independent judge of rendered geometry: one ray through the centre of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import embreex.mesh_construction
import embreex.rtcore_scene
import numpy as np

from perception_fm.synth.labels import SKY, train_id


@dataclass(frozen=True)
class Answer:
    """What the rays met, (H, W, ...): optical z (inf: nothing), normal in the optical frame, label, instance."""

    depth_m: np.ndarray
    normal: np.ndarray
    label: np.ndarray
    instance: np.ndarray


def ask(objects, view) -> Answer:
    """Geometry of the objects that are no decals, at the view's time."""
    solid = [item for item in objects if not item.is_decal]
    meshes = [item.mesh.moved(item.pose(view.time_s)) for item in solid]
    starts = np.cumsum([0, *(len(mesh.triangles) for mesh in meshes)])
    vertices = np.concatenate([mesh.positions_m[mesh.triangles].reshape(-1, 3) for mesh in meshes])
    normals = np.concatenate([mesh.normals[mesh.triangles] for mesh in meshes])
    triangles = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    scene = embreex.rtcore_scene.EmbreeScene(robust=True)
    embreex.mesh_construction.TriangleMesh(scene, vertices.astype(np.float32), triangles)
    columns, rows = np.meshgrid(np.arange(view.width), np.arange(view.height))
    k = view.intrinsics
    rays = np.stack([(columns - k[0, 2]) / k[0, 0], (rows - k[1, 2]) / k[1, 1], np.ones(columns.shape)], axis=-1)
    directions = rays.reshape(-1, 3) @ view.world_from_camera.rotation.T
    origins = np.broadcast_to(view.world_from_camera.translation_m, directions.shape)
    hit = scene.run(origins.astype(np.float32), directions.astype(np.float32), output=True)
    triangle = hit["primID"]
    missed = triangle < 0
    triangle = np.where(missed, 0, triangle)
    u, v = hit["u"][:, None], hit["v"][:, None]
    corner = normals[triangle]
    normal = (1.0 - u - v) * corner[:, 0] + u * corner[:, 1] + v * corner[:, 2]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normal *= np.where((normal * directions).sum(axis=1, keepdims=True) > 0.0, -1.0, 1.0)
    owner = np.searchsorted(starts, triangle, side="right") - 1
    labels = np.array([train_id(item.kind) for item in solid])[owner]
    instances = np.array([item.instance for item in solid])[owner]
    shape = (view.height, view.width)
    # The ray's z in the optical frame is 1, so the way along it is the optical z.
    return Answer(
        np.where(missed, np.inf, hit["tfar"]).reshape(shape),
        np.where(missed[:, None], 0.0, normal @ view.world_from_camera.rotation).reshape(*shape, 3),
        np.where(missed, SKY, labels).reshape(shape),
        np.where(missed, 0, instances).reshape(shape),
    )


def agreement(truth, answer) -> dict[str, float]:
    """Shares of pixels that agree, and the median relative error of depth where both met something."""
    both = np.isfinite(truth.depth_m) & np.isfinite(answer.depth_m)
    relative = np.abs(truth.depth_m[both] - answer.depth_m[both]) / answer.depth_m[both]
    same_sky = np.isfinite(truth.depth_m) == np.isfinite(answer.depth_m)
    aligned = (truth.normal * answer.normal).sum(axis=-1)
    return {
        "median_relative_depth": float(np.median(relative)),
        "depth": float((relative < 1e-3).sum() + (same_sky & ~both).sum()) / both.size,
        "label": float((truth.label == answer.label).mean()),
        "instance": float((truth.instance == answer.instance).mean()),
        "normal": float(((aligned > 0.999) | (~both & same_sky)).mean()),
    }
