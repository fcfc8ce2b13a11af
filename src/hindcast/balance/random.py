"""Fewer rows of the common classes, or rows of the rare ones again: drawn at random, by nothing but the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from hindcast.balance.places import over_places, under_places
from hindcast.balance.resampling import Drawn, Resampling
from hindcast.errors import ConfigError
from hindcast.parameters import share
from hindcast.values import Ints

__all__ = ["Oversample", "Undersample", "oversample", "undersample"]


def checked_ratio(what: str, ratio: Any) -> None:
    """Refuse a ratio (rows of the rarest class per row of the commonest afterwards) outside (0, 1]."""
    share(f"{what}: ratio", ratio)


@dataclass(frozen=True)
class Undersample(Resampling):
    """Keep all rows of the rarest class and a random part of the others, without replacement.

    Loses rows, so it trains faster and sees less. Ranking usually holds or loses a little; probabilities are too high
    for the rare class until they are put right (:func:`hindcast.balance.correct_prior`; ``trained`` does so).

    Parameters
    ----------
    ratio : float, optional
        Rows of the rarest class per row of any other afterwards, in (0, 1]; classes that are small enough stay whole.
        1.0 unless `rate` is given.
    rate : float, optional
        Instead: the share of the rows of every class but the rarest that stays, in (0, 1].

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": list(range(10))}), [1, 1] + [0] * 8)
    >>> Undersample(0.5).apply(rows, seed=0).label.tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    ratio: float | None = None
    rate: float | None = None
    label: ClassVar[str] = "undersample"

    def __post_init__(self) -> None:
        if self.ratio is not None and self.rate is not None:
            raise ConfigError("undersample takes a ratio or a rate, not both.")
        if self.rate is None:
            object.__setattr__(self, "ratio", 1.0 if self.ratio is None else self.ratio)
            checked_ratio(self.label, self.ratio)
        else:
            share("undersample: rate", self.rate)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return Drawn(under_places(codes, counts, ratio=self.ratio, rate=self.rate, seed=seed))


@dataclass(frozen=True)
class Oversample(Resampling):
    """Repeat random rows of the rarer classes; each as often as another of its class, or once more.

    Adds nothing a weight would not add, for a learner that takes weights (:class:`ClassWeights`), and costs time; for
    learners that do not, it is the plain way. Never before a split: copies on both sides look like skill.

    Parameters
    ----------
    ratio : float, default 1.0
        Rows of every other class per row of the commonest afterwards, at least; in (0, 1].

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [7, 8, 9]}), [1, 0, 0])
    >>> Oversample().apply(rows, seed=0).features["x"].values.tolist()
    [7, 7, 8, 9]
    """

    ratio: float = 1.0
    label: ClassVar[str] = "oversample"

    def __post_init__(self) -> None:
        checked_ratio(self.label, self.ratio)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return Drawn(over_places(codes, counts, ratio=self.ratio, seed=seed))


undersample = Undersample
oversample = Oversample
