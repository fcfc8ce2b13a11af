"""Expectations of features, declared once: a gate on what a model learns from, and watched in production afterwards.

* :func:`fresh`: the newest fact behind a feature, or of a table, is at most so old,
* :func:`present`: a feature has a value,
* :func:`holds`: a condition over features holds: a range, a set of values, a relation between two.

Each speaks of a share of the rows. A row that cannot be judged is in no share, and an expectation of which no row
could be judged is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.evaluate.gate import Evidence
from hindcast.expressions import Expression
from hindcast.values import Bools, Duration, Floats, duration_text, duration_us
from hindcast.verdicts import Verdict

__all__ = ["Expectation", "Fresh", "Holds", "Present", "fresh", "holds", "present"]


@runtime_checkable
class Expectation(Protocol):
    """A gate that can also be asked row by row.

    Law: a row's answer depends on that row alone.
    """

    @property
    def name(self) -> str:
        """The expectation as one would declare it."""
        ...

    @property
    def subject(self) -> str:
        """The feature, table or condition it is about."""
        ...

    @property
    def share(self) -> float:
        """The share of the judged rows that must meet it."""
        ...

    def rows(self, features: Frame, ages: Mapping[str, Floats]) -> tuple[Bools, Bools]:
        """Which rows meet it, and which could be judged; bool, shape (n,) each.

        Parameters
        ----------
        features : Frame, n rows
        ages : mapping of str to float array, shape (n,)
            Microseconds since the newest fact behind a feature, or of a table: infinite without a fact, NaN where it
            was not measured.
        """
        ...

    def judge(self, evidence: Evidence) -> Verdict: ...

    def describe(self) -> dict[str, Any]: ...


def _judged(expectation: Expectation, evidence: Evidence) -> Verdict:
    met, judged = expectation.rows(evidence.features, evidence.ages)
    rows, of = len(judged), int(judged.sum())
    if not of:
        return Verdict.unknown(expectation.name, f"none of {rows} rows could be judged", rows=rows)
    share = float((met & judged).sum()) / of
    text = f"{share:.2%} of {of} rows" + (f", {rows - of} more could not be judged" if of < rows else "")
    figures = {"share": share, "rows": of, "unjudged": rows - of}
    if share >= expectation.share:
        return Verdict.passed(expectation.name, text, **figures)
    return Verdict.failed(expectation.name, f"{text}; {expectation.share:.2%} are asked for", **figures)


def _check_share(what: str, share: float) -> None:
    if not 0 < share <= 1:
        raise ConfigError(f"{what} needs a share above 0 and at most 1, got {share!r}.")


@dataclass(frozen=True)
class Fresh:
    """The newest fact behind a feature, or of a table, is at most so old in a share of the rows.

    A feature's fact is that of its own entity, inside its window; a row without any is not fresh. A table's is its
    newest visible one, of whatever entity: whether the source still delivers.

    Parameters
    ----------
    place : str
        A feature that is looked up, a transform of such ones, or a table.
    max_age_us : int
        Microseconds; a fact of exactly this age is fresh.
    share : float, default 0.99
    """

    place: str
    max_age_us: int
    share: float = 0.99

    def __post_init__(self) -> None:
        _check_share("fresh", self.share)
        if self.max_age_us <= 0:
            raise ConfigError(f"fresh({self.place!r}) needs an age above zero.")

    @property
    def name(self) -> str:
        return f"fresh({self.place!r}, {duration_text(self.max_age_us)!r}, share={self.share:g})"

    @property
    def subject(self) -> str:
        return self.place

    def describe(self) -> dict[str, Any]:
        return {"gate": "fresh", "place": self.place, "max_age_us": self.max_age_us, "share": self.share}

    def rows(self, features: Frame, ages: Mapping[str, Floats]) -> tuple[Bools, Bools]:
        """Rows whose newest fact is young enough, and rows whose age was measured."""
        age = ages.get(self.place, np.full(len(features), np.nan))
        return age <= self.max_age_us, ~np.isnan(age)

    def judge(self, evidence: Evidence) -> Verdict:
        if self.place not in evidence.ages:
            return Verdict.unknown(self.name, f"the age of {self.place!r} was not measured")
        return _judged(self, evidence)


def fresh(place: str, max_age: Duration, *, share: float = 0.99) -> Fresh:
    """A gate, and an alert in production: see :class:`Fresh`.

    Examples
    --------
    >>> fresh("weather", "6h").name
    "fresh('weather', '6h', share=0.99)"
    """
    return Fresh(place, duration_us(max_age, what=f"fresh({place!r}) max_age"), share)


@dataclass(frozen=True)
class Present:
    """A feature has a value in a share of the rows.

    Parameters
    ----------
    feature : str
    share : float, default 0.99
    """

    feature: str
    share: float = 0.99

    def __post_init__(self) -> None:
        _check_share("present", self.share)

    @property
    def name(self) -> str:
        return f"present({self.feature!r}, share={self.share:g})"

    @property
    def subject(self) -> str:
        return self.feature

    def describe(self) -> dict[str, Any]:
        return {"gate": "present", "feature": self.feature, "share": self.share}

    def rows(self, features: Frame, ages: Mapping[str, Floats]) -> tuple[Bools, Bools]:
        """Rows with a value."""
        if self.feature not in features:
            raise UnknownName("feature", self.feature, features, where=self.name)
        return features[self.feature].present(), np.ones(len(features), dtype=np.bool_)

    def judge(self, evidence: Evidence) -> Verdict:
        return _judged(self, evidence)


def present(feature: str, *, share: float = 0.99) -> Present:
    """A gate, and an alert in production: see :class:`Present`.

    Examples
    --------
    >>> present("weather_temp_by_origin", share=0.95).name
    "present('weather_temp_by_origin', share=0.95)"
    """
    return Present(feature, share)


@dataclass(frozen=True)
class Holds:
    """A condition over features holds in a share of the rows; where it is null, the row is not judged.

    Parameters
    ----------
    condition : Expression
    share : float, default 1.0
    """

    condition: Expression
    share: float = 1.0

    def __post_init__(self) -> None:
        _check_share("holds", self.share)

    @property
    def name(self) -> str:
        return f"holds({self.condition.text!r}, share={self.share:g})"

    @property
    def subject(self) -> str:
        return self.condition.text

    def describe(self) -> dict[str, Any]:
        return {"gate": "holds", "condition": self.condition.describe(), "share": self.share}

    def rows(self, features: Frame, ages: Mapping[str, Floats]) -> tuple[Bools, Bools]:
        """Rows where it is known to hold, and where that is known."""
        return self.condition.truth(features)

    def judge(self, evidence: Evidence) -> Verdict:
        return _judged(self, evidence)


def holds(condition: str, *, share: float = 1.0) -> Holds:
    """A gate, and an alert in production: see :class:`Holds`.

    Examples
    --------
    >>> holds("0 <= distance and carrier in ('UA', 'AA')").name
    'holds("0 <= distance and carrier in (\\'UA\\', \\'AA\\')", share=1)'
    """
    return Holds(Expression(condition), share)
