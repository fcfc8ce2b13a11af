"""Guesses about a table nobody has described yet: what is predicted, when, and about what.

Pure functions of a frame. Every guess says why, an option overrules it, and where no guess is safe the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.expressions import Expression
from hindcast.values import DAY_US

__all__ = [
    "Guess",
    "Profile",
    "guess_entity",
    "guess_key",
    "guess_target",
    "guess_time",
    "profile",
    "span_days",
]

OUTCOME_NAMES = {
    "target", "label", "y", "outcome", "class", "converted", "conversion", "churn", "churned", "fraud", "clicked",
    "click", "bought", "purchased", "returned", "cancelled", "canceled", "response", "responded", "survived", "won",
    "success", "late", "delayed", "default_next_month", "result", "subscribed", "approved",
}  # fmt: skip
TIME_NAMES = (
    "timestamp",
    "event_time",
    "datetime",
    "time",
    "date",
    "ts",
    "created_at",
    "created",
    "occurred_at",
    "when",
)
AFFIRMATIVE = {"yes", "y", "true", "t", "1", "positive", "pos", "up", "spam", "fraud", "bad", "churn"}
ENTITY_ENDINGS = re.compile(
    r"(^|_)(id|user|customer|client|account|device|machine|member|patient|card|store|shop|product|item|vehicle|sensor|host)"
    r"(_?(id|no|nr|number|code))?$|id$|num$",
    re.IGNORECASE,
)
EPOCH = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess, and why.

    Parameters
    ----------
    what : str
        The role, such as ``"target"``.
    value : str
        A column, columns with commas between, or a condition; empty for none.
    why : str
        One sentence for a person.
    """

    what: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What can be seen of a column without knowing what it means.

    Parameters
    ----------
    name, kind : str
    distinct, missing : int
    share_missing : float
    """

    name: str
    kind: str
    distinct: int
    missing: int
    share_missing: float


def profile(name: str, column: Column) -> Profile:
    """The profile of a column."""
    present = column.present()
    missing = len(column) - int(present.sum())
    if column.kind == "list":
        distinct = len({repr(item) for item in column.values[present]})
        return Profile(name, column.kind, distinct, missing, missing / len(column) if len(column) else 0.0)
    codes, _ = column.codes()
    distinct = int(codes.max()) + 1 if len(codes) and codes.max() >= 0 else 0
    if column.kind == "text":
        distinct = len(np.unique(column.values[present]))
    return Profile(name, column.kind, distinct, missing, missing / len(column) if len(column) else 0.0)


# ---- target ---------------------------------------------------------------------------------------------


def guess_target(frame: Frame, given: str | None = None) -> Guess:
    """The condition that is true of a positive row.

    Parameters
    ----------
    frame : Frame
    given : str, optional
        A column with two values, or a condition over columns; else a column whose name sounds like an outcome.

    Raises
    ------
    ConfigError
        When nothing, or more than one column, looks like the outcome; when the condition holds for no row or all.

    Examples
    --------
    >>> guess_target(Frame.of({"age": [1, 2, 3], "y": ["no", "yes", "no"]})).value
    "y == 'yes'"
    """
    if given is not None:
        if given in frame:
            return _checked(frame, Guess("target", _positive(given, frame[given]), "named by --target"))
        condition = Expression(given)
        for name in sorted(condition.names):
            if name not in frame:
                raise UnknownName("column", name, frame.names, where=f"--target {given!r}")
        return _checked(frame, Guess("target", given, "given by --target"))
    binary = [name for name in frame if _two_values(frame[name])]
    scored = {name: _sounds_like_outcome(name, last=name == frame.names[-1]) for name in binary}
    best = max(scored.values(), default=0)
    chosen = [name for name in binary if scored[name] == best]
    if best > 0 and len(chosen) == 1:
        name = chosen[0]
        why = "two values and the name of an outcome" if best > 1 else "two values, and it is the last column"
        return _checked(frame, Guess("target", _positive(name, frame[name]), why))
    numeric = [n for n in frame if frame[n].kind in ("number", "integer") and not _two_values(frame[n])]
    example = _threshold_example(frame, numeric[-1]) if numeric else ""
    found = f"Columns with two values: {', '.join(chosen if best > 0 else binary)}. " if binary else ""
    raise ConfigError(
        f"no column is clearly the outcome to predict. {found}Name one, --target COLUMN, or give a condition{example}."
    )


def _checked(frame: Frame, guess: Guess) -> Guess:
    truth, known = Expression(guess.value).truth(frame)
    positive, total = int((truth & known).sum()), int(known.sum())
    if positive in (0, total):
        found = "no row" if positive == 0 else "every row"
        raise ConfigError(f"--target {guess.value!r} holds for {found} of {total:,}; there is nothing to predict.")
    return Guess(guess.what, guess.value, f"{guess.why}; true for {positive / total:.1%} of {total:,} rows")


def _two_values(column: Column) -> bool:
    if column.kind == "time":
        return False
    found = profile("", column)
    return found.distinct == 2


def _sounds_like_outcome(name: str, *, last: bool) -> int:
    plain = name.lower().rstrip("_")
    words = set(re.split(r"[^a-z0-9]+", plain))
    if plain in OUTCOME_NAMES:
        return 4
    if re.match(r"(is|has|was|did|will)_", plain) and words & OUTCOME_NAMES:
        return 4
    if words & {"target", "label", "outcome"} and not words & {"prev", "previous", "last", "p"}:
        return 3
    if re.match(r"(is|has|was|did|will)_", plain):
        return 2
    return 1 if last else 0


def _positive(name: str, column: Column) -> str:
    """The condition that a two-valued column is positive: its affirmative value, else its larger or rarer one."""
    if column.kind == "boolean":
        return name
    codes, values = column.codes()
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    seen = [(value, int(n)) for value, n in zip(values, counts, strict=True) if n]
    if len(seen) != 2:
        raise ConfigError(
            f"--target {name!r} holds {len(seen)} different values, not two. Give a condition, such as "
            f"{name} {'== ' + repr(seen[0][0]) if column.kind == 'text' and seen else '>= 10'}."
        )
    if column.kind == "text":
        affirmative = [value for value, _ in seen if str(value).strip().lower() in AFFIRMATIVE]
        chosen = affirmative[0] if len(affirmative) == 1 else min(seen, key=lambda pair: (pair[1], str(pair[0])))[0]
        return f"{name} == {chosen!r}"
    largest = max(value for value, _ in seen)
    return f"{name} == {int(largest) if largest == int(largest) else largest}"


def _threshold_example(frame: Frame, name: str) -> str:
    values = frame[name].floats()
    half = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
    return f", such as --target '{name} >= {half:g}'"


# ---- time -----------------------------------------------------------------------------------------------


def guess_time(frame: Frame, given: str | None = None) -> Guess:
    """The column that says when a row's question is asked.

    Raises
    ------
    ConfigError
        When no column holds times.
    """
    times = [name for name in frame if frame[name].kind == "time"]
    if given is not None:
        if given not in frame:
            raise UnknownName("column", given, frame.names, where="--time")
        if given not in times:
            raise ConfigError(
                f"--time {given!r} holds {frame[given].kind} values, not times. Write them like 2013-07-01 or "
                "2013-07-01T06:30:00Z."
            )
        return Guess("time", given, "given by --time")
    usable = [n for n in times if profile(n, frame[n]).share_missing < 0.2 and profile(n, frame[n]).distinct > 1]
    if not usable:
        raise ConfigError(
            "no column holds times (like 2013-07-01 or 2013-07-01T06:30:00Z), and without them nobody can say what was "
            "known when. Add a column with the moment at which each row happened; if the rows are only in order, a "
            "made-up moment per row will do, such as one row per hour."
        )
    earliest = min(
        usable, key=lambda n: (float(np.median(frame[n].floats()[frame[n].present()])), frame.names.index(n))
    )
    named = [n for n in usable if n.lower() in TIME_NAMES]
    if len(usable) == 1:
        return Guess("time", earliest, "the only column with times")
    if named and earliest not in named:
        gap = np.nanmedian(frame[named[0]].floats() - frame[earliest].floats())
        if gap <= 0:
            return Guess("time", named[0], "its name, and no other time is earlier")
    return Guess("time", earliest, f"the earliest of {len(usable)} time columns on most rows")


def guess_hour(frame: Frame, time: str) -> str | None:
    """The column that holds the hour, 0 to 23, of a time column that holds only days; None for none."""
    for name in frame:
        if re.fullmatch(r"hr|hour|hour_of_day|hh", name.lower()) and frame[name].kind == "integer" and name != time:
            values = frame[name].values
            if frame[name].present().all() and values.min() >= 0 and values.max() <= 23 and values.max() > 0:
                return name
    return None


def epoch_unit(name: str, column: Column) -> str | None:
    """The unit of whole numbers that are seconds, milli- or microseconds since 1970, by name and size; else None."""
    if column.kind != "integer" or not re.search(r"time|date|^ts$|epoch|_at$|unix", name.lower()) or not len(column):
        return None
    low, high = float(column.values.min()), float(column.values.max())
    for unit, scale in EPOCH.items():
        if low * scale >= 4e14 and high * scale <= 4.2e15:
            return unit
    return None


# ---- key and entity -------------------------------------------------------------------------------------


def guess_key(frame: Frame, time: str, taken: Sequence[str], given: str | None = None) -> Guess:
    """What names a row: a column, several with commas between, or nothing when the row's number must do.

    Raises
    ------
    ConfigError
        When a given key is null somewhere or the same for two rows.
    """
    if given is not None:
        names = [name.strip() for name in given.split(",") if name.strip()]
        for name in names:
            if name not in frame:
                raise UnknownName("column", name, frame.names, where="--key")
        if problem := _not_a_key(frame, names):
            raise ConfigError(f"--key {given!r} does not name a row: {problem}. Add a column, or leave --key out.")
        return Guess("key", ",".join(names), "given by --key")
    possible = [n for n in frame if n not in taken and n != time and frame[n].kind in ("integer", "text")]
    unique = [name for name in possible if not _not_a_key(frame, [name])]
    for name in unique:
        if ENTITY_ENDINGS.search(name):
            return Guess("key", name, "different in every row, and named like a key")
    if unique and (unique[0] == frame.names[0] or _counts_up(frame[unique[0]])):
        return Guess("key", unique[0], "different in every row")
    for name in possible:
        if ENTITY_ENDINGS.search(name) and not _not_a_key(frame, [name, time]):
            return Guess("key", f"{name},{time}", f"{name} repeats, but never at the same {time}")
    return Guess("key", "", "no column is different in every row: the row's number is added as a key")


def guess_entity(frame: Frame, taken: Sequence[str], given: str | None = None) -> Guess:
    """Whose past says something about the next row, if a column says who it is."""
    if given is not None:
        if given not in frame:
            raise UnknownName("column", given, frame.names, where="--entity")
        return Guess("entity", given, "given by --entity")
    for name in frame:
        if name in taken or frame[name].kind not in ("integer", "text") or not ENTITY_ENDINGS.search(name):
            continue
        found = profile(name, frame[name])
        rows = len(frame) - found.missing
        if found.distinct > 1 and rows / found.distinct >= 2:
            why = f"{found.distinct:,} different ones, {rows / found.distinct:.1f} rows each"
            return Guess("entity", name, why)
    return Guess("entity", "", "no column says who or what a row is about; past outcomes of all rows are used instead")


def _not_a_key(frame: Frame, names: Sequence[str]) -> str:
    codes = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        column = frame[name]
        missing = int((~column.present()).sum())
        if missing:
            return f"{name} is missing in {missing:,} rows"
        part, values = column.codes()
        _, codes = np.unique(codes * (len(values) + 1) + part, return_inverse=True)
    distinct = len(np.unique(codes))
    return "" if distinct == len(frame) else f"{len(frame):,} rows share {distinct:,} values"


def _counts_up(column: Column) -> bool:
    return column.kind == "integer" and len(column) > 1 and bool(np.all(np.diff(column.values) == 1))


def span_days(column: Column) -> float:
    """Days from the first to the last moment of a time column."""
    present = column.present()
    moments = column.values[present]
    return float(moments.max() - moments.min()) / DAY_US if len(moments) else 0.0
