"""Drops on the windscreen: each is a small lens that shows the scene upside down, small and out of focus.

After Roser & Geiger 2009, "Video-based raindrop detection for improved image registration", and von Bernuth et al.
2018, "Rendering physically correct raindrops on windshields": the ray through a drop's middle goes straight on, rays
off the middle are bent across it, and the rim, which reflects totally, is dark. The windscreen is far inside the
focus of a camera set to infinity, so the drops' outlines are soft. Small drops stay; large ones slide down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_STREAM = 41
_DISTANCE_MM = 150.0  # from the camera to the glass
_IRIS_MM = 2.0  # diameter of the pupil, f/2 at 4 mm: what softens the drops
_DROPS_PER_CM2 = 2.0  # at strength 1
_RADIUS_MM = (0.9, 0.55)  # median and logarithmic spread of drops on a coated windscreen
_LARGEST_MM, _SLIDING_MM = 3.6, 2.4  # drops above the second slide: gravity beats the contact line
_SLIDING_MMPS = (1.5, 12.0)
_SHRINK = 8  # of the scene seen in a drop
_RIM_LOSS = 0.65  # of light at the very rim
_DEEPEST_DENT = 0.15  # of the outline, as a fraction of the radius: drops run together and stick to the glass


@dataclass(frozen=True)
class Drop:
    """Middle when born, radius and reach of its view in px, height over width, three dents and their direction, time
    of birth in s, speed in px/s.
    """

    x: float
    y: float
    radius: float
    tall: float
    dent: float
    turn_rad: float
    reach: float
    born_s: float
    speed: float


@dataclass(frozen=True, eq=False)
class DropLayer:
    """All (H, W): `cover` 0 to 1; of the pixel's drop the place in the shrunk scene, the light it passes, its birth."""

    cover: NDArray[np.float32]
    columns: NDArray[np.float32]
    rows: NDArray[np.float32]
    gain: NDArray[np.float32]
    born_s: NDArray[np.float32]

    def born_by(self, time_s: float) -> DropLayer:
        """A copy to draw on, without the drops that were born after `time_s`."""
        layer = DropLayer(*(getattr(self, name).copy() for name in self.__dataclass_fields__))
        layer.cover[self.born_s > time_s] = 0.0
        return layer

    def where(self, is_mine: NDArray[np.bool_], other: DropLayer) -> DropLayer:
        """This layer where `is_mine` (H, W), another elsewhere."""
        names = self.__dataclass_fields__
        return DropLayer(*(np.where(is_mine, getattr(self, name), getattr(other, name)) for name in names))


class DropPainter:
    """Draws drops on a windscreen before a camera of `size` (width, height) and `focal_px`; `strength` 1: heavy rain.

    `px_per_mm` is the picture's scale on the glass, `soft_px` the width over which an outline there fades.
    """

    def __init__(self, size: tuple[int, int], focal_px: float, strength: float, seed: int) -> None:
        self._size, self._focal_px, self._strength, self._seed = size, focal_px, strength, seed
        self.px_per_mm = focal_px / _DISTANCE_MM
        self.soft_px = max(1.0, _IRIS_MM * self.px_per_mm)

    def drops(self, cycle: int, births_s: tuple[float, float]) -> list[Drop]:
        """The drops that fall between two wipes, number `cycle`, born evenly over an interval."""
        rng = np.random.default_rng([self._seed, _STREAM, cycle % (1 << 32)])
        width, height = self._size
        area_cm2 = width * height / (10.0 * self.px_per_mm) ** 2
        count = int(rng.poisson(self._strength * _DROPS_PER_CM2 * area_cm2))
        radii_mm = np.minimum(_RADIUS_MM[0] * np.exp(_RADIUS_MM[1] * rng.standard_normal(count)), _LARGEST_MM)
        speeds = np.where(radii_mm > _SLIDING_MM, rng.uniform(*_SLIDING_MMPS, count), 0.0) * self.px_per_mm
        columns = (
            rng.uniform(0.0, width, count), rng.uniform(0.0, height, count), radii_mm * self.px_per_mm,
            rng.uniform(1.0, 1.35, count), rng.uniform(0.0, _DEEPEST_DENT, count), rng.uniform(0.0, 2.1, count),
            rng.uniform(0.6, 1.1, count) * self._focal_px,
            np.sort(rng.uniform(*births_s, count)), speeds,
        )  # fmt: skip
        return [Drop(*(float(value) for value in row)) for row in zip(*columns)]

    def empty(self) -> DropLayer:
        """A dry windscreen."""
        width, height = self._size
        return DropLayer(*(np.zeros((height, width), np.float32) for _ in DropLayer.__dataclass_fields__))

    def draw(self, layer: DropLayer, drop: Drop, time_s: float) -> None:
        """One drop at its place at `time_s`; one that has left below comes in again at the top."""
        width, height = self._size
        outermost = drop.radius * (1.0 + drop.dent)
        reach_x, reach_y = outermost + self.soft_px, outermost * drop.tall + self.soft_px
        fallen = drop.y + drop.speed * (time_s - drop.born_s) + reach_y
        y = fallen % (height + 2.0 * reach_y) - reach_y if drop.speed else drop.y
        x0, x1 = max(0, int(drop.x - reach_x)), min(width, int(drop.x + reach_x) + 2)
        y0, y1 = max(0, int(y - reach_y)), min(height, int(y + reach_y) + 2)
        if x0 >= x1 or y0 >= y1:
            return
        u, v = np.meshgrid(
            (np.arange(x0, x1, dtype=np.float32) - np.float32(drop.x)) / np.float32(drop.radius),
            (np.arange(y0, y1, dtype=np.float32) - np.float32(y)) / np.float32(drop.radius * drop.tall),
        )
        rim = 1.0 + np.float32(drop.dent) * np.cos(3.0 * (np.arctan2(v, u) - np.float32(drop.turn_rad)))
        radius = np.hypot(u, v) / rim
        cover = np.clip((1.0 - radius) * np.float32(drop.radius / self.soft_px) + 0.5, 0.0, 1.0)
        cover *= np.float32(min(1.0, 2.0 * drop.radius / self.soft_px))
        part = (slice(y0, y1), slice(x0, x1))
        is_mine = cover > layer.cover[part]
        layer.cover[part][is_mine] = cover[is_mine]
        layer.columns[part][is_mine] = ((drop.x - drop.reach * u) / _SHRINK)[is_mine]
        layer.rows[part][is_mine] = ((y - drop.reach * v) / _SHRINK)[is_mine]
        layer.gain[part][is_mine] = (1.0 - np.float32(_RIM_LOSS) * np.minimum(radius, 1.0) ** 4)[is_mine]
        layer.born_s[part][is_mine] = drop.born_s

    def look_through(self, light: NDArray[np.float32], layer: DropLayer) -> NDArray[np.float32]:
        """Light (H, W, 3) behind the drops."""
        width, height = self._size
        small = cv2.resize(light, (max(1, width // _SHRINK), max(1, height // _SHRINK)), interpolation=cv2.INTER_AREA)
        seen = cv2.remap(small, layer.columns, layer.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = seen * layer.gain[..., None]
        cover = layer.cover
        return np.asarray(cv2.blendLinear(light, seen, np.float32(1.0) - cover, cover), dtype=np.float32)
