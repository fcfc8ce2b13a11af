"""Did the unlabelled rows help? Both models answer labelled rows that neither has seen; what is proven stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.metrics.intervals import Estimate
from hindcast.parameters import choice, level_of, number, seed_of, share, whole
from hindcast.sampling.blocks import array_of
from hindcast.semi.calibration import folds
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import places_of, take
from hindcast.semi.method import Method, Model, SemiModel
from hindcast.semi.paired import mean_of, row_scores, sign_test
from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["Guarded", "guarded"]


@dataclass(frozen=True, eq=False)
class Guarded:
    """A semi-supervised model beside the supervised one, and which of them is to be used.

    Parameters
    ----------
    verdict : Verdict
        "pass": the unlabelled rows helped. "fail": they did not or did harm. "unknown": the held-out rows cannot
        tell.
    model : Model
        The semi-supervised one after a pass, else the supervised one.
    semi : SemiModel
    supervised : Model
    gain : Estimate
        Mean score of semi minus supervised, per held-out row, with its interval.
    semi_score, supervised_score : float
    held_out : int64 array
        Places of the rows that both models answered unseen.
    metric : str
    notes : tuple of str
    """

    verdict: Verdict
    model: Model
    semi: SemiModel
    supervised: Model
    gain: Estimate
    semi_score: float
    supervised_score: float
    held_out: Ints
    metric: str
    notes: tuple[str, ...] = ()

    @property
    def helped(self) -> bool:
        """True only for a pass."""
        return self.verdict.ok

    def __str__(self) -> str:
        return (
            f"{self.verdict.outcome}: {self.metric} {self.supervised_score:.4g} supervised, {self.semi_score:.4g} with "
            f"unlabelled rows; gain {self.gain} on {len(self.held_out)} held-out rows. {self.verdict.reason}"
        )


def guarded(
    method: Method,
    items: Any,
    labels: Any,
    *,
    held_out: float | Any = 0.3,
    parts: int | None = None,
    metric: str = "accuracy",
    blocks: Any = None,
    margin: float = 0.0,
    level: float = 0.95,
    unlabelled: Any = -1,
    classes: Any = None,
    seed: int = 0,
) -> Guarded:
    """Learn with and without the unlabelled rows, compare on held-out labelled rows, keep what is proven.

    Held-out rows are taken away before anything is fitted: neither model gets them, with or without their label. With
    few labels give `parts` instead: each labelled row is answered by models fitted without its part, and the model
    kept is fitted on all rows afterwards.

    Parameters
    ----------
    method : Method
        Such as :class:`~hindcast.semi.SelfTraining`.
    items : n items
    labels : sequence, shape (n,)
    held_out : float, or places or a mask of labelled rows; default 0.3
        A share is drawn from each class. Give places where time or groups matter: the latest labelled rows, say.
    parts : int, optional
        At least 2: cross-validation over the labelled rows instead of `held_out`. Costs 2 (parts + 1) fits.
    metric : {"accuracy", "log_loss"}
        "log_loss" compares log likelihoods, in nats, higher is better.
    blocks : array, shape (n,), optional
        Rows that hang together (a day, a customer); the interval then draws whole blocks.
    margin : float, default 0
        The least gain that is worth the trouble.
    level : float, default 0.95
    unlabelled, classes, seed
        As in :meth:`SelfTraining.fit`.

    Returns
    -------
    Guarded
        A pass needs the gain's interval above `margin`, and for accuracy also a sign test at `level`, since a handful
        of rows on which the two differ fools the interval.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from hindcast.semi import SelfTraining
    >>> x = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = guarded(SelfTraining(LogisticRegression()), x, (x[:, 0] > 0).astype(int))
    >>> found.verdict.outcome, found.model is found.supervised
    ('fail', True)
    """
    if isinstance(method, type) or not isinstance(method, Method):
        raise ConfigError(f"guarded takes a method such as self_training(learner), got {method!r:.60}.")
    margin, level, seed = number("guarded: margin", margin, least=0.0), level_of("level", level), seed_of(seed)
    choice("metric", metric, ["accuracy", "log_loss"], where="guarded")
    y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what="guarded")
    if blocks is not None:
        blocks = array_of(blocks, "blocks")
        if blocks.shape != (len(y),):
            raise DataError(f"blocks have shape {blocks.shape}; give one for each of the {len(y)} rows.")
    if parts is None:
        test = _held_out(y, held_out, seed)
        first, second = _pair(method, items, y, test, seed)
        scores = [row_scores(metric, m.predict_proba(take(items, test)), y.codes[test]) for m in (first, second)]
        semi, supervised = first, second
    else:
        parts = whole("guarded: parts", parts, least=2)
        test = np.flatnonzero(y.known)
        fold = folds(y.codes[test], min(parts, len(test)), seed)
        scores = [np.zeros(len(test)), np.zeros(len(test))]
        for part in range(fold.max() + 1 if len(test) > 1 else 0):
            inside = fold == part
            pair = _pair(method, items, y, test[inside], seed)
            for score, model in zip(scores, pair, strict=True):
                found = model.predict_proba(take(items, test[inside]))
                score[inside] = row_scores(metric, found, y.codes[test[inside]])
        semi, supervised = _pair(method, items, y, np.zeros(0, dtype=np.int64), seed)
        if len(test) < 2:
            test, scores = test[:0], [np.zeros(0), np.zeros(0)]
    return _judged(method, semi, supervised, test, scores, blocks, metric, margin, level)


def _pair(method: Method, items: Any, y: Labelled, away: Ints, seed: int) -> tuple[SemiModel, Model]:
    """Both models, fitted on all rows but those `away`."""
    keep = np.setdiff1d(np.arange(len(y)), away)
    rows = take(items, keep)
    names = y.classes
    labels = [names[c] if c >= 0 else None for c in y.codes[keep]]
    return (
        method.fit(rows, labels, unlabelled=None, classes=names, seed=seed),
        method.supervised(rows, labels, unlabelled=None, classes=names, seed=seed),
    )


def _held_out(y: Labelled, held_out: Any, seed: int) -> Ints:
    known = np.flatnonzero(y.known)
    if np.ndim(array_of(held_out, "held_out")) == 0:
        share("held_out (a share, or places of labelled rows)", held_out, one=False)
        random = np.random.default_rng([seed, 40_161])
        chosen = []
        for code in range(len(y.classes)):
            members = known[y.codes[known] == code]
            n = min(round(held_out * len(members)), max(0, len(members) - 1))
            chosen.append(random.permutation(members)[:n])
        return np.sort(np.concatenate(chosen)).astype(np.int64)
    test = places_of(held_out, len(y), what="held_out")
    bare = test[~y.known[test]]
    if len(bare):
        raise DataError("a held-out row has no label to be judged by", row=int(bare[0]) + 1)
    if len(test) == len(known):
        raise DataError("all labelled rows are held out: none is left to learn from.")
    return test


def _judged(
    method: Method,
    semi: SemiModel,
    supervised: Model,
    test: Ints,
    scores: list[Floats],
    blocks: Any,
    metric: str,
    margin: float,
    level: float,
) -> Guarded:
    ours, theirs = (float(s.mean()) if len(s) else float("nan") for s in scores)
    difference = scores[0] - scores[1]
    gain = mean_of(difference, blocks=None if blocks is None else blocks[test], level=level)
    chance = sign_test(difference) if metric == "accuracy" and blocks is None else 0.0
    evidence = {"gain": gain.value, "low": gain.low, "high": gain.high, "rows": len(test), "sign_test": chance}
    check = f"{method.name} against supervised only"
    doubtful = chance > 1.0 - level
    if len(test) < 2 or not np.isfinite(gain.low):
        verdict = Verdict.unknown(check, f"{len(test)} held-out rows cannot tell the two apart", **evidence)
    elif not difference.any():
        verdict = Verdict.failed(
            check, "both answer every held-out row alike: the unlabelled rows changed nothing", **evidence
        )
    elif gain.low > margin and not doubtful:
        verdict = Verdict.passed(check, f"better by {gain.value:.4g} a row, at least {gain.low:.4g}", **evidence)
    elif gain.high < margin and not (doubtful and gain.high > 0):
        said = "worse" if gain.high < 0 else "not better by the margin"
        verdict = Verdict.failed(check, f"{said}: the gain is {gain}", **evidence)
    else:
        verdict = Verdict.unknown(check, f"the gain {gain} may be chance; the supervised model stays", **evidence)
    model: Model = semi if verdict.ok else supervised
    return Guarded(verdict, model, semi, supervised, gain, ours, theirs, test, metric, semi.notes)
