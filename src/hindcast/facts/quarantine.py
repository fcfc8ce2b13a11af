"""Rows that were refused, each with its reason and its place, so that nothing disappears silently."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hindcast.errors import StateError

__all__ = ["Quarantine", "Refused"]


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused row.

    Parameters
    ----------
    table : str
        The table that would not have it.
    file : str
        The file it came from, or ``"data frame"``.
    row : int
        Its number in the file when it was first refused, from 1; the header does not count.
    column : str or None
        Where the fault is; None when it is the row as a whole.
    value : str or None
        The text of the refused value, None when it was missing.
    reason : str
    content : str
        A digest of the whole row: the same row in a grown or reordered file is the same refusal.
    """

    table: str
    file: str
    row: int
    column: str | None
    value: str | None
    reason: str
    content: str = ""

    @property
    def identity(self) -> tuple[str, str | None, str, str]:
        """What makes it the same refusal when it is met again."""
        return (self.table, self.column, self.reason, self.content or f"{self.file}:{self.row}:{self.value}")


class Quarantine:
    """An append-only file of refused rows, synced to disk before :meth:`add` returns.

    Parameters
    ----------
    root : Path or str
        A folder; it is made when the first row is refused.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> quarantine = Quarantine(mkdtemp())
    >>> quarantine.add([Refused("flights", "jan.csv", 7, "landed", "soon", "landed is not a time")])
    1
    >>> quarantine.count("flights"), quarantine.rows()[0].row
    (1, 7)
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @property
    def path(self) -> Path:
        """The file: one JSON object per line."""
        return self.root / "refused.jsonl"

    def rows(self, table: str | None = None) -> list[Refused]:
        """The refused rows in the order they were refused, of one table or of all."""
        return [row for row in self._read() if table is None or row.table == table]

    def count(self, table: str | None = None) -> int:
        """How many rows were refused."""
        return len(self.rows(table))

    def add(self, rows: Iterable[Refused]) -> int:
        """Append `rows`, and say how many; synced on return. A line torn by a kill, never acknowledged, is cut off."""
        rows = list(rows)
        if not rows:
            return 0
        self.root.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
        with self._locked(), open(self.path, "a+b") as file:
            file.seek(0)
            held = file.read()
            file.truncate(held.rfind(b"\n") + 1)
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return len(rows)

    def identities(self, table: str) -> Counter[Any]:
        """How often each refusal of `table` is there already."""
        return Counter(row.identity for row in self.rows(table))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.root / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> Iterator[Refused]:
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                yield Refused(**json.loads(line))
            except (ValueError, TypeError):
                raise StateError(f"quarantine {self.path}: line {number} cannot be read; it was altered.") from None
