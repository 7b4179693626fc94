"""Small exact scenes: a level road, boxes on it, one camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from perception_fm.camera.model import CameraModel
from perception_fm.dense import CITYSCAPES_CLASSES, DensePrediction
from perception_fm.geometry.transform import RigidTransform
from perception_fm.scene.columns import Columns

WIDTH, HEIGHT, FOCAL_PX = 96, 56, 75.0
ROAD, BUILDING, CAR, SKY = (CITYSCAPES_CLASSES.index(name) for name in ("road", "building", "car", "sky"))

Box = tuple[float, float, float, float, float, int]
"""x from, x to, y from, y to, height (base frame, metres), label."""


def make_camera() -> CameraModel:
    k = np.array([[FOCAL_PX, 0.0, 0.5 * WIDTH - 0.5], [0.0, FOCAL_PX, 0.5 * HEIGHT - 0.5], [0.0, 0.0, 1.0]])
    return CameraModel(WIDTH, HEIGHT, k)


def cast(mounting: RigidTransform, boxes: Sequence[Box] = (), sigma_share: float | None = None) -> DensePrediction:
    """Exact depth and labels of a road without end (label road), boxes on it, and sky."""
    camera = make_camera()
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    rays = np.stack([(columns - camera.cx) / FOCAL_PX, (rows - camera.cy) / FOCAL_PX, np.ones(columns.shape)], axis=-1)
    direction, origin = rays @ mounting.rotation.T, mounting.translation_m
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(direction[..., 2] < 0.0, -origin[2] / direction[..., 2], np.inf)
        label = np.where(np.isfinite(depth), ROAD, SKY)
        for x0, x1, y0, y1, height, box_label in boxes:
            low, high = np.array([x0, y0, 0.0]), np.array([x1, y1, height])
            first, second = (low - origin) / direction, (high - origin) / direction
            near = np.minimum(first, second).max(axis=-1)
            far = np.maximum(first, second).min(axis=-1)
            is_hit = (near <= far) & (near > 0.0) & (near < depth)
            depth, label = np.where(is_hit, near, depth), np.where(is_hit, box_label, label)
    depth = np.where(np.isfinite(depth), depth, np.nan).astype(np.float32)
    return DensePrediction(
        camera=camera,
        depth_m=depth,
        depth_std_m=None if sigma_share is None else (depth * np.float32(sigma_share)),
        label=label.astype(np.uint8),
        confidence=np.full(depth.shape, 255, np.uint8),
    )


def rows(things: Columns) -> list[SimpleNamespace]:
    """The things of columns one by one, each with its fields as attributes."""
    names = [field.name for field in dataclasses.fields(things)]
    return [SimpleNamespace(**dict(zip(names, row))) for row in zip(*(getattr(things, name) for name in names))]
