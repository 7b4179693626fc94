"""`FreeSpace` as the bytes that go over the wire: every degree that a camera sees is a message of five numbers."""

from __future__ import annotations

import numpy as np

from perception_fm.config import NodeConfig
from perception_fm.ros.cdr import CdrWriter
from perception_fm.ros.results import base_header
from perception_fm.types import PerceptionResult

_SECTOR = np.dtype(
    {
        "names": ["bearing_rad", "near_m", "free_m", "boundary", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "u1", "<f4"],
        "offsets": [0, 4, 8, 12, 16],
        "itemsize": 20,
    }
)


def free_space_bytes(result: PerceptionResult, config: NodeConfig) -> bytes:
    """What serialising `free_space` of the same result gives, but for the bytes between fields, which are 0."""
    sectors = result.sectors
    packed = np.zeros(0 if sectors is None else len(sectors.bearing_rad), _SECTOR)
    if sectors is not None:
        for name in packed.dtype.names or ():
            packed[name] = getattr(sectors, name)
    writer = CdrWriter()
    writer.header(base_header(result, config))
    writer.numbers(
        "f", result.verified_free_distance_m, config.vehicle.front_overhang_m, result.path_heading_rad,
        result.path_curvature_per_m, result.path_memory_m, config.vehicle.width_m,
        0.0 if sectors is None else sectors.width_rad,
    )  # fmt: skip
    writer.array(packed, len(packed))
    return writer.message()
