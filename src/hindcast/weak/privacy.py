"""Rows that few may read: functions are written on a cleared sample, and applied to the rest blind.

Who writes rules needs to see examples, not everybody's rows. A sample is cleared for named readers, its private columns
masked or left out; the rules then run over all rows, and what comes back is votes and counts, never a row. Errors name
function and row, not what was seen; counts below a minimum are not told.

This guards against seeing by accident, not against malice: a labelling function is code, runs with all rows in its
hands, and could write them anywhere. Read the rules of people you do not trust before you run them.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

import numpy as np

from hindcast.crowd.names import listed_names
from hindcast.errors import ConfigError
from hindcast.parameters import choice, whole
from hindcast.weak.analysis import Analysis, FunctionReport, analyse
from hindcast.weak.apply import apply
from hindcast.weak.block import Block
from hindcast.weak.functions import LabellingFunction
from hindcast.weak.given import mapping_of
from hindcast.weak.votes import Failure, Votes

__all__ = ["Clearance", "SealedRows"]

Handling = Literal["clear", "masked", "pseudonym", "hidden"]


@dataclass(frozen=True)
class Clearance:
    """Who may read what of sealed rows.

    Parameters
    ----------
    readers : iterable of str
        Who may draw a sample.
    columns : mapping of column to handling
        ``"clear"``: as it is. ``"masked"``: the shape of it only, each letter x or X, each digit 9. ``"pseudonym"``: a
        code that is the same for equal values and says nothing else (needs `key`). ``"hidden"``: left out. A column
        that is not named is hidden.
    at_most : int, default 100
        Rows that may be sampled, by all readers together.
    minimum : int, default 10
        Counts below are not told.
    key : bytes, optional
        The secret of pseudonyms.

    Examples
    --------
    >>> cleared = Clearance(["ann"], {"text": "clear", "phone": "masked"})
    >>> cleared.minimum
    10
    """

    readers: Iterable[str]
    columns: Mapping[str, Handling]
    at_most: int = 100
    minimum: int = 10
    key: bytes | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "readers", tuple(listed_names("readers", self.readers)))
        for column, handling in mapping_of("Clearance: columns", self.columns).items():
            choice("handling", handling, ("clear", "masked", "pseudonym", "hidden"), where=repr(column))
            if handling == "pseudonym" and not self.key:
                raise ConfigError(f"Clearance: column {column!r} is a pseudonym, which needs a secret `key`.")
        whole("Clearance: at_most", self.at_most, least=0)
        whole("Clearance: minimum", self.minimum, least=1)


class SealedRows:
    """Rows that do not show themselves.

    Parameters
    ----------
    rows : anything :class:`Block` takes
    clearance : Clearance

    Attributes
    ----------
    readings : tuple of (reader, rows)
        Who drew how many rows, in order.

    Examples
    --------
    >>> sealed = SealedRows({"text": ["call me", "hi"] * 20, "phone": ["0171 555"] * 40},
    ...                     Clearance(["ann"], {"text": "clear", "phone": "masked"}))
    >>> sealed
    SealedRows(40 rows; nothing is shown)
    >>> sealed.sample("ann", 1, seed=1).rows()[0]
    Row({'text': 'call me', 'phone': '9999 999'})
    >>> def asks(text): return 1 if "call" in text else None
    >>> votes, found = sealed.apply([asks], classes=[0, 1])
    >>> votes.matrix[:2].tolist(), found.functions[0].votes
    ([[1], [-1]], 20)
    """

    def __init__(self, rows: Any, clearance: Clearance) -> None:
        self._block = Block.of(rows)
        self.clearance = clearance
        self.readings: tuple[tuple[str, int], ...] = ()
        for column in clearance.columns:
            self._block.column(column, "Clearance")

    def __len__(self) -> int:
        return len(self._block)

    def __repr__(self) -> str:
        return f"SealedRows({len(self)} rows; nothing is shown)"

    def __reduce__(self) -> Any:
        raise ConfigError("sealed rows are not serialised: what came out would be open.")

    def sample(self, reader: str, rows: int, *, seed: int = 0) -> Block:
        """Some rows at random, each column as the clearance has it.

        Raises
        ------
        ConfigError
            For somebody who is no reader, or more rows than are still cleared.
        """
        if reader not in tuple(self.clearance.readers):
            raise ConfigError(f"{reader!r} is not cleared to read these rows.")
        spent = sum(count for _, count in self.readings)
        if rows < 0 or rows > min(self.clearance.at_most - spent, len(self)):
            raise ConfigError(
                f"{rows} rows asked for: {self.clearance.at_most} of {len(self)} are cleared, {spent} were drawn."
            )
        self.readings = (*self.readings, (reader, rows))
        places = np.sort(np.random.default_rng([seed, 0x5EA1]).choice(len(self), rows, replace=False))
        drawn = self._block.take(places.astype(np.int64))
        shown = {name: how for name, how in self.clearance.columns.items() if how != "hidden"}
        return Block(
            {name: [self._shown(value, how) for value in drawn.values(name)] for name, how in shown.items()}, rows
        )

    def apply(
        self,
        functions: Iterable[LabellingFunction | Callable[..., Any]],
        *,
        classes: Sequence[Any],
        on_error: Literal["raise", "abstain"] = "raise",
        **options: Any,
    ) -> tuple[Votes, Analysis]:
        """Run functions over all rows, and give what may be told: their votes, and counts that are large enough.

        Parameters
        ----------
        functions, on_error
            As in :func:`apply`.
        classes : sequence
            Needed: only these labels can come back, so that no function returns what it read.
        **options
            Of :func:`apply`: cache, workers, progress.

        Returns
        -------
        votes : Votes
            Its failures say how many and nothing else.
        analysis : Analysis
            Without truth; a count below the clearance's minimum, and what it would tell, is NaN or -1.
        """
        options["blind"] = True
        votes = apply(functions, self._block, classes=classes, on_error=on_error, **options)
        return self._told(votes), self._counted(analyse(votes))

    def _told(self, votes: Votes) -> Votes:
        """The votes with failures that name no row where few rows failed."""
        few = self.clearance.minimum
        failures = tuple(
            failure if failure.count >= few else Failure(failure.function, -1, -1, f"fewer than {few} rows")
            for failure in votes.failures
        )
        names = {failure.function for failure in votes.failures}
        notes = [note for note in votes.notes if not any(f"{name!r} failed on" in note for name in names)]
        notes += [
            f"labelling function {failure.function!r} failed: {_count(failure.count, few)}." for failure in failures
        ]
        return replace(votes, failures=failures, notes=tuple(notes))

    def _counted(self, found: Analysis) -> Analysis:
        few = self.clearance.minimum

        def share(value: float) -> float:
            return math.nan if 0 < round(value * found.rows) < few else value

        def report(one: FunctionReport) -> FunctionReport:
            rare = 0 < one.votes < few
            return replace(
                one,
                votes=-1 if rare else one.votes,
                polarity=() if rare else one.polarity,
                coverage=share(one.coverage),
                overlap=share(one.overlap),
                conflict=share(one.conflict),
            )

        if found.rows == 0:
            return found
        return replace(
            found,
            functions=tuple(report(one) for one in found.functions),
            coverage=share(found.coverage),
            overlap=share(found.overlap),
            conflict=share(found.conflict),
        )

    def _shown(self, value: Any, how: Handling) -> Any:
        if value is None or how == "clear":
            return value
        if how == "masked":
            return masked(str(value))
        assert self.clearance.key is not None
        told = f"{type(value).__name__}:{value!r}".encode()
        return hmac.new(self.clearance.key, told, sha256).hexdigest()[:16]


def masked(text: str) -> str:
    """The shape of a text: capitals X, other letters x, digits 9; all else stays.

    Examples
    --------
    >>> masked("Ann Müller, +49 171")
    'Xxx Xxxxxx, +99 999'
    """
    return re.sub(r"\w", _masked_letter, text)


def _masked_letter(found: re.Match[str]) -> str:
    letter = found[0]
    return "9" if letter.isdigit() else "_" if letter == "_" else "X" if letter.isupper() else "x"


def _count(count: int, few: int) -> str:
    return f"{count} rows" if count >= few else f"fewer than {few} rows"
