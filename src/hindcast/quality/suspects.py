"""What should be looked at again, and why: a ranked list that feeds the adjudication queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.parameters import whole
from hindcast.quality.given import as_floats, instance, is_sequence, texts_of, whole_numbers
from hindcast.values import Floats, Ints

__all__ = ["Queue", "Suspects"]


class Queue(Protocol):
    """Where doubtful items wait for a person, such as a :class:`hindcast.labelling.Project`."""

    def enqueue(self, ids: Any, *, reason: str, priority: float) -> int:
        """Have items looked at again, those of greater priority first; how many that changed."""
        ...


@dataclass(frozen=True, eq=False)
class Suspects:
    """Rows in doubt, the most doubtful first.

    Parameters
    ----------
    row : int64 array, shape (s,)
        Places in the data, from 0.
    reason : tuple of str, length s
    score : float64 array, shape (s,)
        How doubtful, in [0, 1]; falling.
    notes : tuple of str
        What to know before acting on the list.

    Examples
    --------
    >>> doubtful = Suspects.ranked([4, 7], ["far out", "far out"], [0.2, 0.9])
    >>> doubtful.row.tolist(), len(doubtful.first(1))
    ([7, 4], 1)
    """

    row: Ints
    reason: tuple[str, ...]
    score: Floats
    notes: tuple[str, ...] = ()

    @staticmethod
    def ranked(row: Any, reason: Sequence[str], score: Any, notes: Sequence[str] = ()) -> Suspects:
        """From rows in any order; equal scores are in the order of rows."""
        rows, scores = whole_numbers("row", row), as_floats("score", score)
        reason, notes = texts_of("reason", reason), texts_of("notes", notes)
        if rows.ndim != 1 or scores.ndim != 1:
            raise DataError(f"rows and scores have one dimension, got shapes {rows.shape} and {scores.shape}.")
        if not len(rows) == len(reason) == len(scores):
            raise DataError(f"{len(rows)} rows came with {len(reason)} reasons and {len(scores)} scores.")
        order = np.lexsort((rows, -scores))
        return Suspects(rows[order], tuple(reason[at] for at in order), scores[order], tuple(notes))

    @staticmethod
    def together(*lists: Suspects) -> Suspects:
        """All lists as one; a row in several is named once, with all reasons and its greatest score."""
        for one in lists:
            instance("together(...)", one, Suspects)
        reasons: dict[int, list[str]] = {}
        scores: dict[int, float] = {}
        for one in lists:
            for row, reason, score in zip(one.row.tolist(), one.reason, one.score.tolist(), strict=True):
                reasons.setdefault(row, []).append(reason)
                scores[row] = max(score, scores.get(row, 0.0))
        rows = sorted(reasons)
        notes = dict.fromkeys(note for one in lists for note in one.notes)
        return Suspects.ranked(rows, ["; ".join(reasons[r]) for r in rows], [scores[r] for r in rows], tuple(notes))

    def __len__(self) -> int:
        return len(self.row)

    def first(self, n: int) -> Suspects:
        """The `n` most doubtful."""
        n = whole("n", n, least=0)
        return replace(self, row=self.row[:n], reason=self.reason[:n], score=self.score[:n])

    def send(self, queue: Queue, items: Sequence[Any] | None = None) -> int:
        """Put all into an adjudication queue; how many that changed.

        Parameters
        ----------
        queue : Queue
            Such as a labelling project.
        items : sequence, optional
            The name of each row of the data; by default the row's number.
        """
        if not callable(getattr(queue, "enqueue", None)):
            raise ConfigError(f"send puts rows into a queue that can enqueue, such as a Project; got {queue!r}.")
        if items is not None and not (is_sequence(items) and hasattr(items, "__getitem__")):
            raise DataError(f"items are the names of the rows of the data, in order, got {items!r}.")
        if items is not None and len(self) and len(items) <= int(self.row.max()):
            raise DataError(f"row {int(self.row.max())} is in doubt, and there are fewer items.")
        changed = 0
        for row, reason, score in zip(self.row.tolist(), self.reason, self.score.tolist(), strict=True):
            name = str(row if items is None else items[row])
            changed += queue.enqueue([name], reason=reason, priority=score)
        return changed

    def to_text(self, limit: int = 20) -> str:
        """A table of the first `limit`."""
        limit = whole("limit", limit, least=0)
        lines = [f"{'row':>9}  score  reason"]
        shown = zip(self.row[:limit].tolist(), self.score.tolist(), self.reason, strict=False)
        lines += [f"{row:>9}  {score:.3f}  {reason}" for row, score, reason in shown]
        if len(self) > limit:
            lines.append(f"... and {len(self) - limit:,} more")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])
