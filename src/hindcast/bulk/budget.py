"""How much memory a batch may take, and what the parts of the work are expected to take.

A budget counts bytes above what the imports take. Four fifths of it go to the unit of work that is answered at a time;
the rest is for the rows that are read or written meanwhile, and for what allocators keep to themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hindcast.columns import Kind
from hindcast.errors import ConfigError

__all__ = ["WIDTHS", "Budget", "Load", "expected_bytes", "row_bytes", "size_bytes", "size_text"]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")

SMALLEST = 64 << 20
"""No budget is smaller: pyarrow's and numba's own buffers would not fit."""

WIDTHS: Mapping[Kind, int] = {"number": 8, "integer": 8, "time": 8, "boolean": 1, "text": 24}
"""Bytes per value before any value has been seen; a text's are guessed."""

_FIXED = 24 << 20
_PER_FACT = 96
_PER_SLOT = 10
_PER_REQUEST = 72
_PER_OUTPUT = 26
_PER_WORD = 96


def row_bytes(kinds: Iterable[Kind]) -> int:
    """Bytes of a row of columns of these kinds, about."""
    return sum(WIDTHS.get(kind, 64) for kind in kinds)


def size_bytes(size: int | str, *, what: str = "memory") -> int:
    """Bytes of a size such as ``"4GiB"``, ``"300 MB"`` or a number of bytes.

    Examples
    --------
    >>> size_bytes("4GiB") == 4 * 2**30, size_bytes("1.5 MB")
    (True, 1500000)
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is not None and match[2].upper() in _UNITS and float(match[1]) > 0:
            return int(float(match[1]) * _UNITS[match[2].upper()])
    raise ConfigError(f"{what}: {size!r} is not a size. Write it like '4GiB', '500MB' or a number of bytes.")


def size_text(size: int) -> str:
    """A size for people, to three digits or so.

    Examples
    --------
    >>> size_text(5 * 2**29), size_text(300)
    ('2.5 GiB', '300 B')
    """
    for unit, bytes_ in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size} B"


@dataclass(frozen=True, slots=True)
class Load:
    """What a part of the work holds, for the memory it will take.

    Parameters
    ----------
    rows : int
        Facts, or requests.
    bytes : int
        Of their columns as Arrow.
    words : int
        Texts among them that may be distinct: each becomes an object.
    """

    rows: int = 0
    bytes: int = 0
    words: int = 0

    @staticmethod
    def guessed(rows: int, kinds: Iterable[Kind]) -> Load:
        """What `rows` rows of columns of these kinds hold, before any was seen."""
        kinds = list(kinds)
        return Load(rows, rows * row_bytes(kinds), rows * kinds.count("text") // 8)

    def __add__(self, other: Load) -> Load:
        return Load(self.rows + other.rows, self.bytes + other.bytes, self.words + other.words)


@dataclass(frozen=True, slots=True)
class Budget:
    """A declared amount of memory, divided.

    Parameters
    ----------
    total : int
        Bytes above what the imports take.
    unit : int
        Bytes that one unit of work may take while it is answered.
    chunk : int
        Bytes of a chunk of rows that is read, divided or written.
    parts : int or None
        Into how many parts keys are hashed; None takes it from the measured sizes.

    Examples
    --------
    >>> budget = Budget.of("4GiB")
    >>> budget.unit < budget.total, budget.chunk
    (True, 67108864)
    """

    total: int
    unit: int
    chunk: int
    parts: int | None = None

    @staticmethod
    def of(memory: int | str | Budget) -> Budget:
        """The budget of a size.

        Raises
        ------
        ConfigError
            Below 64 MiB: the libraries' own buffers would not fit.
        """
        if isinstance(memory, Budget):
            return memory
        total = size_bytes(memory)
        if total < SMALLEST:
            raise ConfigError(
                f"memory: {memory!r} is too little for the libraries' own buffers; give at least '64MiB'."
            )
        return Budget(total, unit=int(total * 0.7), chunk=min(max(total // 40, 1 << 20), 64 << 20))

    def chunk_rows(self, row_bytes: int) -> int:
        """How many rows of `row_bytes` make a chunk."""
        return min(max(self.chunk // max(row_bytes, 1), 1), 1 << 20)

    def parts_for(self, facts: Load, requests: Load, slots: int, outputs: int) -> int:
        """Into how many parts to hash so that several fill a unit: then parts of uneven size still fill it well."""
        if self.parts is not None:
            return self.parts
        units = expected_bytes(facts, requests, slots, outputs) / self.unit
        return 1 if units <= 0.5 else min(max(8, 1 << int(8 * units).bit_length()), 1024)


def expected_bytes(facts: Load, requests: Load, slots: int, outputs: int) -> int:
    """The peak of answering one unit of work: its rows as Arrow and as arrays, the fold's orders, the answers.

    Parameters
    ----------
    facts, requests : Load
    slots, outputs : int
        Columns that the groups fold, and features that they give.
    """
    held = 2 * (facts.bytes + requests.bytes) + _PER_WORD * (facts.words + requests.words)
    folded = facts.rows * (_PER_FACT + _PER_SLOT * slots)
    asked = requests.rows * (_PER_REQUEST + _PER_OUTPUT * outputs)
    return _FIXED + held + folded + asked
