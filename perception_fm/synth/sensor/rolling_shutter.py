"""Rolling shutter: rows are read one after the other while the camera moves.

Signs, which are those of `View`: `velocity_mps` is the camera's velocity over the ground in its own optical axes (x
right, y down, z forward; driving ahead is +z) and `turn_rate_rps` its angular velocity in the same axes by the right
hand (+y turns the view right, +x lifts it). Row r of H is read at `time_s` + `readout_s` * (r / (H - 1) - 1/2), so the
pose belongs to the middle row, and the camera then stands at `world_from_camera` times the twist over that time.
Model: constant twist over the readout, Meingast et al. 2005, "Geometric models of rolling-shutter cameras".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.errors import PerceptionError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.render.frame import View


def moving_view(
    intrinsics: NDArray[np.float64],
    size: tuple[int, int],
    pose: RigidTransform,
    time_s: float,
    readout_s: float,
    twist: Sequence[ArrayLike],
) -> View:
    """The view of `size` (width, height) at `pose` with `twist` = (velocity in m/s (3,), turn rate in rad/s (3,)).

    `readout_s` is from this view's first row to its last. Raises `PerceptionError` for a velocity or turn rate that is
    not three finite numbers.
    """
    velocity, turn_rate = twist
    return View(
        intrinsics=intrinsics,
        width=size[0],
        height=size[1],
        world_from_camera=pose,
        time_s=float(time_s),
        readout_s=readout_s,
        velocity_mps=_three(velocity, "velocity"),
        turn_rate_rps=_three(turn_rate, "turn rate"),
    )


def readout_of_view_s(readout_s: float, picture_height: int, view_height: int) -> float:
    """The readout of a view taller than the picture, so that a row takes the same time in both."""
    return readout_s * (view_height - 1) / (picture_height - 1)


def _three(values: ArrayLike, name: str) -> tuple[float, float, float]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise PerceptionError(f"the {name} of a camera is three finite numbers in its optical axes, got {values!r}")
    x, y, z = (float(value) for value in array)
    return x, y, z
