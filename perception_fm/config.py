"""Configuration: one dataclass per stage is the only home of its defaults and limits.

`config/perception.yaml` is a ROS parameter file; the node and the command line build the same dataclasses from it.
Unknown keys, wrong types, wrong sizes and values out of range raise `ConfigError`.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
import re
import reprlib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from perception_fm.errors import ConfigError

T = TypeVar("T")

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxlong, _BRIEF.maxother = 3, 80, 80, 80
_NAME = re.compile(r"[A-Za-z]\w*")
_LARGEST_WHOLE = 10**300  # whole numbers beyond do not fit a float


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    size: int | None = None,
    live: bool = False,
) -> Any:
    """A dataclass field with its documentation and limits; `live` settings may change while the node runs."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "size": size, "live": live}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class MountingConfig:
    """Where the camera sits on the vehicle, used when no transform (TF) gives it."""

    height_m: float = setting(math.nan, "camera height above the road; NaN: unknown, TF gives it", low=0.1, high=10.0)
    pitch_rad: float = setting(0.0, "positive when the camera looks down", low=-0.8, high=0.8)
    roll_rad: float = setting(0.0, "positive when the right side goes down", low=-0.8, high=0.8)
    yaw_rad: float = setting(0.0, "positive when the camera looks left", low=-3.15, high=3.15)
    forward_m: float = setting(0.0, "camera ahead of base_link", low=-20.0, high=20.0)
    left_m: float = setting(0.0, "camera left of base_link", low=-20.0, high=20.0)


@dataclass(frozen=True)
class VehicleConfig:
    """The vehicle that follows the path."""

    width_m: float = setting(1.9, "full width that must pass; the path is this wide", low=0.2, high=5.0, live=True)
    front_overhang_m: float = setting(
        0.0, "from the camera forward to the front bumper; published beside distances", low=-5.0, high=10.0, live=True
    )


@dataclass(frozen=True)
class TrackingConfig:
    """Feature tracks (Shi-Tomasi corners, pyramidal Lucas-Kanade with forward-backward check)."""

    max_tracks: int = setting(400, "tracks kept alive over the whole image", low=50, high=5000)
    windows_s: tuple[float, ...] = setting((0.1, 0.2, 0.5, 1.0), "time windows, shortest first", low=0.02, high=2.0)
    ego_mask: tuple[float, ...] = setting(
        (), "bonnet or wiper polygon: x0, y0, x1, y1, ... as fractions of image width and height", low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        windows = self.windows_s
        if not windows or any(later <= earlier for earlier, later in itertools.pairwise(windows)):
            raise ConfigError(f"tracking.windows_s needs at least one window, shortest first, got {list(windows)}")
        if self.ego_mask and (len(self.ego_mask) < 6 or len(self.ego_mask) % 2):
            raise ConfigError(
                f"tracking.ego_mask needs x, y of at least three corners or nothing, got {len(self.ego_mask)} numbers"
            )


@dataclass(frozen=True)
class SweepConfig:
    """The swept-box test along the predicted path."""

    max_distance_m: float = setting(
        100.0, "farthest box, up to 20 m/s; faster as far as 5 s lead", low=10.0, high=300.0, live=True
    )
    swept_height_m: float = setting(2.5, "height of the boxes above the road", low=0.5, high=5.0, live=True)
    min_obstacle_height_m: float = setting(
        0.5,
        "free road is verified against obstacles at least this high; from 6% of the camera height on",
        low=0.15,
        high=2.0,
        live=True,
    )

    def __post_init__(self) -> None:
        if self.min_obstacle_height_m > self.swept_height_m:
            raise ConfigError(
                f"sweep.min_obstacle_height_m ({self.min_obstacle_height_m}) must not exceed sweep.swept_height_m "
                f"({self.swept_height_m}): the boxes would never reach such an obstacle"
            )


@dataclass(frozen=True)
class SceneConfig:
    """Obstacles and free space from the network's depth and classes."""

    max_range_m: float = setting(50.0, "obstacles and free space end here", low=5.0, high=150.0)
    cell_m: float = setting(0.25, "side of a cell of the grid", low=0.05, high=2.0)
    min_height_m: float = setting(
        0.25, "what surely reaches higher over the ground stands in the way", low=0.05, high=2.0, live=True
    )
    clearance_m: float = setting(
        2.5, "height of the vehicle with its load: what hangs higher is driven under", low=0.5, high=6.0, live=True
    )
    min_confidence: float = setting(
        0.5, "of a class, for road to count as road and a thing as that thing", low=0.0, high=1.0, live=True
    )
    corrects_scale: bool = setting(
        False,
        "let free space go as far as it does where the depth is measured to be too short; things are put where they "
        "are in any case, and a depth that is too long is always shortened",
        live=True,
    )
    scale_limit: float = setting(
        0.25, "a metric scale that is surely off by a greater share makes the output UNTRUSTED", low=0.05, high=2.0
    )


@dataclass(frozen=True)
class PerceptionConfig:
    """Everything that `PerceptionPipeline` needs."""

    model: str = setting("bundled", "model of the zoo or an ONNX file of perception-fm export; none: geometry only")
    backend: str = setting(
        "auto",
        "runtime of the model; auto: TensorRT where there is one with a GPU, else ONNX Runtime",
        choices=("auto", "onnxruntime", "tensorrt", "tensorrt_rtx"),
    )
    mounting: MountingConfig = field(default_factory=MountingConfig)
    vehicle: VehicleConfig = field(default_factory=VehicleConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    scene: SceneConfig = field(default_factory=SceneConfig)


@dataclass(frozen=True)
class NodeConfig(PerceptionConfig):
    """`PerceptionConfig` and what only the live node needs."""

    camera_name: str = setting("front", "camera that looks along the path: prefix of frames, name in diagnostics")
    other_cameras: tuple[str, ...] = setting(
        (), "further cameras, NAME/image and NAME/camera_info each; they add to obstacles and free space"
    )
    other_mountings: tuple[float, ...] = setting(
        (), "where TF does not give them: height, pitch, roll, yaw, forward, left of each, as in mounting"
    )
    max_camera_spread_s: float = setting(
        0.05, "images of other cameras further than this from that of the first are left out", low=0.0, high=0.5
    )
    base_frame: str = setting("base_link", "vehicle frame, REP 105")
    image_transport: str = setting(
        "auto",
        "raw: sensor_msgs/Image, compressed: CompressedImage, auto: what is published",
        choices=("auto", "raw", "compressed"),
    )
    image_reliability: str = setting(
        "auto",
        "QoS of the image subscription; auto adopts the publisher's",
        choices=("auto", "reliable", "best_effort"),
    )
    range_source: str = setting(
        "none",
        "range sensor on ~/range: a Range, LaserScan or PointCloud2, placed by TF; it confirms at standstill too",
        choices=("none", "range", "laser_scan", "point_cloud"),
    )
    range_max_age_s: float = setting(
        0.2, "a range whose stamp is further than this from that of the image is left out", low=0.01, high=1.0
    )
    range_sigma_m: float = setting(
        0.1, "standard deviation of a range, where its message has no variance", low=0.001, high=5.0
    )
    stale_after_s: float = setting(0.5, "no image for this long makes the camera stale", low=0.05, high=10.0, live=True)
    latency_warn_s: float = setting(0.15, "stamp-to-publish age that is a warning", low=0.001, high=10.0, live=True)
    latency_error_s: float = setting(0.5, "stamp-to-publish age that is an error", low=0.001, high=60.0, live=True)
    tf_timeout_s: float = setting(0.02, "how long to wait for the mounting transform", low=0.0, high=1.0)
    autostart: bool = setting(False, "configure and activate without being asked, for use without a launch file")

    def __post_init__(self) -> None:
        names = (self.camera_name, *self.other_cameras)
        bad = [name for name in self.other_cameras if not _NAME.fullmatch(name)]
        if bad or len(set(names)) < len(names):
            raise ConfigError(f"other_cameras needs different names of letters, digits and _, got {list(names)}")
        if len(self.other_mountings) not in (0, 6 * len(self.other_cameras)):
            raise ConfigError(
                f"other_mountings needs six numbers for each of {len(self.other_cameras)} cameras or nothing, got "
                f"{len(self.other_mountings)}"
            )

    def other_mounting(self, camera: str) -> MountingConfig:
        """Of one of the other cameras; its height is NaN where only TF knows it."""
        start = 6 * self.other_cameras.index(camera)
        return MountingConfig(*self.other_mountings[start : start + 6])


@dataclass(frozen=True)
class Setting:
    """One leaf of a configuration dataclass, for declaring ROS parameters and for documentation."""

    name: str
    default: Any
    annotation: Any
    metadata: Mapping[str, Any]


def settings(cls: type, prefix: str = "") -> Iterator[Setting]:
    """All leaves of a configuration dataclass, dotted (`vehicle.width_m`)."""
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[item.name]):
            yield from settings(hints[item.name], f"{prefix}{item.name}.")
        else:
            yield Setting(prefix + item.name, item.default, hints[item.name], item.metadata)


def from_mapping(cls: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Build a configuration dataclass from nested or dotted keys; raises `ConfigError` naming the key."""
    nested = _nest(values, prefix)
    hints = typing.get_type_hints(cls)
    names = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    refuse_unknown(nested, names, prefix)
    for key, value in nested.items():
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{prefix}{key} is a group of settings, got {brief(value)}")
            arguments[key] = from_mapping(typing.cast(type, hint), value, f"{prefix}{key}.")
        else:
            arguments[key] = checked(Setting(prefix + key, names[key].default, hint, names[key].metadata), value)
    return cls(**arguments)


def checked(item: Setting, value: Any) -> Any:
    """`value` in the type of the setting; raises `ConfigError` for a wrong type, size, range or choice."""
    origin = typing.get_origin(item.annotation)
    if origin is tuple:
        (kind, *_) = typing.get_args(item.annotation)
        if not isinstance(value, (list, tuple)) and not hasattr(value, "tolist"):
            what = "numbers" if kind is float else "names"
            raise ConfigError(f"{item.name} is a list of {what}, got {brief(value)}")
        size = item.metadata.get("size")
        if size is not None and len(value) != size:
            raise ConfigError(f"{item.name} needs {size} numbers, got {len(value)}")
        return tuple(_scalar(item, kind, one) for one in value)
    return _scalar(item, item.annotation, value)


def _scalar(item: Setting, kind: Any, value: Any) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < _LARGEST_WHOLE else math.copysign(math.inf, 1 if value > 0 else -1)
    if kind is float and value is None:
        value = math.nan
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{item.name} is of type {kind.__name__}, got {brief(value)}")
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise ConfigError(f"{item.name} is one of {', '.join(choices)}; got {brief(value)}")
    low, high = item.metadata.get("low"), item.metadata.get("high")
    if kind is float and math.isnan(value) and not _may_be_unset(item):
        raise ConfigError(f"{item.name} must be a number, got NaN")
    # A NaN that may be is neither below nor above.
    if kind in (int, float) and ((low is not None and value < low) or (high is not None and value > high)):
        raise ConfigError(f"{item.name} lies between {low} and {high}, got {value}")
    return value


def _may_be_unset(item: Setting) -> bool:
    """NaN means unknown, and only a setting that is unknown by default may be unknown."""
    return isinstance(item.default, float) and math.isnan(item.default)


def _nest(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """`vehicle.width_m: 2` and `vehicle: {width_m: 2}` alike as the latter, in new dictionaries."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise ConfigError(f"{prefix}{key!r} is not a setting's name")
        head, _, rest = key.partition(".")
        if not rest and not isinstance(value, Mapping):
            if head in nested:
                raise ConfigError(f"{prefix}{head} is given twice")
            nested[head] = value
            continue
        part = {rest: value} if rest else value
        group = nested.setdefault(head, {})
        if not isinstance(group, dict) or group.keys() & part.keys():
            raise ConfigError(f"{prefix}{key} is given twice")
        group.update(part)
    return nested


def refuse_unknown(values: Iterable[str], known: Iterable[str], prefix: str = "") -> None:
    """Raises `ConfigError`, with a hint, for the first of the names that is not among the known ones."""
    names = sorted(known)
    for key in values:
        head = key.partition(".")[0]
        if head not in names:
            close = difflib.get_close_matches(head, names, n=1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(names)}"
            raise ConfigError(f"unknown setting {prefix}{key}; {hint}")


def brief(value: Any) -> str:
    """`repr` of what was given instead of a setting, cut to what fits into one line."""
    return _BRIEF.repr(value)


def read_parameter_file(path: str | Path) -> dict[str, Any]:
    """Parameters of a ROS 2 parameter file (`/**:` or the node's name, then `ros__parameters:`), not yet checked.

    Names are dotted. As in ROS a later section overrides an earlier one, setting by setting.
    """
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} is not a ROS parameter file: expected '/**: ros__parameters: ...'")
    merged: dict[str, Any] = {}
    for node, section in document.items():
        if not isinstance(section, Mapping) or set(section) != {"ros__parameters"}:
            raise ConfigError(f"{path}: {node} must hold exactly ros__parameters")
        parameters = section["ros__parameters"] or {}
        if not isinstance(parameters, Mapping):
            raise ConfigError(f"{path}: ros__parameters of {node} must hold names and values, got {brief(parameters)}")
        merged.update(_dotted(parameters, ""))
    return merged


def _dotted(values: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def load_config(path: str | Path, cls: type[T]) -> T:
    """A configuration dataclass from a ROS parameter file."""
    parameters = read_parameter_file(path)
    return from_mapping(cls, {k: v for k, v in parameters.items() if k.split(".")[0] not in ROS_OWN_PARAMETERS})


ROS_OWN_PARAMETERS = ("use_sim_time", "start_type_description_service", "qos_overrides")
