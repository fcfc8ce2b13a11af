"""What is predicted, about which rows, asked when, and when its answer may be used.

A target names the table whose rows are asked about, the moment of asking (a timer over a time column of that
table), the outcome that answers, and how old a row must be before its answer counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hindcast.errors import ConfigError
from hindcast.expressions import Expression
from hindcast.parameters import share
from hindcast.values import Duration, duration_text, duration_us

if TYPE_CHECKING:
    from hindcast.facts import Shift, Table

__all__ = ["Binary", "Outcome", "outcome"]


@dataclass(frozen=True)
class Outcome:
    """The answer to a request: a condition over a later table, joined by key.

    The outcome is known when the fact that holds it is known. A fact for which the condition is null (SQL's
    rules, see :class:`~hindcast.expressions.Expression`) gives no label.

    Parameters
    ----------
    table : Table
        Where outcomes arrive.
    expression : Expression
        True is the positive label, False the negative one.
    on : tuple of str
        The columns, present in both tables, that say which request a fact answers.
    """

    table: Table
    expression: Expression
    on: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.on or not all(isinstance(name, str) and name for name in self.on):
            raise ConfigError(f"outcome({self.table.name!r}): on= names the columns that join it, got {self.on!r}.")

    def describe(self) -> dict[str, Any]:
        """What stands for the outcome in an identity."""
        return {
            "is": "outcome",
            "table": self.table.describe(),
            "expression": self.expression.describe(),
            "on": list(self.on),
        }


def outcome(table: Table, expression: str | Expression, on: str | tuple[str, ...]) -> Outcome:
    """The answer that `expression` over `table` gives, joined to requests by the column(s) `on`.

    Parameters
    ----------
    table : Table
    expression : str or Expression
        Such as ``"arr_delay >= 15"``.
    on : str or tuple of str
        Usually the key of both tables.

    Raises
    ------
    ConfigError
        For a condition outside the grammar, or no columns to join on.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> arrivals = Table("arrivals", key="flight_id", event_time="landed", known="event")
    >>> late = outcome(arrivals, "arr_delay >= 15", on="flight_id")
    >>> late.expression.text, late.on
    ('arr_delay >= 15', ('flight_id',))
    """
    condition = expression if isinstance(expression, Expression) else Expression(expression)
    return Outcome(table, condition, tuple(on) if isinstance(on, list | tuple) else (on,))


@dataclass(frozen=True)
class Binary:
    """A yes-or-no question about each row of a table, asked at a moment and answered later.

    Parameters
    ----------
    table : Table
        Its rows are asked about: one request per key.
    as_of : Shift
        The moment of asking, such as ``before("scheduled", "2h")``: a timer over the version of the row visible
        then.
    label : Outcome
        What answers.
    maturity : duration, optional
        The age (now minus as_of) from which a row's label may be used. Without it: `within` where that is
        given, else the `maturity_quantile` of the measured label delays.
    within : duration, optional
        Bounds the wait. A row is positive from the moment its positive outcome is known, and negative at
        ``as_of + within`` when none is visible then; whatever becomes known later does not count.
    name : str, default "target"
    maturity_quantile : float, default 0.99
        In (0, 1]. Used only where neither `maturity` nor `within` is declared.

    Raises
    ------
    ConfigError
        For a quantile outside (0, 1], a duration that is none, or a maturity below `within` (the positives
        would be admitted before the negatives).

    Examples
    --------
    >>> from hindcast.facts import Table, before
    >>> flights = Table("flights", key="flight_id", event_time="scheduled", known=before("scheduled", "30d"))
    >>> arrivals = Table("arrivals", key="flight_id", event_time="landed", known="event")
    >>> late = outcome(arrivals, "arr_delay >= 15", on="flight_id")
    >>> target = Binary(flights, as_of=before("scheduled", "2h"), label=late, maturity="18h")
    >>> duration_text(target.maturity_us)
    '18h'
    """

    table: Table
    as_of: Shift
    label: Outcome
    maturity: Duration | None = None
    within: Duration | None = None
    name: str = "target"
    maturity_quantile: float = 0.99

    def __post_init__(self) -> None:
        where = f"target {self.name!r}"
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"a target needs a name, got {self.name!r:.80}.")
        if not (hasattr(self.as_of, "column") and hasattr(self.as_of, "offset_us")):
            raise ConfigError(
                f'{where}: as_of is a moment beside a column, like before("scheduled", "2h"), got {self.as_of!r}.'
            )
        if not isinstance(self.label, Outcome):
            raise ConfigError(
                f'{where}: label is an outcome, like outcome(arrivals, "delay >= 15", on="id"), got {self.label!r}.'
            )
        share(f"{where}: maturity_quantile", self.maturity_quantile)
        within, maturity = self.within_us, None
        if self.maturity is not None:
            maturity = duration_us(self.maturity, what=f"{where}: maturity")
        if within is not None and within <= 0:
            raise ConfigError(f"{where}: within must be longer than nothing.")
        if within is not None and maturity is not None and maturity < within:
            raise ConfigError(
                f"{where}: maturity {duration_text(maturity)} is shorter than within {duration_text(within)}: "
                "positive rows would be admitted before negative ones. Declare maturity >= within, or leave it out."
            )

    @property
    def within_us(self) -> int | None:
        """The bound of the wait in microseconds, None without one."""
        return None if self.within is None else duration_us(self.within, what=f"target {self.name!r}: within")

    @property
    def maturity_us(self) -> int | None:
        """The maturity in microseconds as declared or implied by `within`; None when it is to be measured."""
        if self.maturity is None:
            return self.within_us
        return duration_us(self.maturity, what=f"target {self.name!r}: maturity")

    def describe(self) -> dict[str, Any]:
        """What stands for the target in an identity; equal declarations give equal descriptions."""
        maturity, within = self.maturity_us, self.within_us
        return {
            "is": "binary",
            "name": self.name,
            "table": self.table.describe(),
            "as_of": self.as_of.describe(),
            "label": self.label.describe(),
            "within_us": within,
            "maturity_us": maturity,
            "maturity_quantile": None if maturity is not None else self.maturity_quantile,
        }
