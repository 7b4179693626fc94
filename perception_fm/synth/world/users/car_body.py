"""The sheet metal of cars and vans: cross sections along the car, with wheel arches, and the glasshouse above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perception_fm.synth.scene import Material, Mesh
from perception_fm.synth.world.face_patterns import patch_faces
from perception_fm.synth.world.ground.facets import faceted
from perception_fm.synth.world.shapes import box, skin
from perception_fm.synth.world.users.vehicle_parts import BLACK, GLASS, PAINT, PROUD_M

_CREASE_DEG = 62.0  # sheet metal is pressed round: only the edges of bumpers and openings stay sharp
# Half width relative to the middle's at these distances from an end of the car: its corners are round in plan.
END_M = np.array([0.0, 0.10, 0.38, 0.90])
_END_SHARE = np.array([0.72, 0.885, 0.97, 1.0])
# Half width of a cross section at sill, waist, shoulder and deck.
_ROW_SHARE = np.array([0.955, 1.0, 0.975, 0.90])
_VAN_ROW_SHARE = np.array([0.965, 1.0, 0.995, 0.98])  # no shoulder: the sides go up straight
_SHOULDER_M = 0.055  # below the deck
_ARCH_GAP_M = 0.05  # between tyre and wheel arch
_ROOF_SHARES = np.array([-1.0, -0.62, 0.62, 1.0])
_ROOF_CROWN_M = np.array([0.0, 0.035, 0.035, 0.0])
_BELOW_BELT = (0.0, 0.0, 0.03)  # sides go down into the body, so that no light shows between them
_PANE_TOP = 0.90  # of the way from belt to roof edge: above it lies the roof rail


@dataclass(frozen=True)
class CarShape:
    """Proportions in metres; x runs forward from the middle of the car.

    `size_m` length, width, height. `deck_m` (x, z) from tail to nose: the upper edge of the body, so boot, belt line
    and bonnet. `panes` from the windscreen backwards: x of an upright at the belt, x of it at the roof, and what fills
    the side from there to the next upright: "paint", "glass" or "black"; the last upright is the tailgate.
    """

    size_m: tuple[float, float, float]
    axles_m: tuple[float, float]
    wheel_radius_m: float
    deck_m: tuple[tuple[float, float], ...]
    panes: tuple[tuple[float, float, str], ...]
    roof_width_m: float
    door_lines_m: tuple[float, ...]
    rear_lamp_height_m: float = 0.14
    sill_m: float = 0.20
    has_rear_glass: bool = True
    has_dark_sills: bool = False
    is_van: bool = False
    rim_share: float = 0.67

    def half_width_m(self, x: ArrayLike) -> NDArray[np.float64]:
        """Half the body's width at its waist."""
        length, width, _ = self.size_m
        x = np.asarray(x, np.float64)
        cut = 1.0 - np.interp(length / 2.0 - np.abs(x), END_M, _END_SHARE)
        # Tails are squarer than noses.
        return 0.5 * width * (1.0 - cut * np.where(x < 0.0, 0.22 if self.is_van else 0.75, 1.0))

    @property
    def row_share(self) -> NDArray[np.float64]:
        """Half width (4,) at sill, waist, shoulder and deck relative to the waist's."""
        return _VAN_ROW_SHARE if self.is_van else _ROW_SHARE

    def rows_m(self, x: ArrayLike) -> NDArray[np.float64]:
        """Heights (..., 4) of sill or wheel arch, waist, shoulder and deck at x."""
        x = np.asarray(x, np.float64)
        sill = self.sill_m + np.interp(self.size_m[0] / 2.0 - np.abs(x), [0.0, 0.3], [0.12, 0.0])
        for axle in self.axles_m:
            from_axle, arch = np.abs(x - axle), self.wheel_radius_m + _ARCH_GAP_M
            above_axle = np.sqrt(np.maximum(arch**2 - from_axle**2, 0.0))
            sill = np.maximum(sill, np.where(from_axle <= arch + 1e-6, self.wheel_radius_m + above_axle, 0.0))
        deck = np.interp(x, *np.transpose(self.deck_m))
        shoulder = deck - _SHOULDER_M
        waist = np.clip(sill + 0.02, self.sill_m + 0.45 * (shoulder - self.sill_m), shoulder - 0.01)
        return np.stack([np.minimum(sill, waist - 0.01), waist, shoulder, deck], axis=-1)

    def side_point(self, x: float, z: float, proud_m: float = PROUD_M) -> NDArray[np.float64]:
        """The point (3,) of the left side at x and z, lifted off the skin to the left and towards the nearer end."""
        y = float(self.half_width_m(x)) * np.interp(z, self.rows_m(x), self.row_share)
        return np.array([x + np.sign(x) * proud_m, y + proud_m, z])

    def stations_m(self) -> NDArray[np.float64]:
        """Where cross sections lie, from tail to nose: dense over the wheels and at the rounded ends."""
        half, arch = self.size_m[0] / 2.0, self.wheel_radius_m + _ARCH_GAP_M
        # From the sill the sheet rises to the arch at once, at the height where the tyre is widest.
        around = arch * np.array([-1.03, -0.999, -0.62, 0.0, 0.62, 0.999, 1.03])
        wheels = np.concatenate([axle + around for axle in self.axles_m])
        others = np.concatenate([END_M[1:3] - half, half - END_M[1:3], [self.panes[0][0], self.panes[-1][0]]])
        is_apart = np.abs(others[:, None] - wheels).min(axis=1) > 0.08
        return np.unique(np.concatenate([[-half, half], wheels, others[is_apart]]))

    def uprights_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Belt and roof ends (P, 3) of the left uprights, from the windscreen to the tailgate."""
        belt_x, roof_x = np.array([pane[0] for pane in self.panes]), np.array([pane[1] for pane in self.panes])
        belt = [belt_x, self.half_width_m(belt_x) * self.row_share[3], self.rows_m(belt_x)[:, 3]]
        # The roof falls by 5 cm towards its ends and narrows a little towards the tail.
        along = (roof_x - roof_x.mean()) / np.ptp(roof_x)
        roof_z = self.size_m[2] - _ROOF_CROWN_M.max() - 0.2 * along**2 * (not self.is_van)
        roof_y = 0.5 * self.roof_width_m * (1.0 - (0.0 if self.is_van else 0.08) * (0.5 - along))
        return np.stack(belt, axis=1), np.stack([roof_x, roof_y, roof_z], axis=1)


def shell(shape: CarShape) -> list[Mesh]:
    """Sheet metal below the belt, bumpers, and the dark belly that is seen through the wheel arches."""
    x = shape.stations_m()
    y, z = shape.half_width_m(x)[:, None] * shape.row_share, shape.rows_m(x)
    left = np.stack([np.broadcast_to(x[:, None], y.shape), y, z], axis=-1)
    right = left * [1.0, -1.0, 1.0]
    tail, nose = np.stack([left[0], right[0]], axis=1), np.stack([right[-1], left[-1]], axis=1)
    length, width, _ = shape.size_m
    top = min(height for _, height in shape.deck_m) - 0.08
    around = np.concatenate([left, right[:, ::-1]], axis=1)
    faces = patch_faces(*around.shape[:2]).reshape(len(x) - 1, -1, 2, 3)
    # The deck under the glasshouse is seen by nobody.
    is_hidden = (x[1:] <= shape.panes[0][0] + 1e-9) & (x[:-1] >= shape.panes[-1][0] - 1e-9)
    deck = left.shape[1] - 1
    shown = np.concatenate([faces[:, :deck].reshape(-1, 3), faces[:, deck + 1 :].reshape(-1, 3),
                            faces[~is_hidden, deck].reshape(-1, 3)])  # fmt: skip
    return [
        faceted(around.reshape(-1, 3), shown, PAINT, crease_deg=_CREASE_DEG),
        *(mesh for end in (tail, nose) for mesh in _end(end)),
        box((length - 0.4, width - 0.52, top - shape.sill_m), (0.0, 0.0, 0.5 * (top + shape.sill_m)), BLACK),
    ]


def _end(rows: NDArray[np.float64]) -> list[Mesh]:
    """The flat face (4, 2, 3) that closes the body in front or behind: a bumper, black in its lower half."""
    split = 0.45 * rows[0] + 0.55 * rows[1]
    return [skin([rows[0], split], BLACK), skin([split, *rows[1:]], PAINT)]


def glasshouse_side(shape: CarShape) -> list[Mesh]:
    """The left side above the belt: uprights, windows, and the roof rail over them."""
    belt, roof = shape.uprights_m()
    pane_top = belt + _PANE_TOP * (roof - belt)
    materials: dict[str, Material] = {"paint": PAINT, "glass": GLASS, "black": BLACK}
    sides = [
        skin(np.stack([belt[index : index + 2] - _BELOW_BELT, pane_top[index : index + 2]]), materials[filling])
        for index, (_, _, filling) in enumerate(shape.panes[:-1])
    ]
    return [*sides, skin(np.stack([pane_top, roof]), PAINT)]


def glasshouse_top(shape: CarShape) -> list[Mesh]:
    """Windscreen, roof and rear window or tailgate."""
    belt, roof = shape.uprights_m()
    rows = np.stack([_across(point, _ROOF_CROWN_M) for point in roof])
    screen_foot = _across(belt[0], 0.0 * _ROOF_CROWN_M)
    bulge = np.array([0.0, 0.11, 0.11, 0.0])
    screen_foot[:, 0] += bulge
    screen_foot[:, 2] = np.interp(screen_foot[:, 0], *np.transpose(shape.deck_m))
    tail_foot = _across(belt[-1], 0.0 * _ROOF_CROWN_M)
    meshes = [
        skin(np.stack([screen_foot, rows[0]]), GLASS, crease_deg=60.0),
        skin(rows[::-1, ::-1], PAINT, crease_deg=60.0),
        skin(np.stack([tail_foot, rows[-1]])[:, ::-1], PAINT, crease_deg=60.0),
    ]
    if shape.has_rear_glass:
        inset = [tail_foot + share * (rows[-1] - tail_foot) for share in (0.10, 0.86)]
        pane = np.stack(inset)[:, ::-1] * [1.0, 0.88, 1.0] + [-PROUD_M, 0.0, PROUD_M]
        meshes.append(skin(pane, GLASS, crease_deg=60.0))
    return meshes


def _across(left_m: NDArray[np.float64], crown_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (4, 3) from the right to the left side through the left point (3,), raised by `crown_m` (4,)."""
    x, y, z = left_m
    return np.stack([np.full(4, x), y * _ROOF_SHARES, z + crown_m], axis=1)
