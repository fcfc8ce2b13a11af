"""Which features the answers hang on: the model's own account, and what is lost when a feature is shuffled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.metrics import log_loss
from hindcast.models.model import Model
from hindcast.values import Floats

__all__ = ["Importance", "importance"]


@dataclass(frozen=True, slots=True)
class Importance:
    """One feature's weight in a model.

    Parameters
    ----------
    feature : str
    loss : float
        What shuffling it adds to the log loss, in nats, mean over the repeats; about 0 for what does not matter. NaN
        where it was not shuffled.
    spread : float
        Standard deviation over the repeats; NaN for one repeat.
    gain : float
        The model's own share for it, of 1; NaN when the model has no such account.
    """

    feature: str
    loss: float
    spread: float
    gain: float

    def describe(self) -> dict[str, Any]:
        return {"feature": self.feature, "loss": self.loss, "spread": self.spread, "gain": self.gain}


def importance(
    model: Model,
    features: Frame,
    label: Floats,
    *,
    rows: int = 5000,
    repeats: int = 3,
    most: int | None = None,
    seed: int = 0,
) -> list[Importance]:
    """The model's inputs, most important first.

    Each input in turn is shuffled among a sample of the rows while the others stay, and the log loss is measured again.
    Two features that say the same share what they are worth, and may both look idle. Costs inputs x repeats
    predictions of the sample.

    Parameters
    ----------
    features : Frame
        n rows the model was not trained on.
    label : float array, shape (n,)
        0 or 1; rows where it is NaN are left out.
    rows : int, default 5000
        The size of the sample.
    repeats : int, default 3
    most : int, optional
        Shuffle only so many inputs, those that the model's own account puts first; the others come after them, their
        loss NaN. A model without such an account has all of its inputs shuffled.
    seed : int, default 0
        A feature's shuffles depend on the seed and its name, not on the other features.

    References
    ----------
    Breiman, "Random Forests", Machine Learning 45, 2001; Fisher, Rudin and Dominici, JMLR 20, 2019.
    """
    if rows < 1 or repeats < 1:
        raise ConfigError(f"importance needs rows >= 1 and repeats >= 1, got {rows} and {repeats}.")
    known = np.flatnonzero(~np.isnan(label))
    if len(known) > rows:
        known = np.sort(np.random.default_rng([seed, len(known)]).choice(known, rows, replace=False))
    sample, truth = features.take(known), label[known]
    own = model.importance() or {}
    if not len(truth):
        return [Importance(name, float("nan"), float("nan"), own.get(name, float("nan"))) for name in model.inputs]
    before = log_loss(truth, model.predict(sample))
    first = sorted(model.inputs, key=lambda name: (-own.get(name, 0.0), name))[: most if own else None]
    found = [
        Importance(name, math.nan, math.nan, own.get(name, math.nan)) for name in model.inputs if name not in first
    ]
    for name in first:
        random = np.random.default_rng([seed, crc32(name.encode())])
        losses = []
        for _ in range(repeats):
            shuffled = sample[name].take(random.permutation(len(truth)))
            losses.append(log_loss(truth, model.predict(Frame({**sample, name: shuffled}, len(truth)))) - before)
        spread = float(np.std(losses, ddof=1)) if repeats > 1 else float("nan")
        found.append(Importance(name, float(np.mean(losses)), spread, own.get(name, float("nan"))))
    return sorted(found, key=lambda item: (math.isnan(item.loss), *_falling(item.loss, item.gain), item.feature))


def _falling(*values: float) -> list[float]:
    """What sorts these from large to small, NaN like zero."""
    return [0.0 if math.isnan(value) else -value for value in values]
