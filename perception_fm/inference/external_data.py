"""Whether an ONNX file keeps weights in other files, read from its bytes: no version of ONNX Runtime tells reliably.

Protocol Buffers wire format (protobuf.dev/programming-guides/encoding): a field is the varint number << 3 | type, then
a varint (0), 8 bytes (1), a length and so many bytes (2), or 4 bytes (5). Numbers are those of `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator

_GRAPH, _INITIALIZER, _DATA_LOCATION = 7, 5, 14  # of ModelProto, GraphProto, TensorProto
_EXTERNAL = 1
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def has_external_data(model: bytes) -> bool:
    """Whether an initializer of the graph says that its values lie elsewhere; False for what cannot be read as ONNX."""
    try:
        return any(
            location == _EXTERNAL
            for graph in _fields(memoryview(model), _GRAPH)
            if isinstance(graph, memoryview)
            for tensor in _fields(graph, _INITIALIZER)
            if isinstance(tensor, memoryview)
            for location in _fields(tensor, _DATA_LOCATION)
        )
    except (IndexError, ValueError):
        return False


def _fields(message: memoryview, wanted: int) -> Iterator[int | memoryview]:
    """Values of one field of a message. Raises `IndexError` or `ValueError` where it is no message."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            if key >> 3 == wanted:
                yield value
        elif kind == _LENGTH:
            length, place = _varint(message, place)
            if key >> 3 == wanted:
                yield message[place : place + length]
            place += length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            place += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at `place`, seven bits a byte, lowest first, and the place behind it."""
    value, shift = 0, 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
