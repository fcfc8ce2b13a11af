"""What a transferred model is worth: learning curves beside the same task learnt from scratch; harm is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.active.curve import Metric, metric_name, score_of
from hindcast.active.figure import Spec, bands
from hindcast.errors import ConfigError, UnknownName
from hindcast.metrics.intervals import Estimate
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import take
from hindcast.semi.learner import fit
from hindcast.semi.paired import mean_of
from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["TransferCurve", "transfer_curve"]

SCRATCH = "from scratch"


@dataclass(frozen=True, eq=False)
class TransferCurve:
    """Scores by number of labels, from scratch always among them.

    Parameters
    ----------
    sizes : int64 array, shape (S,)
        Labelled rows learnt from.
    scores : mapping of name to float64 array, shape (repeats, S)
        On held-out rows, higher is better; in one repeat all learn the same rows.
    metric : str
    level : float
    """

    sizes: Ints
    scores: Mapping[str, Floats]
    metric: str
    level: float = 0.95

    @property
    def names(self) -> tuple[str, ...]:
        """The ways of learning, from scratch last."""
        return tuple(self.scores)

    def of(self, name: str) -> Floats:
        """One's scores, shape (repeats, S)."""
        if name not in self.scores:
            raise UnknownName("way of learning", name, self.scores, where="transfer curve")
        return self.scores[name]

    def estimates(self, name: str) -> tuple[Estimate, ...]:
        """The mean score over repeats at each size, with Student's interval."""
        return tuple(mean_of(column, level=self.level) for column in self.of(name).T)

    def gains(self, name: str) -> tuple[Estimate, ...]:
        """The mean of score minus from scratch's in the same repeat, at each size."""
        return tuple(mean_of(c, level=self.level) for c in (self.of(name) - self.of(SCRATCH)).T)

    def verdicts(self, name: str) -> tuple[Verdict, ...]:
        """At each size: pass (transfer helps), fail (negative transfer), or unknown (no difference seen)."""
        result = []
        for size, gain in zip(self.sizes, self.gains(name), strict=True):
            check = f"{name} against from scratch, {size} labels"
            evidence = {"gain": gain.value, "low": gain.low, "high": gain.high, "labels": int(size)}
            if not np.isfinite(gain.low):
                result.append(Verdict.unknown(check, "one repeat has no interval; run more", **evidence))
            elif gain.low > 0:
                result.append(Verdict.passed(check, f"better by {gain}", **evidence))
            elif gain.high < 0:
                result.append(Verdict.failed(check, f"negative transfer: worse by {gain}", **evidence))
            else:
                result.append(Verdict.unknown(check, f"no difference seen: {gain}", **evidence))
        return tuple(result)

    def negative(self, name: str) -> tuple[int, ...]:
        """The sizes at which transfer did harm: the interval of its gain lies below zero."""
        return tuple(int(s) for s, v in zip(self.sizes, self.verdicts(name), strict=True) if v.outcome == "fail")

    def table(self) -> str:
        """A Markdown table: a row per way of learning, a column per size with the gain's interval."""
        lines = ["| " + " | ".join([f"{self.metric} with", *(f"{s} labels" for s in self.sizes)]) + " |"]
        lines.append("| --- |" + " --- |" * len(self.sizes))
        for name in self.names:
            cells = []
            for e, g in zip(self.estimates(name), self.gains(name), strict=True):
                own = f"{e.value:.3f}"
                cells.append(own if name == SCRATCH else f"{own} ({g.value:+.3f} [{g.low:+.3f}, {g.high:+.3f}])")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def figure(self) -> Spec:
        """A plotly.js figure as plain data."""
        return bands(self.sizes, {name: self.estimates(name) for name in self.names}, x="labels", y=self.metric)


def transfer_curve(
    items: Any,
    labels: Any,
    transferred: Any,
    scratch: Any,
    *,
    sizes: Sequence[int],
    repeats: int = 5,
    held_out: float = 0.3,
    metric: Metric = "accuracy",
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> TransferCurve:
    """Learning curves of transferred models beside one learnt from scratch, on the same rows.

    Parameters
    ----------
    items, labels : n labelled items of the new task
    transferred : one way of learning, or a mapping of name to way
        Whatever has ``fit(items, labels, classes=, seed=)``: :class:`~hindcast.transfer.FrozenTransfer`,
        :class:`~hindcast.transfer.FineTune`. The base must not have seen these rows' labels.
    scratch : scikit-learn style classifier, or a way of learning
        The fair rival: as capable, without the base.
    sizes : rising int
        Labels learnt from: the first so many of a shuffled training part, so that smaller samples lie in greater ones.
    repeats, held_out, metric, level, seed, progress
        As in :func:`~hindcast.active.budget_curve`.
    """
    y = labels_of(items, labels, what="transfer_curve")
    places = np.flatnonzero(y.known)
    ways = (
        dict(transferred)
        if isinstance(transferred, Mapping)
        else {getattr(transferred, "name", "transferred"): transferred}
    )
    if SCRATCH in ways:
        raise ConfigError(f"{SCRATCH!r} is the name of the rival; give the way another.")
    wanted = np.asarray(sizes, dtype=np.int64)
    if repeats < 1 or not 0 < held_out < 1:
        raise ConfigError("transfer_curve needs repeats >= 1 and held_out in (0, 1).")
    test_size = max(1, round(held_out * len(places)))
    if wanted.ndim != 1 or not len(wanted) or wanted[0] < 1 or (np.diff(wanted) <= 0).any():
        raise ConfigError(f"sizes must rise from 1 or above, got {list(sizes)!r:.100}.")
    if wanted[-1] > len(places) - test_size:
        raise ConfigError(f"{wanted[-1]} labels are wanted, {len(places) - test_size} are there to learn from.")
    ways[SCRATCH] = scratch
    name = metric_name(metric)
    scores = {way: np.full((repeats, len(wanted)), np.nan) for way in ways}
    done = 0
    for repeat in range(repeats):
        own = int(np.random.SeedSequence([seed, 40_321, repeat]).generate_state(1)[0] & 0x7FFFFFFF)
        shuffled = np.random.default_rng([seed, 40_331, repeat]).permutation(places)
        test, train = shuffled[:test_size], shuffled[test_size:]
        unseen = take(items, test)
        for at, size in enumerate(wanted):
            for way, method in ways.items():
                model = _fitted(method, items, y, np.sort(train[:size]), own)
                scores[way][repeat, at] = score_of(metric, model.predict_proba(unseen), y.codes[test])
                done += 1
                if progress is not None:
                    progress(done, repeats * len(wanted) * len(ways))
    return TransferCurve(wanted, scores, name, level)


def _fitted(method: Any, items: Any, y: Labelled, places: Ints, seed: int) -> Any:
    """A way of learning, or a scikit-learn classifier, fitted on the rows at `places` for all classes."""
    if hasattr(method, "get_params"):
        return fit(method, items, y, places, seed=seed)
    labels = [y.classes[c] for c in y.codes[places]]
    return method.fit(take(items, places), labels, classes=y.classes, seed=seed)
