"""The smallest changes that fool a model: to learn how easily it is fooled, and to train it on them.

Where a model has a gradient, one step along its sign (FGSM); where it has none, a greedy search through edits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import numbers
from hindcast.metrics.scores import wilson
from hindcast.parameters import number, whole
from hindcast.sampling.blocks import array_of
from hindcast.values import Floats, Ints

__all__ = ["Attack", "fgsm", "greedy_attack", "linear_gradient", "row_edits", "text_edits", "torch_gradient"]

Item = TypeVar("Item")
Gradient = Callable[[Floats, Ints], Floats]


def fgsm(gradient: Gradient, x: Any, y: Any, *, epsilon: Any, low: Any = None, high: Any = None) -> Floats:
    """One step of size `epsilon` in the direction in which the loss grows fastest, in every coordinate.

    Parameters
    ----------
    gradient : function of (x, y)
        The loss's gradient with respect to `x`, same shape; see :func:`linear_gradient` and :func:`torch_gradient`.
    x : array_like, shape (n, ...)
    y : int array, shape (n,)
        Class codes: the loss is that of the true class.
    epsilon : float or array_like
        The step, one or per coordinate (a column's scale times a share), at least 0.
    low, high : float or array_like, optional
        What values must stay within.

    Returns
    -------
    x : float64 array, the shape of `x`
        Never further than `epsilon` from where it was.

    References
    ----------
    Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015.

    Examples
    --------
    >>> fgsm(linear_gradient(np.array([[1.0, -2.0]]), np.zeros(1)), [[0.0, 0.0]], [1], epsilon=0.1).tolist()
    [[-0.1, 0.1]]
    """
    x = np.asarray(x, dtype=np.float64)
    step = numbers(epsilon, "epsilon")
    low, high = (None if end is None else numbers(end, "low and high") for end in (low, high))
    try:
        np.broadcast_shapes(x.shape, *(end.shape for end in (step, low, high) if end is not None))
    except ValueError:
        raise DataError(
            f"epsilon, low and high must fit rows of shape {x.shape}, one number or one per column."
        ) from None
    if not (step >= 0).all():
        raise ConfigError("fgsm needs epsilon >= 0 everywhere.")
    if not callable(gradient):
        raise ConfigError(f"fgsm: gradient is a function of rows and labels, got {gradient!r:.60}.")
    slope = numbers(gradient(x, array_of(y, "labels")), "the gradient")
    if slope.shape != x.shape:
        raise ConfigError(f"the gradient has shape {slope.shape}, the rows {x.shape}; they must be the same.")
    moved = x + step * np.sign(slope)
    within: Floats = moved if low is None and high is None else np.clip(moved, low, high)
    return within


def linear_gradient(coefficients: Any, intercept: Any) -> Gradient:
    """The gradient of the log loss of a linear classifier, such as scikit-learn's ``coef_`` and ``intercept_``.

    Parameters
    ----------
    coefficients : array_like, shape (1, features) for two classes, (classes, features) for more
    intercept : array_like, shape (1,) or (classes,)
    """
    w, b = np.atleast_2d(np.asarray(coefficients, dtype=np.float64)), np.asarray(intercept, dtype=np.float64)

    def gradient(x: Floats, y: Ints) -> Floats:
        scores = x @ w.T + b
        if len(w) == 1:
            p = 1.0 / (1.0 + np.exp(-np.clip(scores[:, 0], -500, 500)))
            return (p - y)[:, None] * w
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = scores / scores.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1.0
        slope: Floats = p @ w
        return slope

    return gradient


def torch_gradient(module: Any) -> Gradient:
    """The gradient of the cross-entropy of a PyTorch module that answers one score per class (or one, for two)."""

    def gradient(x: Floats, y: Ints) -> Floats:
        import torch

        kind = next((p.dtype for p in module.parameters()), torch.float32)
        rows = torch.tensor(x, dtype=kind, requires_grad=True)
        was = module.training
        module.eval()
        try:
            scores = module(rows)
            if scores.ndim == 1 or scores.shape[1] == 1:
                truth = torch.tensor(y, dtype=kind)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(scores.reshape(-1), truth, reduction="sum")
            else:
                loss = torch.nn.functional.cross_entropy(scores, torch.tensor(y, dtype=torch.long), reduction="sum")
            (slope,) = torch.autograd.grad(loss, rows)
        finally:
            module.train(was)
        return np.asarray(slope.detach().numpy(), dtype=np.float64)

    return gradient


# ---- without a gradient -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attack:
    """What a search for fooling edits came to.

    Parameters
    ----------
    items : tuple
        The items after the edits.
    edits : int64 array, shape (n,)
        Edits made to each; 0 where the model was wrong to begin with.
    fooled : bool array, shape (n,)
        Right before, wrong after.
    right : bool array, shape (n,)
        Right before.
    """

    items: tuple[Any, ...]
    edits: Ints
    fooled: Any
    right: Any

    @property
    def share_fooled(self) -> tuple[float, float, float]:
        """The share of answers that were right and are not any more, with Wilson's 95% interval."""
        n, k = int(self.right.sum()), int(self.fooled.sum())
        return (k / n if n else float("nan"), *wilson(k, n))


def greedy_attack(
    predict_proba: Callable[[Sequence[Any]], Any],
    items: Sequence[Item],
    y: Any,
    candidates: Callable[[Item], Sequence[Item]],
    *,
    budget: int = 3,
) -> Attack:
    """At each of `budget` rounds, make the one edit that takes most from the true class's probability.

    Needs nothing of the model but its answers. All candidates of a round are answered in one call.

    Parameters
    ----------
    predict_proba : function of a sequence of items
        Shape (n, classes).
    items : sequence
    y : int array, shape (n,)
        Codes of the true classes, columns of the probabilities.
    candidates : function of an item
        Its edits, one edit each; see :func:`text_edits` and :func:`row_edits`.
    budget : int, default 3

    Raises
    ------
    ConfigError
        For a budget below 1.
    DataError
        For another number of labels than items, or a label that is no column.
    """
    for name, function in (("predict_proba", predict_proba), ("candidates", candidates)):
        if not callable(function):
            raise ConfigError(f"greedy_attack: {name} is a function, got {function!r:.60}.")
    if (
        isinstance(items, str | bytes)
        or not isinstance(items, Sequence | np.ndarray)
        or getattr(items, "shape", None) == ()
    ):
        raise DataError(f"greedy_attack: items are a sequence, got {items!r:.60}.")
    budget = whole("greedy_attack: budget", budget, least=1)
    codes = numbers(y, "labels")
    if not (codes == np.floor(codes)).all():
        raise DataError("labels are class codes, whole numbers from 0.")
    y = codes.astype(np.int64)
    if y.shape != (len(items),):
        raise DataError(f"{len(items)} items came with labels of shape {y.shape}; give one label per item.")
    now: list[Any] = list(items)
    if not now:
        empty = np.zeros(0, dtype=np.bool_)
        return Attack((), np.zeros(0, dtype=np.int64), empty, empty)
    answers = np.asarray(predict_proba(now), dtype=np.float64)
    if y.min() < 0 or y.max() >= answers.shape[1]:
        row = int(np.flatnonzero((y < 0) | (y >= answers.shape[1]))[0])
        raise DataError(f"not a class of the model, which has {answers.shape[1]}", row=row + 1, value=int(y[row]))
    right = answers.argmax(axis=1) == y
    standing = answers[np.arange(len(y)), y]
    edits = np.zeros(len(now), dtype=np.int64)
    open_ = right.copy()
    for _ in range(budget):
        offers: list[Any] = []
        whose: list[int] = []
        for at in np.flatnonzero(open_):
            found = list(candidates(now[at]))
            offers += found
            whose += [int(at)] * len(found)
        if not offers:
            break
        scores = np.asarray(predict_proba(offers), dtype=np.float64)
        of = np.array(whose)
        true = scores[np.arange(len(of)), y[of]]
        order = np.lexsort((np.arange(len(of)), true, of))
        best = order[np.unique(of[order], return_index=True)[1]]
        open_[:] = False
        for offer in best:
            at = of[offer]
            if true[offer] < standing[at]:
                now[at], standing[at] = offers[offer], true[offer]
                edits[at] += 1
                open_[at] = int(scores[offer].argmax()) == y[at]
    final = np.asarray(predict_proba(now), dtype=np.float64).argmax(axis=1)
    return Attack(tuple(now), edits, right & (final != y), right)


def text_edits(text: str) -> list[str]:
    """Single edits of a text: each word left out, and each longer word with two inner letters swapped."""
    words = text.split(" ")
    found = []
    for at, word in enumerate(words):
        if len(words) > 1:
            found.append(" ".join(words[:at] + words[at + 1 :]))
        if len(word) >= 4:
            middle = len(word) // 2
            swapped = word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]
            if swapped != word:
                found.append(" ".join([*words[:at], swapped, *words[at + 1 :]]))
    return found


def row_edits(scale: Any, *, step: float = 0.5, fixed: Sequence[int] = ()) -> Callable[[Floats], list[Floats]]:
    """Single edits of a row of numbers: one column up or down by `step` times its scale; `fixed` columns stay.

    Parameters
    ----------
    scale : array_like, shape (features,)
        Such as the columns' standard deviations over the training rows.
    """
    scale, step = numbers(scale, "scale"), number("row_edits: step", step)
    if scale.ndim != 1:
        raise DataError(f"scale has shape (features,), got {scale.shape}.")
    if not isinstance(fixed, list | tuple | set | range | np.ndarray) or np.shape(fixed)[1:]:
        raise ConfigError(f"row_edits: fixed are places of columns, got {fixed!r:.60}.")
    fixed = [whole("row_edits: a fixed column", at, least=0) for at in fixed]
    loose = [at for at in range(len(scale)) if at not in set(fixed) and scale[at] > 0]

    def edits(row: Floats) -> list[Floats]:
        found = []
        for at in loose:
            for sign in (-1.0, 1.0):
                moved = np.array(row, dtype=np.float64)
                moved[at] += sign * step * scale[at]
                found.append(moved)
        return found

    return edits
