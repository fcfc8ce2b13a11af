"""Learning curves of transfer: it helps where tasks are alike, and harm is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hindcast.errors import ConfigError, UnknownName
from hindcast.transfer import FrozenTransfer, TransferCurve, transfer_curve


class Columns:
    """A base that keeps some columns: the ones another task found useful, or the wrong ones."""

    def __init__(self, *columns: int) -> None:
        self.columns = list(columns)

    def encode(self, items: Any) -> Any:
        return items[:, self.columns]


def task(n: int = 500) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 60))
    return x, np.where(x[:, 0] - x[:, 1] + random.normal(0, 0.3, n) > 0, "up", "down")


def curve(**more: Any) -> TransferCurve:
    x, y = task()
    ways = {
        "alike": FrozenTransfer(Columns(0, 1), LogisticRegression()),
        "useless": FrozenTransfer(Columns(40, 41), LogisticRegression()),
    }
    return transfer_curve(x, y, ways, LogisticRegression(), sizes=[10, 30, 100], repeats=5, **more)


def test_help_and_harm_are_told_apart() -> None:
    found = curve()
    assert found.names == ("alike", "useless", "from scratch")
    assert all(v.ok for v in found.verdicts("alike")), found.table()
    assert found.negative("alike") == ()
    assert 100 in found.negative("useless")
    assert "negative transfer" in found.verdicts("useless")[-1].reason
    assert found.of("alike").shape == (5, 3)
    assert found.table().count("\n") == 4
    assert json.dumps(found.figure(), allow_nan=False)


def test_the_same_way_shows_no_difference_and_seeds_decide() -> None:
    x, y = task(200)
    same = transfer_curve(x, y, {"itself": LogisticRegression()}, LogisticRegression(), sizes=[20], repeats=3)
    assert [g.value for g in same.gains("itself")] == [0.0]
    assert same.verdicts("itself")[0].outcome == "unknown"
    told: list[tuple[int, int]] = []
    first, again = (curve(seed=4, progress=lambda done, total: told.append((done, total))) for _ in range(2))
    assert all((first.of(n) == again.of(n)).all() for n in first.names)
    assert told[-1] == (45, 45)


def test_bad_questions_are_refused() -> None:
    x, y = task(50)
    way = FrozenTransfer(Columns(0), LogisticRegression())
    for bad in ({"sizes": [5, 5]}, {"sizes": [90]}, {"sizes": [5], "repeats": 0}, {"sizes": [5], "held_out": 0.0}):
        with pytest.raises(ConfigError):
            transfer_curve(x, y, way, LogisticRegression(), **bad)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="rival"):
        transfer_curve(x, y, {"from scratch": way}, LogisticRegression(), sizes=[5])
    with pytest.raises(UnknownName):
        transfer_curve(x, y, way, LogisticRegression(), sizes=[5], repeats=1).of("thawed")
