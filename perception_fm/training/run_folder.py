"""`RunFolder`: everything that a run leaves behind, and what it needs to go on."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from perception_fm.errors import ConfigError, DatasetError
from perception_fm.models.atomic_file import write_atomically
from perception_fm.models.card import ModelCard
from perception_fm.training.config import DatasetConfig, TrainConfig, build_train_config, to_document

_PACKAGES = ("lightning", "torch", "numpy", "opencv-python", "efficientnet-lite-pytorch", "transformers")
_JPEG_QUALITY = 88


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """`path` and the names in it.

    `config.yaml`: every setting. `run.json`: command, commit, versions, seed, and folder and fingerprint of each data
    set. `metrics.csv`: step, name, value. `last.ckpt`: where a run goes on. `best.safetensors`: the model. And
    `tensorboard/` and `pictures/`.
    """

    path: Path

    @property
    def last(self) -> Path:
        """Lightning's checkpoint."""
        return self.path / "last.ckpt"

    @property
    def best(self) -> Path:
        """Weights with their card."""
        return self.path / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """All figures, one a row."""
        return self.path / "metrics.csv"

    def create(self, config: TrainConfig, data: Mapping[str, Path], command: Sequence[str], card: ModelCard) -> None:
        """Writes what is known at the start; `card`: of the network before it learns.

        Raises `ConfigError` for a folder that holds something already.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ConfigError(f"{self.path} is not empty: name another folder, or go on with --resume {self.path}")
        try:
            (self.path / "pictures").mkdir(parents=True)
        except OSError as error:
            raise ConfigError(f"cannot make the folder {self.path}: {error.strerror}") from error
        text = yaml.safe_dump(to_document(config), sort_keys=False)
        write_atomically(self.path / "config.yaml", text.encode())
        self._write_record(
            {
                "command": list(command),
                "commit": _commit(),
                "versions": _versions(),
                "seed": config.seed,
                "card": card.to_json(),
                "data": {
                    name: {"folder": str(folder), "fingerprint": fingerprint(folder)} for name, folder in data.items()
                },
            }
        )

    def reopen(self, moved: Mapping[str, Path]) -> tuple[TrainConfig, dict[str, Path]]:
        """Settings and data folders of an earlier run; `moved`: data sets that lie elsewhere now.

        Raises `ConfigError` for a folder without a run and `DatasetError` for data that have changed since.
        """
        record = self.record()
        config_text = (self.path / "config.yaml").read_text("utf-8")
        config = build_train_config(yaml.safe_load(config_text))
        folders = {}
        for name, known in record["data"].items():
            folder = moved.get(name, Path(known["folder"]))
            if not folder.is_dir():
                raise DatasetError(f"the data set {name} is no longer at {folder}: name its place with --data")
            if fingerprint(folder) != known["fingerprint"]:
                raise DatasetError(
                    f"the data set {name} in {folder} has changed since the run began: put it back, or start a new run"
                )
            folders[name] = folder
        return config, folders

    def card(self) -> ModelCard:
        """Of the network before it learnt. Raises `ConfigError` and `ModelError` where there is none."""
        return ModelCard.from_json(str(self.record().get("card")), str(self.path / "run.json"))

    def record(self) -> dict[str, Any]:
        """What `run.json` holds. Raises `ConfigError` where there is none."""
        try:
            record = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.path} holds no run of perception-fm train: {error}") from error
        return dict(record)

    def note(self, **facts: Any) -> None:
        """Adds facts to `run.json`."""
        self._write_record({**self.record(), **facts})

    def start_metrics(self, step: int) -> None:
        """Keeps the rows up to `step`: what a killed run wrote beyond its checkpoint comes again."""
        rows = [row for row in self.rows() if row[0] <= step]
        text = io.StringIO()
        csv.writer(text).writerows([("step", "name", "value"), *((n, name, repr(value)) for n, name, value in rows)])
        write_atomically(self.metrics, text.getvalue().encode())

    def add_metrics(self, step: int, figures: Mapping[str, float]) -> None:
        """Appends rows. Raises `ConfigError` where the disk does not take them."""
        try:
            with self.metrics.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows((step, name, repr(float(value))) for name, value in figures.items())
        except OSError as error:
            raise ConfigError(f"cannot write {self.metrics}: {error.strerror}") from error

    def rows(self) -> list[tuple[int, str, float]]:
        """Of `metrics.csv`; a last row that was cut off is left out."""
        if not self.metrics.is_file():
            return []
        rows = list(csv.reader(io.StringIO(self.metrics.read_text("utf-8"))))[1:]
        return [(int(row[0]), row[1], float(row[2])) for row in rows if len(row) == 3 and row[2]]

    def add_picture(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Writes `pictures/NAME.jpg`."""
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        write_atomically(self.path / "pictures" / f"{name}.jpg", bytes(data))

    def _write_record(self, record: Mapping[str, Any]) -> None:
        write_atomically(self.path / "run.json", json.dumps(record, indent=2).encode())


def fingerprint(folder: Path) -> str:
    """SHA-256 of the names and sizes of all files below a folder, wherever it lies."""
    digest = hashlib.sha256()
    files = (file for file in folder.rglob("*") if file.is_file())
    for name, size in sorted((file.relative_to(folder).as_posix(), file.stat().st_size) for file in files):
        digest.update(f"{name}\0{size}\n".encode())
    return digest.hexdigest()


def data_folders(datasets: Sequence[DatasetConfig], roots: Sequence[Path]) -> dict[str, Path]:
    """Folder of each data set by name: an absolute path, else the first root, or the working folder, that has it.

    Raises `DatasetError` that says where was looked.
    """
    folders = {}
    for dataset in datasets:
        places = [root / dataset.path for root in (*roots, Path())]
        found = next((place for place in places if place.is_dir()), None)
        if found is None:
            looked = ", ".join(dict.fromkeys(map(str, places)))
            raise DatasetError(f"there is no data set {dataset.name}: looked for the folder {looked}; give --data DIR")
        folders[dataset.name] = found.resolve()
    return folders


def _commit() -> str:
    """Of the checkout that this package lies in, "" elsewhere."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"], capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
