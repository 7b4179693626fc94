"""Lightning's checkpoints, written whole or not at all and read without running what is in them."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from perception_fm.errors import ModelError
from perception_fm.models.atomic_file import write_atomically


class SafeCheckpointIO(CheckpointIO):
    """Checkpoints as plain tensors and values in one local file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Raises `ModelError` where the disk does not take it; the file that was there stays."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())

    def load_checkpoint(self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True) -> Any:
        """Raises `ModelError` for a file that is missing, damaged or holds more than tensors and plain values."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Deletes it."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU. Raises `ModelError` as `load_checkpoint` does."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"the checkpoint {path} is damaged or of another program: {reason}") from error
    if not isinstance(content, dict) or not {"state_dict", "global_step"} <= content.keys():
        raise ModelError(f"the checkpoint {path} is not one of perception-fm train")
    return content
