"""Examples between two examples, with labels between theirs: mixup for rows and arrays, CutMix for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hindcast.augment.tabular import checked_copies
from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.metrics.rows import numbers
from hindcast.parameters import number, seed_of
from hindcast.trainset.rows import Rows
from hindcast.values import Floats, Ints

__all__ = ["Mixup", "cutmix", "mixed", "mixup"]

_MIXUP, _CUTMIX = 0x6D697875, 0x6375746D


def _partners(n: int, alpha: float, random: np.random.Generator) -> tuple[Ints, Floats]:
    """Another row for each row (a permutation), and the share of the first, shape (n,)."""
    return random.permutation(n).astype(np.int64), random.beta(alpha, alpha, n)


def _checked(what: str, alpha: float) -> None:
    number(f"{what}: alpha", alpha, above=0.0)


@dataclass(frozen=True)
class Mixup:
    """Mixtures of two rows each, with soft labels, beside the rows or in their place.

    A share is drawn from Beta(alpha, alpha). Numbers mix by it, and so do the weights and, by weight, the labels. A
    text or a boolean has no in-between: it is that of the first row with the chance of its share, and that of the other
    otherwise, so that on average it mixes too; a number that one of the two lacks is taken likewise. Whole numbers are
    rounded; moments and lists are those of the first row.

    Learners need soft labels: ``trained`` splits each into two weighted rows.

    Parameters
    ----------
    alpha : float, default 0.2
        Small: mostly near one of the two; 1: any share alike.
    times : int, default 1
        Mixtures each row stands first in.
    weight : float, default 1.0
        Of a mixture.
    keep : bool, default True
        Whether the rows themselves stay.

    References
    ----------
    Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Examples
    --------
    >>> rows = Rows.of(Frame.of({"x": [0.0, 1.0]}), [0, 1])
    >>> after = mixup(1.0, keep=False).apply(rows, seed=1)
    >>> bool((abs(after.features["x"].values - after.label) < 1e-12).all())
    True
    """

    alpha: float = 0.2
    times: int = 1
    weight: float = 1.0
    keep: bool = True
    name: ClassVar[str] = "mixup"
    shifts_prior: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _checked(self.name, self.alpha)
        checked_copies(self.name, self.times, self.weight)

    def describe(self) -> dict[str, Any]:
        return {"step": self.name, "alpha": self.alpha, "times": self.times, "weight": self.weight, "keep": self.keep}

    def apply(self, rows: Rows, seed: int) -> Rows:
        parts = [rows] if self.keep or not len(rows) else []
        for time in range(self.times if len(rows) else 0):
            random = np.random.default_rng([seed_of(seed), _MIXUP, time])
            other, share = _partners(len(rows), self.alpha, random)
            first, second = share * rows.weight, (1.0 - share) * rows.weight[other]
            label = (first * rows.label + second * rows.label[other]) / (first + second)
            features = Frame({n: _mixed_column(c, other, share, random) for n, c in rows.features.items()}, len(rows))
            weight = self.weight * (first + second)
            parts.append(Rows(features, np.clip(label, 0.0, 1.0), weight, rows.as_of))
        return Rows(
            Frame.concat([part.features for part in parts]),
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.as_of for part in parts]),
        )


def _mixed_column(column: Column, other: Ints, share: Floats, random: np.random.Generator) -> Column:
    drawn = random.random(len(share)) < share
    if column.kind in ("time", "list"):
        return column
    chosen = column.take(np.where(drawn, np.arange(len(share)), other))
    if column.kind in ("text", "boolean"):
        return chosen
    values = column.floats()
    between = values[other] + share * (values - values[other])
    both = np.isfinite(between)
    if column.kind == "integer":
        whole = np.where(both, np.rint(np.where(both, between, 0.0)), chosen.values).astype(np.int64)
        return Column("integer", whole, chosen.valid if chosen.valid is None else chosen.valid | both)
    return Column("number", np.where(both, between, chosen.values))


mixup = Mixup


def _soft(Y: Any, n: int) -> Floats:
    """Labels as numbers that can be mixed, shape (n,) or (n, K)."""
    y = numbers(Y, "labels")
    if y.ndim not in (1, 2) or len(y) != n:
        raise DataError(f"{n} examples came with labels of shape {y.shape}; give (n,) of 0 and 1, or (n, K).")
    if not ((y >= 0) & (y <= 1)).all():
        raise DataError("labels to mix are 0, 1 or probabilities; give classes as columns of 0 and 1 (one-hot).")
    return y


def _by_share(share: Floats, like: Any) -> Floats:
    return share.reshape(-1, *[1] * (np.ndim(like) - 1))


def mixed(X: Any, Y: Any, alpha: float = 0.2, *, seed: int = 0) -> tuple[Floats, Floats]:
    """As many mixtures as examples: arrays of numbers of any shape, and their soft labels.

    Parameters
    ----------
    X : array_like, shape (n, ...)
    Y : array_like, shape (n,) or (n, K)
        0 and 1, or a column per class.
    alpha : float, default 0.2
    seed : int, default 0

    Examples
    --------
    >>> X, Y = mixed([[0.0], [1.0]], [[1, 0], [0, 1]], alpha=1.0)
    >>> bool(np.allclose(X[:, 0], Y[:, 1])), Y.sum(axis=1).tolist()
    (True, [1.0, 1.0])
    """
    _checked("mixed", alpha)
    x = numbers(X, "X")
    if not x.ndim:
        raise DataError("mixed takes an array of examples, shape (n, ...), got one number.")
    if np.isinf(x).any():
        raise DataError(
            "an infinite value has no mixture with another",
            row=int(np.isinf(x).reshape(len(x), -1).any(axis=1).argmax()) + 1,
        )
    y = _soft(Y, len(x))
    other, share = _partners(len(x), alpha, np.random.default_rng([seed_of(seed), _MIXUP, 0]))
    a, b = _by_share(share, x), _by_share(share, y)
    return np.asarray(x[other] + a * (x - x[other])), np.asarray(y[other] + b * (y - y[other]))


def cutmix(images: Any, Y: Any, alpha: float = 1.0, *, seed: int = 0) -> tuple[Any, Floats]:
    """Pictures with a rectangle of another picture pasted in, and labels by the shares of the area.

    Parameters
    ----------
    images : array_like, shape (n, height, width) or (n, height, width, channels)
    Y : array_like, shape (n,) or (n, K)
    alpha : float, default 1.0
        The share that stays is drawn from Beta(alpha, alpha); the rectangle has the picture's proportions, and is cut
        at its edge.
    seed : int, default 0

    Returns
    -------
    images, labels
        Of the images' type; float.

    References
    ----------
    Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV 2019.

    Examples
    --------
    >>> made, labels = cutmix(np.stack([np.zeros((4, 4)), np.ones((4, 4))]), [0, 1], seed=3)
    >>> bool(np.allclose(made.mean(axis=(1, 2)), labels))
    True
    """
    _checked("cutmix", alpha)
    x = np.asarray(images)
    if x.ndim not in (3, 4):
        raise DataError(f"cutmix takes pictures of shape (n, height, width[, channels]), got {x.shape}.")
    y = _soft(Y, len(x))
    random = np.random.default_rng([seed_of(seed), _CUTMIX])
    other, share = _partners(len(x), alpha, random)
    n, height, width = x.shape[:3]
    side = np.sqrt(1.0 - share)
    edges = []
    for size in (height, width):
        middle, half = random.random(n) * size, side * size / 2.0
        edges.append([np.clip(np.rint(middle + sign * half), 0, size).astype(np.int64) for sign in (-1, 1)])
    (top, bottom), (left, right) = edges
    down, across = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    inside = (down >= top[:, None, None]) & (down < bottom[:, None, None])
    inside = inside & (across >= left[:, None, None]) & (across < right[:, None, None])
    stays = 1.0 - inside.mean(axis=(1, 2)) if height * width else np.ones(n)
    b = _by_share(stays, y)
    mask = inside if x.ndim == 3 else inside[..., None]
    return np.where(mask, x[other], x), np.asarray(b * y + (1.0 - b) * y[other])
