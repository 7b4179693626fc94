"""Points, sectors and grid of the scene stage into messages."""

from __future__ import annotations

import array
import math

import cv2
import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import MapMetaData, OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from perception_fm.camera.model import CameraModel
from perception_fm.ros.images import byte_array
from perception_fm.scene.free_grid import FreeSpaceGrid
from perception_fm.scene.points import LabeledPoints, grid_rays
from perception_fm.scene.polar import PolarFreeSpace
from perception_fm_msgs.msg import FreeSpaceSector

_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "label", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 16, 17],
        "itemsize": 20,
    }
)
_FIELDS = tuple(
    PointField(name=name, offset=offset, datatype=kind, count=1)
    for name, offset, kind in (
        ("x", 0, PointField.FLOAT32), ("y", 4, PointField.FLOAT32), ("z", 8, PointField.FLOAT32),
        ("rgb", 12, PointField.FLOAT32), ("label", 16, PointField.UINT8), ("confidence", 17, PointField.UINT8),
    )
)  # fmt: skip


def points_message(
    points: LabeledPoints, image: NDArray[np.uint8], camera: CameraModel, header: Header
) -> PointCloud2:
    """Organised `sensor_msgs/PointCloud2` (m, rectified optical frame), aligned with the label image cell by cell.

    `image`: (H, W[, 3]) as stored, `camera` its calibration: they give the colours. Invalid points are NaN. Fields: x y
    z, rgb as PCL packs it into a float, label (Cityscapes trainId), confidence (probability x 255).
    """
    height, width = points.label.shape
    cloud = np.empty((height, width), _POINT)
    for axis, name in enumerate("xyz"):
        cloud[name] = points.points_m[..., axis]
    cloud["rgb"] = _colours(points.camera, image, camera)
    cloud["label"], cloud["confidence"] = points.label, points.confidence
    message = PointCloud2(header=header, height=height, width=width, fields=list(_FIELDS))
    message.point_step, message.row_step, message.is_dense = _POINT.itemsize, _POINT.itemsize * width, False
    message.data = byte_array(cloud)
    return message


def grid_message(grid: FreeSpaceGrid, header: Header) -> OccupancyGrid:
    """`nav_msgs/OccupancyGrid` in the base frame: 0 free, 100 occupied, -1 unknown."""
    rows, columns = grid.cells.shape
    x, y = grid.origin_m
    return OccupancyGrid(
        header=header,
        info=MapMetaData(
            map_load_time=header.stamp,
            resolution=grid.resolution_m,
            width=columns,
            height=rows,
            origin=Pose(position=Point(x=x, y=y, z=0.0), orientation=Quaternion(w=1.0)),
        ),
        data=array.array("b", grid.cells.tobytes()),
    )


def sector_messages(polar: PolarFreeSpace) -> list[FreeSpaceSector]:
    """From right to left; a sector without free space has the range 0 and no confidence."""
    columns = (polar.bearing_rad, polar.near_m, polar.free_m, polar.boundary, polar.confidence)
    return [
        FreeSpaceSector(
            bearing_rad=bearing,
            near_m=near if free > 0.0 else 0.0,
            range_m=free,
            boundary=boundary,
            confidence=confidence if free > 0.0 else math.nan,
        )
        for bearing, near, free, boundary, confidence in zip(*(one.tolist() for one in columns))
    ]


def _colours(grid: CameraModel, image: NDArray[np.uint8], camera: CameraModel) -> NDArray[np.uint32]:
    """Packed 0x00RRGGBB (h, w) of the stored image where the cells of the grid see it."""
    rays = grid_rays(grid).reshape(-1, 2)
    if not np.array_equal(camera.rectification, np.eye(3)):
        turned = np.column_stack([rays, np.ones(len(rays))]) @ camera.rectification
        rays = turned[:, :2] / turned[:, 2:]
    pixels = camera.project(rays).astype(np.float32).reshape(grid.height, grid.width, 2)
    seen = np.asarray(cv2.remap(image, pixels, None, cv2.INTER_NEAREST))
    if seen.ndim == 2:
        seen = np.repeat(seen[..., None], 3, axis=2)
    blue, green, red = (seen[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red << 16 | green << 8 | blue)
