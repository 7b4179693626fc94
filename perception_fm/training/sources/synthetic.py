"""The project's own rendered data sets (docs/dataset_format.md), read at random places of their shards."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.camera.model import CameraModel
from perception_fm.camera.rectification import Rectifier
from perception_fm.dense import UNKNOWN_LABEL
from perception_fm.errors import CameraError, DatasetError
from perception_fm.synth.dataset.dataset import read_index
from perception_fm.synth.dataset.sample_codec import decode
from perception_fm.synth.dataset.shard import shard_path
from perception_fm.training.sample import PAINTED_UNKNOWN, TrainingSample
from perception_fm.training.sources.source import DamagedSampleError
from perception_fm.training.sources.split import split_groups

_READ = ("jpg", "json", "depth.png", "pictured.png", "label.png", "normal.png", "painted.png")
_NEEDED = ("jpg", "json")
_LEAST_NORMAL = 0.5  # stored normals are unit vectors within 1%, or zero for the sky
_LENSES = 64  # rectification maps kept; a world has one lens


@dataclass(frozen=True)
class _Place:
    """A sample in its shard: offset and length of each file, by ending."""

    shard: Path
    key: str
    world: tuple[str, int]
    parts: dict[str, tuple[int, int]]


class SyntheticSource:
    """Rendered frames; a world is in one split only.

    Raises `DatasetError` for a folder that is no data set, is not complete, has no targets, or an empty split.
    """

    def __init__(self, folder: Path, split: str, validation_share: float = 0.1, seed: int = 0, name: str = "") -> None:
        index = read_index(folder)
        if not index.get("is_complete"):
            raise DatasetError(f"{folder} is not complete; give the command that made it once more")
        if not {"depth", "label"} & set(index["channels"]):
            raise DatasetError(
                f"{folder} has neither depth nor labels, only {', '.join(index['channels']) or 'images'}"
            )
        self._split, self._index = split, index
        self._name = name or folder.resolve().name
        places = [
            place for number in range(index["shards"]) for place in _places(shard_path(folder, index["split"], number))
        ]
        try:
            kept = split_groups([place.world for place in places], split, validation_share, seed)
        except DatasetError as error:
            raise DatasetError(f"{folder}: {error}") from error
        if not kept:
            raise DatasetError(f"{folder}: the split {split} is empty; raise or lower the share that validates")
        self._places = [places[number] for number in kept]

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self._name

    def __len__(self) -> int:
        return len(self._places)

    def sample(self, index: int) -> TrainingSample:
        """See `Source.sample`; a picture of a lens is rectified to the camera of the truth."""
        place = self._places[index]
        try:
            stored = decode(_read(place))
            return _sample(stored, place.key, self.name)
        except OSError as error:
            raise DamagedSampleError(f"cannot read {place.shard}: {error.strerror}") from error
        except (DatasetError, CameraError, KeyError, ValueError) as error:
            raise DamagedSampleError(f"{place.shard}: sample {place.key} is damaged ({error})") from error

    def document(self) -> dict[str, Any]:
        """See `Source.document`."""
        index = self._index
        return {
            "kind": "shards",
            "name": self.name,
            "source": "rendered by this package",
            "licence": "Apache-2.0",
            "split": self._split,
            "samples": len(self),
            "identity": index["identity"],
            "spec": index["spec"],
        }


def _places(shard: Path) -> list[_Place]:
    """Where the samples of a shard lie. Raises `DatasetError`."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    worlds: dict[str, tuple[str, int]] = {}
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                if ending in _READ:
                    found.setdefault(key, {})[ending] = (member.offset_data, member.size)
                content = tar.extractfile(member) if ending == "json" else None
                if content is not None:
                    facts = json.loads(content.read())
                    worlds[key] = (str(facts["share"]), int(facts["seed"]))
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise DatasetError(f"cannot read the shard {shard}: {error}") from error
    for key, parts in found.items():
        missing = [ending for ending in _NEEDED if ending not in parts]
        if missing:
            raise DatasetError(f"{shard}: sample {key} has no {missing[0]}")
    return [_Place(shard, key, worlds[key], parts) for key, parts in found.items()]


def _read(place: _Place) -> dict[str, bytes]:
    files = {}
    with place.shard.open("rb", buffering=0) as file:
        for ending, (offset, size) in place.parts.items():
            file.seek(offset)
            files[ending] = file.read(size)
    return files


def _sample(stored: dict[str, Any], key: str, source: str) -> TrainingSample:
    camera = stored["facts"]["camera"]
    rectifier = _rectifier(tuple(camera["size"]), tuple(camera["K"]), camera["distortion_model"], tuple(camera["D"]))
    is_unseen = None if rectifier.is_identity else ~rectifier.is_seen
    label, painted = stored.get("label"), stored.get("painted")
    return TrainingSample(
        image=rectifier.rectify(stored["picture"]),
        camera=CameraModel(rectifier.rectified.width, rectifier.rectified.height, rectifier.rectified.intrinsics),
        name=key,
        source=source,
        depth_m=_hidden(stored.get("depth"), is_unseen, np.nan),
        label=_hidden(label, is_unseen, UNKNOWN_LABEL),
        normals=_hidden(_unit(stored.get("normal")), is_unseen, np.nan),
        painted=_hidden(None if painted is None else painted.astype(np.uint8), is_unseen, PAINTED_UNKNOWN),
        pictured_m=_hidden(stored.get("pictured"), is_unseen, np.nan),
        height_m=camera.get("height_m"),
    )


@lru_cache(maxsize=_LENSES)
def _rectifier(size: tuple[int, int], k: tuple[float, ...], model: str, distortion: tuple[float, ...]) -> Rectifier:
    """From the lens of the picture to the pinhole of the same K and size, of which the truth is."""
    fx, fy, cx, cy = k
    intrinsics = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    projection = np.column_stack([intrinsics, np.zeros(3)])
    return Rectifier(CameraModel(*size, intrinsics, model, np.array(distortion), projection=projection))


def _unit(normals: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Stored normals (H, W, 3) at length 1 again, NaN for the sky."""
    if normals is None:
        return None
    length = np.sqrt(np.einsum("hwc,hwc->hw", normals, normals))
    length[length < _LEAST_NORMAL] = np.nan
    return normals / length[..., None]


def _hidden(array: Any, is_unseen: NDArray[np.bool_] | None, unknown: float) -> Any:
    """`array` with `unknown` where the picture shows nothing, because the lens brings nothing there."""
    if array is None or is_unseen is None:
        return array
    hidden = array.copy()
    hidden[is_unseen] = unknown
    return hidden
