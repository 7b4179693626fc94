"""Message definitions for bags, known with or without a ROS installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from perception_fm.errors import BagError


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """The definitions of ROS 2 Humble; other packages are added on first use by `ensure_type`. One per process."""
    return get_typestore(Stores.ROS2_HUMBLE)


def ensure_type(msgtype: str) -> Typestore:
    """The type store, after `msgtype` (`package/msg/Name`) and all that it contains are known to it.

    Packages beyond the common interfaces are read from the `.msg` files of the sourced ROS environment, and
    `perception_fm_msgs` also from this checkout. Raises `BagError` where the definition is nowhere.
    """
    store = typestore()
    if msgtype not in store.fielddefs:
        _register(store, msgtype.split("/")[0], msgtype)
    if msgtype not in store.fielddefs:
        raise BagError(f"{msgtype.split('/')[0]} has no message {msgtype}; source the workspace that defines it")
    return store


def message(msgtype: str, **fields: Any) -> Any:
    """A message object of `msgtype` with the given fields."""
    return ensure_type(msgtype).types[msgtype](**fields)


def serialize(value: Any) -> bytes:
    """CDR bytes (little endian, with encapsulation header) of a message object made by `message`."""
    return bytes(typestore().serialize_cdr(value, value.__msgtype__))


def deserialize(cdr: bytes | memoryview, msgtype: str) -> Any:
    """The message object in CDR bytes. Raises `BagError` for bytes that are no such message."""
    store = ensure_type(msgtype)
    try:
        return store.deserialize_cdr(cdr, msgtype)
    except Exception as error:  # rosbags lets struct.error, IndexError, UnicodeDecodeError and its own errors through
        raise BagError(f"{len(cdr)} bytes are no {msgtype}: {error}") from error


def _register(store: Typestore, package: str, wanted: str) -> None:
    """Add all messages of a package, its dependencies first."""
    folder = next((path for path in _definition_folders(package) if path.is_dir()), None)
    if folder is None:
        raise BagError(f"no definition of {wanted} was found; source the ROS workspace that has {package}")
    definitions: dict[str, Any] = {}
    for path in sorted(folder.glob("*.msg")):
        name = f"{package}/msg/{path.stem}"
        definitions.update(get_types_from_msg(path.read_text(encoding="utf-8"), name))
    for name in sorted(set(_referenced(list(definitions.values())))):
        if name not in definitions and name not in store.fielddefs and not name.startswith(f"{package}/"):
            _register(store, name.split("/")[0], name)
    store.register(definitions)


def _referenced(node: object) -> Iterator[str]:
    """Every message name inside rosbags' parse tree (nested tuples and lists; names read `package/msg/Name`)."""
    if isinstance(node, str):
        if "/msg/" in node and " " not in node:
            yield node
    elif isinstance(node, (list, tuple)):
        for child in node:
            yield from _referenced(child)


def _definition_folders(package: str) -> Iterator[Path]:
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        yield Path(prefix) / "share" / package / "msg"
    checkout = Path(__file__).resolve().parents[2]
    yield checkout / package / "msg"
    yield checkout / "install" / package / "share" / package / "msg"
