"""Draws as steps of a system file: which of the training rows a learner sees, and what each of them counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.parameters import choice, switch, whole
from hindcast.parameters import share as share_of
from hindcast.sampling.blocks import size_of
from hindcast.sampling.sample import Sample
from hindcast.sampling.simple import simple_random
from hindcast.sampling.stratified import Allocation, stratified
from hindcast.sampling.weighted import WeightedMethod, weighted
from hindcast.trainset.rows import Rows
from hindcast.values import Duration, duration_text, duration_us

__all__ = [
    "RecentRows",
    "SampleRows",
    "StratifiedRows",
    "WeightedRows",
    "recent_rows",
    "sample_rows",
    "stratified_rows",
    "weighted_rows",
]


@dataclass(frozen=True)
class SampleRows:
    """A simple random sample of the training rows; see :func:`sample_rows`."""

    shifts_prior: ClassVar[bool] = False
    n: int | None = None
    share: float | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        _check_size(self.n, self.share, "sample_rows")
        switch("sample_rows: replace", self.replace)

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"sample_rows({_size_text(self.n, self.share)})"

    def describe(self) -> dict[str, Any]:
        """Name and parameters."""
        return {"step": "sample_rows", "n": self.n, "share": self.share, "replace": self.replace}

    def apply(self, rows: Rows, seed: int) -> Rows:
        """The drawn rows; all of them where there are no more than `n`."""
        n = _most(self.n, self.share, len(rows), self.replace)
        return _drawn(rows, simple_random(len(rows), n, replace=self.replace, seed=seed), weigh=False)


@dataclass(frozen=True)
class StratifiedRows:
    """A sample of each stratum of the training rows; see :func:`stratified_rows`."""

    shifts_prior: ClassVar[bool] = False
    by: tuple[str, ...]
    n: int | None = None
    share: float | None = None
    allocation: Allocation = "proportional"
    minimum: int = 0
    weigh: bool = True

    def __post_init__(self) -> None:
        _check_size(self.n, self.share, "stratified_rows")
        choice("allocation", self.allocation, ["proportional", "equal"], where="stratified_rows")
        whole("stratified_rows: minimum", self.minimum, least=0)
        switch("stratified_rows: weigh", self.weigh)

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"stratified_rows({', '.join(self.by)}; {_size_text(self.n, self.share)})"

    def describe(self) -> dict[str, Any]:
        """Name and parameters."""
        return {
            "step": "stratified_rows",
            "by": list(self.by),
            "n": self.n,
            "share": self.share,
            "allocation": self.allocation,
            "minimum": self.minimum,
            "weigh": self.weigh,
        }

    def apply(self, rows: Rows, seed: int) -> Rows:
        """The drawn rows, each weighing what it stands for."""
        columns = [_column(rows, name, self.name) for name in self.by]
        n = _most(self.n, self.share, len(rows), False)
        sample = stratified(columns, n, allocation=self.allocation, minimum=self.minimum, seed=seed)
        return _drawn(rows, sample, weigh=self.weigh)


@dataclass(frozen=True)
class WeightedRows:
    """Training rows drawn with chances by a column; see :func:`weighted_rows`."""

    shifts_prior: ClassVar[bool] = False
    by: str
    n: int | None = None
    share: float | None = None
    method: WeightedMethod = "pivotal"
    replace: bool = False
    weigh: bool = True

    def __post_init__(self) -> None:
        _check_size(self.n, self.share, "weighted_rows")
        if not isinstance(self.by, str):
            raise ConfigError(f"weighted_rows: by is the name of a feature, got {self.by!r:.60}.")
        choice("method", self.method, get_args(WeightedMethod), where="weighted_rows")
        switch("weighted_rows: replace", self.replace)
        switch("weighted_rows: weigh", self.weigh)

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"weighted_rows({self.by}; {_size_text(self.n, self.share)})"

    def describe(self) -> dict[str, Any]:
        """Name and parameters."""
        return {
            "step": "weighted_rows",
            "by": self.by,
            "n": self.n,
            "share": self.share,
            "method": self.method,
            "replace": self.replace,
            "weigh": self.weigh,
        }

    def apply(self, rows: Rows, seed: int) -> Rows:
        """The drawn rows, each weighing what it stands for."""
        load = (
            rows.weight if self.by == "weight" and "weight" not in rows.features else _numbers(rows, self.by, self.name)
        )
        n = _most(self.n, self.share, int((load > 0).sum()) if not self.replace else len(rows), self.replace)
        sample = weighted(load, n, method=self.method, replace=self.replace, seed=seed)
        return _drawn(rows, sample, weigh=self.weigh)


@dataclass(frozen=True)
class RecentRows:
    """The newest training rows, or all of them with old ones counting less; see :func:`recent_rows`."""

    shifts_prior: ClassVar[bool] = False
    n: int | None = None
    within_us: int | None = None
    half_life_us: int | None = None

    def __post_init__(self) -> None:
        if self.n is None and self.within_us is None and self.half_life_us is None:
            raise ConfigError("recent_rows: say what recent is: n=, within= or half_life=.")
        if self.n is not None:
            whole("recent_rows: n", self.n, least=1)
        if self.half_life_us is not None and self.half_life_us < 1:
            raise ConfigError("recent_rows: the half-life is above zero.")

    @property
    def name(self) -> str:
        """What reports call it."""
        parts = [f"n={self.n}"] if self.n is not None else []
        parts += [f"within={duration_text(self.within_us)}"] if self.within_us is not None else []
        parts += [f"half_life={duration_text(self.half_life_us)}"] if self.half_life_us is not None else []
        return f"recent_rows({', '.join(parts)})"

    def describe(self) -> dict[str, Any]:
        """Name and parameters; durations in microseconds."""
        return {
            "step": "recent_rows",
            "n": self.n,
            "within_us": self.within_us,
            "half_life_us": self.half_life_us,
        }

    def apply(self, rows: Rows, seed: int) -> Rows:
        """The recent rows, in the order they stand; nothing is left to chance."""
        if not len(rows):
            return rows
        newest = int(rows.as_of.max())
        if self.within_us is not None:
            rows = rows.take(rows.as_of >= newest - self.within_us)
        if self.n is not None and self.n < len(rows):
            rows = rows.take(np.sort(np.argsort(rows.as_of, kind="stable")[-self.n :]))
        if self.half_life_us is None:
            return rows
        fresh = np.exp2(-(newest - rows.as_of) / self.half_life_us)
        fresh = np.maximum(fresh / fresh.mean(), 1e-12)
        return rows.having(weight=rows.weight * fresh)


def sample_rows(n: int | None = None, *, share: float | None = None, replace: bool = False) -> SampleRows:
    """Learn from `n` of the training rows, or from a share of them, drawn at random.

    Fewer rows than `n` are all taken. Every row has the same chance, so weights stay as they are.

    Examples
    --------
    >>> sample_rows(100_000).name, sample_rows(share=0.1).name
    ('sample_rows(n=100000)', 'sample_rows(share=0.1)')
    """
    return SampleRows(n, share, replace)


def stratified_rows(
    by: str | list[str] | tuple[str, ...],
    n: int | None = None,
    *,
    share: float | None = None,
    allocation: Allocation = "proportional",
    minimum: int = 0,
    weigh: bool = True,
) -> StratifiedRows:
    """Learn from rows of every stratum.

    Parameters
    ----------
    by : str or several
        Features whose values make the strata; ``"label"`` is the label.
    n, share : int, float
        Rows in all; give one. Fewer rows than `n` are all taken.
    allocation : {"proportional", "equal"}
    minimum : int, default 0
        At least so many of each stratum.
    weigh : bool, default True
        Multiply weights by ``1 / pi`` (with mean 1), so that the learner still sees the world's proportions. Without it
        rare strata count for more than they are, and probabilities shift.

    Examples
    --------
    >>> stratified_rows(["origin", "label"], 10_000, allocation="equal").name
    'stratified_rows(origin, label; n=10000)'
    """
    names = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, list | tuple) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"stratified_rows: name at least one feature, or 'label', got {by!r:.60}.")
    return StratifiedRows(names, n, share, allocation, minimum, weigh)


def weighted_rows(
    by: str,
    n: int | None = None,
    *,
    share: float | None = None,
    method: WeightedMethod = "pivotal",
    replace: bool = False,
    weigh: bool = True,
) -> WeightedRows:
    """Learn from rows drawn with chances in proportion to a feature (an amount, a value at stake) or to their weight.

    Parameters
    ----------
    by : str
        A numeric feature, at least zero and never missing; ``"weight"`` is the rows' own weight.
    n, share, method, replace
        See :func:`hindcast.sampling.weighted`; fewer rows than `n` are all taken.
    weigh : bool, default True
        Multiply weights by ``1 / pi`` (with mean 1), so that the draw changes what is seen and not what it counts.

    Examples
    --------
    >>> weighted_rows("amount", share=0.2).name
    'weighted_rows(amount; share=0.2)'
    """
    return WeightedRows(by, n, share, method, replace, weigh)


def recent_rows(
    n: int | None = None, *, within: Duration | None = None, half_life: Duration | None = None
) -> RecentRows:
    """Learn from the newest `n` rows, from those asked `within` a time of the newest, or let weight fade with age.

    Parameters
    ----------
    n : int, optional
    within : duration, optional
        Such as ``"90d"``, back from the newest training row.
    half_life : duration, optional
        A row so much older than the newest counts half.

    Examples
    --------
    >>> recent_rows(within="90d", half_life="30d").name
    'recent_rows(within=90d, half_life=30d)'
    """
    return RecentRows(
        n,
        None if within is None else duration_us(within, what="recent_rows, within"),
        None if half_life is None else duration_us(half_life, what="recent_rows, half_life"),
    )


def _check_size(n: int | None, share: float | None, what: str) -> None:
    if (n is None) == (share is None):
        raise ConfigError(f"{what}: say how many rows, either n= or share=.")
    if n is not None:
        whole(f"{what}: n", n, least=1)
    if share is not None:
        share_of(f"{what}: share", share)


def _size_text(n: int | None, share: float | None) -> str:
    return f"n={n}" if n is not None else f"share={share:g}"


def _most(n: int | None, share: float | None, rows: int, replace: bool) -> int:
    """How many rows to draw of `rows`: as declared, but never more than there are."""
    if n is not None and not replace:
        return min(n, rows)
    return size_of(n, share, rows, "a step", repeats=True)


def _column(rows: Rows, name: str, step: str) -> Any:
    if name == "label" and "label" not in rows.features:
        return rows.label
    if name not in rows.features:
        raise UnknownName("feature", name, [*rows.features, "label"], where=step)
    return rows.features[name]


def _numbers(rows: Rows, name: str, step: str) -> Any:
    if name not in rows.features:
        raise UnknownName("feature", name, [*rows.features, "weight"], where=step)
    values = rows.features[name].floats()
    if np.isnan(values).any():
        row = int(np.isnan(values).argmax())
        raise DataError(f"{step}: a row without a value has no chance; fill it first", row=row + 1, column=name)
    return values


def _drawn(rows: Rows, sample: Sample, *, weigh: bool) -> Rows:
    drawn = rows.take(sample.places)
    if not weigh or not len(sample):
        return drawn
    stands_for = sample.weights
    return drawn.having(weight=drawn.weight * (stands_for / stands_for.mean()))
