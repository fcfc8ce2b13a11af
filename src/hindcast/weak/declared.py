"""Weak labels in a system's declaration: requests without a label, taught by rules of thumb, never judged by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.parameters import number, share
from hindcast.trainset.rows import Rows
from hindcast.values import Bools, Floats
from hindcast.weak.functions import LabellingFunction, as_functions

__all__ = ["WeakLabels", "WeakReport", "weak_labels"]


@dataclass(frozen=True, eq=False)
class WeakReport:
    """What came of the functions at one training.

    Parameters
    ----------
    functions : tuple of str
    labelled, unlabelled, covered : int
        Rows with a label; without; and of those, rows on which a function voted and so were learnt from.
    by : {"model", "vote"}
        Whose probabilities were used: the label model's where the labelled rows bear it out, else the vote's.
    reason : str
        Why.
    accuracies : mapping of str to float
        Of each function where it votes, as the label model has it.
    notes : tuple of str
    """

    functions: tuple[str, ...]
    labelled: int
    unlabelled: int
    covered: int
    by: str
    reason: str
    accuracies: dict[str, float]
    notes: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """Plain values, for the ledger."""
        known = {name: round(value, 4) for name, value in self.accuracies.items() if value == value}  # noqa: PLR0124
        return {
            "functions": list(self.functions),
            "labelled": self.labelled,
            "unlabelled": self.unlabelled,
            "covered": self.covered,
            "by": self.by,
            "reason": self.reason,
            "accuracies": known,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """Labelling functions of a system; see :func:`weak_labels`."""

    functions: tuple[LabellingFunction, ...]
    weight: float
    balance: float | None

    def describe(self) -> dict[str, Any]:
        """What stands for them in an identity: what every function does, and the parameters."""
        return {
            "weak": [[function.name, function.identity] for function in self.functions],
            "weight": self.weight,
            "balance": self.balance,
        }

    def add(self, rows: Rows, unlabelled: Frame, as_of: Any, *, seed: int = 0) -> tuple[Rows, WeakReport]:
        """`rows` and, behind them, those of `unlabelled` on which a function votes, with probable labels.

        Parameters
        ----------
        rows : Rows
            Labelled.
        unlabelled : Frame
            The same features, of requests without a label.
        as_of : int64 array
            Their moments.
        seed : int, default 0

        Returns
        -------
        rows : Rows
        report : WeakReport
        """
        from hindcast.weak.apply import apply
        from hindcast.weak.label_model import LabelModel
        from hindcast.weak.vote import MajorityVote

        everything = Frame.concat([rows.features, unlabelled])
        votes = apply(self.functions, everything, classes=(0, 1), workers=1)
        matrix = np.asarray(votes)
        n = len(rows)
        truth = np.full(len(matrix), -1, dtype=np.int64)
        hard = (rows.label == 0) | (rows.label == 1)
        truth[:n][hard] = rows.label[hard].astype(np.int64)
        balance = None if self.balance is None else (1.0 - self.balance, self.balance)
        model = LabelModel((0, 1), balance=balance, seed=seed).fit(votes)
        advice = model.advice(votes, truth)
        use_model = advice.outcome == "pass"  # unknown never promotes
        chosen = (
            LabelModel((0, 1), balance=balance, seed=seed).fit(votes, truth) if use_model else MajorityVote().fit(votes)
        )
        covered: Bools = np.asarray((matrix[n:] >= 0).any(axis=1), dtype=np.bool_)
        probability: Floats = np.asarray(chosen.predict_proba(votes), dtype=np.float64)[n:, 1][covered]
        report = WeakReport(
            tuple(function.name for function in self.functions),
            n,
            len(unlabelled),
            int(covered.sum()),
            "model" if use_model else "vote",
            advice.reason,
            dict(zip(votes.functions, model.accuracies.tolist(), strict=True)),
            model.notes,
        )
        taken = unlabelled.take(np.flatnonzero(covered))
        return Rows(
            Frame.concat([rows.features, taken]),
            np.concatenate([rows.label, np.clip(probability, 0.0, 1.0)]),
            np.concatenate([rows.weight, np.full(len(taken), self.weight)]),
            np.concatenate([rows.as_of, np.asarray(as_of, dtype=np.int64)[covered]]),
        ), report


def weak_labels(
    functions: Sequence[LabellingFunction | Callable[..., Any]], *, weight: float = 1.0, balance: float | None = None
) -> WeakLabels:
    """Teach candidates requests that have no label yet, by rules of thumb: ``Training(weak=weak_labels([...]))``.

    Every function sees a request's features as they were at its as_of, and nothing later; so its vote needs no waiting,
    and the newest rows can be learnt from before their outcome comes. Probable labels are learnt from beside the true
    ones; gates, monitors and trials look at true labels only.

    Parameters
    ----------
    functions : sequence of labelling functions, or of plain named functions
        They vote 1, 0, or None. Each must have an identity (no lambda): it is part of what a model was made of.
    weight : float, default 1.0
        What a row without a true label counts.
    balance : float, optional
        The share of label 1, if known; learnt otherwise.

    Raises
    ------
    ConfigError
        For no function, two of one name, a function whose identity cannot be known, or a parameter out of range.

    Examples
    --------
    >>> def is_short(minutes): return 0 if minutes < 5 else None
    >>> def is_long(minutes): return 1 if minutes > 60 else None
    >>> [function.name for function in weak_labels([is_short, is_long]).functions]
    ['is_short', 'is_long']
    """
    made = as_functions(functions)
    for function in made:
        if function.identity is None:
            why = "; ".join(function.unknown)
            raise ConfigError(f"{function.where} cannot be part of a declaration: {why}.")
    weight = number("weak_labels: weight", weight, above=0)
    return WeakLabels(made, weight, None if balance is None else share("weak_labels: balance", balance, one=False))
