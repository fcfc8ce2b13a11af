"""Rows taken out where classes meet: Tomek links, edited nearest neighbours, and both after SMOTE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from hindcast.balance.arrays import below, taken
from hindcast.balance.neighbours import cleaned_places
from hindcast.balance.random import checked_ratio
from hindcast.balance.resampling import Drawn, Made, Resampling
from hindcast.balance.space import Space
from hindcast.balance.synthetic import checked_count, with_made
from hindcast.parameters import choice
from hindcast.values import Ints

__all__ = [
    "EditedNearestNeighbours",
    "SmoteEnn",
    "SmoteTomek",
    "TomekLinks",
    "edited_nearest_neighbours",
    "smote_enn",
    "smote_tomek",
    "tomek_links",
]


def _cleanable(counts: Ints, of: str) -> list[int]:
    present = np.flatnonzero(counts > 0)
    if of == "all":
        return present.tolist()
    rarest = present[counts[present].argmin()]
    return [int(code) for code in present if code != rarest]


def _checked_of(what: str, of: str) -> None:
    choice("part to clean", of, ["common", "all"], where=what)


@dataclass(frozen=True)
class TomekLinks(Resampling):
    """Take out rows that are the nearest neighbour of a row of another class that is nearest to them in turn.

    Balances nothing by itself: a handful of rows goes, those that blur the border or carry a wrong label.

    Parameters
    ----------
    of : {"common", "all"}
        Which rows of such a pair go: those of any class but the rarest, or both.

    References
    ----------
    Tomek, "Two Modifications of CNN", IEEE Transactions on Systems, Man and Cybernetics 6, 1976.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 1.1, 5.0, 5.2]}), [0, 0, 1, 1, 0])
    >>> TomekLinks().apply(rows, seed=0).features["x"].values.tolist()
    [0.0, 1.1, 5.0]
    """

    of: Literal["common", "all"] = "common"
    label: ClassVar[str] = "tomek_links"

    def __post_init__(self) -> None:
        _checked_of(self.label, self.of)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return Drawn(cleaned_places(Space.of(X), codes, _cleanable(counts, self.of), "tomek_links"))


@dataclass(frozen=True)
class EditedNearestNeighbours(Resampling):
    """Take out rows whose neighbours are of other classes.

    Takes out far more than Tomek links where classes overlap, all of a class if it must: in overlapping data it teaches
    a learner that the rare class rules there, and no correction for the prior takes that back.

    Parameters
    ----------
    k : int, default 3
    agree : {"all", "mode"}
        A row stays when all its neighbours are of its class, or most.
    of : {"common", "all"}
        Rows of any class but the rarest may go, or of every class.

    References
    ----------
    Wilson, "Asymptotic Properties of Nearest Neighbor Rules Using Edited Data", 1972.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 5.0, 5.1, 5.2]}), [0, 0, 1, 1, 0])
    >>> EditedNearestNeighbours(k=1).apply(rows, seed=0).features["x"].values.tolist()
    [0.0, 1.0, 5.0, 5.1]
    """

    k: int = 3
    agree: Literal["all", "mode"] = "all"
    of: Literal["common", "all"] = "common"
    label: ClassVar[str] = "edited_nearest_neighbours"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k)
        _checked_of(self.label, self.of)
        choice("agree", self.agree, ["all", "mode"], where=self.label)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        places = cleaned_places(Space.of(X), codes, _cleanable(counts, self.of), "edited", k=self.k, agree=self.agree)
        return Drawn(places)


def _cleaned(X: Any, codes: Ints, drawn: Drawn, how: Literal["tomek_links", "edited"], k: int) -> Drawn:
    """What is left of real and made rows once rows of every class were taken out where classes meet."""
    made = drawn.made
    n = len(drawn.places)
    whole = taken(X, drawn.places) if made is None else below(taken(X, drawn.places), made.rows)
    every = codes[drawn.places] if made is None else np.concatenate([codes[drawn.places], made.codes])
    left = cleaned_places(Space.of(whole), every, np.unique(every).tolist(), how, k=k)
    real, rest = left[left < n], left[left >= n] - n
    if made is None:
        return Drawn(drawn.places[real])
    return Drawn(drawn.places[real], Made(taken(made.rows, rest), made.codes[rest], made.near[rest]))


@dataclass(frozen=True)
class SmoteTomek(Resampling):
    """SMOTE, then both rows of every Tomek link taken out.

    Parameters
    ----------
    k, ratio
        As for :class:`Smote`.

    References
    ----------
    Batista, Bazzan and Monard, "Balancing Training Data for Automated Annotation of Keywords", WOB 2003.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 5.0, 6.0, 7.0, 8.0, 9.0]}), [1, 1, 0, 0, 0, 0, 0])
    >>> SmoteTomek(k=1).apply(rows, seed=0).base_rate
    0.5
    """

    k: int = 5
    ratio: float = 1.0
    label: ClassVar[str] = "smote_tomek"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k)
        checked_ratio(self.label, self.ratio)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        drawn = with_made(X, codes, counts, self.ratio, "smote", k=self.k, seed=seed)
        return _cleaned(X, codes, drawn, "tomek_links", 0)


@dataclass(frozen=True)
class SmoteEnn(Resampling):
    """SMOTE, then rows of every class taken out whose neighbours are not all of their class.

    Parameters
    ----------
    k, ratio
        As for :class:`Smote`.
    edit_k : int, default 3
        Neighbours that must agree.

    References
    ----------
    Batista, Prati and Monard, "A Study of the Behavior of Several Methods for Balancing Machine Learning Training
    Data", SIGKDD Explorations 6, 2004.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 5.0, 6.0, 7.0, 8.0, 9.0]}), [1, 1, 0, 0, 0, 0, 0])
    >>> SmoteEnn(k=1, edit_k=1).apply(rows, seed=0).base_rate
    0.5
    """

    k: int = 5
    ratio: float = 1.0
    edit_k: int = 3
    label: ClassVar[str] = "smote_enn"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k, edit_k=self.edit_k)
        checked_ratio(self.label, self.ratio)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        drawn = with_made(X, codes, counts, self.ratio, "smote", k=self.k, seed=seed)
        return _cleaned(X, codes, drawn, "edited", self.edit_k)


tomek_links = TomekLinks
edited_nearest_neighbours = EditedNearestNeighbours
smote_tomek = SmoteTomek
smote_enn = SmoteEnn
