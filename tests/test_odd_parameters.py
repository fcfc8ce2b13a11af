"""What a caller may give by mistake is answered by one family of errors: declarations, learners, rows and splits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import hindcast as hc
from hindcast.balance import undersample
from hindcast.columns import Frame
from hindcast.errors import HindcastError
from hindcast.models import LightGBM, Logistic, load_model, read
from hindcast.system import Monitoring, System, Training, load_system
from hindcast.testing import deliveries_system
from hindcast.trainset import last_known_label, make_spine, split_at, split_last
from hindcast.trainset.rows import Rows, apply_steps

ODD: list[Any] = [
    None, "x", True, 2.5, float("nan"), float("inf"), -1, 0, 10**30, [], [1], {}, np.array([]), np.zeros((2, 2)),
    np.array([None, "a"], dtype=object), object(), b"x", "7d",
]  # fmt: skip

X = Frame.of({"x": np.arange(20.0), "t": ["a", "b"] * 10})
Y = np.array([0.0, 1.0] * 10)
AT = np.arange(20) * 10
TOWN = deliveries_system()


def given_of(declared: Any) -> dict[str, Any]:
    return {field.name: getattr(declared, field.name) for field in fields(declared)}


def fitted(learner: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    return learner.fit, {"features": X, "label": Y, "as_of": AT, "seed": 0, "weight": None}


CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Training": (Training, given_of(Training())),
    "Monitoring": (Monitoring, given_of(Monitoring())),
    "System": (System, given_of(TOWN)),
    "Logistic": (Logistic, given_of(Logistic())),
    "LightGBM": (LightGBM, given_of(LightGBM())),
    "load_system": (load_system, {"path": "nowhere.py"}),
    "load_model": (load_model, {"folder": "nowhere"}),
    "read": (read, {"folder": "nowhere"}),
    "trained": (hc.trained, {"learner": hc.logistic(), "on": undersample(1.0), "name": None, "correct": True}),
    "outcome": (hc.outcome, {"table": TOWN.predict.table, "expression": "a > 1", "on": "order"}),
    "Binary": (hc.Binary, given_of(TOWN.predict)),
    "Rows.of": (Rows.of, {"features": X, "label": Y, "weight": None, "as_of": AT}),
    "Rows.take": (Rows.of(X, Y).take, {"places": [0, 1]}),
    "apply_steps": (apply_steps, {"rows": Rows.of(X, Y), "steps": [undersample(1.0)], "seed": 0}),
    "split_at": (split_at, {"as_of": AT, "start_us": 100, "gap_us": 20, "since_us": None, "label_known": AT + 5}),
    "split_last": (split_last, {"as_of": AT, "share": 0.2, "gap_us": 10}),
    "last_known_label": (last_known_label, {"as_of": AT, "label": Y, "label_known": AT + 5}),
    "make_spine": (make_spine, {"target": TOWN.predict, "facts": {}, "until_us": 10**15}),
    "logistic.fit": fitted(hc.logistic()),
    "lightgbm.fit": fitted(hc.lightgbm(trees=2, min_leaf=1)),
    "trained.fit": fitted(hc.trained(hc.logistic(), on=undersample(1.0))),
    "zero_rule.fit": fitted(TOWN.learners[1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_odd_parameter_is_taken_or_refused_kindly(name: str) -> None:
    call, given = CALLS[name]
    for parameter in given:
        for odd in ODD:
            with suppress(HindcastError):  # anything else is a bug of ours
                call(**{**given, parameter: odd})


@pytest.mark.parametrize("learner", [hc.logistic(), hc.lightgbm(trees=2, min_leaf=1)], ids=lambda one: one.name)
def test_a_model_says_what_it_predicts_from(learner: Any) -> None:
    model = learner.fit(X, Y, as_of=AT, seed=0)
    for odd in ODD:
        with pytest.raises(HindcastError):
            model.predict(odd)
        with pytest.raises(HindcastError):
            model.predict_row(odd)
