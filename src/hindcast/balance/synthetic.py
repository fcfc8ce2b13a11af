"""New rows of the rare classes, made between neighbours: SMOTE, borderline SMOTE, ADASYN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hindcast.balance.neighbours import Making, library, made_points, nearest
from hindcast.balance.places import shortfall
from hindcast.balance.random import checked_ratio
from hindcast.balance.resampling import Drawn, Made, Resampling
from hindcast.balance.space import Space
from hindcast.parameters import whole
from hindcast.values import Ints

__all__ = ["Adasyn", "BorderlineSmote", "Smote", "adasyn", "borderline_smote", "smote"]


def checked_count(what: str, **counts: Any) -> None:
    """Refuse a number of neighbours that is not a whole number of at least 1."""
    for name, count in counts.items():
        whole(f"{what}: {name}", count, least=1)


def with_made(
    X: Any, codes: Ints, counts: Ints, ratio: float, how: Making, *, k: int, among: int = 10, kind: int = 1, seed: int
) -> Drawn:
    """All rows, and made ones of each class that is too small."""
    everyone = np.arange(len(codes))
    lacking = shortfall(counts, ratio)
    if not lacking.any():
        return Drawn(everyone)
    library("base")
    space = Space.of(X)
    points = space.points()
    numbers, nominal, made_codes, near = [], [], [], []
    for code in np.flatnonzero(lacking).tolist():
        made, levels = made_points(space, codes, code, int(lacking[code]), how, k=k, among=among, kind=kind, seed=seed)
        numbers.append(made)
        nominal.append(levels)
        made_codes.append(np.full(made.shape[0], code, dtype=np.int64))
        near.append(nearest(points, np.flatnonzero(codes == code), space.points(made, levels)))
    if hasattr(numbers[0], "tocsr"):
        from scipy.sparse import vstack

        stacked = vstack(numbers, format="csr")
    else:
        stacked = np.concatenate(numbers)
    nearby = np.concatenate(near)
    return Drawn(
        everyone, Made(space.restore(stacked, np.concatenate(nominal), nearby), np.concatenate(made_codes), nearby)
    )


@dataclass(frozen=True)
class Smote(Resampling):
    """New rows of the rarer classes on the lines between a row and one of its nearest neighbours of the same class.

    Numbers lie between those of the two rows; a text or boolean is the neighbours' most frequent (SMOTE-NC, and SMOTE-N
    where all columns are categories). Missing values stay missing, see :mod:`hindcast.balance.space`. The lines may run
    through the other class; probabilities are too high for the rare class afterwards, and correcting them for the prior
    mends that only nearly, since made rows are not draws of the class.

    O(n log n) for few columns, up to O(n^2) for many, within the class.

    Parameters
    ----------
    k : int, default 5
        Up to so many neighbours; a class with fewer rows takes those there are. A class of one row is refused.
    ratio : float, default 1.0
        Rows of every other class per row of the commonest afterwards, at least.

    References
    ----------
    Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", JAIR 16, 2002.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 4.0, 7.0, 8.0, 9.0, 9.5]}), [1, 1, 0, 0, 0, 0])
    >>> after = Smote(k=1).apply(rows, seed=0)
    >>> made = after.features["x"].values[6:]
    >>> len(made), bool(((made >= 0) & (made <= 4)).all())
    (2, True)
    """

    k: int = 5
    ratio: float = 1.0
    label: ClassVar[str] = "smote"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k)
        checked_ratio(self.label, self.ratio)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return with_made(X, codes, counts, self.ratio, "smote", k=self.k, seed=seed)


@dataclass(frozen=True)
class BorderlineSmote(Resampling):
    """SMOTE from those rows alone that the other classes surround by half or more, but not wholly.

    A text or boolean is that of the nearest real row of the class.

    Parameters
    ----------
    k : int, default 5
    among : int, default 10
        Neighbours of any class by which a row is found to lie on the border.
    ratio : float, default 1.0
    kind : {1, 2}, default 1
        2 makes rows towards neighbours of other classes too, by less than half the way.

    Raises
    ------
    DataError
        When applied where no row of a rare class lies on the border.

    References
    ----------
    Han, Wang and Mao, "Borderline-SMOTE", ICIC 2005.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]}), [1, 0, 1, 0, 1, 0, 0, 0])
    >>> len(BorderlineSmote(k=1, among=3).apply(rows, seed=0))
    10
    """

    k: int = 5
    among: int = 10
    ratio: float = 1.0
    kind: int = 1
    label: ClassVar[str] = "borderline_smote"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k, among=self.among)
        checked_ratio(self.label, self.ratio)
        whole("borderline_smote: kind", self.kind, least=1, most=2)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return with_made(
            X, codes, counts, self.ratio, "borderline_smote", k=self.k, among=self.among, kind=self.kind, seed=seed
        )


@dataclass(frozen=True)
class Adasyn(Resampling):
    """SMOTE that makes more rows where more of the neighbours belong to other classes.

    The number of rows made is about what was asked for. A text or boolean is that of the nearest real row of the class.

    Parameters
    ----------
    k : int, default 5
    ratio : float, default 1.0

    Raises
    ------
    DataError
        When applied where no row of a rare class has a neighbour of another class.

    References
    ----------
    He et al., "ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced Learning", IJCNN 2008.

    Examples
    --------
    >>> from hindcast.columns import Frame
    >>> from hindcast.trainset.rows import Rows
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]}), [1, 0, 1, 0, 1, 0, 0, 0])
    >>> len(Adasyn(k=2).apply(rows, seed=0))
    10
    """

    k: int = 5
    ratio: float = 1.0
    label: ClassVar[str] = "adasyn"

    def __post_init__(self) -> None:
        checked_count(self.label, k=self.k)
        checked_ratio(self.label, self.ratio)

    def draw(self, X: Any, codes: Ints, counts: Ints, seed: int) -> Drawn:
        return with_made(X, codes, counts, self.ratio, "adasyn", k=self.k, seed=seed)


smote = Smote
borderline_smote = BorderlineSmote
adasyn = Adasyn
