"""Labels as facts of a table: when each was decided, and every later correction, so that nothing leaks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hindcast.errors import ConfigError
from hindcast.journal import replace_file
from hindcast.labelling.book import Book
from hindcast.labelling.decisions import Decision, labels, settled, voted
from hindcast.labelling.events import Event
from hindcast.labelling.state import State
from hindcast.values import iso

__all__ = ["FACT_COLUMNS", "Deciding", "fact_row", "label_facts", "write_facts"]

FACT_COLUMNS = ("item", "label", "probability", "decided_at", "how", "annotators", "answers", "guideline")
"""The columns of labels as facts."""


class Deciding:
    """What each event of a project decides, event by event: what comes later changes nothing that came before.

    Attributes
    ----------
    standing : dict of str to Decision
        The last decision of each item that ever had one.
    """

    def __init__(self) -> None:
        self.standing: dict[str, Decision] = {}
        self._state = State()

    def take(self, event: Event) -> list[Decision]:
        """The labels that are decided, corrected or fall away by the project's next event."""
        self._state.apply(event)
        if event.kind in ("shown", "item"):
            return []
        touched = event.body["items"] if event.kind == "enqueued" else [event.item] if event.item else []
        found = []
        for item in touched:
            decision, before = _decided(self._state, item, event.at_us), self.standing.get(item)
            if decision is None or (decision.label is None if before is None else _said(decision) == _said(before)):
                continue
            self.standing[item] = decision
            found.append(decision)
        return found


def label_facts(book: Book, method: str = "dawid-skene") -> list[Decision]:
    """Every label that was ever decided, in the order of the moments since which it is known.

    An item is decided when its last answer comes in: by the majority of its own answers, for nothing else was known of
    it then. A later answer, an undo or an adjudication that changes that is a later fact of the same item; a decision
    that falls away is a fact without a label. A `method` that learns from all answers knows them only at the end: where
    it speaks (items that nobody adjudicated), its label is one more fact, at the moment of the project's last answer.

    Cost: one pass over all events.

    Returns
    -------
    list of Decision
        ``decided_us`` is the event time, and the known time too.
    """
    deciding = Deciding()
    with book.lock:
        found = [one for event in book.log.events() for one in deciding.take(event)]
        chosen = labels(book, method, unfinished=False)
    for one in chosen:
        if one.how not in ("adjudicated", "gold", "majority"):
            before = deciding.standing.get(one.item)
            at = one.decided_us if before is None else max(one.decided_us, before.decided_us + 1)
            found.append(replace(one, decided_us=at))
    return sorted(found, key=lambda one: (one.decided_us, one.item))


def write_facts(book: Book, path: Path, method: str) -> int:
    """Write labels as facts to a Parquet, JSON-lines or CSV file; how many.

    A label is ready for ``hc.Table(name, hc.files(path), key="item", event_time="decided_at", known="event")``.
    """
    rows = [fact_row(one) for one in label_facts(book, method)]
    ending = path.suffix.lower()
    if ending == ".parquet":
        replace_file(path, _parquet(rows))
    elif ending in (".jsonl", ".ndjson"):
        lines = (json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows)
        replace_file(path, "".join(lines).encode())
    elif ending == ".csv":
        from hindcast.labelling.tabular import csv_text

        replace_file(path, csv_text(FACT_COLUMNS, map(_plain, rows)).encode())
    else:
        raise ConfigError(f"{path}: labels as facts are written to .parquet, .jsonl or .csv files.")
    return len(rows)


def _decided(state: State, item: str, at_us: int) -> Decision | None:
    """What is known of an item after an event; an item that is no longer decided has no label."""
    one = state.items[item]
    fixed = settled(one)
    if fixed is not None:
        return None if fixed.how == "gold" else replace(fixed, decided_us=at_us)
    vote = voted(one) if one.done else None
    if vote is not None:
        return replace(vote, decided_us=at_us)
    people = tuple(said.annotator for said in one.counted())
    return Decision(item, None, float("nan"), "undecided", at_us, people, 0, 0)


def _said(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.label, decision.how, decision.annotators, decision.answers, decision.guideline,
        None if decision.label is None else decision.probability,
    )  # fmt: skip


def fact_row(one: Decision) -> dict[str, Any]:
    """A label under the names of :data:`FACT_COLUMNS`, its moment in microseconds."""
    return {
        "item": one.item,
        "label": one.label,
        "probability": None if one.label is None else one.probability,
        "decided_at": one.decided_us,
        "how": one.how,
        "annotators": "; ".join(one.annotators),
        "answers": one.answers,
        "guideline": one.guideline,
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "decided_at": iso(row["decided_at"])}


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([
        ("item", pa.string()), ("label", pa.string()), ("probability", pa.float64()),
        ("decided_at", pa.timestamp("us", tz="UTC")), ("how", pa.string()), ("annotators", pa.string()),
        ("answers", pa.int64()), ("guideline", pa.int64()),
    ])  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue())
