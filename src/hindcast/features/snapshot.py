"""Snapshots: a state as plain files, of which the newest whole one is there after a crash at any instant.

A snapshot is a folder ``snapshot-<number>`` of raw little-endian arrays and a ``manifest.json`` that names every file
with its length, its SHA-256 and the arrays in it, and is itself under a digest. The folder is written and synced under
another name and then renamed: one that has its name is whole, unless something altered it later, which its digests
show.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.errors import StateError
from hindcast.journal.durable import make_folder, sync, sync_folder, write_all
from hindcast.journal.locks import Lock
from hindcast.values import digest

__all__ = ["FORMAT", "Snapshot", "Snapshots"]

FORMAT = 1
"""Of the files. What lies in the arrays has its own mark: the layout."""
_DTYPES = {"<i8", "<f8", "<i4", "|u1", "|i1", "|b1"}


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that was read and found whole.

    Attributes
    ----------
    number : int
    meta : dict
        What was said of it when it was written.
    arrays : mapping of name to array
        Read only.
    """

    number: int
    meta: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


class Snapshots:
    """The snapshots in a folder, for one owner at a time.

    Parameters
    ----------
    folder : Path
        Made where it is missing; locked until :meth:`release`.
    keep : int, default 2
        So many of the newest stay.

    Raises
    ------
    StateError
        When another process holds the folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     snapshots = Snapshots(Path(folder))
    ...     number = snapshots.write({"of": "an example"}, {"some/numbers": np.arange(3)})
    ...     [found] = snapshots.newest_first([])
    ...     snapshots.release()
    >>> number, found.meta["of"], found.arrays["some/numbers"].tolist()
    (1, 'an example', [0, 1, 2])
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep
        make_folder(folder)
        self._lock = Lock(folder / "stream.lock", "the owner of a stream's state")

    def release(self) -> None:
        """Let the next owner in."""
        self._lock.release()

    def numbers(self) -> list[int]:
        """The snapshots that are there, whole or not, rising."""
        names = (path.name for path in self.folder.iterdir())
        return sorted(int(name[9:]) for name in names if name.startswith("snapshot-") and name[9:].isdigit())

    def write(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
        """Write a snapshot, durable when this returns, and remove the oldest; gives its number.

        Raises
        ------
        StateError
            When it cannot be written; the ones before are as they were.
        """
        found = self.numbers()
        number = found[-1] + 1 if found else 1
        draft = self.folder / "draft"
        try:
            shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
            draft.mkdir()
            self._fill(draft, number, meta, arrays)
            draft.rename(self._place(number))
            sync_folder(self.folder)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StateError(
                f"{self.folder}: snapshot {number} could not be written: {error}. The state itself is unharmed; make "
                "room or mend the folder, then take it again."
            ) from None
        for old in [*found, number][: -self.keep]:
            shutil.rmtree(self._place(old), ignore_errors=True)
        return number

    def _place(self, number: int) -> Path:
        return self.folder / f"snapshot-{number:012d}"

    def _fill(self, draft: Path, number: int, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        files: dict[str, dict[str, Any]] = {}
        for name in dict.fromkeys(name.split("/")[0] for name in arrays):
            mine = {key: array for key, array in arrays.items() if key.split("/")[0] == name}
            files[f"{name}.bin"] = _write_arrays(draft / f"{name}.bin", mine)
        manifest = {"format": FORMAT, "number": number, "meta": dict(meta), "files": files}
        manifest["digest"] = digest(manifest)
        _write(draft / "manifest.json", [json.dumps(manifest, indent=1, sort_keys=True).encode()])
        sync_folder(draft)

    def newest_first(self, notices: list[str]) -> Iterator[Snapshot]:
        """The snapshots that are whole, the newest first; of each other one `notices` gets a line that says why."""
        for number in reversed(self.numbers()):
            place = self._place(number)
            try:
                yield _read(place, number)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                notices.append(f"snapshot {number} was passed over: {place}: {error or type(error).__name__}")


def _write(path: Path, parts: list[Any]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        at = 0
        for part in parts:
            write_all(fd, part, at)
            at += len(part)
        sync(fd)
    finally:
        os.close(fd)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Write arrays one after another, each from a multiple of 8 bytes on; what the manifest says of the file."""
    check, parts, told, size = sha256(), [], [], 0
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array)
        flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        told.append([name, flat.dtype.str, list(flat.shape)])
        data = flat.reshape(-1).view(np.uint8).data
        for part in (data, bytes(-len(data) % 8)):
            check.update(part)
            parts.append(part)
            size += len(part)
    _write(path, parts)
    return {"arrays": told, "bytes": size, "sha256": check.hexdigest()}


def _read(place: Path, number: int) -> Snapshot:
    manifest = json.loads((place / "manifest.json").read_bytes())
    if manifest["format"] != FORMAT:
        raise ValueError(f"it has format {manifest['format']}, and this version of hindcast reads {FORMAT}")
    if manifest.pop("digest") != digest(manifest) or manifest["number"] != number:
        raise ValueError("its manifest was altered")
    arrays: dict[str, np.ndarray] = {}
    for name, told in manifest["files"].items():
        data = (place / name).read_bytes()
        if len(data) != told["bytes"] or sha256(data).hexdigest() != told["sha256"]:
            raise ValueError(f"{name} is torn or was altered")
        at = 0
        for key, kind, shape in told["arrays"]:
            if kind not in _DTYPES:
                raise ValueError(f"{name} holds an array of {kind}")
            count = int(np.prod(shape, dtype=np.int64))
            arrays[key] = np.frombuffer(data, np.dtype(kind), count, at).reshape(shape)
            at += arrays[key].nbytes + -arrays[key].nbytes % 8
    return Snapshot(number, manifest["meta"], arrays)
