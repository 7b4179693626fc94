"""A file is there whole, or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

from perception_fm.errors import ModelError


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> Path:
    """`path` with `data` in it, through a hidden file beside it that never stays behind.

    `mode`: permissions, before the umask. Raises `ModelError` where the disk does not take it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise ModelError(f"cannot write {path} ({len(data) / 1e6:.0f} MB): {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return path
