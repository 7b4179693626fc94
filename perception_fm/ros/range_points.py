"""`sensor_msgs` Range, LaserScan and PointCloud2 into points of the sensor's frame; what is no number is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import LaserScan, PointCloud2, PointField, Range

from perception_fm.errors import RangeSensorError
from perception_fm.ros.messages import stamp_ns

FloatArray = NDArray[np.float64]
RangeMessage = Range | LaserScan | PointCloud2

RANGE_TYPES: dict[str, type] = {"range": Range, "laser_scan": LaserScan, "point_cloud": PointCloud2}
"""By the setting `range_source`."""

_MOST_POINTS = 100_000  # of a cloud: a wall in the path has hundreds of them, and each costs time
_FARTHEST_M = 1000.0  # beyond the reach of any sensor of a vehicle; what is farther is no measurement
_FLOATS = {PointField.FLOAT32: "f4", PointField.FLOAT64: "f8"}


@dataclass(frozen=True, eq=False)
class RangePoints:
    """Points (N, 3) of the sensor's frame, m; none where it looked and met nothing. `stamp_ns`: of their middle.

    `spread_m`, `sigma_m`: as in `RangeScan`; the latter None where the message does not say.
    """

    points_m: FloatArray
    stamp_ns: int
    spread_m: float | None = None
    sigma_m: float | None = None


def range_points(message: RangeMessage) -> RangePoints:
    """Raises `RangeSensorError` for a message without a single number or with a layout that cannot be."""
    if isinstance(message, Range):
        return _of_range(message)
    if isinstance(message, LaserScan):
        return _of_scan(message)
    return RangePoints(_of_cloud(message), stamp_ns(message.header.stamp))


def _of_range(message: Range) -> RangePoints:
    """One echo from anywhere in a cone about the sensor's x axis; inf: nothing in reach (REP 117)."""
    distance, cone = float(message.range), float(message.field_of_view)
    if not 0.0 <= cone < math.pi:
        raise RangeSensorError(f"the range's field of view is {cone} rad")
    if math.isnan(distance) or distance < max(0.0, message.min_range):
        raise RangeSensorError(f"the range is {distance} m, the least that it measures {message.min_range:g} m")
    stamp = stamp_ns(message.header.stamp)
    if distance > message.max_range:
        return RangePoints(np.empty((0, 3)), stamp)
    variance = float(getattr(message, "variance", 0.0))  # Humble's message has none, and 0 means unknown
    sigma = math.sqrt(variance) if 0.0 < variance < math.inf else None
    return RangePoints(np.array([[distance, 0.0, 0.0]]), stamp, distance * math.tan(0.5 * cone), sigma)


def _of_scan(message: LaserScan) -> RangePoints:
    """Beams in the sensor's x-y plane; inf: nothing in reach, REP 117. The stamp is that of the first beam."""
    ranges = np.asarray(message.ranges, dtype=np.float64)
    steps = (message.angle_min, message.angle_increment, message.time_increment)
    if not len(ranges) or not np.isfinite(steps).all():
        raise RangeSensorError("the scan is empty" if not len(ranges) else "the scan's angles are no numbers")
    if not (ranges > message.range_min).any():
        raise RangeSensorError("the scan holds no range")
    angle = message.angle_min + message.angle_increment * np.arange(len(ranges))
    is_met = (ranges >= message.range_min) & (ranges <= min(message.range_max, _FARTHEST_M))
    met, angle = ranges[is_met], angle[is_met]
    middle_ns = round(0.5e9 * message.time_increment * (len(ranges) - 1))
    points = np.column_stack([met * np.cos(angle), met * np.sin(angle), np.zeros(len(met))])
    return RangePoints(points, stamp_ns(message.header.stamp) + middle_ns)


def _of_cloud(message: PointCloud2) -> FloatArray:
    """The finite points, evenly thinned out where there are more than anybody needs."""
    if not message.width * message.height:
        raise RangeSensorError("the cloud is empty")
    fields = {field.name: field for field in message.fields}
    axes = [fields.get(name) for name in "xyz"]
    if any(axis is None or axis.datatype not in _FLOATS for axis in axes):
        raise RangeSensorError(f"the cloud needs x, y, z as floats; it has {', '.join(fields) or 'no fields'}")
    order = ">" if message.is_bigendian else "<"
    formats = [order + _FLOATS[axis.datatype] for axis in axes]
    offsets = [axis.offset for axis in axes]
    size = max(offset + np.dtype(kind).itemsize for offset, kind in zip(offsets, formats))
    is_short = message.row_step < message.width * message.point_step
    if message.point_step < size or is_short or len(message.data) < message.row_step * message.height:
        raise RangeSensorError(
            f"the cloud of {message.height} x {message.width} points, {message.point_step} bytes each and "
            f"{message.row_step} a row, holds {len(message.data)} bytes"
        )
    dtype = np.dtype({"names": list("xyz"), "formats": formats, "offsets": offsets, "itemsize": message.point_step})
    shape, strides = (message.height, message.width), (message.row_step, message.point_step)
    cloud = np.ndarray(shape, dtype, buffer=memoryview(message.data), strides=strides)
    thin = np.unravel_index(np.arange(0, cloud.size, math.ceil(cloud.size / _MOST_POINTS)), shape)
    points = np.column_stack([cloud[name][thin].astype(np.float64) for name in "xyz"])
    points = points[(np.abs(points) < _FARTHEST_M).all(axis=1)]
    if not len(points):
        raise RangeSensorError("the cloud holds no finite point")
    return points
