"""From what a method believes of each item to a truth: logarithms to probabilities, known items, ties, common notes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np

from hindcast.crowd.answers import Answers, Truth
from hindcast.errors import ConfigError, DataError
from hindcast.values import Bools, Floats, Ints

__all__ = [
    "LEAST",
    "class_prior",
    "clamped",
    "common_notes",
    "finished",
    "first_coins",
    "known_codes",
    "labelled",
    "unconverged",
]

LEAST = 1e-12
"""What was never seen is this likely at least."""

TIE = 1e-9
"""Probabilities nearer than this are equal: the order of a sum should not break a tie."""


def known_codes(answers: Answers, known: Mapping[Any, Any] | None) -> Ints:
    """The class of each item whose truth is known, -1 for the others, shape (items,).

    Raises
    ------
    DataError
        For an item or a class that is not among the answers'.
    """
    codes = np.full(len(answers.items), -1, dtype=np.int64)
    if known is None:
        return codes
    if not isinstance(known, Mapping):
        raise ConfigError(f"known is a mapping from item to class, got {type(known).__name__}.")
    items = {name: code for code, name in enumerate(answers.items)}
    classes = {name: code for code, name in enumerate(answers.classes)}
    for item, name in known.items():
        for what, value, names in (("item", item, items), ("class", name, classes)):
            if value not in names:
                close = get_close_matches(str(value), [str(n) for n in names], n=3)
                hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
                raise DataError(f"known: no such {what} among the answers.{hint}", column=what, value=value)
        codes[items[item]] = classes[name]
    return codes


def class_prior(answers: Answers, prior: Any, default: str) -> tuple[Floats, bool]:
    """The share of each class to start from, shape (classes,), and whether it is to be learnt."""
    k = len(answers.classes)
    prior = default if prior is None else prior
    if isinstance(prior, str):
        if prior not in ("learnt", "uniform"):
            raise ConfigError(f"prior is 'learnt', 'uniform' or a share for each class, got {prior!r}.")
        return np.full(k, 1.0 / max(k, 1)), prior == "learnt"
    if isinstance(prior, Mapping):
        if set(prior) != set(answers.classes):
            raise ConfigError(f"prior has shares for {sorted(map(str, prior))}, the classes are {answers.classes}.")
        prior = [prior[name] for name in answers.classes]
    try:
        shares = np.asarray(prior, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"prior is 'learnt', 'uniform' or a share for each class, got {prior!r}.") from None
    if shares.shape != (k,) or not np.isfinite(shares).all() or (shares <= 0).any():
        raise ConfigError(f"prior needs {k} shares above zero, one for each class, got {prior!r}.")
    return shares / shares.sum(), False


def clamped(probability: Floats, known: Ints) -> Floats:
    """The same with certainty where the truth is known."""
    rows = np.flatnonzero(known >= 0)
    if rows.size:
        probability[rows] = 0.0
        probability[rows, known[rows]] = 1.0
    return probability


def first_coins(answers: Answers, known: Ints) -> Floats:
    """How likely each annotator is right, to start from: three of four, besides what known items say."""
    m, truth = len(answers.annotators), known[answers.item]
    right = np.bincount(answers.annotator[truth == answers.label], minlength=m) + 3.0
    return np.asarray(right / (np.bincount(answers.annotator[truth >= 0], minlength=m) + 4.0))


def labelled(probability: Floats, ties: Literal["lowest", "random"], seed: int) -> tuple[Ints, Bools]:
    """The code of the most probable class of each row (-1 if there are no classes), and where several are."""
    if not probability.size:
        return np.full(len(probability), -1, dtype=np.int64), np.zeros(len(probability), dtype=np.bool_)
    best = probability >= probability.max(axis=1, keepdims=True) - TIE
    tied = best.sum(axis=1) > 1
    if ties == "lowest":
        return best.argmax(axis=1).astype(np.int64), tied
    drawn = np.random.default_rng([seed, 4101]).random(probability.shape)
    return np.where(best, drawn, -1.0).argmax(axis=1).astype(np.int64), tied


def common_notes(answers: Answers, known: Ints) -> list[str]:
    """What to know before any method is trusted on these answers."""
    notes = []
    n_items = len(answers.items)
    per_item = np.bincount(answers.item, minlength=n_items)
    if n_items and (empty := int((per_item[known < 0] == 0).sum())):
        notes.append(f"{empty:,} items have no answer: their probabilities are the prior.")
    if len(answers) and np.median(per_item[per_item > 0]) < 2:
        notes.append("most items have one answer: nothing says whether it is right; have some answered twice.")
    if len(answers.classes) == 1:
        notes.append("every answer names the same class.")
    pair = np.sort(answers.item * max(len(answers.annotators), 1) + answers.annotator)
    if repeated := int((pair[1:] == pair[:-1]).sum()):
        notes.append(f"{repeated:,} answers repeat an annotator and item; each counts as if it were independent.")
    return notes


def unconverged(iterations: int, converged: bool) -> list[str]:
    return [] if converged else [f"not converged in {iterations} iterations; allow more, or distrust close calls."]


def finished(
    answers: Answers,
    probability: Floats,
    method: str,
    prior: Floats,
    *,
    ties: Literal["lowest", "random"],
    seed: int,
    notes: list[str],
    **parts: Any,
) -> Truth:
    """A truth from probabilities."""
    label, tied = labelled(probability, ties, seed)
    if tied.any():
        how = "the lowest class" if ties == "lowest" else "one at random"
        notes = [*notes, f"{int(tied.sum()):,} items are tied; {how} was taken."]
    return Truth(
        answers.items,
        answers.classes,
        probability,
        label,
        method,
        tied,
        prior,
        annotators=answers.annotators,
        notes=tuple(notes),
        **parts,
    )
