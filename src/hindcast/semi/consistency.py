"""Consistency: a row whose answer survives small changes that should not matter may teach; others may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.parameters import choice, number, progress_of, switch, whole
from hindcast.semi.calibration import cooled, learnt_temperature
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import count, stack, take
from hindcast.semi.learner import Fitted, fit, fit_rows
from hindcast.semi.method import Model, Round, SemiModel, checked_rounds, told_round, untaught
from hindcast.semi.self_training import Quota, class_shares, sure_rows
from hindcast.values import Bools, Floats, Ints

__all__ = ["Consistency", "Perturbation", "agreeing", "consistency", "consistency_loss", "ramp_up"]

Perturbation = Callable[[Any, np.random.Generator], Any]
"""From items and a source of chance to as many changed items, of the same meaning to a person."""


def agreeing(model: Model, items: Any, changed: Sequence[Any], *, temperature: float = 1.0) -> tuple[Bools, Floats]:
    """Which items keep their likeliest class under all changes, and the mean probabilities over all, items included.

    Parameters
    ----------
    model : Model
    items : n items
    changed : sequence of n items each

    Returns
    -------
    bool array, shape (n,); float64 array, shape (n, K)
    """
    first = cooled(model.predict_proba(items), temperature)
    code, total, same = first.argmax(axis=1), first.copy(), np.ones(len(first), dtype=np.bool_)
    for version in changed:
        if count(version) != len(first):
            raise ConfigError(f"a perturbation made {count(version)} items of {len(first)}; it must keep them all.")
        found = cooled(model.predict_proba(version), temperature)
        total += found
        same &= found.argmax(axis=1) == code
    return same, total / (1 + len(changed))


@dataclass(frozen=True)
class Consistency:
    """Learning from rows whose answer is consistent under perturbation.

    Each round every unlabelled row is answered as it is and as each perturbation leaves it. Where all answers agree and
    their mean is confident enough, the row gets the label; the learner then learns the labelled rows, those rows, and
    (with `learn_changed`) their perturbed versions under the same label, so that the next model is steadier. What
    perturbations are harmless is knowledge that only the user has: a wrong one teaches wrong labels.

    Parameters
    ----------
    learner : classifier
    perturb : sequence of functions (items, numpy Generator) -> items
    rounds : int, default 3
    threshold : float, default 0.8
        Of the mean confidence.
    quota
        As in :class:`~hindcast.semi.SelfTraining`.
    learn_changed : bool, default True
        Also learn one perturbed version of each taken row.
    calibrate : bool, default True

    References
    ----------
    Laine and Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017 (the Pi-model). Sohn et al.,
    "FixMatch", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> def shaken(x, random):
    ...     return x + random.normal(0, 0.1, x.shape)
    >>> x = np.repeat([[-1.0], [1.0]], 20, axis=0)
    >>> labels = [0] + [-1] * 38 + [1]
    >>> Consistency(LogisticRegression(), [shaken], threshold=0.5).fit(x, labels).predict([[-1.0], [1.0]]).tolist()
    [0, 1]
    """

    learner: Any
    perturb: Sequence[Perturbation]
    rounds: int = 3
    threshold: float = 0.8
    quota: Quota = "prior"
    learn_changed: bool = True
    calibrate: bool = True

    def __post_init__(self) -> None:
        checked_rounds("Consistency", self)
        switch("Consistency: learn_changed", self.learn_changed)
        several = isinstance(self.perturb, list | tuple) and len(self.perturb) > 0
        if not several or not all(callable(p) for p in self.perturb):
            raise ConfigError("Consistency needs at least one perturbation, a function of items and a Generator.")

    @property
    def name(self) -> str:
        return "consistency"

    def describe(self) -> dict[str, Any]:
        return {
            "method": self.name,
            "learner": repr(self.learner),
            "perturb": [getattr(p, "__name__", type(p).__name__) for p in self.perturb],
            **{n: getattr(self, n) for n in ("rounds", "threshold", "quota", "learn_changed", "calibrate")},
        }

    def supervised(
        self, items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, seed: int = 0
    ) -> Fitted:
        """The learner on the labelled rows alone, unperturbed."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        return fit(self.learner, items, y, np.flatnonzero(y.known), seed=seed)

    def fit(
        self,
        items: Any,
        labels: Any,
        *,
        unlabelled: Any = -1,
        classes: Any = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> SemiModel:
        """Learn from labelled and unlabelled rows; `progress` is called with (rounds done, rounds)."""
        y = labels_of(items, labels, unlabelled=unlabelled, classes=classes, what=self.name)
        known, open_ = np.flatnonzero(y.known), np.flatnonzero(~y.known)
        model = supervised = fit(self.learner, items, y, known, seed=seed)
        if not len(open_):
            return untaught(model, y)
        told = progress_of(progress)
        pseudo = np.full(len(y), -1, dtype=np.int64)
        shares = class_shares(self.quota, y)
        heat, notes = learnt_temperature(self.learner, items, y, seed) if self.calibrate else (1.0, ())
        random = np.random.default_rng([seed, 40_151])
        unknown = take(items, open_)
        rounds: list[Round] = []
        for turn in range(1, self.rounds + 1):
            changed = [perturb(unknown, random) for perturb in self.perturb]
            same, probability = agreeing(model, unknown, changed, temperature=heat)
            codes = probability.argmax(axis=1)
            confidence = np.where(same, probability.max(axis=1), -1.0)
            chosen = sure_rows(confidence, codes, threshold=self.threshold, most=max(1, int(same.sum())), shares=shares)
            before = pseudo.copy()
            pseudo[:] = -1
            pseudo[open_[chosen]] = codes[chosen]
            least = float(confidence[chosen].min()) if len(chosen) else float("nan")
            rounds.append(told_round(turn, pseudo, before, len(y.classes), least))
            if len(chosen):
                versions = [take(changed[turn % len(changed)], chosen)] if self.learn_changed else []
                model = self._learn(items, y, known, open_[chosen], codes[chosen], versions, seed)
            else:
                model = supervised
            told(turn, self.rounds)
        if not any(r.taken for r in rounds):
            notes = (*notes, "no row was both consistent and confident: this is the supervised model.")
        return SemiModel(model, y.classes, pseudo, tuple(rounds), heat, notes)

    def _learn(
        self, items: Any, y: Labelled, known: Ints, taken: Ints, codes: Ints, versions: list[Any], seed: int
    ) -> Fitted:
        places = np.concatenate([known, taken])
        rows = stack([take(items, places), *versions])
        every = np.concatenate([y.codes[known], codes, *([codes] * len(versions))])
        return fit_rows(self.learner, rows, y, every, seed=seed)


def ramp_up(step: float, steps: int) -> float:
    """The weight of an unsupervised loss at `step` of `steps`: ``exp(-5 (1 - step / steps)^2)``, then 1.

    Examples
    --------
    >>> round(ramp_up(0, 10), 4), ramp_up(10, 10)
    (0.0067, 1.0)
    """
    steps, step = whole("steps", steps), number("step", step)
    if steps < 1:
        return 1.0
    left = 1.0 - min(max(step, 0), steps) / steps
    return float(np.exp(-5.0 * left * left))


def consistency_loss(logits: Any, changed: Any, *, kind: str = "squares") -> Any:
    """How far a PyTorch model's answers move under perturbation: a scalar tensor to be added to the supervised loss.

    Parameters
    ----------
    logits, changed : tensors, shape (n, K)
        Of the items and of their perturbed versions. `logits` is the target and gets no gradient.
    kind : {"squares", "kl"}
        Mean squared difference of probabilities, or the Kullback-Leibler divergence in nats, mean over the items.

    Notes
    -----
    Weigh it by :func:`ramp_up`, since early answers are not worth being steady about.
    """
    import torch

    choice("kind", kind, ["squares", "kl"], where="consistency_loss")
    if logits.shape != changed.shape:
        raise ConfigError(f"logits of shape {tuple(logits.shape)} meet changed ones of {tuple(changed.shape)}.")
    target = torch.softmax(logits.detach(), dim=-1)
    if kind == "squares":
        return torch.nn.functional.mse_loss(torch.softmax(changed, dim=-1), target)
    return torch.nn.functional.kl_div(torch.log_softmax(changed, dim=-1), target, reduction="batchmean")


consistency = Consistency
