"""Many things of one kind as one dataclass of arrays: what is done to all of them is done at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound="Columns")


class Columns:
    """Base of dataclasses all of whose fields are arrays with one item per thing."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def at(self: T, rows: NDArray[Any]) -> T:
        """A copy with the chosen rows, by number or by a mask."""
        return type(self)(*(column[rows] for column in vars(self).values()))


def joined(parts: Sequence[T]) -> T:
    """All rows of one after the other; at least one part."""
    columns = zip(*(vars(part).values() for part in parts))
    return type(parts[0])(*(np.concatenate(column) for column in columns))
