"""Votes on disk: by the function's identity and the rows' content, so that only what changed is run again.

``rows/<set>.npy`` holds the digests of a set of rows, ``votes/<function>/<set>.npz`` a function's votes on it. A row is
recognised by the columns a function reads, in whatever set it comes back. Files are written whole or not at all; one
that cannot be read counts as absent. The folder may be deleted at any time.
"""

from __future__ import annotations

import io
import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Frame
from hindcast.errors import StateError
from hindcast.facts.digests import Lanes, row_digests
from hindcast.journal.durable import make_folder, replace_file
from hindcast.values import digest

__all__ = ["UNDONE", "RowSet", "VoteCache"]

UNDONE = -2
"""The code of a row that a function has not answered, or failed on."""


class RowSet:
    """Rows as some functions see them: the digests of the columns they read, shape (n, 2)."""

    def __init__(self, frame: Frame) -> None:
        self.lanes: Lanes = row_digests(frame)
        self.kinds = digest(frame.kinds)
        self.name = sha256(self.lanes.tobytes() + str(self.lanes.shape).encode()).hexdigest()[:32]


class VoteCache:
    """Votes that are known, in a folder.

    Parameters
    ----------
    folder : path
        Made when the first votes are kept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._sorted: dict[str, tuple[Lanes, NDArray[Any]] | None] = {}

    def read(self, identity: str, rows: RowSet) -> tuple[tuple[Any, ...], NDArray[np.int16]]:
        """Labels, and codes into them of shape (n,), -1 for an abstention, :data:`UNDONE` where nothing is known."""
        codes = np.full(len(rows.lanes), UNDONE, dtype=np.int16)
        labels: dict[Any, int] = {}
        place = self._place(identity, rows)
        files = [place] if place.exists() else []
        files += [path for path in sorted(place.parent.glob("*.npz")) if path != place]
        for path in files:
            missing = np.flatnonzero(codes == UNDONE)
            if not len(missing):
                break
            self._fill(path, rows, codes, missing, labels)
        return tuple(labels), codes

    def write(self, identity: str, rows: RowSet, labels: tuple[Any, ...], codes: NDArray[np.int16]) -> None:
        """Keep votes; those kept for a set whose rows are all in this one are dropped."""
        where = self.folder / "rows" / f"{rows.name}.npy"
        place = self._place(identity, rows)
        try:
            make_folder(where.parent)
            make_folder(place.parent)
            if not where.exists():
                held = io.BytesIO()
                np.save(held, rows.lanes, allow_pickle=False)
                replace_file(where, held.getvalue())
            held = io.BytesIO()
            words = np.frombuffer(json.dumps(labels).encode(), dtype=np.uint8)
            np.savez(held, codes=codes, labels=words)
            replace_file(place, held.getvalue())
            for other in sorted(place.parent.glob("*.npz")):
                if other != place and self._holds(rows, other.stem):
                    other.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"votes cannot be kept in {self.folder}: {error}.") from error

    def _place(self, identity: str, rows: RowSet) -> Path:
        return self.folder / "votes" / f"{identity}-{rows.kinds}" / f"{rows.name}.npz"

    def _fill(
        self, path: Path, rows: RowSet, codes: NDArray[np.int16], missing: NDArray[Any], labels: dict[Any, int]
    ) -> None:
        """Take over the votes of a file on rows that are `missing`."""
        kept = _load(path)
        if kept is None:
            return
        names, votes = kept
        if path.stem == rows.name:
            if len(votes) != len(codes):
                return
            found, at = missing, missing
        else:
            known = self._known(path.stem)
            if known is None or len(known[0]) != len(votes):
                return
            lanes, order = known
            wanted = rows.lanes[missing]
            near = np.minimum(np.searchsorted(lanes[:, 0], wanted[:, 0]), len(lanes) - 1)
            hit = (lanes[near] == wanted).all(axis=1)
            found, at = missing[hit], order[near[hit]]
        recode = np.array([labels.setdefault(name, len(labels)) for name in names] + [UNDONE, -1], dtype=np.int16)
        codes[found] = recode[votes[at]]

    def _holds(self, rows: RowSet, name: str) -> bool:
        """Whether every row of a set is among `rows`: then its votes are in theirs."""
        ours, theirs = self._known(rows.name), self._known(name)
        if ours is None or theirs is None:
            return False
        near = np.minimum(np.searchsorted(ours[0][:, 0], theirs[0][:, 0]), len(ours[0]) - 1)
        return bool((ours[0][near] == theirs[0]).all())

    def _known(self, name: str) -> tuple[Lanes, NDArray[Any]] | None:
        """The digests of a set in order, and where each stood."""
        if name not in self._sorted:
            path = self.folder / "rows" / f"{name}.npy"
            try:
                lanes = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
                if lanes.dtype != np.uint64 or lanes.ndim != 2 or lanes.shape[1] != 2 or not len(lanes):
                    raise ValueError("no digests")
                order = np.argsort(lanes[:, 0], kind="stable")
                self._sorted[name] = lanes[order], order
            except (OSError, ValueError, EOFError):
                self._sorted[name] = None
        return self._sorted[name]


def _load(path: Path) -> tuple[list[Any], NDArray[np.int16]] | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            codes, labels = held["codes"], json.loads(held["labels"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = codes.dtype == np.int16 and codes.ndim == 1 and isinstance(labels, list)
    if not whole or (len(codes) and (codes.min() < UNDONE or codes.max() >= len(labels))):
        return None
    return labels, codes
