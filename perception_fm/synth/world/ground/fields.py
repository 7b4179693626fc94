"""Fields of the open country: a patchwork of parcels, each with its crop and its rows along one side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_fm.synth.scene import Material
from perception_fm.synth.world.ground.ground_materials import BARLEY, GRASS, MAIZE, MEADOW, RAPE, SOIL, STUBBLE, WHEAT

FloatArray = NDArray[np.float64]

CROPS: tuple[Material, ...] = (GRASS, MEADOW, SOIL, WHEAT, BARLEY, RAPE, MAIZE, STUBBLE)
_SHARES = (0.2, 0.2, 0.13, 0.13, 0.08, 0.08, 0.1, 0.08)
_WIDE_M, _LONG_M = (45.0, 110.0), (70.0, 200.0)
_MARGIN_M = 0.3  # between the points on both sides of a border, half of it


@dataclass(frozen=True, eq=False)
class Fields:
    """Columns of parcels in a frame turned by `turn_rad`: column i lies between `across_m` i and i + 1, and is cut at
    `along_m[i]`; `crop[i]` are the numbers of its parcels' crops in `CROPS`.
    """

    turn_rad: float
    across_m: FloatArray
    along_m: tuple[FloatArray, ...]
    crop: tuple[NDArray[np.int64], ...]

    @staticmethod
    def drawn(low_xy: FloatArray, high_xy: FloatArray, rng: np.random.Generator) -> Fields:
        """Parcels that cover a rectangle in the world."""
        turn = float(rng.uniform(0.0, 0.5 * np.pi))
        corners = np.array([(x, y) for x in (low_xy[0], high_xy[0]) for y in (low_xy[1], high_xy[1])])
        local = _turned(corners, turn)
        low, high = local.min(axis=0), local.max(axis=0)
        across = _cuts(low[0], high[0], _WIDE_M, rng)
        along = tuple(_cuts(low[1], high[1], _LONG_M, rng) for _ in across[:-1])
        crop = tuple(rng.choice(len(CROPS), len(cuts) - 1, p=_SHARES) for cuts in along)
        return Fields(turn, across, along, crop)

    def local(self, xy: FloatArray) -> FloatArray:
        """Coordinates (N, 2) in the fields' frame: across and along the rows."""
        return _turned(xy, self.turn_rad)

    def crops_at(self, xy: FloatArray) -> NDArray[np.int64]:
        """Numbers (N,) of the crops at points (N, 2)."""
        local, found = self.local(xy), np.zeros(len(xy), np.int64)
        column = np.clip(np.searchsorted(self.across_m, local[:, 0]) - 1, 0, len(self.crop) - 1)
        for number in np.unique(column):
            here = column == number
            row = np.searchsorted(self.along_m[number], local[here, 1]) - 1
            found[here] = self.crop[number][np.clip(row, 0, len(self.crop[number]) - 1)]
        return found

    def borders_m(self, xy: FloatArray) -> FloatArray:
        """Distance (N,) of points (N, 2) to the nearest border between parcels."""
        local = self.local(xy)
        best = np.abs(local[:, :1] - self.across_m).min(axis=1)
        column = np.clip(np.searchsorted(self.across_m, local[:, 0]) - 1, 0, len(self.crop) - 1)
        for number in np.unique(column):
            here = column == number
            gap = np.abs(local[here, 1:] - self.along_m[number]).min(axis=1)
            best[here] = np.minimum(best[here], gap)
        return best

    def border_points(self, spacing_m: float) -> FloatArray:
        """Points (N, 2) in pairs along both sides of all borders."""
        sides = np.array([-_MARGIN_M, _MARGIN_M])
        points = []
        low = min(float(cuts[0]) for cuts in self.along_m)
        high = max(float(cuts[-1]) for cuts in self.along_m)
        for across in self.across_m:
            points.append(_pairs(across + sides, np.arange(low, high, spacing_m)))
        for left, right, cuts in zip(self.across_m[:-1], self.across_m[1:], self.along_m):
            steps = np.linspace(left, right, max(2, int((right - left) / spacing_m)) + 1)[1:-1]
            for along in cuts:
                points.append(_pairs(along + sides, steps)[:, ::-1])
        return _turned(np.concatenate(points), -self.turn_rad)


def _pairs(sides: FloatArray, steps: FloatArray) -> FloatArray:
    return np.stack(np.meshgrid(sides, steps, indexing="ij"), axis=-1).reshape(-1, 2)


def _cuts(low: float, high: float, size_m: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    """Where strips of random sizes that cover an interval meet."""
    sizes = rng.uniform(*size_m, int((high - low) / size_m[0]) + 2)
    cuts = low - rng.uniform(0.0, size_m[0]) + np.concatenate([[0.0], np.cumsum(sizes)])
    return cuts[: int(np.searchsorted(cuts, high)) + 1]


def _turned(xy: FloatArray, turn_rad: float) -> FloatArray:
    """Points in a frame that is turned anticlockwise."""
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    return xy @ np.array([[c, -s], [s, c]])
