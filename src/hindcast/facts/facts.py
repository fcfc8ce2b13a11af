"""Facts: rows with the two times and the place in the order of landing that all laws are stated in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import DataError
from hindcast.values import Bools, Ints

if TYPE_CHECKING:
    from hindcast.facts.table import Table

__all__ = ["Facts"]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Facts of one table in the order of landing; every array has shape (n,).

    Parameters
    ----------
    event : int64 array
        When it happened, microseconds since 1970 UTC; ``BEGINNING`` for what always was.
    known : int64 array
        When it could first be read; ``BEGINNING`` for what was always known.
    seq : int64 array
        Its place in the order of landing: strictly increasing, assigned once.
    retract : bool array
        Whether the fact withdraws its key instead of stating something.
    frame : Frame
        The table's columns.

    Examples
    --------
    >>> from hindcast.facts import Facts, Table
    >>> weather = Table("weather", event_time="hour", known_after="1h")
    >>> facts = Facts.of(weather, [{"hour": "2013-07-01T06:00:00Z", "temp": 71.0}])
    >>> len(facts), int(facts.known[0] - facts.event[0]), facts.visible(int(facts.known[0])).tolist()
    (1, 3600000000, [False])
    """

    event: Ints
    known: Ints
    seq: Ints
    retract: Bools
    frame: Frame

    def __post_init__(self) -> None:
        lengths = {len(self.event), len(self.known), len(self.seq), len(self.retract), len(self.frame)}
        if len(lengths) != 1:
            raise DataError(f"the parts of facts must have one length, got {sorted(lengths)}.")

    def __len__(self) -> int:
        return len(self.event)

    @staticmethod
    def of(
        table: Table,
        rows: Frame | Mapping[str, Any] | Iterable[Mapping[str, Any]],
        seq_from: int = 0,
        arrival_us: int = 0,
    ) -> Facts:
        """Facts of `table` from a frame, arrays by name, or rows; the first refused row is an error.

        Rows without an event time are not facts of the table and are left out. Rows of a table with `paths` are
        documents.

        Raises
        ------
        DataError
            Naming the row, column and value of the first row that is refused.
        """
        if isinstance(rows, Frame):
            frame = rows
        elif isinstance(rows, Mapping):
            frame = Frame.of(rows)
        else:
            items = list(rows)
            names = list(dict.fromkeys(name for row in items for name in row)) or list(
                table.all_columns or table.needed
            )
            if table.paths:
                frame = _flat(table, items)
            else:
                frame = Frame.of({name: [row.get(name) for row in items] for name in names})
        facts, refusals = table.facts_of(frame, seq_from=seq_from, arrival_us=arrival_us)
        if refusals:
            first = refusals[0]
            raise DataError(
                f"table {table.name!r}: {first.reason}", row=first.row, column=first.column, value=first.value
            )
        return facts

    @staticmethod
    def empty(kinds: Mapping[str, Kind]) -> Facts:
        """No facts, with columns of these kinds."""
        none = np.zeros(0, dtype=np.int64)
        frame = Frame({name: Column.empty(kind, 0) for name, kind in kinds.items()}, 0)
        return Facts(none, none, none, np.zeros(0, dtype=np.bool_), frame)

    @staticmethod
    def concat(parts: Sequence[Facts]) -> Facts:
        """The parts one after another, in the order given; a column that one lacks is null there."""
        if len(parts) == 1:
            return parts[0]
        return Facts(
            np.concatenate([p.event for p in parts]),
            np.concatenate([p.known for p in parts]),
            np.concatenate([p.seq for p in parts]),
            np.concatenate([p.retract for p in parts]),
            Frame.concat([p.frame for p in parts]),
        )

    def take(self, rows: NDArray[Any] | slice) -> Facts:
        """The facts at `rows`: indices, a mask or a slice. Slices share memory."""
        return Facts(self.event[rows], self.known[rows], self.seq[rows], self.retract[rows], self.frame.take(rows))

    def visible(self, t: int | Ints) -> Bools:
        """Where the fact is visible at `t`: ``known < t``, so not yet at the very moment it becomes known.

        Corrections and retractions are not applied: that is the reader's part.
        """
        return np.asarray(self.known < t)


def _flat(table: Table, documents: list[Mapping[str, Any]]) -> Frame:
    """The table's columns out of documents."""
    from hindcast.facts.documents import flat_leaf, flat_rows
    from hindcast.facts.fit import kind_of_values

    paths = {name: table.path(name) for name in table.all_columns or ()}
    columns = {}
    for name, leaf in flat_rows(documents, paths).items():
        kind = table.kinds.get(name) or kind_of_values(leaf.values, f"table {table.name!r}, column {name!r}")
        flat = flat_leaf(name, paths[name], leaf, kind, table.clock_zone)
        for place, fault in flat.faults.items():
            raise DataError(f"table {table.name!r}: {fault.reason}", row=place + 1, column=name, value=fault.value)
        columns[name] = flat.column
    return Frame(columns, len(documents))
