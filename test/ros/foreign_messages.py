"""Stand-ins for messages that a ROS installation brings and the Python registry does not, with exactly their fields.

`vision`: vision_msgs 4 (Humble and later). `autoware`: autoware_perception_msgs with the classes since HAZARD;
`old_autoware`: autoware_auto_perception_msgs, which has no HAZARD.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from geometry_msgs.msg import Polygon, Pose, PoseWithCovariance, TwistWithCovariance, Vector3
from std_msgs.msg import Header


@dataclass
class ObjectHypothesis:
    class_id: str = ""
    score: float = 0.0


@dataclass
class ObjectHypothesisWithPose:
    hypothesis: ObjectHypothesis = field(default_factory=ObjectHypothesis)
    pose: PoseWithCovariance = field(default_factory=PoseWithCovariance)


@dataclass
class BoundingBox3D:
    center: Pose = field(default_factory=Pose)
    size: Vector3 = field(default_factory=Vector3)


@dataclass
class Detection3D:
    header: Header = field(default_factory=Header)
    results: list[ObjectHypothesisWithPose] = field(default_factory=list)
    bbox: BoundingBox3D = field(default_factory=BoundingBox3D)
    id: str = ""


@dataclass
class Detection3DArray:
    header: Header = field(default_factory=Header)
    detections: list[Detection3D] = field(default_factory=list)


@dataclass
class ObjectClassification:
    UNKNOWN, CAR, TRUCK, BUS, TRAILER, MOTORCYCLE, BICYCLE, PEDESTRIAN, ANIMAL, HAZARD = range(10)

    label: int = 0
    probability: float = 0.0


@dataclass
class OldObjectClassification:
    UNKNOWN, CAR, TRUCK, BUS, TRAILER, MOTORCYCLE, BICYCLE, PEDESTRIAN = range(8)

    label: int = 0
    probability: float = 0.0


@dataclass
class DetectedObjectKinematics:
    UNAVAILABLE, SIGN_UNKNOWN, AVAILABLE = range(3)

    pose_with_covariance: PoseWithCovariance = field(default_factory=PoseWithCovariance)
    has_position_covariance: bool = False
    orientation_availability: int = 0
    twist_with_covariance: TwistWithCovariance = field(default_factory=TwistWithCovariance)
    has_twist: bool = False
    has_twist_covariance: bool = False


@dataclass
class Shape:
    BOUNDING_BOX, CYLINDER, POLYGON = range(3)

    type: int = 0
    footprint: Polygon = field(default_factory=Polygon)
    dimensions: Vector3 = field(default_factory=Vector3)


@dataclass
class DetectedObject:
    existence_probability: float = 0.0
    classification: list[Any] = field(default_factory=list)
    kinematics: DetectedObjectKinematics = field(default_factory=DetectedObjectKinematics)
    shape: Shape = field(default_factory=Shape)


@dataclass
class DetectedObjects:
    header: Header = field(default_factory=Header)
    objects: list[DetectedObject] = field(default_factory=list)


vision = SimpleNamespace(
    ObjectHypothesis=ObjectHypothesis, ObjectHypothesisWithPose=ObjectHypothesisWithPose, BoundingBox3D=BoundingBox3D,
    Detection3D=Detection3D, Detection3DArray=Detection3DArray,
)  # fmt: skip
autoware = SimpleNamespace(
    ObjectClassification=ObjectClassification, DetectedObjectKinematics=DetectedObjectKinematics, Shape=Shape,
    DetectedObject=DetectedObject, DetectedObjects=DetectedObjects,
)  # fmt: skip
old_autoware = SimpleNamespace(**{**vars(autoware), "ObjectClassification": OldObjectClassification})
