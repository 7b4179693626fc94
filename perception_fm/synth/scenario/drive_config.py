"""Settings of a drive: the way and its speed, the vehicle on its springs, and its sensors of motion."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from perception_fm.config import setting
from perception_fm.errors import ConfigError


@dataclass(frozen=True)
class OdometryConfig:
    """`/odometry` of wheel encoders and a yaw-rate gyro.

    `strength` scales all errors that the seed draws; 0 leaves the exact motion and the deliberate errors only. Raises
    `ConfigError` for dropouts that are no pairs in the order of time.
    """

    enabled: bool = setting(True, "false: a vehicle without odometry, no /odometry and no transform from odom")
    rate_hz: float = setting(50.0, "messages per second", low=5.0, high=200.0)
    strength: float = setting(1.0, "of the random errors; 1: an ordinary vehicle, 0: none", low=0.0, high=10.0)
    speed_error: float = setting(0.0, "deliberate: speed is told too high by this fraction", low=-0.5, high=0.5)
    heading_error_deg: float = setting(
        0.0, "deliberate: the direction of travel is told too far to the left", low=-20.0, high=20.0
    )
    turn_error_dps: float = setting(
        0.0, "deliberate: degrees to the left that the told rotation gains in each second", low=-20.0, high=20.0
    )
    delay_s: float = setting(
        0.0, "deliberate: a stamp is later by this than the motion that the message tells", low=0.0, high=0.5
    )
    dropouts_s: tuple[float, ...] = setting(
        (), "no messages from, until, from, until, ... seconds after the first image", low=0.0, high=3600.0
    )

    def __post_init__(self) -> None:
        times = self.dropouts_s
        if len(times) % 2 or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ConfigError(
                f"drive.odometry.dropouts_s needs pairs of from and until, each later than the last, got {list(times)}"
            )


@dataclass(frozen=True)
class ImuConfig:
    """`/imu` in base_link; `strength` scales noise and bias, 0: exact."""

    rate_hz: float = setting(100.0, "messages per second", low=10.0, high=1000.0)
    strength: float = setting(1.0, "of noise and bias; 1: an automotive MEMS sensor", low=0.0, high=10.0)


@dataclass(frozen=True)
class SpringsConfig:
    """How the body moves on its springs. Bumps are those of the road, felt by the wheels and not drawn."""

    pitch_dynamics: float = setting(
        1.0, "nose down when braking, up when accelerating; 1: a usual car, 0: none", low=0.0, high=5.0
    )
    bumps: float = setting(1.0, "unevenness of the road; 1: good asphalt (ISO 8608 A), 0: none", low=0.0, high=8.0)
    bump_at_m: tuple[float, ...] = setting((), "single bumps across the lane, stations in m", low=0.0, high=3000.0)
    bump_height_m: float = setting(0.04, "of the single bumps, each 1 m long", low=0.0, high=0.15)


@dataclass(frozen=True)
class DriveConfig:
    """A drive along the ego lane. Stations are those of the camera, along the road's reference line."""

    start_m: float = setting(15.0, "station of the camera at the first image", low=0.0, high=3000.0)
    end_m: float = setting(
        math.nan, "station at the last image; NaN: before the first wall in the way, else near the road's end",
        low=0.0, high=3000.0,
    )  # fmt: skip
    stop_before_wall_m: float = setting(
        6.0, "from the camera to the first wall in the way at the end, where end_m is not given", low=1.0, high=200.0
    )
    duration_s: float = setting(math.nan, "the recording ends after this time; NaN: at end_m", low=0.1, high=3600.0)
    speed_mps: float = setting(12.0, "of the middle part; curves are driven slower", low=0.5, high=60.0)
    start: str = setting("moving", "at the first image", choices=("moving", "standstill"))
    end: str = setting("moving", "at the last image", choices=("moving", "standstill"))
    acceleration_mps2: float = setting(2.5, "from standstill and after curves", low=0.2, high=10.0)
    braking_mps2: float = setting(3.5, "to standstill and before curves", low=0.2, high=12.0)
    lateral_mps2: float = setting(3.0, "most acceleration to the side; slows curves down", low=0.3, high=10.0)
    wait_s: float = setting(0.5, "standing before a start from standstill and after a stop", low=0.0, high=60.0)
    lateral_m: float = setting(0.0, "of the driven path, left of the ego lane's middle", low=-5.0, high=5.0)
    wander_m: float = setting(0.12, "amplitude of the wander in the lane", low=0.0, high=0.8)
    springs: SpringsConfig = field(default_factory=SpringsConfig)
    odometry: OdometryConfig = field(default_factory=OdometryConfig)
    imu: ImuConfig = field(default_factory=ImuConfig)
