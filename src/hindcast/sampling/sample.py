"""A sample: which rows were drawn, with what chance, by which design, and what must be said whenever it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, whole
from hindcast.sampling.blocks import array_of, rows_in, take_rows
from hindcast.values import Bools, Floats, Ints

__all__ = ["Sample", "Spread"]

Spread = Literal["fixed", "poisson", "ordered", "replaced", "unknown"]
"""How draws hang together: a fixed number without replacement, each row on its own, every k-th of an order, with
replacement; unknown for samples that no chance made."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows drawn from a population.

    Parameters
    ----------
    places : int64 array, shape (n,)
        The rows, rising (of a walk in a given order: in that order); with replacement a row comes as often as it was
        drawn.
    pi : float64 array, shape (n,), or None
        Each drawn row's inclusion probability; with replacement the expected number of its draws. None for samples
        that no chance made, where nobody can know it.
    design : str
        What drew it, such as ``"stratified"``.
    population : int
        The rows it was drawn from.
    seed : int, default 0
    note : str, default ""
        What must be said wherever the sample is used.
    spread : {"fixed", "poisson", "ordered", "replaced", "unknown"}
        How draws hang together: decides the variance of estimates.
    stratum, unit : int64 arrays, shape (n,), optional
        The stratum of each row, and the group it was drawn with; without them one stratum, and each row alone.
    strata : tuple
        The names of the strata, or of the quotas.

    Examples
    --------
    >>> sample = Sample(np.array([1, 4]), np.array([0.25, 0.5]), "weighted", 10)
    >>> sample.weights.tolist(), sample.take(list("abcdefghij")), sample.warnings()
    ([4.0, 2.0], ['b', 'e'], ())
    """

    places: Ints
    pi: Floats | None
    design: str
    population: int
    seed: int = 0
    note: str = ""
    spread: Spread = "fixed"
    stratum: Ints | None = None
    unit: Ints | None = None
    strata: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "population", whole("a sample's population", self.population, least=0))
        choice("spread", self.spread, get_args(Spread), where="Sample")
        places = array_of(self.places, "places")
        if places.ndim != 1 or (len(places) and not np.issubdtype(places.dtype, np.integer)):
            raise DataError("the places of a sample are whole numbers, shape (n,).")
        outside = (places < 0) | (places >= self.population)
        if outside.any():
            row = int(outside.argmax())
            raise DataError(
                f"a place outside the population of {self.population} rows", row=row + 1, value=int(places[row])
            )
        object.__setattr__(self, "places", places.astype(np.int64))
        for name in ("pi", "stratum", "unit"):
            values = getattr(self, name)
            if values is None:
                continue
            values = numbers(values, f"a sample's {name}")
            if values.shape != places.shape:
                raise DataError(f"{len(places)} places came with {name} of shape {values.shape}; give one per place.")
            object.__setattr__(self, name, values if name == "pi" else np.asarray(getattr(self, name)))
        if self.pi is not None:
            most = np.inf if self.spread == "replaced" else 1.0 + 1e-9
            wrong = ~((self.pi > 0) & (self.pi <= most))
            if wrong.any():
                row = int(wrong.argmax())
                raise DataError("not an inclusion probability in (0, 1]", row=row + 1, value=float(self.pi[row]))

    def __len__(self) -> int:
        """The number of draws."""
        return len(self.places)

    @property
    def random(self) -> bool:
        """Whether the chance of each row is known, so that estimates can have intervals."""
        return self.pi is not None

    @property
    def weights(self) -> Floats:
        """``1 / pi``: how many rows of the population each drawn row stands for, shape (n,).

        Raises
        ------
        ConfigError
            For a sample without chances: nobody knows what its rows stand for.
        """
        if self.pi is None:
            raise ConfigError(f"a {self.design} sample has no weights: {self.note}")
        return np.asarray(1.0 / self.pi, dtype=np.float64)

    def take(self, rows: Any) -> Any:
        """The drawn rows of `rows` (a list, array, Frame or data frame), as the kind of thing it is."""
        if rows_in(rows) != self.population:
            raise DataError(f"the sample was drawn from {self.population} rows, and here are {rows_in(rows)}.")
        return take_rows(rows, self.places)

    def mask(self) -> Bools:
        """Which rows of the population were drawn, shape (population,)."""
        result = np.zeros(self.population, dtype=np.bool_)
        result[self.places] = True
        return result

    def warnings(self) -> tuple[str, ...]:
        """What a report that uses this sample must say; empty for a sound one."""
        return (self.note,) if self.note else ()

    def describe(self) -> dict[str, Any]:
        """Plain values: design, sizes, seed, what is to be said."""
        return {
            "design": self.design,
            "rows": len(self),
            "population": self.population,
            "seed": self.seed,
            "random": self.random,
            "warnings": list(self.warnings()),
        }


def by_place(places: Ints, *others: Any) -> tuple[Any, ...]:
    """`places` rising, and the other arrays (or None) in the same order."""
    order = np.argsort(places, kind="stable")
    return (places[order], *(None if other is None else other[order] for other in others))
