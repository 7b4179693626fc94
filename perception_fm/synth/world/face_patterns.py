"""Which points make triangles: between rings, over rows and columns, and across the ends of a row of rings."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache
def ring_faces(count: int, around: int) -> NDArray[np.int64]:
    """Triangles between `count` rings of `around` points that run anticlockwise as seen from the last ring."""
    here = (np.arange(count - 1)[:, None] * around + np.arange(around)).ravel()
    step = (np.arange(count - 1)[:, None] * around + (np.arange(around) + 1) % around).ravel()
    faces = np.stack([here, step, step + around, here, step + around, here + around], axis=1).reshape(-1, 3)
    faces.setflags(write=False)
    return faces


@lru_cache
def patch_faces(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles between rows and columns of points, anticlockwise where columns run right and rows up."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.stack([first, first + 1, first + columns + 1, first, first + columns + 1, first + columns], axis=1)
    faces = faces.reshape(-1, 3)
    faces.setflags(write=False)
    return faces


@lru_cache
def cap_faces(count: int, around: int) -> NDArray[np.int64]:
    """Fans that close the first and the last of such rings."""
    second = np.arange(1, around - 1)
    first = np.stack([np.zeros_like(second), second + 1, second], axis=1)
    faces = np.concatenate([first, first[:, ::-1] + (count - 1) * around])
    faces.setflags(write=False)
    return faces
