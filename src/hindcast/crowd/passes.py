"""One pass over all answers, item by item: from what is known of annotators to beliefs, and from these back.

Expectation and maximisation of a method are one pass: an item's answers are read together, its belief follows, and
what that says of its annotators is added up at once. One thread, in the order of items: the sums are always the same.
"""

from __future__ import annotations

from math import exp, inf, log, log1p
from typing import Any

import numpy as np

from hindcast.crowd.answers import Answers
from hindcast.crowd.compiled import compiled
from hindcast.values import Floats, Ints

__all__ = ["by_item", "coin_pass", "confusion_pass", "digamma", "glad_pass", "table_sums"]


def by_item(answers: Answers) -> tuple[Ints, Ints, Ints]:
    """Annotator and label of each answer, sorted by item, and where each item's begin, shape (items + 1,)."""
    start = np.concatenate([[0], np.cumsum(np.bincount(answers.item, minlength=len(answers.items)))])
    if (answers.item[1:] >= answers.item[:-1]).all():
        return answers.annotator, answers.label, start
    order = _counting_sort(answers.item, start)
    return answers.annotator[order], answers.label[order], start


@compiled
def _counting_sort(code: Any, start: Any) -> Any:
    free = start[:-1].copy()
    order = np.empty(len(code), dtype=np.int64)
    for at in range(len(code)):
        order[free[code[at]]] = at
        free[code[at]] += 1
    return order


@compiled
def _settled(belief: Any, known: int) -> float:
    """Logarithms to probabilities, in place; the logarithm of their sum (of the known class alone, where one is)."""
    top = -inf
    for x in belief:
        top = max(top, x)
    if known >= 0:
        evidence = belief[known]
        belief[:] = 0.0
        belief[known] = 1.0
        return evidence  # type: ignore[no-any-return]
    total = 0.0
    for j in range(len(belief)):
        apart = belief[j] - top
        belief[j] = exp(apart) if apart > -45.0 else 0.0  # a part in 1e19 is lost in the sum of the others
        total += belief[j]
    for j in range(len(belief)):
        belief[j] /= total
    return top + log(total)


@compiled
def confusion_pass(
    cell: Any, start: Any, logs: Any, log_share: Any, known: Any, teaches: Any, belief: Any, counts: Any
) -> tuple[float, float]:
    """Beliefs from confusions, and the counts that follow from them.

    `cell` is ``annotator * classes + label`` of each answer, `logs` of shape (cells, classes) says how likely each is
    where each class is true. `belief` (items, classes) and `counts` (like `logs`) are written; only items that teach
    count. Returns their evidence, and by how much all beliefs moved.
    """
    k = belief.shape[1]
    now = np.empty(k)
    counts[:] = 0.0
    evidence = moved = 0.0
    for i in range(len(belief)):
        now[:] = log_share
        for at in range(start[i], start[i + 1]):
            row = cell[at]
            for j in range(k):
                now[j] += logs[row, j]
        found = _settled(now, known[i])
        for j in range(k):
            moved += abs(now[j] - belief[i, j])
            belief[i, j] = now[j]
        if teaches[i]:
            evidence += found
            for at in range(start[i], start[i + 1]):
                row = cell[at]
                for j in range(k):
                    counts[row, j] += now[j]
    return evidence, moved


@compiled
def coin_pass(
    annotator: Any, label: Any, start: Any, good: Any, bad: Any, log_share: Any, known: Any, belief: Any, right: Any
) -> tuple[float, float]:
    """Beliefs from how likely each annotator is right (`good`) and names one wrong class (`bad`), as logarithms.

    `belief` and `right`, how often each annotator was right, are written. Returns the evidence, and how much beliefs
    moved.
    """
    k = belief.shape[1]
    now = np.empty(k)
    right[:] = 0.0
    evidence = moved = 0.0
    for i in range(len(belief)):
        now[:] = log_share
        base = 0.0
        for at in range(start[i], start[i + 1]):
            base += bad[annotator[at]]
            now[label[at]] += good[annotator[at]] - bad[annotator[at]]
        evidence += _settled(now, known[i]) + base
        for j in range(k):
            moved += abs(now[j] - belief[i, j])
            belief[i, j] = now[j]
        for at in range(start[i], start[i + 1]):
            right[annotator[at]] += now[label[at]]
    return evidence, moved


@compiled
def glad_pass(
    annotator: Any, label: Any, start: Any, ability: Any, ease: Any, log_share: Any, known: Any, belief: Any, slope: Any
) -> float:
    """Beliefs from abilities and the logarithms of how easy items are; the evidence, and its slope by all of them.

    `belief` and `slope`, of annotators and then items, are written.
    """
    m, k = len(ability), belief.shape[1]
    others = log(max(k - 1.0, 1.0))
    now = np.empty(k)
    slope[:] = 0.0
    evidence = 0.0
    for i in range(len(belief)):
        now[:] = log_share
        easy = exp(ease[i])
        base = 0.0
        for at in range(start[i], start[i + 1]):
            x = ability[annotator[at]] * easy
            base -= max(x, 0.0) + log1p(exp(-abs(x))) + others
            now[label[at]] += x + others
        evidence += _settled(now, known[i]) + base
        belief[i] = now
        for at in range(start[i], start[i + 1]):
            x = ability[annotator[at]] * easy
            beyond = now[label[at]] - 1.0 / (1.0 + exp(-x))
            slope[annotator[at]] += beyond * easy
            slope[m + i] += beyond * x
    return evidence


@compiled
def digamma(x: float) -> float:
    """The slope of the logarithm of the gamma function, x above zero, to 1e-12 of its size."""
    found = 0.0
    while x < 10.0:
        found -= 1.0 / x
        x += 1.0
    inverse = 1.0 / (x * x)
    series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))))
    return found + log(x) - 0.5 / x - series


@compiled
def table_sums(counts: Any, prior: Any) -> tuple[Floats, Floats]:
    """What Minka's fixed point needs of `counts` (annotators, answers, classes) and a Dirichlet `prior` of each class.

    The sums over annotators of ``digamma(count + prior) - digamma(prior)``, for each cell and for each class.
    """
    m, width, k = counts.shape
    cells, whole = np.zeros((width, k)), np.zeros(k)
    for j in range(k):
        strength = prior[:, j].sum()
        none = digamma(strength)
        for a in range(m):
            total = 0.0
            for x in range(width):
                if counts[a, x, j] > 0.0:
                    total += counts[a, x, j]
                    cells[x, j] += digamma(counts[a, x, j] + prior[x, j]) - digamma(prior[x, j])
            if total > 0.0:
                whole[j] += digamma(strength + total) - none
    return cells, whole
