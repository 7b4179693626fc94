"""Confirmed obstacles in messages of others: vision_msgs and Autoware, each only where it is installed.

Neither knows NaN. An obstacle of unknown place is left out. An unknown side counts as 0.5 m, as in the grid, and an
unknown sigma as 10 m, 10 m/s or pi: so wide that a filter takes nothing from it.
"""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseWithCovariance, Twist, TwistWithCovariance
from numpy.typing import NDArray

from perception_fm.config import NodeConfig
from perception_fm.ros.results import (
    base_header,
    box_pose,
    by_distance,
    path_obstacle,
    position_sigma_m,
    vector,
)
from perception_fm.types import Obstacle, PathState, PerceptionResult
from perception_fm.visual.thing_colours import obstacle_name

FloatArray = NDArray[np.float64]

UNKNOWN_NAME = "unknown"
LEAST_SIDE_M = 0.5
UNKNOWN_SIGMA = 10.0


def installed(*packages: str) -> ModuleType | None:
    """The messages of the first of these packages that is installed."""
    for package in packages:
        try:
            return importlib.import_module(f"{package}.msg")
        except ImportError:
            continue
    return None


# A ROS installation may have them; the Python registry does not. The second of Autoware's is the older name.
VISION = installed("vision_msgs")
AUTOWARE = installed("autoware_perception_msgs", "autoware_auto_perception_msgs")

# Cityscapes has no animals and no trailers; a rider is on two wheels.
_AUTOWARE_LABELS = {
    "person": "PEDESTRIAN", "rider": "BICYCLE", "car": "CAR", "truck": "TRUCK", "bus": "BUS",
    "motorcycle": "MOTORCYCLE", "bicycle": "BICYCLE",
}  # fmt: skip


def detections(result: PerceptionResult, config: NodeConfig, package: Any) -> Any:
    """`vision_msgs/Detection3DArray`; the class is its Cityscapes name, the score existence times class probability."""
    header = base_header(result, config)
    return package.Detection3DArray(header=header, detections=[
        package.Detection3D(
            header=header,
            results=[package.ObjectHypothesisWithPose(
                hypothesis=package.ObjectHypothesis(class_id=obstacle_name(item) or UNKNOWN_NAME, score=_score(item)),
                pose=_pose(item),
            )],
            bbox=package.BoundingBox3D(center=_pose(item).pose, size=vector(_size_m(item))),
            id=str(item.obstacle_id),
        )
        for item in _placed(result)
    ])  # fmt: skip


def autoware_objects(result: PerceptionResult, config: NodeConfig, package: Any) -> Any:
    """Autoware's `DetectedObjects`. What blocks the path as a fake wall, and what is no road user, is a HAZARD where
    the installed version has that class, else UNKNOWN.
    """
    wall = path_obstacle(result) if result.state is PathState.FAKE_WALL else None
    return package.DetectedObjects(header=base_header(result, config), objects=[
        package.DetectedObject(
            existence_probability=float(item.existence_probability),
            classification=[_classification(item, item is wall, package.ObjectClassification)],
            kinematics=_kinematics(item, package.DetectedObjectKinematics),
            shape=package.Shape(type=package.Shape.BOUNDING_BOX, dimensions=vector(_size_m(item))),
        )
        for item in _placed(result)
    ])  # fmt: skip


def _placed(result: PerceptionResult) -> list[Obstacle]:
    return [
        item for item in by_distance(result.obstacles) if item.is_confirmed and np.isfinite(item.centre_base_m).all()
    ]


def _score(item: Obstacle) -> float:
    share = item.class_probability if obstacle_name(item) and math.isfinite(item.class_probability) else 1.0
    return float(item.existence_probability * share)


def _size_m(item: Obstacle) -> FloatArray:
    return np.where(np.isfinite(item.size_m), item.size_m, LEAST_SIDE_M)


def _known(sigma: FloatArray, otherwise: float) -> FloatArray:
    return np.where(np.isfinite(sigma), sigma, otherwise)


def _pose(item: Obstacle) -> PoseWithCovariance:
    yaw_sigma = item.yaw_sigma_rad if math.isfinite(item.yaw_sigma_rad) else math.pi
    sigma = np.append(_known(position_sigma_m(item), UNKNOWN_SIGMA), [math.pi, math.pi, yaw_sigma])
    return PoseWithCovariance(pose=box_pose(item), covariance=np.diag(sigma**2).ravel())


def _classification(item: Obstacle, is_wall: bool, kind: Any) -> Any:
    label = None if is_wall else _AUTOWARE_LABELS.get(obstacle_name(item))
    if label is not None and hasattr(kind, label):
        probability = item.class_probability if math.isfinite(item.class_probability) else 1.0
        return kind(label=getattr(kind, label), probability=float(probability))
    return kind(label=getattr(kind, "HAZARD", kind.UNKNOWN), probability=1.0)


def _kinematics(item: Obstacle, kind: Any) -> Any:
    """The twist is along the axes of the object."""
    has_yaw, has_twist = math.isfinite(item.yaw_sigma_rad), bool(np.isfinite(item.velocity_mps[:2]).all())
    message = kind(
        pose_with_covariance=_pose(item),
        has_position_covariance=True,
        # A box looks the same from behind.
        orientation_availability=kind.SIGN_UNKNOWN if has_yaw else kind.UNAVAILABLE,
        has_twist=has_twist,
        has_twist_covariance=has_twist,
    )
    if has_twist:
        yaw = item.yaw_rad if math.isfinite(item.yaw_rad) else 0.0
        turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
        velocity = np.append(turn @ item.velocity_mps[:2], 0.0)
        covariance = np.diag(np.full(6, UNKNOWN_SIGMA**2))
        covariance[:2, :2] = turn @ np.diag(_known(item.velocity_sigma_mps[:2], UNKNOWN_SIGMA) ** 2) @ turn.T
        message.twist_with_covariance = TwistWithCovariance(
            twist=Twist(linear=vector(velocity)), covariance=covariance.ravel()
        )
    return message
