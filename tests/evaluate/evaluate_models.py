"""Models whose behaviour is known by construction, and evidence about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from hindcast.columns import Frame
from hindcast.evaluate import Evidence
from hindcast.models.model import StoredModel
from hindcast.values import DAY_US


@dataclass(frozen=True)
class Formula(StoredModel):
    """A probability by a formula of the columns named in `kinds`."""

    formula: Callable[[Frame], Any]
    reads: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    bytes: int = 10
    kind: ClassVar[str] = "formula"
    name: str = "formula"

    @property
    def kinds(self):
        return dict.fromkeys(self.reads, "number")

    def predict(self, features):
        return np.broadcast_to(np.asarray(self.formula(features), dtype=float), (len(features),)).copy()

    def predict_row(self, row):
        return float(self.predict(Frame.of({name: [row[name]] for name in self.reads}))[0])

    def describe(self):
        return self.facts

    def files(self):
        return {"formula": b"." * self.bytes}


def many(rows: int = 3000, days: int = 30, seed: int = 0) -> tuple[Frame, np.ndarray, np.ndarray, np.ndarray]:
    """Features x (uniform), word (of three), still (constant), holey; labels of rate x; as_of; and the true rate."""
    random = np.random.default_rng(seed)
    x = random.random(rows)
    features = Frame.of(
        {
            "x": x,
            "word": np.array(["a", "b", "c"], dtype=object)[random.integers(0, 3, rows)],
            "still": np.ones(rows),
            "holey": np.where(random.random(rows) < 0.5, np.nan, x),
        }
    )
    as_of = np.sort(random.integers(0, days * DAY_US, rows))
    return features, (random.random(rows) < x).astype(float), as_of, x


def evidence(model: Formula | None = None, rows: int = 3000, days: int = 30, **changes: Any) -> Evidence:
    """Evidence about `model`, by default the one that knows the true rate, against the base rate of a half."""
    features, label, as_of, rate = many(rows, days)
    model = model or Formula(lambda f: f["x"].floats(), ("x",))
    options: dict[str, Any] = {
        "model": model,
        "features": features,
        "label": label,
        "as_of": as_of,
        "probability": model.predict(features) if rows else rate,
        "baselines": {"zero_rule": np.full(rows, 0.5)},
    }
    return Evidence(**{**options, **changes})
