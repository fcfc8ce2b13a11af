"""Whether labels survive a change: an augmentation that turns ham into spam teaches nonsense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.scores import wilson
from hindcast.parameters import share as share_of
from hindcast.values import Bools, Ints
from hindcast.verdicts import Verdict

__all__ = ["Survival", "label_survival"]


@dataclass(frozen=True, eq=False)
class Survival:
    """How many labels survived.

    Parameters
    ----------
    n : int
        Pairs judged: those whose original the judge gave its label.
    kept : float
        The share of them whose changed copy the judge gave the same label; NaN without any.
    low, high : float
        Its 95% interval (Wilson).
    by_class : mapping of class to (n, share)
    lost : int64 array
        Places, in the order given, whose label did not survive: to be looked at.
    verdict : Verdict
        Pass when even the lower end is at least the share asked for, fail when even the upper end is below it.
    """

    n: int
    kept: float
    low: float
    high: float
    by_class: dict[Any, tuple[int, float]]
    lost: Ints
    verdict: Verdict


def label_survival(
    originals: Sequence[Any],
    changed: Sequence[Any],
    labels: Sequence[Any],
    judge: Callable[[Sequence[Any]], Sequence[Any]],
    *,
    least: float = 0.95,
) -> Survival:
    """Judge original and changed copy side by side.

    Parameters
    ----------
    originals, changed : sequences of n items
        Pairs; see :func:`hindcast.augment.augment_texts` for how copies know their originals.
    labels : sequence of n
        The originals' labels.
    judge : function of a sequence of items
        Gives labels: a model that was *not* trained on these items, or people's answers looked up. Pairs whose
        original it already gets wrong say nothing and are left out.
    least : float, default 0.95
        The share that must survive.

    Raises
    ------
    DataError
        For sequences of different lengths.

    Examples
    --------
    >>> texts, copies = ["good day", "bad day"] * 40, ["good dya", "day"] * 40
    >>> found = label_survival(texts, copies, ["+", "-"] * 40, lambda ts: ["-" if "bad" in t else "+" for t in ts])
    >>> found.kept, found.verdict.outcome, found.by_class["-"]
    (0.5, 'fail', (40, 0.0))
    """
    least = share_of("label_survival: least", least, zero=True)
    if not callable(judge):
        raise ConfigError(f"label_survival: judge is a function from examples to labels, got {judge!r:.60}.")
    for name, values in (("originals", originals), ("changed", changed), ("labels", labels)):
        if isinstance(values, str | bytes) or not hasattr(values, "__len__") or getattr(values, "shape", None) == ():
            raise DataError(f"label_survival: {name} are a sequence, got {values!r:.60}.")
    if not len(originals) == len(changed) == len(labels):
        raise DataError(
            f"{len(originals)} originals, {len(changed)} copies and {len(labels)} labels; give one of each per pair."
        )
    before, after = list(judge(originals)), list(judge(changed))
    judged: Bools = np.array([b == y for b, y in zip(before, labels, strict=True)], dtype=np.bool_)
    same: Bools = np.array([a == y for a, y in zip(after, labels, strict=True)], dtype=np.bool_)
    n, kept = int(judged.sum()), int((judged & same).sum())
    share = kept / n if n else float("nan")
    low, high = wilson(kept, n)
    by_class: dict[Any, tuple[int, float]] = {}
    for name in dict.fromkeys(labels):
        mine = judged & np.array([y == name for y in labels], dtype=np.bool_)
        by_class[name] = (int(mine.sum()), float(same[mine].mean()) if mine.any() else float("nan"))
    check, reason = f"label_survival(>= {least:g})", f"{share:.1%} of {n} labels survive [{low:.1%}, {high:.1%}]"
    if not n:
        verdict = Verdict.unknown(check, "the judge gets no original right, so it can tell nothing")
    elif low >= least:
        verdict = Verdict.passed(check, reason, kept=share)
    elif high < least:
        verdict = Verdict.failed(check, reason, kept=share)
    else:
        verdict = Verdict.unknown(check, f"{reason}: too few pairs to tell", kept=share)
    return Survival(n, share, low, high, by_class, np.flatnonzero(judged & ~same), verdict)
