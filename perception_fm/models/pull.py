"""`pull`: the weights of a zoo entry from the hub, pinned to what the first pull saw."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from perception_fm.errors import ModelError
from perception_fm.models.cache import cache_folder, weights_folder
from perception_fm.models.lock import Locked, read_lock, refuse_changed, sha256_of, write_lock
from perception_fm.models.zoo import SAFE_SUFFIXES, HubFiles, ZooEntry

_GIT_HASH = re.compile(r"[0-9a-f]{40}")
# Whichever HTTP library this version of huggingface_hub is built on, and OSError.
_TRANSPORT_ERRORS = HfHubHTTPError.__bases__
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


def pull(entry: ZooEntry, *, cache: Path | None = None, endpoint: str | None = None) -> dict[str, Path]:
    """Folder of every part by its role, after all its files are there and agree with the lock.

    The first pull locks the revision and the SHA-256 of every file; what is there already is checked and not fetched
    again, without network. `endpoint`: of the hub, None for the library's own choice (`HF_ENDPOINT`). Raises
    `ModelError` with one line for a hub that is out of reach, gated, lacks a file or has other bytes than the lock,
    for files that were changed here, and for a full disk; what is incomplete is never taken for whole.
    """
    if not entry.parts:
        raise ModelError(f"{entry.name} comes with the package: there is nothing to pull")
    cache = cache or cache_folder()
    return {part.role: _pull_files(part.weights, cache, endpoint) for part in entry.parts}


def _pull_files(files: HubFiles, cache: Path, endpoint: str | None) -> Path:
    folder = weights_folder(files.repo, cache)
    known = read_lock(cache).get(files.repo)
    locked = _pinned(files) or known
    if locked is not None:
        refuse_changed(files.repo, locked, folder)
        if locked == known and not locked.missing(folder):
            return folder
    with _one_line(files.repo, folder):
        published = locked or _published(files, HfApi(endpoint=endpoint))
        folder.mkdir(parents=True, exist_ok=True)
        for name in published.missing(folder) if locked else published.sha256:
            _refuse_unsafe(files.repo, name)
            hf_hub_download(files.repo, name, revision=published.revision, local_dir=folder, endpoint=endpoint)
    _check(files.repo, published, folder)
    if locked is None or locked != known:
        found = {name: sha256_of(folder / name) for name in published.sha256}
        write_lock(cache, files.repo, Locked(published.revision, found))
    return folder


def _pinned(files: HubFiles) -> Locked | None:
    """The lock that the table itself carries; None where it has none."""
    if files.revision is None or files.sha256 is None:
        return None
    return Locked(files.revision, dict(files.sha256))


def _published(files: HubFiles, api: HfApi) -> Locked:
    """What the hub has now: revision and files, hashes where it tells them (large files), "" elsewhere."""
    info = api.model_info(files.repo, revision=files.revision or files.ref, files_metadata=True)
    revision = info.sha or ""
    if not _GIT_HASH.fullmatch(revision):
        raise ModelError(f"the hub names no revision of {files.repo} that could be locked, but {revision!r}")
    there = {item.rfilename: item.lfs.sha256 if item.lfs else "" for item in info.siblings or ()}
    chosen: dict[str, str] = {}
    for pattern in files.files:
        names = [
            name
            for name in there
            if fnmatch(name, pattern) and not any(fnmatch(name, other) for other in files.without)
        ]
        if not names:
            safe = [name for name in there if name.endswith(SAFE_SUFFIXES)]
            raise ModelError(
                f"{files.repo} has no {pattern} at {files.ref} (of what may be loaded it has "
                f"{', '.join(safe) or 'nothing'}); its pickles are never loaded"
            )
        chosen.update({name: there[name] for name in names})
        # Weights of an ONNX file may lie beside it.
        chosen.update({name: there[name] for name in there if name.rpartition(".onnx")[0] + ".onnx" in names})
    return Locked(revision, chosen)


def _refuse_unsafe(repo: str, name: str) -> None:
    if not name.endswith(SAFE_SUFFIXES) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ModelError(f"{repo}: {name} is refused; only {', '.join(SAFE_SUFFIXES)} are loaded")


def _check(repo: str, published: Locked, folder: Path) -> None:
    """Raises `ModelError` where what has arrived is not what was promised; it is deleted then."""
    wrong = [name for name in published.changed(folder) if published.sha256[name]]
    for name in wrong:
        (folder / name).unlink()
    if wrong:
        raise ModelError(
            f"{', '.join(wrong)} of {repo} at {published.revision} has arrived with other bytes than promised and was "
            "deleted: pull again; if that repeats, do not use this source"
        )


@contextmanager
def _one_line(repo: str, folder: Path) -> Iterator[None]:
    """Failures of the hub, the network and the disk become a `ModelError` that says what to do."""
    try:
        yield
    except GatedRepoError as error:
        raise ModelError(
            f"{repo} is gated: accept its terms at https://huggingface.co/{repo}, run `hf auth login`, then pull again"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"the hub has no repository {repo}, or shows it only after `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{repo} no longer has the revision that is asked for: it was rewritten or removed") from error
    except RemoteEntryNotFoundError as error:
        raise ModelError(f"{repo} lacks a file that its lock or list names: {_first_line(error)}") from error
    except (*_TRANSPORT_ERRORS, OSError, RuntimeError) as error:
        raise ModelError(_reason(error, repo, folder)) from error


def _reason(error: BaseException, repo: str, folder: Path) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _DISK_ERRORS:
            return f"cannot write {folder}: {os.strerror(seen.errno)}; make room, or set XDG_CACHE_HOME to another disk"
        seen = seen.__cause__ or seen.__context__
    return (
        f"cannot fetch {repo} from the hub ({_first_line(error)}): connect and pull again, or copy {folder.parent} and "
        "the lock beside it from another machine; the bundled model and geometry only (model: none) run without"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:160]
