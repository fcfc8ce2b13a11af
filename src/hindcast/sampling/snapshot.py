"""A reservoir as plain bytes: a line of JSON that says what follows, then arrays, tables and values; no pickle."""

from __future__ import annotations

import hashlib
import io
import json
from types import TracebackType
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError, HindcastError

__all__ = ["Torn", "packed", "random_at", "unpacked"]

_VERSION = 1


def packed(kind: str, plain: dict[str, Any], parts: dict[str, Any]) -> bytes:
    """`plain` values and the `parts` (arrays, frames, lists), as bytes that :func:`unpacked` reads to the bit."""
    written = {name: _written(part) for name, part in parts.items()}
    body = b"".join(data for _, data in written.values())
    header = {
        "hindcast": kind,
        "version": _VERSION,
        "sha256": hashlib.sha256(body).hexdigest(),
        "plain": _tagged(plain),
        "parts": [[name, form, len(data)] for name, (form, data) in written.items()],
    }
    line = json.dumps(header, separators=(",", ":")).encode()
    return hashlib.sha256(line).hexdigest().encode() + b" " + line + b"\n" + body


def unpacked(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What :func:`packed` was given.

    Raises
    ------
    DataError
        For bytes that are not such a snapshot, that are cut short, or that were altered.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise DataError(f"a snapshot is bytes, got {type(data).__name__}.")
    line, end, body = bytes(data).partition(b"\n")
    check, _, head = line.partition(b" ")
    if len(check) != 64 or not (head.startswith(b'{"hindcast":') or not head):
        raise DataError(f"these {len(data)} bytes are no snapshot of a {kind}.")
    if not end or check != hashlib.sha256(head).hexdigest().encode():
        raise DataError(f"the snapshot of a {kind} is torn or altered: its first line is not what was written.")
    header = json.loads(head)
    if header["hindcast"] != kind:
        raise DataError(f"this is the snapshot of a {header['hindcast']}, not of a {kind}.")
    if header["version"] != _VERSION:
        raise DataError(
            f"the snapshot has version {header['version']}, and this hindcast reads version {_VERSION}; "
            "read it with the version that wrote it."
        )
    if hashlib.sha256(body).hexdigest() != header["sha256"]:
        size = sum(length for *_, length in header["parts"])
        raise DataError(f"the snapshot of a {kind} is torn or altered: {len(body)} bytes of {size} follow its header.")
    parts, start = {}, 0
    for name, form, length in header["parts"]:
        parts[name] = _read(form, body[start : start + length])
        start += length
    return _untagged(header["plain"]), parts


def random_at(state: Any) -> np.random.Generator:
    """The source of chance that stands where `state` was taken."""
    random = np.random.Generator(np.random.PCG64())
    random.bit_generator.state = state
    return random


class Torn:
    """Whatever goes wrong while a snapshot is read is told as one thing: it is no sound snapshot."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, HindcastError):
            raise DataError(f"this is no sound snapshot of a {self.kind}: {type(error).__name__}: {error}") from None


def _written(part: Any) -> tuple[str, bytes]:
    """The form in which `part` is written, and its bytes."""
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        data = io.BytesIO()
        np.lib.format.write_array(data, part, allow_pickle=False)
        return "array", data.getvalue()
    if isinstance(part, list | np.ndarray):
        form = "list" if isinstance(part, list) else "objects"
        return form, json.dumps([_tagged(row, at) for at, row in enumerate(part)], separators=(",", ":")).encode()
    import pyarrow as pa

    if isinstance(part, Frame):
        form, table = "Frame", part.to_arrow()
    elif isinstance(part, Column):
        form, table = "Column", pa.table({"": part.to_arrow()})
    elif isinstance(part, pa.Table):
        form, table = "table", part
    elif isinstance(part, pa.RecordBatch):
        form, table = "batch", pa.Table.from_batches([part])
    elif isinstance(part, pa.Array | pa.ChunkedArray):
        form, table = "column", pa.table({"": part})
    else:
        raise DataError(
            f"rows held as {type(part).__module__}.{type(part).__name__} cannot be written plainly; give the reservoir "
            "arrays, Frames, Arrow tables (to_arrow()) or lists of mappings."
        )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return form, sink.getvalue().to_pybytes()


def _read(form: str, data: bytes) -> Any:
    if form == "array":
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if form in ("list", "objects"):
        rows = [_untagged(row) for row in json.loads(data)]
        if form == "list":
            return rows
        array = np.empty(len(rows), dtype=object)
        array[:] = rows
        return array
    import pyarrow as pa

    table = pa.ipc.open_stream(data).read_all()
    if form == "Frame":
        return Frame.from_arrow(table)
    if form == "Column":
        return Column.from_arrow(table.column(0))
    if form == "batch":
        return (
            table.combine_chunks().to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], table.schema)
        )
    return table.column(0) if form == "column" else table


def _tagged(value: Any, row: int | None = None) -> Any:
    """A value as JSON that comes back as itself: what JSON has no form for is wrapped in a mapping of one "~" name."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list):
        return [_tagged(item, row) for item in value]
    if isinstance(value, tuple):
        return {"~tuple": [_tagged(item, row) for item in value]}
    if isinstance(value, bytes):
        return {"~bytes": value.hex()}
    if isinstance(value, dict):
        if all(isinstance(name, str) and not name.startswith("~") for name in value):
            return {name: _tagged(item, row) for name, item in value.items()}
        return {"~dict": [[_tagged(name, row), _tagged(item, row)] for name, item in value.items()]}
    if isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        form, data = _written(np.asarray(value))
        return {"~scalar" if isinstance(value, np.generic) else f"~{form}": data.hex()}
    raise DataError(
        f"a {type(value).__name__} cannot be written plainly; hold rows as mappings of texts and numbers, arrays or "
        "frames",
        row=None if row is None else row + 1,
    )


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "~tuple" in value:
        return tuple(_untagged(item) for item in value["~tuple"])
    if "~bytes" in value:
        return bytes.fromhex(value["~bytes"])
    if "~dict" in value:
        return {_untagged(name): _untagged(item) for name, item in value["~dict"]}
    if "~array" in value:
        return _read("array", bytes.fromhex(value["~array"]))
    if "~scalar" in value:
        return _read("array", bytes.fromhex(value["~scalar"]))[()]
    return {name: _untagged(item) for name, item in value.items()}
