"""Focal loss: log loss with easy rows turned down, ``-alpha (1 - p)**gamma log p`` for the probability p of the truth.

Value, gradient and Hessian in closed form, in the score's own scale, without overflow or cancellation at any score. Of
many classes (softmax) p depends on the truth's *margin* alone, its score less the log-sum-exp of the others, as for two
classes (sigmoid) on the score itself: one function of the margin serves both.

Focal loss is not proper: what minimises it is no probability, but something flatter. The map from there to the
probability is known in closed form (:func:`focal_to_probability`); scores rank the same before and after it for two
classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.balance.weights import weight_of_classes
from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import checked_probabilities, numbers
from hindcast.parameters import number, share, switch, whole
from hindcast.values import Floats, Ints

__all__ = ["FocalLoss", "class_balanced", "focal_to_probability"]

Objective = Callable[[Any, Any], tuple[Floats, Floats]]


def _log_sigmoid(z: Floats) -> Floats:
    return np.asarray(np.minimum(z, 0.0) - np.log1p(np.exp(-np.abs(z))))


def _by_margin(z: Floats, gamma: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Loss, its first and second derivative in the margin z, and a positive stand-in for the second; all shape (n,)."""
    z = np.clip(z, -1e100, 1e100)  # beyond it products of the loss are no float
    log_p, log_q = _log_sigmoid(z), _log_sigmoid(-z)
    p, q = np.exp(log_p), np.exp(log_q)
    turned = np.exp(gamma * log_q)
    loss = -turned * log_p
    slope = turned * (gamma * p * log_p - q)
    curve = p * turned * (q * (1.0 + 2.0 * gamma) + gamma * log_p * (q - gamma * p))
    return loss, slope, curve, np.maximum(curve, p * q * turned)


@dataclass(frozen=True)
class FocalLoss:
    """Focal loss of two classes (sigmoid) or many (softmax), for training and for judging.

    Parameters
    ----------
    gamma : float, default 2.0
        At least 0. How much rows that are already right are turned down; 0 is log loss.
    alpha : float or tuple of float, optional
        What rows weigh: for two classes the weight of label 1 in (0, 1), label 0 weighing ``1 - alpha``; or a weight
        above zero per class. Without it every class weighs 1.

    Notes
    -----
    The loss is not convex: where a row is badly wrong its second derivative falls below zero, which boosting cannot
    use. :meth:`derivatives` gives the exact one; :meth:`objective` keeps it where it is at least
    ``(1 - p)**gamma p (1 - p)`` (log loss's, turned down as the row is) and gives that where it is not, so that a
    leaf's step stays finite and downhill. With gamma 0 both are log loss's own.

    Boosting starts from a constant. LightGBM does not find one for an objective of one's own, and from 0 the first
    trees only learn how rare the class is: add :meth:`initial_score` to the scores (``Dataset(init_score=)``), and
    again when predicting.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar, "Focal Loss for Dense Object Detection", ICCV 2017.

    Examples
    --------
    >>> FocalLoss(gamma=2.0).losses([1, 1], [0.0, 4.0]).round(6).tolist()
    [0.173287, 6e-06]
    >>> FocalLoss(gamma=0.0).losses([1], [0.0]).round(6).tolist()
    [0.693147]
    """

    gamma: float = 2.0
    alpha: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        number("focal loss: gamma", self.gamma, least=0.0, most=1e6)
        if self.alpha is None:
            return
        if isinstance(self.alpha, list | tuple | np.ndarray):
            weights = tuple(number("focal loss: alpha of a class", a, above=0.0) for a in self.alpha)
            object.__setattr__(self, "alpha", weights)
            if len(weights) < 2:
                raise ConfigError(f"alpha gives every class a weight, two at least, got {self.alpha!r:.60}.")
            return
        share("focal loss: alpha, the weight of label 1 (or a weight per class)", self.alpha, one=False)

    @property
    def name(self) -> str:
        return f"focal({self.gamma:g})"

    def describe(self) -> dict[str, Any]:
        """Plain data: gamma and alpha."""
        alpha = list(self.alpha) if isinstance(self.alpha, tuple) else self.alpha
        return {"loss": "focal", "gamma": self.gamma, "alpha": alpha}

    def class_weights(self, classes: int) -> Floats:
        """The weight of each class, shape (K,)."""
        if self.alpha is None:
            return np.ones(classes)
        if isinstance(self.alpha, tuple):
            if len(self.alpha) != classes:
                raise ConfigError(f"alpha gives weights for {len(self.alpha)} classes, there are {classes}.")
            return np.array(self.alpha)
        if classes != 2:
            raise ConfigError(f"one alpha is for two classes; give {classes} weights, one per class.")
        return np.array([1.0 - self.alpha, self.alpha])

    def _rows(self, label: Any, score: Any) -> tuple[Ints, Floats, Floats]:
        """Checked labels (n,), scores (n,) or (n, K), and each row's weight (n,)."""
        s, y = numbers(score, "scores"), numbers(label, "labels")
        if s.ndim not in (1, 2) or (s.ndim == 2 and s.shape[1] < 2) or y.shape != s.shape[:1]:
            raise DataError(f"labels of shape {y.shape} meet scores of shape {s.shape}; give (n,) and (n,) or (n, K).")
        classes = 2 if s.ndim == 1 else s.shape[1]
        wrong = ~((y >= 0) & (y < classes) & (y == np.floor(y)))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"a label is a class code, 0 to {classes - 1}", row=row + 1, column="label", value=y[row])
        wrong = ~np.isfinite(s if s.ndim == 1 else s.sum(axis=1))
        if wrong.any():
            raise DataError("a score is not finite", row=int(wrong.argmax()) + 1, column="score")
        codes = y.astype(np.int64)
        return codes, s, self.class_weights(classes)[codes]

    def losses(self, label: Any, score: Any) -> Floats:
        """The loss of each row, shape (n,).

        Parameters
        ----------
        label : array_like, shape (n,)
            0 and 1, or class codes 0 to K - 1.
        score : array_like, shape (n,) or (n, K)
            Log odds of label 1, or a score per class, of which softmax makes probabilities.
        """
        codes, s, weight = self._rows(label, score)
        margin = np.where(codes == 1, s, -s) if s.ndim == 1 else _margins(codes, s)[0]
        return np.asarray(weight * _by_margin(margin, self.gamma)[0])

    def derivatives(self, label: Any, score: Any, *, positive: bool = False) -> tuple[Floats, Floats]:
        """First and second derivative of each row's loss in its score(s), of the score's shape.

        Of many classes the second is the Hessian's diagonal. With `positive` it is replaced where it is not safely
        above zero; see the class.
        """
        positive = switch("positive", positive)
        codes, s, weight = self._rows(label, score)
        if s.ndim == 1:
            sign = np.where(codes == 1, 1.0, -1.0)
            _, slope, curve, safe = _by_margin(sign * s, self.gamma)
            return weight * sign * slope, weight * (safe if positive else curve)
        margin, others = _margins(codes, s)
        _, slope, curve, safe = _by_margin(margin, self.gamma)
        if positive:
            curve = safe
        truth = np.arange(len(codes)), codes
        first = -slope[:, None] * others
        first[truth] = slope
        second = curve[:, None] * others**2 - slope[:, None] * others * (1.0 - others)
        second[truth] = curve
        return weight[:, None] * first, weight[:, None] * second

    def objective(self, *, init_score: Any = None) -> Objective:
        """What LightGBM takes as ``params["objective"]``: from scores and its Dataset to gradient and Hessian.

        Weights of the Dataset count. `init_score` is only for those who do not give it to the Dataset: it is added to
        the scores.
        """
        start = 0.0 if init_score is None else numbers(init_score, "init_score")

        def focal(scores: Any, data: Any) -> tuple[Floats, Floats]:
            first, second = self.derivatives(
                data.get_label(), np.asarray(scores, dtype=np.float64) + start, positive=True
            )
            weight = data.get_weight()
            if weight is None:
                return first, second
            w = np.asarray(weight, dtype=np.float64)
            w = w if first.ndim == 1 else w[:, None]
            return first * w, second * w

        return focal

    def initial_score(self, label: Any, *, weight: Any = None, classes: int = 2) -> Any:
        """The constant score of least loss on these rows: where boosting should start.

        With gamma 0 and two classes the log odds of the (weighted) base rate. A float for two classes, else shape (K,)
        with mean 0. Classes must all occur.
        """
        classes = whole("classes", classes, least=2, most=10**6)
        codes = numbers(label, "labels")
        w = np.ones(codes.shape) if weight is None else numbers(weight, "weights")
        if codes.ndim != 1 or w.shape != codes.shape or not (np.isfinite(w) & (w >= 0)).all():
            raise DataError(
                f"labels of shape {codes.shape} came with weights of shape {w.shape}; give one of each per row, and "
                "weights that are finite and at least zero."
            )
        wrong = ~((codes >= 0) & (codes < classes) & (codes == np.floor(codes)))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"a label is a class code, 0 to {classes - 1}", row=row + 1, column="label", value=codes[row]
            )
        y = codes.astype(np.int64)
        shares = np.bincount(y, weights=w, minlength=classes).astype(np.float64)
        if len(shares) != classes or not (shares > 0).all():
            raise DataError(
                f"a score to start from needs rows of each of {classes} classes; got totals {shares.tolist()}."
            )
        q = _stationary(shares / shares.sum() * self.class_weights(classes), self.gamma)
        if classes == 2:
            return float(np.log(q[1]) - np.log(q[0]))
        scores = np.log(q)
        return scores - scores.mean()

    def probability(self, score: Any) -> Floats:
        """Probabilities from scores of a model trained on this loss, of the score's shape: softmax, then the map."""
        s = numbers(score, "scores")
        if s.ndim not in (1, 2) or (s.ndim == 2 and s.shape[1] < 2) or not np.isfinite(s).all():
            raise DataError(f"scores are finite and have shape (n,) or (n, K); got shape {s.shape}.")
        s = np.clip(s, -1e100, 1e100)
        both = np.stack([-_half(s), _half(s)], axis=1) if s.ndim == 1 else s
        k = both.shape[1]
        log_q = both - _log_sum_exp(both)
        log_rest = np.stack([_log_sum_exp(np.delete(log_q, j, axis=1))[:, 0] for j in range(k)], axis=1)
        result = _to_probability(log_q, np.minimum(log_rest, 0.0), self.gamma, self.class_weights(k))
        return np.asarray(result[:, 1] if s.ndim == 1 else result)

    def module(self) -> Any:
        """The same loss as a PyTorch module: mean over rows; see :func:`hindcast.balance.focal_torch.focal_module`."""
        from hindcast.balance.focal_torch import focal_module

        return focal_module(self)


def _half(s: Floats) -> Floats:
    return s / 2.0


def _log_sum_exp(s: Floats) -> Floats:
    """Over classes, shape (n, 1)."""
    top = s.max(axis=1, keepdims=True)
    return np.asarray(top + np.log(np.exp(s - top).sum(axis=1, keepdims=True)))


def _margins(codes: Ints, s: Floats) -> tuple[Floats, Floats]:
    """The truth's score less the log-sum-exp of the others (n,), and the others' shares among themselves (n, K)."""
    rows = np.arange(len(codes))
    rest = s.copy()
    rest[rows, codes] = -np.inf
    total = _log_sum_exp(rest)
    return s[rows, codes] - total[:, 0], np.exp(rest - total)


# ---- from what minimises the loss to the probability ------------------------------------------------------


def _log_pull(log_q: Floats, log_rest: Floats, gamma: float) -> Floats:
    """Log of -1 over the derivative of ``-(1 - q)**gamma log q`` in q: what the probability is proportional to."""
    rest = np.exp(log_rest)
    # -q log q / (1 - q), between 0 (q = 0) and 1 (q = 1)
    bend = np.where(rest > 1e-12, -np.exp(log_q) * log_q / np.where(rest > 1e-12, rest, 1.0), 1.0)
    return np.asarray(log_q - gamma * log_rest - np.log1p(gamma * bend))


def _to_probability(log_q: Floats, log_rest: Floats, gamma: float, weight: Floats) -> Floats:
    pull = _log_pull(log_q, log_rest, gamma) - np.log(weight)
    return np.asarray(np.exp(pull - _log_sum_exp(pull)))


def focal_to_probability(answer: Any, gamma: float, *, alpha: float | tuple[float, ...] | None = None) -> Floats:
    """The probability behind a focal model's answer: exact where training found the minimum of the expected loss.

    Parameters
    ----------
    answer : array_like, shape (n,) or (n, K)
        Sigmoid of the score (for label 1), or softmax of the scores.
    gamma, alpha
        Of the loss it was trained on; see :class:`FocalLoss`. With gamma 0 and no alpha nothing changes.

    References
    ----------
    Charoenphakdee, Vongkulbhisal, Chairatanakul and Sugiyama, "On Focal Loss for Class-Posterior Probability
    Estimation: A Theoretical Perspective", CVPR 2021.

    Examples
    --------
    >>> focal_to_probability([0.5, 0.7, 0.9], gamma=2.0).round(4).tolist()
    [0.5, 0.9064, 0.9974]
    """
    loss = FocalLoss(gamma, alpha)
    q = numbers(answer, "answers")
    checked_probabilities(q.ravel())
    both = np.stack([1.0 - q, q], axis=1) if q.ndim == 1 else q
    if both.ndim != 2 or both.shape[1] < 2:
        raise DataError(f"answers have shape (n,) or (n, K), got {q.shape}.")
    tiny = np.finfo(np.float64).tiny
    rest = np.stack([np.delete(both, j, axis=1).sum(axis=1) for j in range(both.shape[1])], axis=1)
    log_q, log_rest = np.log(np.maximum(both, tiny)), np.log(np.clip(rest, tiny, 1.0))
    found = _to_probability(log_q, log_rest, loss.gamma, loss.class_weights(both.shape[1]))
    found = np.where(both == 0, 0.0, found)
    empty = ~(found.sum(axis=1) > 0)
    if empty.any():
        raise DataError("the answers of a row are all zero", row=int(empty.argmax()) + 1)
    found = found / found.sum(axis=1, keepdims=True)
    return np.asarray(found[:, 1] if q.ndim == 1 else found)


def _stationary(wanted: Floats, gamma: float) -> Floats:
    """The q of least ``sum(wanted_k * loss(q_k))`` over the simplex, shape (K,): bisection of the common slope."""

    def at(level: float) -> Floats:
        """Each q whose pull is its wanted share times exp(level)."""
        low, high = np.full(len(wanted), -745.0), np.zeros(len(wanted))
        for _ in range(60):
            middle = (low + high) / 2.0
            rest = np.log(-np.expm1(np.minimum(middle, -1e-300)))
            above = _log_pull(middle, rest, gamma) > np.log(wanted) + level
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.exp((low + high) / 2.0)

    low, high = -700.0, 700.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (low, middle) if at(middle).sum() > 1.0 else (middle, high)
    found = at((low + high) / 2.0)
    return np.asarray(found / found.sum())


def class_balanced(y: Any, *, beta: float = 0.999, gamma: float = 0.0) -> FocalLoss:
    """The class-balanced loss for labels `y`: log or focal loss whose classes weigh by their effective number of rows.

    Parameters
    ----------
    y : array_like, shape (n,)
        The labels to learn from. Class codes of the loss are their classes in order.
    beta : float, default 0.999
        See :func:`hindcast.balance.weight_of_classes`.
    gamma : float, default 0.0
        0 is class-balanced log loss.

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.

    Examples
    --------
    >>> [round(a, 3) for a in class_balanced([0] * 900 + [1] * 100, beta=0.99).alpha]
    [0.776, 1.224]
    """
    weights = weight_of_classes(y, "effective", beta=beta, normalise="classes")
    return FocalLoss(gamma, tuple(weights.values()))
