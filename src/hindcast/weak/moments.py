"""What pairs of functions say together: joint counts, how far they are from independence, and first accuracies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.values import Bools, Floats

__all__ = ["accuracies_of_pairs", "association", "divergence", "freedom", "joint_counts", "skill_of_all"]

_ROWS = 1 << 14
"""Rows of a block of bits."""


def joint_counts(votes: NDArray[Any], classes: int) -> Floats:
    """How often functions vote each pair of ways, (m, K + 1, m, K + 1), silence first. O(n (m K)^2) bits, blocked."""
    from hindcast.weak.kernels import meet

    n, m = votes.shape
    width = m * classes
    inner = np.zeros((width, width), dtype=np.int64)
    for first in range(0, n, _ROWS):
        meet(_bits(votes[first : first + _ROWS], classes), inner)
    inner = np.maximum(inner, inner.T)
    joint = np.zeros((m, classes + 1, m, classes + 1))
    joint[:, 1:, :, 1:] = inner.reshape(m, classes, m, classes)
    alone = inner.diagonal().reshape(m, classes)
    joint[:, 0, :, 1:] = alone[None] - joint[:, 1:, :, 1:].sum(axis=1)
    joint[:, 1:, :, 0] = alone[:, :, None] - joint[:, 1:, :, 1:].sum(axis=3)
    joint[:, 0, :, 0] = n - alone.sum(axis=1)[:, None] - joint[:, 0, :, 1:].sum(axis=2)
    return joint


def _bits(votes: NDArray[Any], classes: int) -> NDArray[np.uint64]:
    """Who votes what, a bit per row: (m K, words of 64 rows)."""
    rows, m = votes.shape
    words = np.zeros((m * classes, -(-rows // 64)), dtype=np.uint64)
    packed = words.view(np.uint8)[:, : -(-rows // 8)]
    by_function = votes.T
    for k in range(classes):
        packed[k::classes] = np.packbits(by_function == k, axis=1)
    return words


def divergence(joint: Floats, tables: Floats, balance: Floats, tells: Bools) -> Floats:
    """Nats a row by which each pair of votes departs from a latent class model, (m, m).

    The Kullback-Leibler divergence of the observed joint shares from those that the tables P(vote | class), (m, K + 1,
    K), imply where votes depend on the class alone, after the latter are brought to the observed margins. Of two
    functions whose silence does not tell, only the rows on which both vote: who is asked together is no dependence.
    """
    m, width = tables.shape[:2]
    flat = tables.reshape(m * width, -1)
    implied = ((flat * balance) @ flat.T).reshape(m, width, m, width)
    return _nats(joint, implied, tells)


def association(joint: Floats, tells: Bools) -> Floats:
    """Nats a row that the votes of one function tell of another's, (m, m): their mutual information.

    Of two functions whose silence does not tell, that of the rows on which both vote.
    """
    return _nats(joint, np.ones_like(joint), tells)


def freedom(tells: Bools, classes: int) -> Floats:
    """Degrees of freedom of a pair: how many ways votes can depart from independence, (m, m)."""
    return np.where(tells[:, None] | tells, classes**2, (classes - 1) ** 2).astype(np.float64)


def skill_of_all(joint: Floats) -> float:
    """The skill, 0 for chance and 1 for always right, that functions of equal skill agree by as these do."""
    k = joint.shape[1] - 1
    votes = joint[:, 1:, :, 1:]
    apart = np.triu(np.ones((len(joint), len(joint)), dtype=bool), 1)
    both = float(votes.sum(axis=(1, 3))[apart].sum())
    same = float(np.einsum("ivjv->ij", votes)[apart].sum())
    return float(np.sqrt(max((k * same / both - 1) / (k - 1), 0.0))) if both > 0 and k > 1 else 0.0


def accuracies_of_pairs(joint: Floats, apart: Bools, start: float = 0.75) -> Floats:
    """How often each function is right when it votes, (m,), from agreement alone.

    With one accuracy a function, agreement corrected for chance is a product of two skills; skills are fitted to all
    pairs that are `apart` (m, m), by weighted least squares in which a pair far from its product counts less. A
    function that voted with nobody keeps `start`.
    """
    m, k = joint.shape[0], joint.shape[1] - 1
    votes = joint[:, 1:, :, 1:]
    both = votes.sum(axis=(1, 3))
    same = np.einsum("ivjv->ij", votes)
    skill0 = (k * start - 1) / (k - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        product = np.where(both > 0, (k * same / both - 1) / (k - 1), 0.0)
    two_ways = np.count_nonzero(np.einsum("ivjw->iv", votes) > 0, axis=1) > 1
    weight = both * apart * two_ways[:, None] * two_ways
    np.fill_diagonal(weight, 0.0)
    skill = np.full(m, skill0)
    for _ in range(30):
        before = skill
        gap = product - np.outer(skill, skill)
        trust = weight / (1 + (gap / 0.1) ** 2)
        top = (trust * product) @ skill + 5 * skill0
        skill = 0.5 * skill + 0.5 * np.clip(top / (trust @ skill**2 + 5), 0.0, 0.98)
        if np.abs(skill - before).max(initial=0.0) < 1e-3:  # it is where EM sets out, no more
            break
    accuracy: Floats = (1 + (k - 1) * skill) / k
    return accuracy


def _nats(joint: Floats, implied: Floats, tells: Bools) -> Floats:
    whole = tells[:, None] | tells
    rows = max(float(joint[0, :, 0].sum()), 1.0) if len(joint) else 1.0
    nats = np.zeros((len(joint), len(joint)))
    if whole.any():
        nats = np.where(whole, _kullback_leibler(joint, implied), 0.0)
    if not whole.all():
        nats = np.where(whole, nats, _kullback_leibler(joint[:, 1:, :, 1:], implied[:, 1:, :, 1:]))
    np.fill_diagonal(nats, 0.0)
    return nats / rows


def _kullback_leibler(seen: Floats, implied: Floats) -> Floats:
    """Rows times divergence of each pair's table, the implied one brought to the margins of that which was seen."""
    with np.errstate(invalid="ignore", divide="ignore"):
        for axis in (3, 1):
            implied = implied * np.nan_to_num(
                seen.sum(axis=axis, keepdims=True) / implied.sum(axis=axis, keepdims=True)
            )
        terms = np.where(seen > 0, seen * np.log(seen / np.maximum(implied, 1e-12)), 0.0)
    found: Floats = terms.sum(axis=(1, 3))
    return found
