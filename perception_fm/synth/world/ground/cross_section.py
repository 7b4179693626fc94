"""What lies beside what across a road: lanes, kerbs, pavements and verges of each style, in metres."""

from __future__ import annotations

from dataclasses import dataclass

from perception_fm.synth.world.config import WorldConfig

KERB_WIDTH_M = 0.15
KERB_HEIGHT_M = 0.12


@dataclass(frozen=True)
class Lane:
    """A lane: its middle `offset_m` left of the reference line; `direction` +1 along the stations, -1 against them."""

    offset_m: float
    width_m: float
    direction: int


@dataclass(frozen=True)
class CrossSection:
    """Right half of a road, the left one is its mirror image. From the middle outwards: half the median, lanes, a
    shoulder (parking bay, hard shoulder or edge strip), kerb and pavement where there are any, verge.

    `ground_m` is the height of the land beside the road over the carriageway.
    """

    lanes: int
    lane_width_m: float
    half_median_m: float
    shoulder_m: float
    pavement_m: float
    verge_m: float
    ground_m: float

    @property
    def half_asphalt_m(self) -> float:
        """To the kerb or to the edge of the asphalt."""
        return self.half_median_m + self.lanes * self.lane_width_m + self.shoulder_m

    @property
    def has_kerb(self) -> bool:
        """Kerb and pavement come together."""
        return self.pavement_m > 0.0

    @property
    def half_paved_m(self) -> float:
        """To the outer edge of the pavement."""
        return self.half_asphalt_m + (KERB_WIDTH_M + self.pavement_m if self.has_kerb else 0.0)

    @property
    def half_corridor_m(self) -> float:
        """To the outer edge of the verge."""
        return self.half_paved_m + self.verge_m

    def lane_list(self) -> tuple[Lane, ...]:
        """Lanes with the traffic, from the middle outwards, then those against it, likewise (right-hand traffic)."""
        offsets = [self.half_median_m + (number + 0.5) * self.lane_width_m for number in range(self.lanes)]
        along = [Lane(-offset, self.lane_width_m, 1) for offset in offsets]
        return (*along, *(Lane(offset, self.lane_width_m, -1) for offset in offsets))


def cross_section(config: WorldConfig) -> CrossSection:
    """Of the road that is driven. Widths are usual ones of the German guidelines RASt 06, RAL 2012 and RAA 2008."""
    parking = config.parked > 0.0
    median, shoulder, pavement, verge, ground = {
        "town": (0.0, 2.5 if parking else 0.3, 3.0, 3.0, KERB_HEIGHT_M),
        "suburb": (0.0, 2.4 if parking else 0.3, 2.0, 4.0, KERB_HEIGHT_M),
        "country": (0.0, 0.4, 0.0, 3.0, -0.25),
        "motorway": (2.0, 2.8, 0.0, 5.0, -0.5),
    }[config.style]
    return CrossSection(config.lanes, config.lane_width_m, median, shoulder, pavement, verge, ground)


def side_section(config: WorldConfig) -> CrossSection:
    """Of a road that meets it at a junction."""
    pavement, verge, ground = {
        "town": (2.5, 3.0, KERB_HEIGHT_M),
        "suburb": (1.8, 4.0, KERB_HEIGHT_M),
    }.get(config.style, (0.0, 3.0, -0.25))
    return CrossSection(1, 3.1, 0.0, 0.3, pavement, verge, ground)
