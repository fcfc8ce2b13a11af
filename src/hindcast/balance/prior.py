"""Probabilities for another share of the classes than the one they were learnt with.

Resampling, class weights and label shift change how common a class is and leave alone how its rows look: p(x | y)
stays, p(y) moves. Then the odds move by a constant, and are moved back by it, exactly. Where p(x | y) changed too (made
rows, cleaned rows, a world that changed) the correction is only near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.rows import checked_probabilities, numbers
from hindcast.parameters import number, share, whole
from hindcast.values import Floats

__all__ = ["Prior", "correct_prior", "corrected_threshold", "estimate_prior", "undersampled_probability"]


def _prior(what: str, value: Any, classes: int) -> Floats:
    """Shares of the classes, shape (K,), summing to 1; for two the share of label 1 will do."""
    try:
        shares = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"{what} must give a share for each of {classes} classes, got {value!r}.") from None
    if shares.ndim == 0 and classes == 2:
        shares = np.array([1.0 - float(shares), float(shares)])
    if shares.shape != (classes,) or not (shares >= 0).all() or not np.isfinite(shares).all():
        raise ConfigError(f"{what} must give a share for each of {classes} classes, got {value!r}.")
    if abs(shares.sum() - 1.0) > 1e-6:
        raise ConfigError(f"{what} must sum to 1, got {value!r} with the sum {shares.sum():g}.")
    return np.asarray(shares / shares.sum())


def _matrix(probability: Any) -> tuple[Floats, bool]:
    """Probabilities of shape (n, K), whether given so or as those of label 1, and which."""
    p = numbers(probability, "probabilities")
    if p.ndim == 1:
        p = checked_probabilities(p)
        return np.stack([1.0 - p, p], axis=1), True
    if p.ndim != 2 or p.shape[1] < 2:
        raise DataError(f"probabilities have shape (n,) for two classes or (n, K), got {p.shape}.")
    checked_probabilities(p.ravel())
    wrong = np.abs(p.sum(axis=1) - 1.0) > 1e-6
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("the probabilities of a row must sum to 1", row=row + 1, value=float(p[row].sum()))
    return p, False


def correct_prior(probability: Any, *, trained: Any, actual: Any) -> Floats:
    """Probabilities learnt where the classes had the shares `trained`, for a world where they have the shares `actual`.

    Parameters
    ----------
    probability : array_like, shape (n,) or (n, K)
        Of label 1, or of each class.
    trained, actual : float, or array_like of shape (K,)
        The share of label 1, or of each class: weighted shares where rows were weighted.

    Returns
    -------
    float array of the shape given
        Certain answers (0 and 1) stay.

    Raises
    ------
    ConfigError
        For shares that do not sum to 1, and where a class had no share in training but should have one: nothing was
        learnt of it.

    References
    ----------
    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001; Saerens, Latinne and Decaestecker, "Adjusting the
    Outputs of a Classifier to New a Priori Probabilities", Neural Computation 14, 2002.

    Examples
    --------
    >>> correct_prior([0.5, 0.9], trained=0.5, actual=0.01).round(4).tolist()
    [0.01, 0.0833]
    """
    p, binary = _matrix(probability)
    before, after = (_prior(what, value, p.shape[1]) for what, value in (("trained", trained), ("actual", actual)))
    unknown = (before == 0) & (after > 0)
    if unknown.any():
        raise ConfigError(
            f"class number {int(unknown.argmax())} had no share in training and has {after[unknown.argmax()]:g} now: "
            "there is nothing to correct from. Train on rows that hold it."
        )
    factor = np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    parts = p * (factor / factor.max())
    total = parts.sum(axis=1, keepdims=True)
    lost = total[:, 0] == 0
    if lost.any():
        raise DataError(
            "a row is certain to be of a class that has no share now; one of the two is wrong",
            row=int(lost.argmax()) + 1,
        )
    corrected = parts / total
    return np.asarray(corrected[:, 1] if binary else corrected)


def undersampled_probability(probability: Any, kept: float) -> Floats:
    """The probability of label 1 had all rows of label 0 been kept, of which a random share `kept` was.

    Parameters
    ----------
    probability : array_like, shape (n,)
        Learnt on the undersampled rows.
    kept : float
        The share of label 0 that stayed, in (0, 1].

    References
    ----------
    Dal Pozzolo, Caelen, Johnson and Bontempi, "Calibrating Probability with Undersampling for Unbalanced
    Classification", SSCI 2015.

    Examples
    --------
    >>> undersampled_probability([0.5], kept=0.1).round(4).tolist()
    [0.0909]
    """
    kept = share("kept (the share of label 0 that stayed)", kept)
    p = checked_probabilities(probability)
    return np.asarray(kept * p / (kept * p - p + 1.0))


def corrected_threshold(threshold: float, *, trained: float, actual: float) -> float:
    """The threshold on probabilities as learnt that decides as `threshold` does on corrected ones.

    Examples
    --------
    >>> round(corrected_threshold(0.5, trained=0.5, actual=0.01), 6)
    0.99
    """
    threshold = share("threshold", threshold, zero=True)
    return float(correct_prior([threshold], trained=actual, actual=trained)[0])


@dataclass(frozen=True, eq=False)
class Prior:
    """The shares of the classes where a model answers now, estimated from its answers alone.

    Parameters
    ----------
    shares : float array, shape (K,)
    probability : float array, shape (n, K) or (n,)
        The answers, corrected for them; of the shape given.
    ratio : float
        Twice the log-likelihood ratio against "the shares are those of training": about chi-square with K - 1 degrees
        of freedom if they are, so for two classes above 3.84 in one case of twenty.
    iterations : int
    converged : bool
    notes : tuple of str
        Why not to trust it, where there is a reason.
    """

    shares: Floats
    probability: Floats
    ratio: float
    iterations: int
    converged: bool
    notes: tuple[str, ...] = ()


def estimate_prior(probability: Any, *, trained: Any, tolerance: float = 1e-8, most: int = 10_000) -> Prior:
    """How common each class is among rows without labels: the likeliest shares, found by EM.

    Holds while p(x | y) is that of training (label shift) and probabilities were calibrated there. Neither can be seen
    from here: an overconfident model finds too great a shift.

    Parameters
    ----------
    probability : array_like, shape (n,) or (n, K)
        A calibrated model's answers to the new rows.
    trained : float, or array_like of shape (K,)
        Shares of the classes in training.
    tolerance : float, default 1e-8
        Stop when no share moves more.
    most : int, default 10,000
        Iterations.

    References
    ----------
    Saerens, Latinne and Decaestecker, Neural Computation 14, 2002.

    Examples
    --------
    >>> found = estimate_prior([0.9, 0.2, 0.1, 0.1], trained=0.5)
    >>> found.shares.round(2).tolist(), found.converged
    ([0.8, 0.2], True)
    """
    p, binary = _matrix(probability)
    before = _prior("trained", trained, p.shape[1])
    if not len(p):
        raise DataError("shares cannot be estimated without rows; give it the answers to the new rows.")
    if (before == 0).any():
        raise ConfigError(f"class number {int((before == 0).argmax())} had no share in training; leave it out.")
    tolerance = number("estimate_prior: tolerance", tolerance, above=0.0)
    most = whole("estimate_prior: most", most, least=1)
    likelihood = p / before
    shares, done, steps = before, False, 0
    while not done and steps < most:
        parts = likelihood * shares
        found = (parts / parts.sum(axis=1, keepdims=True)).mean(axis=0)
        done = bool(np.abs(found - shares).max() <= tolerance)
        shares, steps = found, steps + 1
    parts = likelihood * shares
    total = parts.sum(axis=1)
    ratio = 2.0 * float((np.log(total) - np.log((likelihood * before).sum(axis=1))).sum())
    notes = []
    if not done:
        notes.append(f"not converged after {steps} iterations: the answers hardly tell the classes apart")
    if np.abs(p - before).max() < 1e-3:
        notes.append("every answer is the base rate of training: the model says nothing about these rows")
    if (shares < 1e-6).any():
        notes.append("a class has vanished; were the probabilities calibrated, and is its look still the same?")
    corrected = parts / total[:, None]
    return Prior(shares, corrected[:, 1] if binary else corrected, ratio, steps, done, tuple(notes))
