"""What a costmap can use: the grid itself, and what stands there as points. Unknown stays unknown."""

from __future__ import annotations

import array

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion
from nav_msgs.msg import MapMetaData, OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from perception_fm.config import NodeConfig
from perception_fm.ros.images import byte_array
from perception_fm.ros.obstacle_box import face_points_m, standing
from perception_fm.ros.results import base_header
from perception_fm.scene.free_grid import OCCUPIED, FreeSpaceGrid, unknown_grid
from perception_fm.types import PerceptionResult

# Of a point for an occupied cell: within what Nav2's collision monitor (0.05 to 0.5 m) and costmaps (0 to 2 m) heed.
CELL_POINT_HEIGHT_M = 0.3
_AXES = tuple(
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1) for index, name in enumerate("xyz")
)


def marking_cloud(result: PerceptionResult, config: NodeConfig) -> PointCloud2:
    """`sensor_msgs/PointCloud2`, base frame, x y z float32 (m): a point in the middle of every occupied cell, and the
    sides of confirmed obstacles that face the vehicle.
    """
    parts = [face_points_m(item) for item in standing(result)]
    if result.grid is not None:
        parts.append(_occupied_points_m(result.grid))
    points = np.concatenate(parts) if parts else np.empty((0, 3), np.float32)
    message = PointCloud2(header=base_header(result, config), height=1, width=len(points), fields=list(_AXES))
    message.point_step, message.row_step, message.is_dense = 12, 12 * len(points), True
    message.data = byte_array(points)
    return message


def grid_message(result: PerceptionResult, config: NodeConfig) -> OccupancyGrid:
    """`nav_msgs/OccupancyGrid` in the base frame: 0 free, 100 occupied, -1 unknown; all unknown where no grid is.

    An old one must not outlive what it showed, so there is always one.
    """
    grid = result.grid
    if grid is None:
        grid = unknown_grid(config.scene.max_range_m, config.scene.cell_m, np.zeros(2))
    header = base_header(result, config)
    rows, columns = grid.cells.shape
    x, y = grid.origin_m
    return OccupancyGrid(
        header=header,
        info=MapMetaData(
            map_load_time=header.stamp,
            resolution=grid.resolution_m,
            width=columns,
            height=rows,
            origin=Pose(position=Point(x=float(x), y=float(y), z=0.0), orientation=Quaternion(w=1.0)),
        ),
        data=array.array("b", np.ascontiguousarray(grid.cells).tobytes()),
    )


def _occupied_points_m(grid: FreeSpaceGrid) -> NDArray[np.float32]:
    row, column = np.divmod(np.flatnonzero(grid.cells == OCCUPIED), grid.cells.shape[1])
    x, y = grid.origin_m
    points = np.full((len(row), 3), CELL_POINT_HEIGHT_M, np.float32)
    points[:, 0] = x + grid.resolution_m * (column + 0.5)
    points[:, 1] = y + grid.resolution_m * (row + 0.5)
    return points
